//! When it is time to clean: after so many bytes, or so many stores, that cleaning costs each of them little.
//!
//! The first time comes at random, so that many processes that store little each clean as often as one that stores much.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many stores there are between two cleanings at least; as many as there are entries, if there are more.
const STORES: u64 = 1024;

/// Which part of the limit is written between two cleanings at most.
pub(super) const PART: u64 = 16;

pub(super) struct Pace(Mutex<Left>);

/// What may be stored before the next cleaning.
struct Left {
    bytes: u64,
    stores: u64,
    is_cleaning: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(Left { bytes: u64::MAX, stores: fastrand::u64(0..STORES), is_cleaning: false }))
    }
}

impl Pace {
    /// Begins anew, with this limit.
    pub(super) fn restart(&self, limit: Option<u64>) {
        self.left().bytes = limit.map_or(u64::MAX, |limit| fastrand::u64(0..=limit / PART));
    }

    /// Counts what is stored; whether it is time to clean, which is told to one.
    pub(super) fn wrote(&self, bytes: u64) -> bool {
        let mut left = self.left();
        let is_due = left.bytes < bytes || left.stores == 0;
        left.bytes = left.bytes.saturating_sub(bytes);
        left.stores = left.stores.saturating_sub(1);
        is_due && !std::mem::replace(&mut left.is_cleaning, true)
    }

    /// Counts from the beginning after a cleaning that met so many entries, if it came to its end.
    pub(super) fn rest(&self, limit: Option<u64>, entries: Option<u64>) {
        let bytes = limit.map_or(u64::MAX, |limit| limit / PART);
        *self.left() = Left { bytes, stores: entries.unwrap_or(0).max(STORES), is_cleaning: false };
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_to_clean_until_that_is_done() {
        let pace = Pace::default();
        pace.rest(Some(1600), None);
        assert_eq!([60, 40, 60, 60].map(|bytes| pace.wrote(bytes)), [false, false, true, false]);
        pace.rest(Some(1600), None);
        assert_eq!([99, 99].map(|bytes| pace.wrote(bytes)), [false, true]);
    }

    #[test]
    fn many_entries_are_looked_at_seldom() {
        let pace = Pace::default();
        pace.rest(None, Some(3 * STORES));
        assert_eq!((0..3 * STORES).filter(|_| pace.wrote(u64::from(u32::MAX))).count(), 0);
        assert!(pace.wrote(1));
    }
}
