//! How a cluster is asked for.

mod map;
mod nodes;
mod spread;
mod topology;

use std::fmt;

use cachekit::Error;

pub(super) use self::nodes::{Asked, Nodes};
use super::Redis;
use super::source::Login;
use super::tls::Tls;

/// A cluster by some of its servers; from [`Redis::cluster`].
///
/// ```
/// use cachekit_backends::redis::Redis;
///
/// let redis = Redis::cluster(["one.internal:6379", "two.internal:6379", "three.internal:6379"])
///     .login("myapp", "secret")
///     .connect()?;
/// assert!(!format!("{redis:?}").contains("secret"));
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is connected before `connect`"]
pub struct Cluster {
    addresses: Vec<String>,
    pub(super) login: Login,
    pub(super) tls: Option<Tls>,
}

impl Cluster {
    pub(super) fn new(addresses: Vec<String>) -> Self {
        Self { addresses, login: Login::default(), tls: None }
    }

    /// Who asks, and with which password. Default: nobody in particular.
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        (self.login.user, self.login.password) = (Some(user.into()), Some(password.into()));
        self
    }

    /// The password, where the servers know no users.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.login.password = Some(password.into());
        self
    }

    /// Encrypts all connections.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The backend; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If no servers are named, or one of them has no address ([`is_refused`](Error::is_refused)).
    pub fn connect(self) -> Result<Redis, Error> {
        Nodes::shared(&self.addresses, &self.login, self.tls).map(Redis::of_cluster)
    }
}

/// Without the passwords, and without addresses, as they may be URLs with some.
impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("servers", &self.addresses.len()).finish_non_exhaustive()
    }
}
