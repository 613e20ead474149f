//! Computations that failed: how long nobody tries again, and which error is remembered meanwhile.
//!
//! After a failure that an old value covered, nobody tries again for a while, however many ask; each further failure
//! doubles the pause. Where a function says so, its error is remembered for a while and returned without a computation.
//! What it deliberately does not know: values, and what counts as good enough.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Nanos, nanos};
use crate::flight::{FlightKey, Shared};
use crate::freshness::Epoch;
use crate::tags::Tagged;

/// The fewest keys after which those that are long over are cleaned up.
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
    /// Keys that were added since the last clean-up.
    added: usize,
    /// Keys that were left then.
    left: usize,
}

/// What is known of a key whose last computation failed.
pub(crate) struct Failure {
    /// Until when nobody tries again where an old value is good enough.
    until: Nanos,
    /// The length of that pause, which the next one doubles.
    pause: Nanos,
    /// The region's epoch then: it counts while that stands.
    epoch: Epoch,
    error: Option<Remembered>,
}

/// An error that is returned without a computation.
pub(crate) struct Remembered {
    pub(crate) error: Shared,
    pub(crate) until: Nanos,
    /// It counts while these stand, as a value does.
    pub(crate) tags: Tagged,
}

/// What a caller could do with what is known of a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    /// There is an old value that covers a failure.
    pub(crate) old_value: bool,
    /// There is no value that would be served rather than an error.
    pub(crate) error: bool,
}

/// What stands in for a computation.
pub(crate) enum StandIn {
    OldValue,
    Error(Shared),
}

impl Failures {
    /// What stands in for a computation: an old value where that `covers` a failure and it is too early to try again, or
    /// an error.
    pub(crate) fn stand_in(&self, key: &FlightKey, now: Nanos, epoch: Epoch, wants: Wants) -> Option<StandIn> {
        self.with_stand_in(key, now, epoch, wants, |error| {
            error.map_or(StandIn::OldValue, |e| StandIn::Error(e.clone()))
        })
    }

    /// Whether something stands in for a computation.
    pub(crate) fn has_stand_in(&self, key: &FlightKey, now: Nanos, epoch: Epoch, wants: Wants) -> bool {
        self.with_stand_in(key, now, epoch, wants, |_| ()).is_some()
    }

    fn with_stand_in<R>(
        &self,
        key: &FlightKey,
        now: Nanos,
        epoch: Epoch,
        wants: Wants,
        read: impl FnOnce(Option<&Shared>) -> R,
    ) -> Option<R> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let failing = self.lock();
        let failure = failing.failures.get(key).filter(|failure| failure.epoch == epoch)?;
        if wants.old_value && now < failure.until {
            return Some(read(None));
        }
        let known = failure.error.as_ref().filter(|known| wants.error && now < known.until && known.tags.stand())?;
        Some(read(Some(&known.error)))
    }

    /// An attempt failed: the next one comes after a pause, twice as long as the last; who tries all the same meanwhile does
    /// not lengthen it.
    ///
    /// Gives what is to be dropped where no lock is held.
    #[must_use]
    pub(crate) fn pause(
        &self,
        key: &FlightKey,
        now: Nanos,
        epoch: Epoch,
        (first, longest): (Duration, Duration),
    ) -> Vec<Failure> {
        let (first, longest) = (nanos(first), nanos(longest));
        let last = {
            let failing = self.lock();
            let last = failing.failures.get(key).filter(|failure| failure.epoch == epoch);
            if last.is_some_and(|last| now < last.until) {
                return Vec::new();
            }
            last.map_or(0, |last| last.pause)
        };
        let pause = last.saturating_mul(2).clamp(first, longest);
        self.add(key, now, Failure { until: now.saturating_add(pause), pause, epoch, error: None })
    }

    /// Remembers an error; gives what is to be dropped where no lock is held.
    #[must_use]
    pub(crate) fn remember(&self, key: &FlightKey, now: Nanos, error: Remembered, epoch: Epoch) -> Vec<Failure> {
        self.add(key, now, Failure { until: 0, pause: 0, epoch, error: Some(error) })
    }

    /// The key has a new value, or none: nothing is held against the next attempt.
    ///
    /// Gives what is to be dropped where no lock is held.
    #[must_use]
    pub(crate) fn forget(&self, key: &FlightKey) -> Option<Failure> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut failing = self.lock();
        let forgotten = failing.failures.remove(key);
        self.count.store(failing.failures.len(), Ordering::Release);
        forgotten
    }

    /// This error says nothing to somebody who asks for the key.
    ///
    /// Gives what is to be dropped where no lock is held.
    #[must_use]
    pub(crate) fn forget_error(&self, key: &FlightKey, error: &Shared) -> Option<Failure> {
        let mut failing = self.lock();
        let is_this = |failure: &Failure| failure.error.as_ref().is_some_and(|known| Arc::ptr_eq(&known.error, error));
        failing.failures.get(key).filter(|failure| is_this(failure))?;
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
        failing.added += 1;
        if failing.added > failing.left.max(CROWDED) {
            // The length of a pause is worth knowing for as long again.
            let is_over = |failure: &Failure| {
                let paused = failure.until.saturating_add(failure.pause);
                now >= failure.error.as_ref().map_or(paused, |error| error.until)
            };
            gone.extend(failing.failures.extract_if(|_, failure| is_over(failure)).map(|(_, failure)| failure));
            (failing.added, failing.left) = (0, failing.failures.len());
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

    fn lock(&self) -> MutexGuard<'_, Failing> {
        // No code of a user's runs under this lock.
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_over_is_forgotten_also_after_a_burst() {
        const SECOND: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(1));
        let key = |number: u64| FlightKey { table: 0, session: 0, arguments: number.to_le_bytes().as_slice().into() };
        let failures = Failures::default();
        for number in 0..2 * MOST as u64 {
            drop(failures.pause(&key(number), 0, Epoch(0), SECOND));
        }
        assert_eq!(failures.lock().failures.len(), MOST);
        // Each is over before the next comes.
        for number in 0..2 * MOST as u64 {
            drop(failures.pause(&key(number), nanos(SECOND.0) * 3 * (1 + number), Epoch(0), SECOND));
        }
        assert!(failures.lock().failures.len() <= 2 * CROWDED, "{}", failures.lock().failures.len());
    }
}
