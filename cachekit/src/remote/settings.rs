//! What is set for the backend of a region.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::codec::{Codec, MessagePack};
#[cfg(doc)]
use crate::error::Error;

/// What is set for the backend of a region.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSettings {
    pub(crate) backend: Option<Arc<dyn Backend>>,
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

impl RemoteSettings {
    /// What has no effect without a backend.
    pub(crate) fn misfit(&self) -> Option<&'static str> {
        let is_near = self.near.is_some() && self.backend.is_none();
        is_near.then_some("`near` has no effect: without a backend every value is kept in this process")
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
    /// Zero keeps none: each call then goes to the function. All of them go when the backend works again.
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
