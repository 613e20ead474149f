//! Servers as a configuration names them.

use cachekit::Error;
use cachekit::config::Settings;
use serde::Deserialize;

use super::Memcached;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addresses {
    url: Option<String>,
    servers: Option<Vec<String>>,
}

/// The servers of these settings.
pub(super) fn memcached(settings: Settings) -> Result<Memcached, Error> {
    match settings.read()? {
        Addresses { url: Some(url), servers: None } => Memcached::connect(&url),
        Addresses { url: None, servers: Some(servers) } => Memcached::servers(servers),
        _ => Err(Error::refused("write either `url = \"memcached://host:11211\"`, or `servers = [\"one:11211\", …]`")),
    }
}
