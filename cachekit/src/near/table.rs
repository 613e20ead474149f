//! The table of one function: papaya's lock-free map with the value inline in its slot.
//!
//! A hit compares words, checks epoch and ttl, and writes nothing that another thread reads, but the first
//! three uses of an entry.

use std::any::{Any, TypeId};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use papaya::{Guard, HashMap};

use super::argkey::{ArgKey, ByHash, KeyHash};
use super::eviction::{Candidate, Queue, Ticket};
use super::{Added, Found, Made, Near, Pinned};
use crate::clock::{NEVER, Nanos};
use crate::freshness::{Circumstances, Epoch, Stamp, Verdict, judge};
use crate::tags::Tagged;
use crate::values::{Shared, owned};

pub(crate) struct Table<V, K> {
    map: HashMap<K, Slot<V>, KeyHash>,
    /// The hasher of `map`, which does not show its own.
    hasher: KeyHash,
}

/// An entry, in as few bytes as it needs: what a hit reads comes first.
struct Slot<V> {
    value: V,
    epoch: Epoch,
    /// From when on a hit has to look twice: the value is due for renewal, past its ttl, or expired.
    attention_from: AtomicU64,
    /// What may invalidate the value beside the region.
    tags: Tagged,
    marks: Marks,
    cost: Micros,
    created: Nanos,
    ttl: Nanos,
}

/// The ticket of an entry, which tells it from earlier ones of the same key, and what has happened to it since.
struct Marks(AtomicU32);

/// A span to the microsecond; what is longer than 71 minutes is that long.
struct Micros(u32);

impl Marks {
    /// One use; three are counted, less those that eviction has forgotten.
    const USE: u32 = 1 << 30;
    const USES: u32 = 3 * Self::USE;
    /// Somebody expired it.
    const EXPIRED: u32 = 1 << 29;

    fn new(ticket: Ticket) -> Self {
        Self(AtomicU32::new(ticket.0))
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.0.load(Ordering::Relaxed) & Ticket::LAST)
    }

    fn is_expired(&self) -> bool {
        self.0.load(Ordering::Acquire) & Self::EXPIRED != 0
    }

    fn expire(&self) {
        self.0.fetch_or(Self::EXPIRED, Ordering::Release);
    }

    /// Writes nothing where all uses that are counted were: others read it.
    #[inline]
    fn mark_used(&self) {
        let marks = self.0.load(Ordering::Relaxed);
        if marks & Self::USES != Self::USES {
            self.mark_once_more(marks);
        }
    }

    #[cold]
    fn mark_once_more(&self, marks: u32) {
        // Where somebody else comes first, one use is as good as two.
        let _ = self.0.compare_exchange_weak(marks, marks + Self::USE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether it has uses left, of which one is forgotten, and all of them in the small queue.
    fn take_used(&self, queue: Queue) -> bool {
        let left = |marks: u32| match queue {
            _ if marks & Self::USES == 0 => None,
            Queue::Small => Some(marks & !Self::USES),
            Queue::Main => Some(marks - Self::USE),
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }
}

impl Micros {
    fn new(span: Nanos) -> Self {
        Self(u32::try_from(span / 1_000).unwrap_or(u32::MAX))
    }

    fn nanos(&self) -> Nanos {
        Nanos::from(self.0) * 1_000
    }
}

impl<V> Slot<V> {
    fn new(value: V, made: &Made, ticket: Ticket) -> Self {
        let Stamp { created, ttl, cost, epoch } = made.stamp;
        Self {
            value,
            epoch,
            attention_from: AtomicU64::new(made.attention_from),
            tags: made.tags.clone(),
            marks: Marks::new(ticket),
            cost: Micros::new(cost),
            created,
            ttl,
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp { created: self.created, ttl: self.ttl, cost: self.cost.nanos(), epoch: self.epoch }
    }

    fn judge(&self, at: &Circumstances) -> Verdict {
        if !self.tags.stand() {
            return Verdict::Missing;
        }
        judge(&self.stamp(), self.marks.is_expired(), at)
    }
}

impl<V: Clone + Send + Sync + 'static, K: ArgKey> Table<V, K> {
    pub(crate) fn new() -> Self {
        let hasher = KeyHash::default();
        Self { map: HashMap::with_hasher(hasher.clone()), hasher }
    }

    /// The value, if it is fresh. `now` is asked only where the entry has a ttl.
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "in registers")]
    pub(crate) fn hit(&self, key: K::Lookup<'_>, epoch: Epoch, now: impl FnOnce() -> Nanos) -> Option<V> {
        let map = self.map.pin();
        let slot = map.get(&key)?;
        if slot.epoch != epoch || !slot.tags.stand() {
            return None;
        }
        let attention_from = slot.attention_from.load(Ordering::Acquire);
        if attention_from != NEVER && now() >= attention_from {
            return None;
        }
        slot.marks.mark_used();
        Some(slot.value.clone())
    }

    fn by_hash(&self, candidate: Candidate) -> ByHash<'_> {
        ByHash { hash: candidate.hash, hasher: &self.hasher }
    }
}

