//! A server as a configuration names it: by a URL, or as the master of some sentinels, with what says who asks.

use cachekit::Error;
use cachekit::config::Settings;
use serde::Deserialize;

use super::Redis;
use super::server::Server;
use super::source::{Login, Source};
use super::tls::{self, Files};

/// It holds a password, and so has no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    url: Option<String>,
    sentinels: Option<Vec<String>>,
    master: Option<String>,
    sentinel_user: Option<String>,
    sentinel_password: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<u32>,
    tls: Option<Files>,
}

/// The server of these settings.
pub(super) fn redis(settings: Settings) -> Result<Redis, Error> {
    let Address { url, sentinels, master, sentinel_user, sentinel_password, user, password, database, tls } =
        settings.read()?;
    let login = Login { user, password, database };
    let asks = Login { user: sentinel_user, password: sentinel_password, database: None };
    let tls = tls.map(|files| tls::by_files(&files)).transpose()?;
    let source = match (url, sentinels, master) {
        (Some(_), None, None) if asks.is_there() => {
            return Err(Error::refused("`sentinel_user` and `sentinel_password` need `sentinels`"));
        }
        (Some(url), None, None) => Source::parse(&url, login, tls)?,
        (None, Some(addresses), Some(master)) => {
            let mut sentinels = Redis::sentinels(master, addresses);
            (sentinels.nodes, sentinels.asks, sentinels.tls) = (login, asks, tls);
            return sentinels.connect();
        }
        _ => return Err(Error::refused("write either `url`, or `sentinels` and `master`")),
    };
    Ok(Redis { server: Ok(Server::shared(source)) })
}
