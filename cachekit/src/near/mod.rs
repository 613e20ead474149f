//! The near tier: values in this process, typed, read without a lock.
//!
//! One table per annotated function and one for what is set by hand; the capacity is the region's, over all of them.
//! The paths that are not hot see a table through a trait without the type of the values, so that they are compiled once.
//! What it deliberately does not do: compute, wait, or decide who may.

pub(crate) mod argkey;
pub(crate) mod eviction;
pub(crate) mod table;

use std::any::{Any, TypeId};

use self::eviction::{Candidate, Queue, Ticket};
use crate::clock::Nanos;
use crate::fetched::{Served, Source};
use crate::freshness::{Circumstances, Epoch, Stamp, Verdict, judge};
use crate::tags::Tagged;
use crate::timing::Timing;
use crate::values::Shared;

/// An entry as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) value: Shared,
    pub(crate) stamp: Stamp,
    /// Whether somebody expired it.
    pub(crate) expired: bool,
}

impl Found {
    pub(crate) fn judge(&self, at: &Circumstances) -> Verdict {
        judge(&self.stamp, self.expired, at)
    }

    pub(crate) fn served(self, source: Source) -> Served {
        Served { value: self.value, source, stamp: Some(self.stamp) }
    }
}

/// A table, whatever its values are.
pub(crate) trait Near: Send + Sync {
    /// Drops what is not readable at the epoch, or everything without one; calls `gone` for each.
    fn purge(&self, keep: Option<Epoch>, gone: &mut dyn FnMut());
    /// Drops an entry if it is still the one meant and cannot be served any more; calls `gone` as
    /// [`evict_unless_used`](Self::evict_unless_used).
    fn sweep(&self, candidate: Candidate, at: &Circumstances, gone: &mut dyn FnMut());
    /// Whether an entry is still the one meant.
    fn holds(&self, candidate: Candidate) -> bool;
    /// Drops an entry if it is still the one meant, unless it has uses left, of which one is forgotten, and all of them in
    /// the small queue; whether it had. Calls `gone` when it is out of the table and not dropped yet.
    fn evict_unless_used(&self, candidate: Candidate, queue: Queue, gone: &mut dyn FnMut()) -> bool;
    /// The hash of a key; `None` for a key that no entry of this table has.
    fn hash(&self, arguments: &[u8]) -> Option<u64>;
    /// Whether its values are of this type.
    fn is_of(&self, values: TypeId) -> bool;
    /// The name of the type of the values.
    fn value_type(&self) -> &'static str;
    /// A copy of an entry, which `mark` says to be a use of it.
    fn read(&self, arguments: &[u8], mark: bool) -> Option<Found>;
    /// Runs `work` with a value as this table keeps it, for [`Pinned::replace`] and [`Pinned::insert`].
    fn with_own(&self, value: Shared, type_name: &'static str, work: &mut dyn FnMut(&mut dyn Any));
    /// Runs `work` with the table pinned: what `work` removes or replaces is dropped after it, so `work` may hold locks.
    fn pinned(&self, work: &mut dyn FnMut(&dyn Pinned));
}

/// A pinned table; none of its methods runs code of a user's.
pub(crate) trait Pinned {
    /// Removes an entry; whether there was one.
    fn remove(&self, arguments: &[u8]) -> bool;
    /// Whether there is an entry.
    fn has(&self, arguments: &[u8]) -> bool;
    /// Marks an entry as expired.
    fn expire(&self, arguments: &[u8]);
    /// Shows an entry, with the verdict on it.
    fn look(&self, arguments: &[u8], at: &Circumstances, seen: &mut dyn FnMut(&dyn Any, &Stamp, Verdict));
    /// Replaces an entry by a value of [`Near::with_own`]; where there is none, false, and the value stays there.
    ///
    /// Calls `owed` where the entry was evicted meanwhile and the new one was then removed by a purge, which gave back a
    /// room that had been given back already.
    fn replace(&self, arguments: &[u8], own: &mut dyn Any, made: &Made, owed: &dyn Fn()) -> bool;
    /// Adds an entry that eviction has made room for; `None` where no entry of the table can have the key.
    fn insert(&self, arguments: &[u8], own: &mut dyn Any, made: &Made, ticket: Ticket) -> Option<Added>;
}

/// What is known of a value that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) stamp: Stamp,
    pub(crate) tags: Tagged,
    /// From when on a hit has to look twice.
    pub(crate) attention_from: Nanos,
    /// From when on the value may be of no use to anybody, where the region is not invalidated.
    pub(crate) mortal_from: Nanos,
}

impl Made {
    pub(crate) fn new(stamp: Stamp, tags: Tagged, timing: &Timing) -> Self {
        let mortal_from = if tags.any() { 0 } else { stamp.created.saturating_add(stamp.kept_for(timing)) };
        Self { stamp, tags, attention_from: stamp.attention_from(timing), mortal_from }
    }

    /// The same, fresh until then at most.
    pub(crate) fn until(mut self, until: Nanos) -> Self {
        let ttl = until.saturating_sub(self.stamp.created);
        if ttl < self.stamp.ttl {
            // A renewal ahead by the cost is that of the whole ttl.
            (self.stamp.ttl, self.stamp.cost) = (ttl, 0);
        }
        self.attention_from = self.attention_from.min(until);
        self.mortal_from = self.mortal_from.min(until);
        self
    }
}

/// How an entry came into its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New,
    /// In place of another, whose room is free now.
    Replacing,
}
