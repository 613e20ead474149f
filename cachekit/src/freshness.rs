//! The verdict on an entry: fresh, stale or missing.
//!
//! A pure function of what the entry remembers, the epoch of its region and the time; it reads no clock and does no
//! I/O.
//!
//! ```text
//! created ──── fresh ──── ttl ──── stale, for those who meet a computation ──── physical end
//! ```

use crate::clock::{NEVER, Nanos};

/// The longest that a value is kept past its ttl for those who meet a running computation: 5 minutes.
const LONGEST_GRACE: Nanos = 300_000_000_000;

/// The invalidations of a region: the upper half counts the hard ones, the lower half the soft ones.
///
/// An entry remembers the epoch that stood when its computation began, and counts only while it still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(pub(crate) u64);

impl Epoch {
    pub(crate) const HARD: u64 = 1 << 32;
    pub(crate) const SOFT: u64 = 1;

    fn hard(self) -> u64 {
        self.0 >> 32
    }
}

/// What an entry remembers of its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// The end of the computation.
    pub(crate) created: Nanos,
    /// Time to live; `NEVER` without one.
    pub(crate) ttl: Nanos,
    /// The region's epoch at the beginning of the computation.
    pub(crate) epoch: Epoch,
}

/// What a caller may do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Serve it.
    Fresh,
    /// One caller computes; the others are served it meanwhile.
    Stale,
    /// As if it were not there.
    Missing,
}

impl Stamp {
    /// When the value stops to be fresh.
    pub(crate) fn fresh_until(&self) -> Nanos {
        self.created.saturating_add(self.ttl)
    }

    /// When the value is as good as gone: as long after its ttl as the ttl itself, at most 5 minutes.
    fn physical_end(&self) -> Nanos {
        self.fresh_until().saturating_add(self.ttl.min(LONGEST_GRACE))
    }
}

/// Judges an entry.
///
/// `fresh_until` is the entry's own, which `expire` moves to the past.
pub(crate) fn judge(stamp: &Stamp, fresh_until: Nanos, epoch: Epoch, now: Nanos) -> Verdict {
    if stamp.epoch.hard() != epoch.hard() || (stamp.ttl != NEVER && now >= stamp.physical_end()) {
        Verdict::Missing
    } else if stamp.epoch != epoch || (fresh_until != NEVER && now >= fresh_until) {
        Verdict::Stale
    } else {
        Verdict::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch(7 * Epoch::HARD + 3);

    fn at(ttl: Nanos, epoch: Epoch, now: Nanos) -> Verdict {
        let stamp = Stamp { created: 100, ttl, epoch };
        judge(&stamp, stamp.fresh_until(), EPOCH, now)
    }

    #[test]
    fn a_value_is_fresh_before_its_ttl_stale_for_as_long_again_then_missing() {
        assert_eq!(at(10, EPOCH, 100), Verdict::Fresh);
        assert_eq!(at(10, EPOCH, 109), Verdict::Fresh);
        assert_eq!(at(10, EPOCH, 110), Verdict::Stale);
        assert_eq!(at(10, EPOCH, 119), Verdict::Stale);
        assert_eq!(at(10, EPOCH, 120), Verdict::Missing);
    }

    #[test]
    fn the_grace_after_a_long_ttl_is_five_minutes() {
        let ttl = 10 * LONGEST_GRACE;
        assert_eq!(at(ttl, EPOCH, 100 + ttl + LONGEST_GRACE - 1), Verdict::Stale);
        assert_eq!(at(ttl, EPOCH, 100 + ttl + LONGEST_GRACE), Verdict::Missing);
    }

    #[test]
    fn a_value_without_ttl_never_ages() {
        assert_eq!(at(NEVER, EPOCH, NEVER - 1), Verdict::Fresh);
    }

    #[test]
    fn a_soft_invalidation_makes_stale_and_a_hard_one_missing_and_soft_never_turns_hard_back() {
        assert_eq!(at(NEVER, Epoch(EPOCH.0 - Epoch::SOFT), 100), Verdict::Stale);
        assert_eq!(at(NEVER, Epoch(EPOCH.0 - Epoch::HARD), 100), Verdict::Missing);
        assert_eq!(at(NEVER, Epoch(EPOCH.0 - Epoch::HARD - Epoch::SOFT), 100), Verdict::Missing);
    }
}
