//! Whether a backend is asked at all.
//!
//! Failures in a row, time-outs among them, open the breaker; then nobody asks until a probe has found that the backend
//! works again. Reads, writes and removals have one each, since a store may well answer the ones and refuse the others: a
//! replica takes no writes, and one that is full takes no more than removals.
//! What it deliberately does not do: ask. Who is told to probe does that, in the background.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state of one kind of operation.
#[derive(Debug, Default)]
pub(super) struct State(Mutex<Health>);

#[derive(Debug, Default)]
struct Health {
    /// Failures since the last success.
    failures: u32,
    /// Whether somebody probes, or has an alarm set to do so.
    is_probed: bool,
}

impl Health {
    fn begin(&mut self) -> Change {
        if std::mem::replace(&mut self.is_probed, true) { Change::None } else { Change::Probe }
    }
}

/// What a result means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// It fails, and somebody has to find out when it works again.
    Probe,
    /// It works again.
    Recovered,
}

impl State {
    /// Whether the backend is left alone after so many failures.
    pub(super) fn is_open(&self, failures: u32) -> bool {
        self.lock().failures >= failures.max(1)
    }

    /// Whether the last operation has failed.
    pub(super) fn is_failing(&self) -> bool {
        self.lock().failures > 0
    }

    /// An operation has failed; and whether that is the last of so many, after which the backend is left alone.
    pub(super) fn failed(&self, most: u32) -> (Change, bool) {
        let mut health = self.lock();
        health.failures = health.failures.saturating_add(1);
        let opens = health.failures == most.max(1);
        (health.begin(), opens)
    }

    /// There is something for a probe to do, whether or not anything has failed.
    pub(super) fn needed(&self) -> Change {
        self.lock().begin()
    }

    /// An operation has succeeded.
    pub(super) fn succeeded(&self) -> Change {
        let mut health = self.lock();
        if std::mem::take(&mut health.failures) > 0 { Change::Recovered } else { Change::None }
    }

    /// A probe has ended well; whether something has failed since, and another one is needed.
    pub(super) fn probed(&self) -> Change {
        let mut health = self.lock();
        health.is_probed = health.failures > 0;
        if health.is_probed { Change::Probe } else { Change::None }
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
