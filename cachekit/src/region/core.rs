//! What the functions of a region share: epoch, time, counters, flights, room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(any(test, feature = "testing"))]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::builder::{Generator, Settings};
use super::failures::Failures;
use super::runner::{Runner, Threads};
use super::stats::{Counters, Event, Stats};
use crate::clock::{Clock, NEVER, Nanos, System, coarse, nanos};
use crate::events;
use crate::flight::looks::Looks;
use crate::flight::{FlightKey, Flights};
use crate::freshness::{Circumstances, Epoch};
use crate::info::FnInfo;
use crate::key::{Arguments, Form, Key, region_text, write_arguments};
use crate::near::eviction::{Candidate, Eviction, Queue, Room, Tables};
use crate::near::{Added, Made, Near};
use crate::remote::{Owed, Remote, Writers};
use crate::tags::Tags;
use crate::timing::Timing;

pub(crate) struct Core {
    pub(crate) name: Box<str>,
    /// Moved by every invalidation of the region; the first thing that a hit reads.
    epoch: AtomicU64,
    /// Whether the settings name a clock; the coarse one is called directly.
    own_clock: AtomicBool,
    /// Whether they name a generator of keys.
    own_generator: AtomicBool,
    /// Whether they name a backend.
    has_remote: AtomicBool,
    pub(crate) counters: Counters,
    /// How often the region is switched off.
    #[cfg(any(test, feature = "testing"))]
    off: Mutex<usize>,
    settings: ArcSwap<Settings>,
    /// The backend that the settings name, with what belongs to it.
    remote: ArcSwapOption<Remote>,
    pub(crate) flights: Arc<Flights>,
    /// Invalidations that the backend has not carried out; they outlive new settings.
    owed: Arc<Owed>,
    /// Who writes to the backend just now; under the old settings, too.
    writers: Arc<Writers>,
    /// Look-ups of the backend that are under way.
    pub(crate) looks: Arc<Looks>,
    pub(crate) failures: Failures,
    pub(crate) tags: Tags,
    eviction: Eviction,
    /// Whether an entry was stored that will not be served for ever.
    has_mortals: AtomicBool,
    /// How long past their ttl entries by hand may be of use, by what functions say that make their keys by a generator.
    widest: AtomicU64,
    /// The tables by their number, with their functions.
    tables: ArcSwap<Vec<Attached>>,
    /// Entries stored so far, for the sweep.
    stored: AtomicU32,
    /// Runs background renewals where the settings name no runner.
    threads: Arc<Threads>,
}