impl<V: Clone + Send + Sync + 'static, K: ArgKey> Near for Table<V, K> {
    fn purge(&self, keep: Option<Epoch>, gone: &mut dyn FnMut()) {
        let map = self.map.pin();
        // A newer invalidation, and values after it, may have come meanwhile.
        let readable = |slot: &Slot<V>| keep.is_some_and(|epoch| !slot.stamp().is_from_before(epoch));
        for (key, slot) in &map {
            let ticket = slot.marks.ticket();
            // Judged again at the removal: it may be another value by then.
            let unreadable = |slot: &Slot<V>| slot.marks.ticket() == ticket && !readable(slot);
            if !readable(slot) && matches!(map.remove_if(key, |_, slot| unreadable(slot)), Ok(Some(_))) {
                gone();
            }
        }
    }

    fn sweep(&self, candidate: Candidate, at: &Circumstances, gone: &mut dyn FnMut()) {
        let map = self.map.pin();
        let is_dead = |slot: &Slot<V>| {
            let stamp = slot.stamp();
            let is_over = stamp.is_readable(at.epoch) && slot.judge(at) == Verdict::Missing;
            slot.marks.ticket() == candidate.ticket && (is_over || stamp.is_from_before(at.epoch) || !slot.tags.stand())
        };
        if map.get(&self.by_hash(candidate)).is_some_and(is_dead)
            && let Ok(Some(_)) = map.remove_if(&self.by_hash(candidate), |_, slot| is_dead(slot))
        {
            gone();
        }
    }

    fn holds(&self, candidate: Candidate) -> bool {
        self.map.pin().get(&self.by_hash(candidate)).is_some_and(|slot| slot.marks.ticket() == candidate.ticket)
    }

    fn evict_unless_used(&self, candidate: Candidate, queue: Queue, gone: &mut dyn FnMut()) -> bool {
        let map = self.map.pin();
        let mut is_used = false;
        let removed = map.remove_if(&self.by_hash(candidate), |_, slot| {
            let is_meant = slot.marks.ticket() == candidate.ticket;
            is_used = is_meant && slot.marks.take_used(queue);
            is_meant && !is_used
        });
        if let Ok(Some(_)) = removed {
            gone();
        }
        is_used
    }

    fn hash(&self, arguments: &[u8]) -> Option<u64> {
        Some(self.hasher.hash_one(K::from_bytes(arguments)?))
    }

    fn is_of(&self, values: TypeId) -> bool {
        TypeId::of::<V>() == values
    }

    fn value_type(&self) -> &'static str {
        std::any::type_name::<V>()
    }

    fn read(&self, arguments: &[u8], mark: bool) -> Option<Found> {
        let map = self.map.pin();
        let slot = map.get(&K::from_bytes(arguments)?)?;
        if !slot.tags.stand() {
            return None;
        }
        if mark {
            slot.marks.mark_used();
        }
        let value = Arc::new(slot.value.clone());
        Some(Found { value, stamp: slot.stamp(), expired: slot.marks.is_expired() })
    }

    fn with_own(&self, value: Shared, _: &'static str, work: &mut dyn FnMut(&mut dyn Any)) {
        work(&mut Some(owned::<V>(value)));
    }

    fn pinned(&self, work: &mut dyn FnMut(&dyn Pinned)) {
        let guard = self.map.guard();
        work(&PinnedTable { map: &self.map, guard: &guard });
    }
}

