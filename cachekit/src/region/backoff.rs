//! Pauses between attempts to renew a value that is good enough meanwhile.
//!
//! After a failure that an old value covered, nobody tries again for a while, however many ask; each further failure
//! doubles the pause. What it deliberately does not know: values, and what counts as good enough.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Nanos, nanos};
use crate::flight::FlightKey;

/// The pause after the first failure, and the longest, where nothing else is said.
pub(crate) const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// Keys beyond which those that are long over are cleaned up.
const CROWDED: usize = 1_024;

/// The keys whose last renewal failed.
#[derive(Default)]
pub(crate) struct Backoff {
    /// The number of keys, so that a region without failures takes no lock.
    failing: AtomicUsize,
    pauses: Mutex<HashMap<FlightKey, Pause>>,
}

struct Pause {
    until: Nanos,
    length: Nanos,
}

impl Backoff {
    /// Whether it is too early to try again.
    pub(crate) fn is_pausing(&self, key: &FlightKey, now: Nanos) -> bool {
        self.failing.load(Ordering::Acquire) > 0 && self.pauses().get(key).is_some_and(|pause| now < pause.until)
    }

    /// An attempt failed: the next one comes after a pause, twice as long as the last.
    pub(crate) fn failed(&self, key: &FlightKey, now: Nanos, (first, longest): (Duration, Duration)) {
        let (first, longest) = (nanos(first), nanos(longest));
        let mut pauses = self.pauses();
        let length = pauses.get(key).map_or(first, |pause| pause.length.saturating_mul(2).clamp(first, longest));
        pauses.insert(key.clone(), Pause { until: now.saturating_add(length), length });
        if pauses.len() > CROWDED {
            // Nobody has asked for these for longer than any pause.
            pauses.retain(|_, pause| now < pause.until.saturating_add(longest));
        }
        self.failing.store(pauses.len(), Ordering::Release);
    }

    /// The key has a new value, or none: nothing is held against the next attempt.
    pub(crate) fn forget(&self, key: &FlightKey) {
        if self.failing.load(Ordering::Acquire) > 0 {
            let mut pauses = self.pauses();
            pauses.remove(key);
            self.failing.store(pauses.len(), Ordering::Release);
        }
    }

    fn pauses(&self) -> MutexGuard<'_, HashMap<FlightKey, Pause>> {
        // No code of a user's runs under this lock.
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
