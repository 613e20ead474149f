//! What is set for the backend of a region.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Proxy};
use crate::codec::{Codec, MessagePack};
#[cfg(doc)]
use crate::error::Error;

/// What is set for the backend of a region.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSettings {
    pub(crate) backend: Option<Arc<dyn Backend>>,
    /// What stands before the backend, the last outermost.
    pub(crate) proxies: Vec<Wrap>,
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) near: Option<Duration>,
    pub(crate) lock: bool,
    pub(crate) lease: Duration,
    pub(crate) on_error: OnBackendError,
    pub(crate) read_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) breaker: Breaker,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            backend: None,
            proxies: Vec::new(),
            codec: Arc::new(MessagePack),
            near: None,
            lock: true,
            lease: Duration::from_secs(10),
            on_error: OnBackendError::Degrade,
            read_timeout: Duration::from_millis(100),
            write_timeout: Duration::from_millis(250),
            breaker: Breaker::new(),
        }
    }
}

/// Puts one proxy before a backend.
#[derive(Clone)]
pub(crate) struct Wrap(Arc<Wrapping>);

type Wrapping = dyn Fn(Arc<dyn Backend>) -> Arc<dyn Backend> + Send + Sync;

impl Wrap {
    pub(crate) fn new(proxy: impl Proxy) -> Self {
        let proxy = Arc::new(proxy);
        Self(Arc::new(move |next| crate::backend::wrap(next, &proxy)))
    }
}

impl fmt::Debug for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wrap")
    }
}

impl RemoteSettings {
    /// The backend with its proxies before it.
    pub(crate) fn wrapped(&self) -> Option<Arc<dyn Backend>> {
        let backend = self.backend.clone()?;
        Some(self.proxies.iter().fold(backend, |next, proxy| (proxy.0)(next)))
    }

    /// Whether the backend is the same, behind the same proxies.
    pub(crate) fn is_that_of(&self, other: &Self) -> bool {
        let same_backend = match (&self.backend, &other.backend) {
            (None, None) => return true,
            (Some(backend), Some(other)) => Arc::ptr_eq(backend, other),
            _ => false,
        };
        let mut proxies = self.proxies.iter().zip(&other.proxies);
        same_backend
            && self.proxies.len() == other.proxies.len()
            && proxies.all(|(proxy, other)| Arc::ptr_eq(&proxy.0, &other.0))
    }

    /// What has no effect without a backend.
    pub(crate) fn misfit(&self) -> Option<&'static str> {
        match self.backend {
            None if self.near.is_some() => {
                Some("`near` has no effect: without a backend every value is kept in this process")
            }
            None if !self.proxies.is_empty() => Some("`wrap` has no effect: there is no backend to wrap"),
            Some(_) | None => None,
        }
    }
}

/// What becomes of an error of the backend while a value is looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnBackendError {
    /// The look-up goes on without the backend: the function answers, and its value is kept in this process for a while.
    #[default]
    Degrade,
    /// Whoever can be told is: those who asked by a method that returns [`Error`], and callers of functions that return a
    /// `Result` whose error has a `From<cachekit::Error>`. Others are served as with `Degrade`.
    Propagate,
}

/// When a region stops to ask a backend that fails, and when it tries again.
///
/// ```
/// use std::time::Duration;
/// use cachekit::{Breaker, Region};
///
/// let breaker = Breaker::new().failures(10).pause(Duration::from_secs(5));
/// let region = Region::builder("patient").breaker(breaker).build()?;
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a breaker does nothing until a region has it"]
pub struct Breaker {
    pub(crate) failures: u32,
    pub(crate) pause: Duration,
    pub(crate) near: Duration,
}

impl Breaker {
    /// The default: open after 5 failures in a row, a try every second, values kept in the process for 10 s meanwhile.
    pub const fn new() -> Self {
        Self { failures: 5, pause: Duration::from_secs(1), near: Duration::from_secs(10) }
    }

    /// How many failures in a row, time-outs among them, open it. Default: 5.
    pub const fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// How long the backend is left alone before somebody tries whether it works again, in the background. Default: 1 s.
    pub const fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long at most a value that was computed during an outage is kept in this process. Default: 10 s.
    ///
    /// Zero keeps none: each call then goes to the function. All of them go when the backend works again, and those for want of
    /// one of several servers after this time. It is also for how long a process may leave off asking for the epoch that such
    /// a server has, for the one that it has seen last to count.
    pub const fn near(mut self, ttl: Duration) -> Self {
        self.near = ttl;
        self
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}
