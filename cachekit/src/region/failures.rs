//! Computations that failed: how long nobody tries again, and which error is remembered meanwhile.
//!
//! After a failure that an old value covered, nobody tries again for a while, however many ask; each further failure
//! doubles the pause. Where a function says so, its error is remembered for a while and returned without a computation.
//! What it deliberately does not know: values, and what counts as good enough.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Nanos, nanos};
use crate::flight::{FlightKey, Shared};
use crate::freshness::Epoch;
use crate::tags::Tagged;

/// The pause after the first failure, and the longest, where nothing else is said.
pub(crate) const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// Keys beyond which those that are long over are cleaned up.
const CROWDED: usize = 1_024;

/// Keys beyond which one goes for each that comes.
const MOST: usize = 100_000;

/// The keys whose last computation failed.
#[derive(Default)]
pub(crate) struct Failures {
    /// The number of keys, so that a region without failures takes no lock.
    count: AtomicUsize,
    failing: Mutex<Failing>,
}

#[derive(Default)]
struct Failing {
    failures: HashMap<FlightKey, Failure>,
    /// At how many keys to clean up.
    crowded: usize,
}

/// What is known of a key whose last computation failed.
pub(crate) struct Failure {
    /// Until when nobody tries again where an old value is good enough.
    until: Nanos,
    /// The length of that pause, which the next one doubles.
    pause: Nanos,
    /// The region's epoch then: an invalidation ends the pause.
    epoch: Epoch,
    error: Option<Remembered>,
}

/// An error that is returned without a computation.
pub(crate) struct Remembered {
    pub(crate) error: Shared,
    pub(crate) until: Nanos,
    /// It counts while these stand, as a value does.
    pub(crate) epoch: Epoch,
    pub(crate) tags: Tagged,
}

impl Failures {
    /// Whether it is too early to try again.
    pub(crate) fn is_pausing(&self, key: &FlightKey, now: Nanos, epoch: Epoch) -> bool {
        let is_pausing = |failure: &Failure| now < failure.until && failure.epoch == epoch;
        self.any() && self.lock().failures.get(key).is_some_and(is_pausing)
    }

    /// The error that stands for a computation.
    pub(crate) fn recall(&self, key: &FlightKey, now: Nanos, epoch: Epoch) -> Option<Shared> {
        self.with_error(key, now, epoch, Shared::clone)
    }

    /// Whether an error stands for a computation.
    pub(crate) fn knows(&self, key: &FlightKey, now: Nanos, epoch: Epoch) -> bool {
        self.with_error(key, now, epoch, |_| ()).is_some()
    }

    fn with_error<R>(&self, key: &FlightKey, now: Nanos, epoch: Epoch, read: impl FnOnce(&Shared) -> R) -> Option<R> {
        if !self.any() {
            return None;
        }
        let failing = self.lock();
        let known = failing.failures.get(key)?.error.as_ref()?;
        (now < known.until && known.epoch == epoch && known.tags.stand()).then(|| read(&known.error))
    }

    /// An attempt failed: the next one comes after a pause, twice as long as the last.
    pub(crate) fn pause(&self, key: &FlightKey, now: Nanos, epoch: Epoch, (first, longest): (Duration, Duration)) {
        let (first, longest) = (nanos(first), nanos(longest));
        let last = self.lock().failures.get(key).filter(|failure| failure.epoch == epoch).map_or(0, |last| last.pause);
        let pause = last.saturating_mul(2).clamp(first, longest);
        let failure = Failure { until: now.saturating_add(pause), pause, epoch, error: None };
        drop(self.add(key, now, failure));
    }

    /// Remembers an error; gives what is to be dropped where no lock is held.
    #[must_use]
    pub(crate) fn remember(&self, key: &FlightKey, now: Nanos, error: Remembered) -> Vec<Failure> {
        self.add(key, now, Failure { until: 0, pause: 0, epoch: error.epoch, error: Some(error) })
    }

    /// The key has a new value, or none: nothing is held against the next attempt.
    ///
    /// Gives what is to be dropped where no lock is held.
    #[must_use]
    pub(crate) fn forget(&self, key: &FlightKey) -> Option<Failure> {
        if !self.any() {
            return None;
        }
        let mut failing = self.lock();
        let forgotten = failing.failures.remove(key);
        self.count.store(failing.failures.len(), Ordering::Release);
        forgotten
    }

    /// Forgets all of them; gives what is to be dropped where no lock is held.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub(crate) fn clear(&self) -> HashMap<FlightKey, Failure> {
        let mut failing = self.lock();
        self.count.store(0, Ordering::Release);
        std::mem::take(&mut failing.failures)
    }

    fn add(&self, key: &FlightKey, now: Nanos, failure: Failure) -> Vec<Failure> {
        let mut failing = self.lock();
        let mut gone = Vec::new();
        if failing.failures.len() >= failing.crowded.max(CROWDED) {
            // The length of a pause is worth knowing for as long again.
            let is_over = |failure: &Failure| {
                let paused = failure.until.saturating_add(failure.pause);
                now >= failure.error.as_ref().map_or(paused, |error| error.until)
            };
            gone.extend(failing.failures.extract_if(|_, failure| is_over(failure)).map(|(_, failure)| failure));
            failing.crowded = 2 * failing.failures.len();
        }
        if failing.failures.len() >= MOST
            && let Some(other) = failing.failures.keys().next().cloned()
        {
            gone.extend(failing.failures.remove(&other));
        }
        gone.extend(failing.failures.insert(key.clone(), failure));
        self.count.store(failing.failures.len(), Ordering::Release);
        gone
    }

    fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    fn lock(&self) -> MutexGuard<'_, Failing> {
        // No code of a user's runs under this lock.
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
