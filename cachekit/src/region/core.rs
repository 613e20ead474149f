//! What the functions of a region share: epoch, time, counters, flights, room.

#[cfg(feature = "testing")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::backoff::Backoff;
use super::builder::Settings;
use super::stats::{Counters, Event, Stats};
use crate::clock::{Nanos, coarse, nanos};
use crate::events;
use crate::flight::Flights;
use crate::freshness::{Epoch, Timing};
use crate::near::eviction::{Candidate, Eviction, Inspection, Room, Tables};
use crate::near::{Added, AnyNear};

/// The bit of the epoch that no entry has: while it is set, every call goes to its function.
const OFF: u64 = 1 << 63;

pub(crate) struct Core {
    pub(crate) name: Box<str>,
    /// Moved by every invalidation of the region; the first thing that a hit reads.
    epoch: AtomicU64,
    /// Whether the settings name a clock; the coarse one is called directly.
    own_clock: AtomicBool,
    pub(crate) counters: Counters,
    /// How often the region is switched off.
    #[cfg(feature = "testing")]
    off: Mutex<usize>,
    settings: ArcSwap<Settings>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) backoff: Backoff,
    eviction: Eviction,
    /// The tables by their number; a hand-made region may go before they are looked at again.
    tables: RwLock<Vec<Weak<dyn AnyNear>>>,
}

impl Core {
    pub(crate) fn new(name: &str, settings: Settings) -> Self {
        Self {
            name: name.into(),
            epoch: AtomicU64::new(0),
            own_clock: AtomicBool::new(settings.clock.is_some()),
            counters: Counters::new(),
            #[cfg(feature = "testing")]
            off: Mutex::default(),
            flights: Arc::new(Flights::new()),
            backoff: Backoff::default(),
            eviction: Eviction::new(settings.capacity),
            settings: ArcSwap::from_pointee(settings),
            tables: RwLock::new(Vec::new()),
        }
    }

    #[inline]
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        if self.own_clock.load(Ordering::Relaxed) { self.own_now() } else { coarse() }
    }

    #[cold]
    fn own_now(&self) -> Nanos {
        self.settings.load().clock.as_ref().map_or_else(coarse, |clock| nanos(clock.now()))
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// The settings for calls that start from now on.
    ///
    /// What the old settings stored is dropped where the new ones would read it wrongly.
    ///
    /// Gives the old settings, for the caller to drop where no lock is held, and whether to [`purge`](Self::purge) there.
    pub(crate) fn set_settings(&self, new: Settings) -> (Arc<Settings>, bool) {
        let readable = new.reads(&self.settings());
        let capacity = new.capacity;
        self.own_clock.store(new.clock.is_some(), Ordering::Relaxed);
        let old = self.settings.swap(Arc::new(new));
        if !readable {
            self.move_epoch(Epoch::HARD);
        }
        self.eviction.set_capacity(capacity);
        (old, !readable)
    }

    /// The time to live of what is stored now, by the function's own setting or the region's.
    pub(crate) fn ttl(&self, own: Option<fn() -> Duration>) -> Nanos {
        own.map(|ttl| ttl()).or_else(|| self.settings.load().ttl).map_or(crate::clock::NEVER, nanos)
    }

    /// How stale a value may be, by the function's own settings and the region's.
    pub(crate) fn timing(&self, own: Timing) -> Timing {
        own.or(self.settings.load().timing)
    }

    pub(crate) fn move_epoch(&self, by: u64) {
        let moved = |epoch: u64| Some((epoch & OFF) | (epoch.wrapping_add(by) & !OFF));
        self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved).expect("the epoch always moves");
    }

    pub(crate) fn is_off(&self) -> bool {
        self.epoch.load(Ordering::Acquire) & OFF != 0
    }

    /// Until as many calls of `switch_on`, every call goes to its function.
    #[cfg(feature = "testing")]
    pub(crate) fn switch_off(&self) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        *off += 1;
        self.epoch.fetch_or(OFF, Ordering::AcqRel);
    }

    #[cfg(feature = "testing")]
    pub(crate) fn switch_on(&self) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        *off -= 1;
        if *off == 0 {
            self.epoch.fetch_and(!OFF, Ordering::AcqRel);
        }
    }

    /// Gives the table a number.
    pub(crate) fn attach(&self, table: Weak<dyn AnyNear>) -> u32 {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.push(table);
        u32::try_from(tables.len() - 1).expect("a program has fewer than 2^32 annotated functions")
    }

    /// Room for one entry, or `None` where all room is just being filled.
    pub(crate) fn admit(&self, table: u32, hash: u64) -> Option<Room> {
        self.eviction.admit(table, hash, self, || {
            self.counters.count(Event::Eviction);
            events::evicted(&self.name);
        })
    }

    /// Uses the room for an entry that was added, or gives it back.
    pub(crate) fn settle(&self, room: Room, added: Option<Added>) {
        if added.is_some() {
            self.eviction.enqueue(room);
        }
        if added != Some(Added::New) {
            self.release(1);
        }
    }

    /// Counts an entry whose room was given back although it never had any.
    pub(crate) fn reclaim(&self) {
        self.eviction.reclaim();
    }

    /// Gives back the room of removed entries.
    pub(crate) fn release(&self, entries: usize) {
        self.eviction.release(entries);
    }

    /// Drops what is not readable at the epoch, or everything.
    pub(crate) fn purge(&self, keep: Option<Epoch>) {
        for table in self.tables() {
            table.purge(keep, &mut || self.release(1));
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.stats(self.eviction.live())
    }

    fn tables(&self) -> Vec<Arc<dyn AnyNear>> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.iter().filter_map(Weak::upgrade).collect()
    }

    fn table(&self, number: u32) -> Option<Arc<dyn AnyNear>> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.get(number as usize)?.upgrade()
    }
}

impl Tables for Core {
    fn inspect(&self, candidate: Candidate) -> Inspection {
        self.table(candidate.table).map_or(Inspection::Gone, |table| table.inspect(candidate))
    }

    fn evict(&self, candidate: Candidate, gone: &mut dyn FnMut()) {
        if let Some(table) = self.table(candidate.table) {
            table.evict(candidate, gone);
        }
    }
}
