//! Where connections come from: a server, or the master that sentinels name. What asks for connections does not care.

mod node;
mod sentinels;

use std::fmt;
use std::time::{Duration, Instant};

use cachekit::Error;
use redis::aio::MultiplexedConnection;
use redis::{Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use self::node::Node;
pub(super) use self::node::Wanted;
use self::sentinels::Sentinels;
use super::fault::{Fault, FaultKind};
use super::tls::Tls;

/// Where connections come from.
pub(super) enum Source {
    /// One server, at one address.
    Single(Box<Node>),
    /// The one that is the master just now.
    Sentinels(Sentinels),
}

/// Who asks, and for which database, where that stands apart from the URL.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<u32>,
}

impl Source {
    /// The server that a URL names; what it says of the login stands there or apart, not both.
    pub(super) fn parse(url: &str, login: Login, tls: Option<Tls>) -> Result<Self, Error> {
        Self::node(&Self::info(url, login, tls.as_ref())?, tls)
    }

    /// What a URL says, with a login that stands apart.
    pub(super) fn info(url: &str, login: Login, tls: Option<&Tls>) -> Result<ConnectionInfo, Error> {
        let info = login.added_to(parsed(url)?)?;
        let is_plain = !matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        if is_plain && tls.is_some() {
            return Err(Error::refused("certificates are for URLs that begin with `rediss://`"));
        }
        Ok(info)
    }

    /// The server at one address.
    pub(super) fn node(info: &ConnectionInfo, tls: Option<Tls>) -> Result<Self, Error> {
        Node::new(info, tls).map(|node| Self::Single(Box::new(node)))
    }

    /// The master of this name, or a replica of it; `sentinels` are `host:port`, or URLs with a login of their own.
    pub(super) fn sentinels(
        name: &str,
        sentinels: &[String],
        asks: &Login,
        login: Login,
        tls: Option<&Tls>,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        if sentinels.is_empty() {
            return Err(Error::refused("no sentinels are named: write `sentinels = [\"host:26379\", …]`"));
        }
        let sentinel =
            |address: &String| Node::new(&asks.clone().added_to(parsed(&url_of(address, tls))?)?, tls.cloned());
        let sentinels: Vec<_> = sentinels.iter().map(sentinel).collect::<Result<_, _>>()?;
        // At no address: sentinels say where it is.
        let login = login.added_to(parsed(&url_of("named.by.sentinels", tls))?)?;
        Ok(Self::Sentinels(Sentinels::new(name.to_owned(), sentinels, login, tls.cloned(), wanted)))
    }

    /// What tells one source from others: all that a connection depends on, secrets among it.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Single(node) => node.identity(),
            Self::Sentinels(sentinels) => {
                let of_each: Vec<_> = sentinels.sentinels().iter().map(Node::identity).collect();
                let redis = sentinels.login().redis_settings();
                let (db, user, password) = (redis.db(), redis.username(), redis.password());
                let (name, wanted) = (sentinels.name(), sentinels.wanted());
                let is_encrypted = matches!(sentinels.login().addr(), ConnectionAddr::TcpTls { .. });
                format!("{wanted:?} {name:?} of {of_each:?}, {db} {user:?} {password:?} {is_encrypted}")
            }
        }
    }

    /// The address, for messages.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Single(node) => node.place(),
            Self::Sentinels(sentinels) => {
                let places: Vec<_> = sentinels.sentinels().iter().map(Node::place).collect();
                format!("the master `{}` of the sentinels {}", sentinels.name(), places.join(", "))
            }
        }
    }

    /// Which server connections lead to now, as a number: those to another one are of no use any more.
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Single(_) => 0,
            Self::Sentinels(sentinels) => sentinels.number(),
        }
    }

    /// A server does not answer, or is not what it was.
    pub(super) fn doubt(&self) {
        if let Self::Sentinels(sentinels) = self {
            sentinels.doubt();
        }
    }

    /// A connection for one thread, with the number of its server.
    pub(super) fn open(&self, limit: Duration) -> Result<(Connection, u64), Fault> {
        match self {
            Self::Single(node) => Ok((node.open(Wanted::Anyone, limit)?, 0)),
            Self::Sentinels(sentinels) => {
                let begun = Instant::now();
                let (master, number) = sentinels.master(limit)?;
                let rest = limit.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
                let opened = master.open(sentinels.wanted(), rest);
                Ok((opened.inspect_err(|_| sentinels.doubt())?, number))
            }
        }
    }

    /// A connection for all tasks, which lives on the current runtime, with the number of its server.
    pub(super) async fn open_shared(&self, limit: Duration) -> Result<(MultiplexedConnection, u64), Fault> {
        match self {
            Self::Single(node) => Ok((node.open_shared(Wanted::Anyone, limit).await?, 0)),
            Self::Sentinels(sentinels) => {
                let (master, number) = sentinels.master_shared().await?;
                let opened = tokio::select! {
                    opened = master.open_shared(sentinels.wanted(), limit) => opened,
                    () = sentinels.switched(number) => Err(Fault::new(FaultKind::Broken, "the master is another")),
                };
                Ok((opened.inspect_err(|_| sentinels.doubt())?, number))
            }
        }
    }
}

