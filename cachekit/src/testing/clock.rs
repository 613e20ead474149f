//! Time that stands still until a test moves it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::clock::{Alarm, Clock, Nanos, nanos};

/// What the clock shows as the time of the day at its origin: the beginning of 2025.
const ORIGIN: Duration = Duration::from_secs(1_735_689_600);

/// A clock that only moves by [`advance`](Self::advance); clones show the same time.
///
/// Limits of waiting pass when the clock is moved past them, and never otherwise.
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
pub struct ManualClock(Arc<Inner>);

#[derive(Default)]
struct Inner {
    now: AtomicU64,
    /// Who is to be woken, by time and by the order of asking.
    alarms: Mutex<BTreeMap<(Nanos, u64), Waker>>,
    asked: AtomicU64,
}

impl ManualClock {
    /// A clock at its origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time forward, to the end of time at most (584 years), and wakes whose time has come.
    pub fn advance(&self, by: Duration) {
        let later = |now: u64| Some(now.saturating_add(nanos(by)));
        self.0.now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).expect("time always moves");
        let due = self.0.take_due();
        due.into_values().for_each(Waker::wake);
    }
}

impl Inner {
    fn now(&self) -> Nanos {
        self.now.load(Ordering::SeqCst)
    }

    /// Those whose time has come; they are woken without the lock.
    fn take_due(&self) -> BTreeMap<(Nanos, u64), Waker> {
        let mut alarms = self.alarms();
        let later = alarms.split_off(&(self.now().saturating_add(1), 0));
        std::mem::replace(&mut *alarms, later)
    }

    fn alarms(&self) -> MutexGuard<'_, BTreeMap<(Nanos, u64), Waker>> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.now())
    }

    fn unix_time(&self) -> Duration {
        ORIGIN + self.now()
    }

    fn id(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.0).addr())
    }

    fn wake_at(&self, at: Duration, waker: &Waker) -> Alarm {
        let entry = (nanos(at), self.0.asked.fetch_add(1, Ordering::SeqCst));
        self.0.alarms().insert(entry, waker.clone());
        // It may have moved since the caller looked.
        self.0.take_due().into_values().for_each(Waker::wake);
        Alarm::new(Listed { clock: Arc::clone(&self.0), entry })
    }
}

/// Takes an alarm off the list.
struct Listed {
    clock: Arc<Inner>,
    entry: (Nanos, u64),
}

impl Drop for Listed {
    fn drop(&mut self) {
        let waker = self.clock.alarms().remove(&self.entry);
        // Dropped without the lock.
        drop(waker);
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}
