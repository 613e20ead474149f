//! How a master that sentinels name is asked for.

use std::fmt;

use cachekit::Error;

use super::Redis;
use super::source::{Login, Source, Wanted};
use super::tls::Tls;

/// A master by its name, and the sentinels who know where it is; from [`Redis::sentinels`].
///
/// ```
/// use cachekit_backends::redis::Redis;
///
/// let redis = Redis::sentinels("mymaster", ["one.internal:26379", "two.internal:26379", "three.internal:26379"])
///     .login("myapp", "secret")
///     .sentinel_login("watcher", "other secret")
///     .database(2)
///     .connect()?;
/// assert!(!format!("{redis:?}").contains("secret"));
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is connected before `connect`"]
pub struct Sentinels {
    master: String,
    addresses: Vec<String>,
    pub(super) nodes: Login,
    pub(super) asks: Login,
    pub(super) tls: Option<Tls>,
    pub(super) reads_replicas: bool,
}

impl Sentinels {
    pub(super) fn new(master: String, addresses: Vec<String>) -> Self {
        let (nodes, asks) = (Login::default(), Login::default());
        Self { master, addresses, nodes, asks, tls: None, reads_replicas: false }
    }

    /// Who asks the servers, and with which password. Default: nobody in particular.
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        (self.nodes.user, self.nodes.password) = (Some(user.into()), Some(password.into()));
        self
    }

    /// The password of the servers, where they know no users.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.nodes.password = Some(password.into());
        self
    }

    /// The database of the servers. Default: 0.
    pub fn database(mut self, database: u32) -> Self {
        self.nodes.database = Some(database);
        self
    }

    /// Who asks the sentinels, and with which password. Default: nobody in particular.
    pub fn sentinel_login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        (self.asks.user, self.asks.password) = (Some(user.into()), Some(password.into()));
        self
    }

    /// The password of the sentinels, where they know no users.
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.asks.password = Some(password.into());
        self
    }

    /// Encrypts all connections, to servers and sentinels.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Has a replica answer reads, one for each process, as long as there is one that follows the master; everything else is
    /// the master's. Default: so are reads.
    ///
    /// A replica is behind its master, by milliseconds as a rule: what was invalidated or set within that time may not be
    /// seen yet, by whoever did it neither. One that has lost its master is left when the sentinels have noticed, which may
    /// take some 20 seconds.
    pub fn read_from_replicas(mut self) -> Self {
        self.reads_replicas = true;
        self
    }

    /// The backend; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If no sentinels are named, or one of them has no address ([`is_refused`](Error::is_refused)).
    pub fn connect(self) -> Result<Redis, Error> {
        let source = |wanted| {
            Source::sentinels(&self.master, &self.addresses, &self.asks, self.nodes.clone(), self.tls.as_ref(), wanted)
        };
        let redis = Redis::of(source(Wanted::Master)?);
        if self.reads_replicas { Ok(redis.reading(source(Wanted::Replica)?)) } else { Ok(redis) }
    }
}

/// Without the passwords, and without addresses, as they may be URLs with some.
impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentinels").field("master", &self.master).finish_non_exhaustive()
    }
}
