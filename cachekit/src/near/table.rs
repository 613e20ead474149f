//! The table of one function: papaya's lock-free map with the value inline in its slot.
//!
//! A hit compares words, checks epoch and ttl, and writes nothing that another thread reads, but a mark that is not set
//! already.

use std::any::Any;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use papaya::{Guard, HashMap};

use super::argkey::{ArgKey, ByHash, KeyHash};
use super::eviction::{Candidate, Inspection};
use super::{Added, AnyNear, Found, Near, Pinned, PinnedAny};
use crate::clock::{NEVER, Nanos};
use crate::freshness::{Epoch, Stamp, Verdict, judge};
use crate::key::writer::KeyWriter;

pub(crate) struct Table<V, K> {
    map: HashMap<K, Slot<V>, KeyHash>,
    /// The hasher of `map`, which does not show its own.
    hasher: KeyHash,
}

struct Slot<V> {
    value: V,
    stamp: Stamp,
    /// When the value stops to be fresh: by its ttl, or because somebody expired it.
    fresh_until: AtomicU64,
    /// Tells the entry from earlier ones of the same key.
    ticket: u32,
    /// Used since eviction last looked.
    used: AtomicBool,
}

impl<V> Slot<V> {
    fn new(value: V, stamp: Stamp, ticket: u32) -> Self {
        Self { value, stamp, fresh_until: AtomicU64::new(stamp.fresh_until()), ticket, used: AtomicBool::new(false) }
    }

    fn judge(&self, epoch: Epoch, now: Nanos) -> Verdict {
        judge(&self.stamp, self.fresh_until.load(Ordering::Acquire), epoch, now)
    }
}

impl<V: Clone + Send + Sync + 'static, K: ArgKey> Table<V, K> {
    pub(crate) fn new() -> Self {
        let hasher = KeyHash::default();
        Self { map: HashMap::with_hasher(hasher.clone()), hasher }
    }

    /// The value, if it is fresh. `now` is asked only where the entry has a ttl.
    #[inline]
    pub(crate) fn hit(&self, key: &KeyWriter, epoch: Epoch, now: impl FnOnce() -> Nanos) -> Option<V> {
        let map = self.map.pin();
        let slot = map.get(&K::lookup(key)?)?;
        if slot.stamp.epoch != epoch {
            return None;
        }
        let fresh_until = slot.fresh_until.load(Ordering::Acquire);
        if fresh_until != NEVER && now() >= fresh_until {
            return None;
        }
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(slot.value.clone())
    }

    fn by_hash(&self, candidate: Candidate) -> ByHash<'_> {
        ByHash { hash: candidate.hash, hasher: &self.hasher }
    }
}

impl<V: Clone + Send + Sync + 'static, K: ArgKey> AnyNear for Table<V, K> {
    fn purge(&self, keep: Option<Epoch>, gone: &mut dyn FnMut()) {
        let map = self.map.pin();
        let readable = |slot: &Slot<V>| keep.is_some_and(|epoch| slot.judge(epoch, 0) != Verdict::Missing);
        for (key, slot) in &map {
            let ticket = slot.ticket;
            // Judged again at the removal: it may be another value by then.
            let unreadable = |slot: &Slot<V>| slot.ticket == ticket && !readable(slot);
            if !readable(slot) && matches!(map.remove_if(key, |_, slot| unreadable(slot)), Ok(Some(_))) {
                gone();
            }
        }
    }

    fn inspect(&self, candidate: Candidate) -> Inspection {
        let map = self.map.pin();
        match map.get(&self.by_hash(candidate)) {
            Some(slot) if slot.ticket == candidate.ticket => {
                if slot.used.swap(false, Ordering::Relaxed) {
                    Inspection::Used
                } else {
                    Inspection::Unused
                }
            }
            _ => Inspection::Gone,
        }
    }

    fn evict(&self, candidate: Candidate, gone: &mut dyn FnMut()) {
        let map = self.map.pin();
        if let Ok(Some(_)) = map.remove_if(&self.by_hash(candidate), |_, slot| slot.ticket == candidate.ticket) {
            gone();
        }
    }

    fn hash(&self, arguments: &[u8]) -> Option<u64> {
        Some(self.hasher.hash_one(K::from_bytes(arguments)?))
    }

    fn provide(self: Arc<Self>, want: &mut dyn Any) {
        if let Some(want) = want.downcast_mut::<Option<Arc<dyn Near<V>>>>() {
            *want = Some(self);
        }
    }

    fn value_type(&self) -> &'static str {
        std::any::type_name::<V>()
    }

    fn pinned_any(&self, work: &mut dyn FnMut(&dyn PinnedAny)) {
        let guard = self.map.guard();
        work(&PinnedTable { map: &self.map, guard: &guard });
    }
}

