//! A server as a configuration names it: by a URL, with what says who asks in it or apart from it.

use cachekit::Error;
use cachekit::config::Settings;
use serde::Deserialize;

use super::Redis;
use super::server::Server;
use super::source::{Login, Source};

/// It holds a password, and so has no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    url: String,
    user: Option<String>,
    password: Option<String>,
    database: Option<u32>,
}

/// The server of these settings.
pub(super) fn redis(settings: Settings) -> Result<Redis, Error> {
    let Address { url, user, password, database } = settings.read()?;
    let source = Source::parse(&url, Login { user, password, database })?;
    Ok(Redis { server: Ok(Server::shared(source)) })
}