/// Dropped values wait for the guard, which the caller holds longer than its locks.
struct PinnedTable<'a, V, K, G> {
    map: &'a HashMap<K, Slot<V>, KeyHash>,
    guard: &'a G,
}

impl<V: 'static, K: ArgKey, G: Guard> Pinned for PinnedTable<'_, V, K, G> {
    fn remove(&self, arguments: &[u8]) -> bool {
        K::from_bytes(arguments).is_some_and(|key| self.map.remove(&key, self.guard).is_some())
    }

    fn has(&self, arguments: &[u8]) -> bool {
        K::from_bytes(arguments).is_some_and(|key| self.map.contains_key(&key, self.guard))
    }

    fn expire(&self, arguments: &[u8]) {
        if let Some(slot) = K::from_bytes(arguments).and_then(|key| self.map.get(&key, self.guard)) {
            slot.marks.expire();
            slot.attention_from.store(0, Ordering::Release);
        }
    }

    fn look(&self, arguments: &[u8], at: &Circumstances, seen: &mut dyn FnMut(&dyn Any, &Stamp, Verdict)) {
        if let Some(slot) = K::from_bytes(arguments).and_then(|key| self.map.get(&key, self.guard)) {
            seen(&slot.value, &slot.stamp(), slot.judge(at));
        }
    }

    fn replace(&self, arguments: &[u8], own: &mut dyn Any, made: &Made, owed: &dyn Fn()) -> bool {
        let Some(key) = K::from_bytes(arguments) else { return false };
        let Some(ticket) = self.map.get(&key, self.guard).map(|old| old.marks.ticket()) else { return false };
        let Some(new) = taken(own) else { return false };
        if self.map.insert(key, Slot::<V>::new(new, made, ticket), self.guard).is_none() {
            // Evicted at this very moment: what has no room must not stay.
            let key = K::from_bytes(arguments).expect("the same bytes made a key above");
            if !matches!(self.map.remove_if(&key, |_, slot| slot.marks.ticket() == ticket, self.guard), Ok(Some(_))) {
                owed();
            }
        }
        true
    }

    fn insert(&self, arguments: &[u8], own: &mut dyn Any, made: &Made, ticket: Ticket) -> Option<Added> {
        let slot = Slot::<V>::new(taken(own)?, made, ticket);
        let old = self.map.insert(K::from_bytes(arguments)?, slot, self.guard);
        Some(if old.is_none() { Added::New } else { Added::Replacing })
    }
}

/// The value, which is stored once.
fn taken<V: 'static>(own: &mut dyn Any) -> Option<V> {
    own.downcast_mut::<Option<V>>().and_then(Option::take)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_uses_are_counted_and_touch_neither_the_ticket_nor_the_mark_of_an_expired_entry() {
        let marks = Marks::new(Ticket(Ticket::LAST));
        (0..9).for_each(|_| marks.mark_used());
        marks.expire();
        let left = [Queue::Main, Queue::Main, Queue::Main, Queue::Main].map(|queue| marks.take_used(queue));
        assert_eq!(left, [true, true, true, false]);
        assert_eq!((marks.ticket(), marks.is_expired()), (Ticket(Ticket::LAST), true));
        (0..3).for_each(|_| marks.mark_used());
        assert_eq!([Queue::Small, Queue::Small].map(|queue| marks.take_used(queue)), [true, false]);
    }

    #[test]
    fn a_cost_is_kept_to_the_microsecond_and_a_long_one_as_the_longest() {
        let kept = [0, 999, 1_000, 5_000_001_500, NEVER].map(|cost| Micros::new(cost).nanos());
        assert_eq!(kept, [0, 0, 1_000, 5_000_001_000, 4_294_967_295_000]);
    }
}
