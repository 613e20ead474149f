//! What a region counts.
//!
//! Each thread counts in cells of its own, a plain load and store, and somebody who asks adds them up: a hit never
//! writes to a line that another thread writes to.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happened in a region so far; see [`Region::stats`](crate::Region::stats).
///
/// Each look-up counts once, as one of `hits`, `stale_hits`, `misses` and `coalesced`.
/// Counts of other threads that are just being written may lag behind by a moment.
///
/// ```
/// let region = cachekit::Region::builder("counted").build()?;
/// region.get_or_create("k", || 1_u64);
/// region.get_or_create("k", || 1_u64);
/// let stats = region.stats();
/// assert_eq!((stats.misses, stats.creations, stats.hits), (1, 1, 1));
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Look-ups served a fresh value, or a remembered error.
    pub hits: u64,
    /// Look-ups served a value past its ttl, expired or softly invalidated, without a computation of their own: while
    /// somebody else renews it, after a failure that it covers, or for want of room in the background.
    pub stale_hits: u64,
    /// Look-ups that computed, whether there was an old value or none; and those by `get` that found no fresh one.
    pub misses: u64,
    /// Look-ups that waited for somebody else's computation.
    pub coalesced: u64,
    /// Computations that gave a value.
    pub creations: u64,
    /// Computations that gave an error or panicked.
    pub creation_failures: u64,
    /// Renewals that were handed to the background; each ends as a creation or a failure of one, unless the runner drops it
    /// or it is overtaken before it begins.
    pub renewals: u64,
    /// Renewals that the runner had no room for.
    pub renewals_skipped: u64,
    /// Computations past their deadline, for which another one was begun.
    pub disowned: u64,
    /// Invalidations, of one entry, of a tag or of the region, that somebody asked for, `expire` among them; whether or not
    /// there was anything.
    pub invalidations: u64,
    /// Entries that went because the region was full.
    pub evictions: u64,
    /// Failures of the backend, time-outs among them.
    pub backend_errors: u64,
    /// What the backend held that is no record this region can read: foreign, torn, of a newer version, of another codec or
    /// type. Each was a miss.
    pub unreadable: u64,
    /// Entries in this process now, whatever their state.
    pub entries: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "hits {}, stale hits {}, misses {}, coalesced {}, creations {}, creation failures {}, renewals {}, \
             renewals skipped {}, disowned {}, invalidations {}, evictions {}, backend errors {}, unreadable {}, \
             entries {}",
            self.hits,
            self.stale_hits,
            self.misses,
            self.coalesced,
            self.creations,
            self.creation_failures,
            self.renewals,
            self.renewals_skipped,
            self.disowned,
            self.invalidations,
            self.evictions,
            self.backend_errors,
            self.unreadable,
            self.entries
        )
    }
}

/// What is counted; the number is that of the cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Hit,
    StaleHit,
    Miss,
    Coalesced,
    Creation,
    CreationFailure,
    Renewal,
    RenewalSkipped,
    Invalidation,
    Eviction,
    BackendError,
    Unreadable,
}

const EVENTS: usize = Event::Unreadable as usize + 1;

/// The counts of one thread, on cache lines of their own.
#[repr(align(128))]
#[derive(Default)]
struct Cells([AtomicU64; EVENTS]);

/// The counters of a region.
pub(crate) struct Counters {
    /// The region's place in every thread's list; never used again.
    place: usize,
    threads: Mutex<Vec<Arc<Cells>>>,
    /// The counts of threads that have ended.
    ended: Cells,
}

thread_local! {
    /// This thread's cells, by the place of their region.
    static CELLS: RefCell<Vec<Option<Arc<Cells>>>> = const { RefCell::new(Vec::new()) };
}

impl Counters {
    pub(crate) fn new() -> Self {
        static PLACES: AtomicUsize = AtomicUsize::new(0);
        Self { place: PLACES.fetch_add(1, Ordering::Relaxed), threads: Mutex::new(Vec::new()), ended: Cells::default() }
    }

    #[inline]
    pub(crate) fn count(&self, event: Event) {
        let counted = CELLS.try_with(|cells| match cells.try_borrow() {
            Ok(cells) => match cells.get(self.place) {
                Some(Some(cells)) => {
                    // Only this thread writes these cells.
                    let cell = &cells.0[event as usize];
                    cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                    true
                }
                _ => false,
            },
            Err(_) => false,
        });
        if !matches!(counted, Ok(true)) {
            self.count_first(event);
        }
    }

    /// The first count of a thread in this region, or one while the thread ends.
    #[cold]
    fn count_first(&self, event: Event) {
        let cells = Arc::new(Cells::default());
        cells.0[event as usize].store(1, Ordering::Relaxed);
        let listed = CELLS.try_with(|list| {
            let mut list = list.try_borrow_mut().ok()?;
            for cells in list.iter_mut() {
                // Regions that were made by hand and are gone.
                cells.take_if(|cells| Arc::strong_count(cells) == 1);
            }
            if list.len() <= self.place {
                list.resize(self.place + 1, None);
            }
            list[self.place] = Some(Arc::clone(&cells));
            Some(())
        });
        if matches!(listed, Ok(Some(()))) {
            let mut threads = self.threads();
            self.retire(&mut threads);
            threads.push(cells);
        } else {
            self.ended.0[event as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Moves the counts of ended threads out of the list.
    fn retire(&self, threads: &mut Vec<Arc<Cells>>) {
        threads.retain(|cells| {
            let lives = Arc::strong_count(cells) > 1;
            if !lives {
                // Sees the thread's last counts: its end released them.
                std::sync::atomic::fence(Ordering::Acquire);
                for (total, cell) in self.ended.0.iter().zip(&cells.0) {
                    total.fetch_add(cell.load(Ordering::Relaxed), Ordering::Relaxed);
                }
            }
            lives
        });
    }

    pub(crate) fn stats(&self, entries: usize, disowned: u64) -> Stats {
        let mut threads = self.threads();
        self.retire(&mut threads);
        let sum = |event: Event| {
            let cell = |cells: &Cells| cells.0[event as usize].load(Ordering::Relaxed);
            cell(&self.ended) + threads.iter().map(|cells| cell(cells)).sum::<u64>()
        };
        Stats {
            hits: sum(Event::Hit),
            stale_hits: sum(Event::StaleHit),
            misses: sum(Event::Miss),
            coalesced: sum(Event::Coalesced),
            creations: sum(Event::Creation),
            creation_failures: sum(Event::CreationFailure),
            renewals: sum(Event::Renewal),
            renewals_skipped: sum(Event::RenewalSkipped),
            disowned,
            invalidations: sum(Event::Invalidation),
            evictions: sum(Event::Eviction),
            backend_errors: sum(Event::BackendError),
            unreadable: sum(Event::Unreadable),
            entries: entries as u64,
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Arc<Cells>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
