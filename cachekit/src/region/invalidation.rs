//! Forgetting: one entry, or all entries of a region.
//!
//! For an entry the flight is detached and the entry changed under one lock, so a computation that began before can
//! neither be stored nor joined afterwards. For a region the epoch moves, in one step for any number of entries, and no
//! clock is involved.

use super::core::Core;
use super::stats::Event;
use crate::events;
use crate::flight::FlightKey;
use crate::freshness::Epoch;
use crate::near::AnyNear;

/// How much an invalidation of a region forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Invalidation {
    /// Every value is gone for every caller.
    Hard,
    /// One caller renews each value; the others are served the old one meanwhile.
    Soft,
}

/// Removes an entry because somebody asked for it.
pub(crate) fn forget(core: &Core, near: &dyn AnyNear, key: &FlightKey) {
    remove(core, near, key);
    events::invalidated(&core.name, "entry");
    core.counters.count(Event::Invalidation);
}

/// Removes an entry; what is being computed is not stored.
pub(crate) fn remove(core: &Core, near: &dyn AnyNear, key: &FlightKey) {
    let (mut removed, mut _failure) = (false, None);
    near.pinned_any(&mut |table| {
        (removed, _failure) = core.flights.overtake(key, || (table.remove(&key.arguments), core.failures.forget(key)));
    });
    core.release(usize::from(removed));
}

/// Marks an entry as expired.
pub(crate) fn expire(core: &Core, near: &dyn AnyNear, key: &FlightKey) {
    let mut _failure = None;
    near.pinned_any(&mut |table| {
        _failure = core.flights.overtake(key, || {
            table.expire(&key.arguments);
            core.failures.forget(key)
        });
    });
    events::invalidated(&core.name, "entry, expired");
    core.counters.count(Event::Invalidation);
}

/// Invalidates every entry of the region.
pub(crate) fn all(core: &Core, how: Invalidation) {
    core.counters.count(Event::Invalidation);
    match how {
        Invalidation::Soft => {
            core.move_epoch(Epoch::SOFT);
            events::invalidated(&core.name, "region, soft");
        }
        Invalidation::Hard => {
            core.move_epoch(Epoch::HARD);
            events::invalidated(&core.name, "region, hard");
            // Unreadable already; this frees their memory.
            core.purge(Some(core.epoch()));
        }
    }
}

/// Invalidates every entry that has the tag, in as many steps for a million of them as for one.
pub(crate) fn tag(core: &Core, name: &str) {
    core.tags.invalidate(name);
    events::invalidated(&core.name, "tag");
    core.counters.count(Event::Invalidation);
}