impl<V: Clone + Send + Sync + 'static, K: ArgKey> Near<V> for Table<V, K> {
    fn any(&self) -> &dyn AnyNear {
        self
    }

    fn read(&self, arguments: &[u8], mark: bool) -> Option<Found<V>> {
        let map = self.map.pin();
        let slot = map.get(&K::from_bytes(arguments)?)?;
        if mark {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(Found {
            value: slot.value.clone(),
            stamp: slot.stamp,
            fresh_until: slot.fresh_until.load(Ordering::Acquire),
        })
    }

    fn pinned(&self, work: &mut dyn FnMut(&dyn Pinned<V>)) {
        let guard = self.map.guard();
        work(&PinnedTable { map: &self.map, guard: &guard });
    }
}

/// Dropped values wait for the guard, which the caller holds longer than its locks.
struct PinnedTable<'a, V, K, G> {
    map: &'a HashMap<K, Slot<V>, KeyHash>,
    guard: &'a G,
}

impl<V, K: ArgKey, G: Guard> PinnedAny for PinnedTable<'_, V, K, G> {
    fn remove(&self, arguments: &[u8]) -> bool {
        K::from_bytes(arguments).is_some_and(|key| self.map.remove(&key, self.guard).is_some())
    }

    fn expire(&self, arguments: &[u8], now: Nanos) {
        if let Some(slot) = K::from_bytes(arguments).and_then(|key| self.map.get(&key, self.guard)) {
            slot.fresh_until.fetch_min(now, Ordering::AcqRel);
        }
    }
}

impl<V, K: ArgKey, G: Guard> Pinned<V> for PinnedTable<'_, V, K, G> {
    fn look(&self, arguments: &[u8], epoch: Epoch, now: Nanos, seen: &mut dyn FnMut(&V, Verdict)) {
        if let Some(slot) = K::from_bytes(arguments).and_then(|key| self.map.get(&key, self.guard)) {
            seen(&slot.value, slot.judge(epoch, now));
        }
    }

    fn replace(&self, arguments: &[u8], value: &mut Option<V>, stamp: Stamp, owed: &dyn Fn()) {
        let Some(key) = K::from_bytes(arguments) else { return };
        let Some(ticket) = self.map.get(&key, self.guard).map(|old| old.ticket) else { return };
        let Some(new) = value.take() else { return };
        if self.map.insert(key, Slot::new(new, stamp, ticket), self.guard).is_none() {
            // Evicted at this very moment: what has no room must not stay.
            let key = K::from_bytes(arguments).expect("the same bytes made a key above");
            if !matches!(self.map.remove_if(&key, |_, slot| slot.ticket == ticket, self.guard), Ok(Some(_))) {
                owed();
            }
        }
    }

    fn insert(&self, arguments: &[u8], value: V, stamp: Stamp, ticket: u32) -> Option<Added> {
        let old = self.map.insert(K::from_bytes(arguments)?, Slot::new(value, stamp, ticket), self.guard);
        Some(if old.is_none() { Added::New } else { Added::Replacing })
    }
}