/// A table of the region, with its function.
type Attached = (Arc<dyn Near>, Option<&'static FnInfo>);

/// One insertion in so many looks at entries to see whether they can still be served, at two for each of those: the clock, the
/// settings and the lock of the queues are asked for once for all of them.
const SWEEP_EVERY: u32 = 8;

impl Core {
    pub(crate) fn new(name: &str, settings: Settings) -> Arc<Self> {
        let core = Arc::new(Self::without_backend(name, settings));
        core.connect();
        core
    }

    fn without_backend(name: &str, settings: Settings) -> Self {
        Self {
            name: name.into(),
            epoch: AtomicU64::new(0),
            own_clock: AtomicBool::new(settings.clock.is_some()),
            own_generator: AtomicBool::new(settings.key_generator.is_some()),
            has_remote: AtomicBool::new(false),
            counters: Counters::default(),
            #[cfg(any(test, feature = "testing"))]
            off: Mutex::default(),
            flights: Arc::new(Flights::new()),
            owed: Arc::default(),
            writers: Arc::default(),
            looks: Arc::new(Looks::new()),
            failures: Failures::default(),
            tags: Tags::default(),
            eviction: Eviction::new(settings.capacity),
            settings: ArcSwap::from_pointee(settings),
            remote: ArcSwapOption::empty(),
            has_mortals: AtomicBool::new(false),
            widest: AtomicU64::new(0),
            tables: ArcSwap::default(),
            stored: AtomicU32::new(0),
            threads: Arc::default(),
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

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.settings.load().clock.clone().unwrap_or_else(|| Arc::new(System))
    }

    pub(crate) fn max_disowned(&self) -> usize {
        self.settings.load().max_disowned
    }

    /// Whether the settings name a runner, which is then asked for everything.
    pub(crate) fn has_runner(&self) -> bool {
        self.settings.load().runner.is_some()
    }

    pub(crate) fn runner(&self) -> Arc<dyn Runner> {
        self.settings.load().runner.clone().unwrap_or_else(|| self.threads.clone())
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// The region's backend, if it has one.
    pub(crate) fn remote(&self) -> Option<Arc<Remote>> {
        if self.has_remote.load(Ordering::Acquire) { self.remote.load_full() } else { None }
    }

    /// The generator of keys that the settings name.
    pub(crate) fn key_generator(&self) -> Option<Generator> {
        if self.own_generator.load(Ordering::Acquire) { self.settings.load().key_generator.clone() } else { None }
    }

    /// What identifies an entry of a table while it is computed.
    pub(crate) fn flight_key(&self, table: u32, arguments: Arguments) -> FlightKey {
        let session = self.remote().map_or(0, |remote| remote.session());
        FlightKey { table, session, arguments }
    }

    /// Makes what belongs to the backend that the settings name.
    fn connect(self: &Arc<Self>) {
        let (core, owed, writers) = (Arc::downgrade(self), Arc::clone(&self.owed), Arc::clone(&self.writers));
        let remote = Remote::new(&core, &self.name, &self.settings(), self.clock(), owed, writers);
        let has_remote = remote.is_some();
        self.remote.store(remote);
        self.has_remote.store(has_remote, Ordering::Release);
    }

    /// Drops what is kept in this process of what a backend has, or would have.
    pub(crate) fn drop_backed(&self) {
        let tables = self.tables.load_full();
        for (table, _) in tables.iter().filter(|(_, function)| !function.is_some_and(FnInfo::is_in_memory)) {
            table.purge(None, &mut || self.release(1));
        }
    }

    /// The text that a backend is handed for a key: prefix, region and key, through the mangler.
    pub(crate) fn backend_key(&self, key: &Key) -> String {
        let settings = self.settings();
        let region = region_text(&self.name);
        let text = match key.form() {
            Form::Call { function, .. } if function.starts_with(&region) => format!("{}{key}", settings.key_prefix),
            _ => format!("{}{region}{key}", settings.key_prefix),
        };
        settings.mangled(text)
    }

    /// As [`backend_key`](Self::backend_key), for a call of a function, whose keys begin with the region.
    pub(crate) fn backend_key_of(&self, function: &FnInfo, arguments: &[u8]) -> String {
        let settings = self.settings.load();
        let mut text = String::with_capacity(128);
        text.push_str(&settings.key_prefix);
        function.write(self, settings.version, &mut text);
        write_arguments(arguments, &mut text);
        settings.mangled(text)
    }

    /// The settings for calls that start from now on.
    ///
    /// What the old settings stored is dropped where the new ones would read it wrongly, or it stood in for a backend.
    ///
    /// Gives the old settings, for the caller to drop where no lock is held, and whether to [`purge`](Self::purge) there.
    pub(crate) fn set_settings(self: &Arc<Self>, new: Settings) -> (Arc<Settings>, bool) {
        let readable = new.reads(&self.settings());
        let capacity = new.capacity;
        self.own_clock.store(new.clock.is_some(), Ordering::Relaxed);
        self.own_generator.store(new.key_generator.is_some(), Ordering::Release);
        let old = self.settings.swap(Arc::new(new));
        let replaced = self.remote();
        self.connect();
        let stood_in = replaced.is_some_and(|remote| remote.takes_stand_ins());
        if !readable {
            self.move_epoch(Epoch::HARD);
        }
        self.eviction.set_capacity(capacity);
        (old, !readable || stood_in)
    }

    /// The time to live of what is stored now, by the function's own setting or the region's.
    pub(crate) fn ttl(&self, own: Option<fn() -> Duration>) -> Nanos {
        own.map(|ttl| ttl()).or_else(|| self.settings.load().ttl).map_or(NEVER, nanos)
    }

    /// How stale a value may be, by the function's own settings and the region's.
    pub(crate) fn timing(&self, own: Timing) -> Timing {
        own.or(self.settings.load().timing)
    }

    pub(crate) fn move_epoch(&self, by: u64) {
        let moved = |epoch: u64| Some((epoch & Epoch::OFF) | (epoch.wrapping_add(by) & !Epoch::OFF));
        self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved).expect("the epoch always moves");
    }

    /// Until as many calls of `switch_on`, every call goes to its function.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn switch_off(&self) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        *off += 1;
        self.epoch.fetch_or(Epoch::OFF, Ordering::AcqRel);
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn switch_on(&self) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        *off -= 1;
        if *off == 0 {
            self.epoch.fetch_and(!Epoch::OFF, Ordering::AcqRel);
        }
    }

    /// Gives the table a number.
    pub(crate) fn attach(&self, table: &Arc<dyn Near>, function: Option<&'static FnInfo>) -> u32 {
        let before = self.tables.rcu(|tables| [tables.as_slice(), &[(Arc::clone(table), function)]].concat());
        u32::try_from(before.len()).expect("a program has fewer than 2^32 annotated functions")
    }

    /// Room for one entry, or `None` where all room is just being filled.
    pub(crate) fn admit(&self, entry: (u32, u64), mortal_from: Nanos) -> Option<Room> {
        self.eviction.admit(entry, mortal_from, self, || {
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

    /// Notes what is about to be stored.
    pub(crate) fn expect(&self, made: &Made) {
        if (made.stamp.ttl != NEVER || made.tags.any()) && !self.has_mortals.load(Ordering::Relaxed) {
            self.has_mortals.store(true, Ordering::Relaxed);
        }
    }

    /// Notes how long past its ttl an entry by hand may be of use.
    pub(crate) fn expect_by_hand(&self, own: &Timing) {
        let span = own.stale_if_error.max(own.stale_while_revalidate).map_or(0, nanos);
        if span > self.widest.load(Ordering::Relaxed) {
            self.widest.fetch_max(span, Ordering::Relaxed);
        }
    }

    /// Drops some of the entries that cannot be served any more.
    ///
    /// Whoever stores an entry looks at others too, so what is dead goes in time and nobody ever looks at all of them.
    pub(crate) fn sweep(&self) {
        let is_due = self.has_mortals.load(Ordering::Relaxed)
            && self.stored.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY);
        if !is_due {
            return;
        }
        let (epoch, now, timing) = (self.epoch(), self.now(), self.settings.load().timing);
        let candidates = self.eviction.next_to_sweep(2 * SWEEP_EVERY as usize, now);
        // Loaded after that, so all tables are there that the queues know.
        let tables = self.tables.load();
        for candidate in candidates {
            let (table, function) = &tables[candidate.table as usize];
            let timing = match function {
                Some(function) => function.timing().or(timing),
                None => timing.or_longer(Duration::from_nanos(self.widest.load(Ordering::Relaxed))),
            };
            let at = Circumstances { epoch, now, timing, random: 1.0 };
            table.sweep(candidate, &at, &mut || self.release(1));
        }
    }

    /// Gives back the room of removed entries.
    pub(crate) fn release(&self, entries: usize) {
        self.eviction.release(entries);
    }

    /// Drops what is not readable at the epoch, or everything.
    pub(crate) fn purge(&self, keep: Option<Epoch>) {
        for (table, _) in self.tables.load_full().iter() {
            table.purge(keep, &mut || self.release(1));
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.stats(self.eviction.live(), self.flights.disowned())
    }
}

impl Tables for Core {
    fn holds(&self, candidate: Candidate) -> bool {
        self.tables.load()[candidate.table as usize].0.holds(candidate)
    }

    fn evict_unless_used(&self, candidate: Candidate, queue: Queue, gone: &mut dyn FnMut()) -> bool {
        self.tables.load()[candidate.table as usize].0.evict_unless_used(candidate, queue, gone)
    }
}