/// The URL of a server that is one of several: an address may stand without a scheme.
pub(super) fn url_of(address: &str, tls: Option<&Tls>) -> String {
    let scheme = if tls.is_none() { "redis" } else { "rediss" };
    if address.contains("://") { address.to_owned() } else { format!("{scheme}://{address}") }
}

/// Host and port, if it has some.
pub(super) fn host_of(info: &ConnectionInfo) -> Option<(String, u16)> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => Some((host.clone(), *port)),
        _ => None,
    }
}

/// The same at another address.
pub(super) fn at(info: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let host = host.to_owned();
    let address = match info.addr() {
        ConnectionAddr::TcpTls { insecure, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: None }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(address)
}

/// What a URL names.
fn parsed(url: &str) -> Result<ConnectionInfo, Error> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    match scheme {
        "redis" | "valkey" | "redis+unix" | "valkey+unix" | "unix" => {}
        "rediss" | "valkeys" if cfg!(feature = "tls") => {}
        "rediss" | "valkeys" => {
            return Err(Error::refused(
                "TLS needs the feature `tls` of `cachekit-backends`: `redis://` connects without",
            ));
        }
        scheme if scheme.contains("sentinel") || scheme.contains("cluster") => {
            return Err(Error::refused(
                "sentinels and clusters have no URL: write `Redis::sentinels` or `Redis::cluster`; in a configuration, \
                 `sentinels` and `master`, or `cluster`",
            ));
        }
        _ => {
            return Err(Error::refused(
                "the URL of a Redis begins with `redis://`, `rediss://`, `redis+unix://` or `unix://`",
            ));
        }
    }
    // What the parser says names no part of the URL but a protocol.
    url.into_connection_info().map_err(|error| Error::refused(format_args!("the URL: {error}")))
}

impl Login {
    pub(super) fn is_there(&self) -> bool {
        self.user.is_some() || self.password.is_some()
    }

    fn added_to(self, info: ConnectionInfo) -> Result<ConnectionInfo, Error> {
        let twice = |what: &str| Error::refused(format_args!("the {what} is in the URL and apart from it: keep one"));
        let mut redis = info.redis_settings().clone();
        if let Some(user) = self.user {
            if redis.username().is_some() {
                return Err(twice("user"));
            }
            if redis.password().is_none() && self.password.is_none() {
                return Err(Error::refused("the user has no password: write `password = \"\"` if none is needed"));
            }
            redis = redis.set_username(user);
        }
        if let Some(password) = self.password {
            if redis.password().is_some() {
                return Err(twice("password"));
            }
            redis = redis.set_password(password);
        }
        if let Some(database) = self.database.map(i64::from) {
            if redis.db() != 0 && redis.db() != database {
                return Err(twice("database"));
            }
            redis = redis.set_db(database);
        }
        Ok(info.set_redis_settings(redis))
    }
}

/// Without the password.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redis = match self {
            Self::Single(node) => node.info.redis_settings(),
            Self::Sentinels(sentinels) => sentinels.login().redis_settings(),
        };
        f.debug_struct("Server")
            .field("address", &self.place())
            .field("database", &redis.db())
            .field("user", &redis.username())
            .finish()
    }
}
