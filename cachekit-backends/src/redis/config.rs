//! A server as a configuration names it: by a URL, as the master of some sentinels, or as a cluster, with what says who asks.

use cachekit::Error;
use cachekit::config::Settings;
use serde::Deserialize;

use super::Redis;
use super::source::{Login, Source};
use super::tls::{self, Files};

/// It holds a password, and so has no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    url: Option<String>,
    sentinels: Option<Vec<String>>,
    master: Option<String>,
    cluster: Option<Vec<String>>,
    sentinel_user: Option<String>,
    sentinel_password: Option<String>,
    #[serde(default)]
    read_from_replicas: bool,
    user: Option<String>,
    password: Option<String>,
    database: Option<u32>,
    tls: Option<Files>,
}

/// The server of these settings.
pub(super) fn redis(settings: Settings) -> Result<Redis, Error> {
    let address: Address = settings.read()?;
    let Address { url, sentinels, master, cluster, user, password, database, tls, .. } = address;
    let (sentinel_user, sentinel_password) = (address.sentinel_user, address.sentinel_password);
    let login = Login { user, password, database };
    let asks = Login { user: sentinel_user, password: sentinel_password, database: None };
    let tls = tls.map(|files| tls::by_files(&files)).transpose()?;
    if sentinels.is_none() && (asks.is_there() || address.read_from_replicas) {
        return Err(Error::refused("`sentinel_user`, `sentinel_password` and `read_from_replicas` need `sentinels`"));
    }
    match (url, sentinels, master, cluster) {
        (Some(url), None, None, None) => Source::parse(&url, login, tls).map(Redis::of),
        (None, Some(addresses), Some(master), None) => {
            let mut sentinels = Redis::sentinels(master, addresses);
            (sentinels.nodes, sentinels.asks, sentinels.tls) = (login, asks, tls);
            sentinels.reads_replicas = address.read_from_replicas;
            sentinels.connect()
        }
        (None, None, None, Some(addresses)) => {
            let mut cluster = Redis::cluster(addresses);
            (cluster.login, cluster.tls) = (login, tls);
            cluster.connect()
        }
        _ => Err(Error::refused("write one of `url`, `sentinels` with `master`, and `cluster`")),
    }
}
