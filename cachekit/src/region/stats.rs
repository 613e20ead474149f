//! What a region counts.
//!
//! Each thread counts in cells of its own, a plain load and store, and somebody who asks adds them up: a hit never
//! writes to a line that another thread writes to.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use thread_local::ThreadLocal;

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
///
/// The cells of a thread that has ended are those of the next one that begins, so nothing that was counted is lost.
#[derive(Default)]
pub(crate) struct Counters(ThreadLocal<Cells>);

impl Counters {
    #[inline]
    pub(crate) fn count(&self, event: Event) {
        // Only this thread writes these cells.
        let cell = &self.0.get_or_default().0[event as usize];
        cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, entries: usize, disowned: u64) -> Stats {
        let sum = |event: Event| self.0.iter().map(|cells| cells.0[event as usize].load(Ordering::Relaxed)).sum();
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
}
