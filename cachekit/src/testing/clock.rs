//! Time that stands still until a test moves it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, nanos};

/// A clock that only moves by [`advance`](Self::advance); clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use cachekit::Clock;
/// use cachekit::testing::ManualClock;
///
/// let clock = ManualClock::new();
/// let region = cachekit::Region::builder("manual").ttl(Duration::from_secs(10)).clock(clock.clone()).build()?;
/// region.set("k", &1_u8)?;
/// clock.advance(Duration::from_secs(10));
/// assert_eq!(region.get::<u8>("k")?, None);
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock at its origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time forward, to the end of time at most (584 years).
    pub fn advance(&self, by: Duration) {
        let later = |now: u64| Some(now.saturating_add(nanos(by)));
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).expect("time always moves");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}
