//! Forgetting: one entry, or all entries of a region.
//!
//! For an entry the flight is detached and the entry changed under one lock, so a computation that began before can
//! neither be stored nor joined afterwards. For a region the epoch moves, in one step for any number of entries, and no
//! clock is involved.
//! With a backend this process forgets first, then the backend, and then this process what it has read in between; when the
//! backend fails, the caller is told, and this process serves nothing of it before the invalidation is made up for.

use std::sync::Arc;

use super::core::Core;
use super::stats::Event;
use crate::error::Error;
use crate::events;
use crate::flight::FlightKey;
use crate::freshness::Epoch;
use crate::near::Near;
use crate::remote::{Caller, Remote};

/// How much an invalidation of a region forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Invalidation {
    /// Every value is gone for every caller.
    Hard,
    /// One caller renews each value; the others are served the old one meanwhile.
    Soft,
}

/// An entry as an invalidation sees it, whatever its type.
pub(crate) struct Place<'a> {
    pub(crate) core: &'a Core,
    pub(crate) near: &'a dyn Near,
    pub(crate) key: &'a FlightKey,
    /// Where else in this process entries of the same key are: tables of other instantiations of the function.
    pub(crate) siblings: Vec<(Arc<dyn Near>, FlightKey)>,
    /// The backend that has the entry too, with the key by which it knows it.
    pub(crate) remote: Option<(Arc<Remote>, String)>,
}

impl Place<'_> {
    /// Forgets the entry.
    pub(crate) async fn forget(self, caller: Caller<'_>) -> Result<(), Error> {
        self.told("entry");
        self.remove();
        let Some((remote, key)) = &self.remote else { return Ok(()) };
        let deleted = remote.delete(caller, vec![key.clone()]).await;
        // Somebody may have read the old value meanwhile.
        self.remove();
        deleted
    }

    /// Forgets some entries of a region, in as few round trips for many as for one.
    pub(crate) async fn forget_all(all: &[Self], caller: Caller<'_>) -> Result<(), Error> {
        let mut texts = Vec::new();
        let mut remotes = None;
        for place in all {
            place.told("entry");
            place.remove();
            if let Some((remote, text)) = &place.remote {
                texts.push(text.clone());
                remotes = Some(remote);
            }
        }
        let Some(remote) = remotes else { return Ok(()) };
        let deleted = remote.delete(caller, texts).await;
        all.iter().for_each(Place::remove);
        deleted
    }

    /// Marks the entry as expired.
    pub(crate) async fn expire(self, caller: Caller<'_>) -> Result<(), Error> {
        self.told("entry, expired");
        let Some((remote, key)) = &self.remote else {
            self.each(|near, key| {
                let mut _failure = None;
                near.pinned(&mut |table| {
                    _failure = self.core.flights.overtake(key, || {
                        table.expire(&key.arguments);
                        self.core.failures.forget(key)
                    });
                });
            });
            return Ok(());
        };
        self.remove();
        let expired = remote.expire(caller, key.clone()).await;
        self.remove();
        expired
    }

    /// Removes the entry from this process; what is being computed or read is not kept.
    pub(crate) fn remove(&self) {
        self.each(|near, key| remove(self.core, near, key));
    }

    fn each(&self, then: impl Fn(&dyn Near, &FlightKey)) {
        then(self.near, self.key);
        for (near, key) in &self.siblings {
            then(&**near, key);
        }
    }

    pub(crate) fn told(&self, what: &'static str) {
        events::invalidated(&self.core.name, what);
        self.core.counters.count(Event::Invalidation);
    }
}

/// Removes an entry from this process; what is being computed or read is not kept.
pub(crate) fn remove(core: &Core, near: &dyn Near, key: &FlightKey) {
    core.looks.detach(key);
    let (mut removed, mut _failure) = (false, None);
    near.pinned(&mut |table| {
        (removed, _failure) = core.flights.overtake(key, || (table.remove(&key.arguments), core.failures.forget(key)));
    });
    core.release(usize::from(removed));
}

/// Invalidates every entry of the region.
pub(crate) async fn all(core: &Core, how: Invalidation, caller: Caller<'_>) -> Result<(), Error> {
    core.counters.count(Event::Invalidation);
    let softly = how == Invalidation::Soft;
    events::invalidated(&core.name, if softly { "region, soft" } else { "region, hard" });
    all_here(core, how);
    let Some(remote) = core.remote() else { return Ok(()) };
    let invalidated = remote.invalidate_region(caller, softly).await;
    // Somebody may have read an old value meanwhile.
    all_here(core, how);
    invalidated
}

fn all_here(core: &Core, how: Invalidation) {
    match how {
        Invalidation::Soft => core.move_epoch(Epoch::SOFT),
        Invalidation::Hard => {
            core.move_epoch(Epoch::HARD);
            // Unreadable already; this frees their memory.
            core.purge(Some(core.epoch()));
        }
    }
}

/// Invalidates every entry that has one of the tags, in as many steps for a million of them as for one.
pub(crate) async fn tags(core: &Core, names: &[String], caller: Caller<'_>) -> Result<(), Error> {
    let here = || names.iter().for_each(|name| core.tags.invalidate(name));
    here();
    for _ in names {
        events::invalidated(&core.name, "tag");
        core.counters.count(Event::Invalidation);
    }
    let Some(remote) = core.remote().filter(|_| !names.is_empty()) else { return Ok(()) };
    let invalidated = remote.invalidate_tags(caller, names).await;
    here();
    invalidated
}
