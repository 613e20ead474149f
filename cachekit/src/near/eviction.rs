//! Which entry goes when a region is full: S3-FIFO.
//!
//! New entries pass through a small queue; those that were used meanwhile move to the main one, the others go, and their
//! hash is remembered for a while, so that an entry that comes back soon skips the small queue
//! (Yang et al., “FIFO queues are all you need for cache eviction”, SOSP 2023).
//! A hit only leaves a mark, and nothing moves until room is needed: promotion is lazy.
//!
//! While there is free room, new entries go into the main queue at once, beyond what the paper says: who has no rival need
//! not prove anything, and of a loop or a scan that is longer than the region a part stays, where all of it would pass
//! through. On recorded loads (those of the papers on ARC and LIRS, and of Caffeine's simulator; 65 with their capacities)
//! that is worth 0.7 points of the mean hit ratio, and up to 13 where there are loops; to count three uses rather than one,
//! 0.3 points.
//!
//! The queues hold hashes, not keys, and their lock is held only to move an element: tables are asked, and entries
//! dropped, outside of it. What it deliberately does not know: types of keys and values.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use crate::clock::Nanos;

/// An entry as the queues know it; of no more meaning once the entry has gone or its ticket is another.
///
/// Packed, as there is one for each entry of the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub(crate) struct Candidate {
    pub(crate) hash: u64,
    pub(crate) ticket: Ticket,
    pub(crate) table: u32,
    /// Before then it can be served, as long as nobody invalidates it, or replaces it by one that ends sooner.
    mortal_from: Coarse,
}

/// Tells an entry from earlier ones of the same key, until the numbers begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u32);

impl Ticket {
    /// Three bits are left for the marks of an entry.
    pub(crate) const LAST: u32 = (1 << 29) - 1;

    fn next(self) -> Self {
        Self((self.0 + 1) & Self::LAST)
    }
}

/// A time to about a second (2^30 ns), rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Coarse(u32);

impl Coarse {
    fn new(at: Nanos) -> Self {
        Self(u32::try_from(at >> 30).unwrap_or(u32::MAX))
    }
}

/// The tables of a region.
pub(crate) trait Tables {
    /// Whether the entry is still the one meant.
    fn holds(&self, candidate: Candidate) -> bool;
    /// Drops the entry if it is still the one meant, unless it has uses left, of which one is forgotten, and all of them in
    /// the small queue; whether it had. Calls `gone` as soon as it is out of the table.
    fn evict_unless_used(&self, candidate: Candidate, queue: Queue, gone: &mut dyn FnMut()) -> bool;
}

/// Room for one entry; the entry is told to the queues once it is in its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room(Candidate, Queue);

impl Room {
    /// Tells the entry from earlier ones of the same key.
    pub(crate) fn ticket(&self) -> Ticket {
        self.0.ticket
    }
}

pub(crate) struct Eviction(Mutex<Queues>);

/// Of so many turns of all entries, one looks at each of them, whatever it said of its end: it may have been replaced since.
const FULL_LAP: u32 = 4;

struct Queues {
    capacity: usize,
    /// Entries that have room, in the tables or on their way there.
    live: usize,
    last_ticket: Ticket,
    small: VecDeque<Candidate>,
    main: VecDeque<Candidate>,
    ghosts: Ghosts,
    /// Where the next look begins for whether entries can still be served, and how often all of them had their turn.
    swept: usize,
    laps: u32,
}

/// What the queues want done before there is room.
enum Next {
    /// With the ticket of the entry, and where it goes.
    Room(Ticket, Queue),
    /// The queues hold many elements whose entries are gone: look whether this is one.
    Sweep(Candidate, Queue),
    Judge(Candidate, Queue),
    /// Every entry is being judged by somebody else.
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Small,
    Main,
}

impl Eviction {
    /// At most `capacity` entries; `usize::MAX` is no limit.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Mutex::new(Queues {
            capacity,
            live: 0,
            last_ticket: Ticket(0),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: Ghosts::default(),
            swept: 0,
            laps: 0,
        }))
    }

    pub(crate) fn set_capacity(&self, capacity: usize) {
        let mut queues = self.lock();
        queues.capacity = capacity;
        queues.ghosts = Ghosts::default();
    }

    /// Makes room for one entry, which nothing ends before `mortal_from`; `None` where the region is full of entries that are
    /// just being stored. Calls `evicted` for each entry that went for it.
    pub(crate) fn admit(
        &self,
        (table, hash): (u32, u64),
        mortal_from: Nanos,
        tables: &impl Tables,
        evicted: impl Fn(),
    ) -> Option<Room> {
        let (mut sweeps, mut is_free) = (2, true);
        loop {
            let next = self.lock().next(sweeps > 0, is_free);
            match next {
                Next::Room(ticket, queue) => {
                    let candidate = Candidate { hash, ticket, table, mortal_from: Coarse::new(mortal_from) };
                    return Some(Room(candidate, queue));
                }
                Next::Full => return None,
                Next::Sweep(candidate, queue) => {
                    sweeps -= 1;
                    if tables.holds(candidate) {
                        self.lock().push(candidate, queue);
                    }
                }
                Next::Judge(candidate, queue) => {
                    is_free = false;
                    let is_used = tables.evict_unless_used(candidate, queue, &mut || {
                        self.lock().evicted(candidate, queue);
                        evicted();
                    });
                    if is_used {
                        self.lock().push(candidate, Queue::Main);
                    }
                }
            }
        }
    }

    /// Queues an entry that is in its table now.
    ///
    /// Not earlier: an element whose entry is not there yet would be taken for one whose entry is gone.
    pub(crate) fn enqueue(&self, room: Room) {
        let mut queues = self.lock();
        let queue = if queues.ghosts.take(room.0.hash) { Queue::Main } else { room.1 };
        queues.push(room.0, queue);
    }

    /// The next entries to look at for whether they can still be served, out of `looks`; all of them get their turn.
    pub(crate) fn next_to_sweep(&self, looks: usize, now: Nanos) -> SmallVec<[Candidate; 16]> {
        let mut queues = self.lock();
        let (small, all) = (queues.small.len(), queues.small.len() + queues.main.len());
        let from = queues.swept;
        if from + looks < all {
            queues.swept = from + looks;
        } else {
            queues.swept = if all == 0 { 0 } else { (from + looks) % all };
            queues.laps = queues.laps.wrapping_add(1);
        }
        let all_are_due = queues.laps.is_multiple_of(FULL_LAP);
        let now = Coarse::new(now);
        let places = (from..from + looks.min(all)).map(|at| at % all);
        let candidates = places.map(|at| if at < small { queues.small[at] } else { queues.main[at - small] });
        candidates.filter(|candidate| all_are_due || candidate.mortal_from <= now).collect()
    }

    /// Counts an entry whose room was given back although it never had any.
    pub(crate) fn reclaim(&self) {
        self.lock().live += 1;
    }

    /// Gives back the room of entries that were removed or never came.
    pub(crate) fn release(&self, entries: usize) {
        if entries > 0 {
            let mut queues = self.lock();
            queues.live = queues.live.saturating_sub(entries);
        }
    }

    /// How many entries have room.
    pub(crate) fn live(&self) -> usize {
        self.lock().live
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // No code of a user's runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn next(&mut self, sweep: bool, is_free: bool) -> Next {
        if self.live < self.capacity {
            let crowded = self.small.len() + self.main.len() > 2 * self.live + 64;
            if sweep
                && crowded
                && let Some((candidate, queue)) = self.pop()
            {
                return Next::Sweep(candidate, queue);
            }
            self.live += 1;
            self.last_ticket = self.last_ticket.next();
            let fills_main = is_free && self.live <= self.capacity - self.most_small();
            return Next::Room(self.last_ticket, if fills_main { Queue::Main } else { Queue::Small });
        }
        match self.pop() {
            Some((candidate, queue)) => Next::Judge(candidate, queue),
            None => Next::Full,
        }
    }

    /// How many entries the small queue has before the main one has to make room: a twenty-fifth.
    ///
    /// The paper has a tenth. Less than half of that loses half a point where a working set moves, and gains more where a
    /// loop or a scan is longer than the region (`cargo xtask bench`, hit ratios).
    fn most_small(&self) -> usize {
        self.capacity / 25
    }

    /// The oldest of the small queue while that has more than its part, else of the main one.
    fn pop(&mut self) -> Option<(Candidate, Queue)> {
        let small = |queues: &mut Self| Some((queues.small.pop_front()?, Queue::Small));
        let main = |queues: &mut Self| Some((queues.main.pop_front()?, Queue::Main));
        if self.small.len() > self.most_small() {
            small(self).or_else(|| main(self))
        } else {
            main(self).or_else(|| small(self))
        }
    }

    fn push(&mut self, candidate: Candidate, queue: Queue) {
        match queue {
            Queue::Small => self.small.push_back(candidate),
            Queue::Main => self.main.push_back(candidate),
        }
    }

    fn evicted(&mut self, candidate: Candidate, queue: Queue) {
        self.live = self.live.saturating_sub(1);
        if queue == Queue::Small {
            self.ghosts.add(candidate.hash, self.capacity);
        }
    }
}

/// The hashes of entries that left the small queue, as many as the region has entries.
///
/// One cell per hash, overwritten by the next that falls on it: four bytes an entry and no queue to keep. That some last
/// longer than a queue would keep them is no loss but a gain where a loop is a little longer than the region.
#[derive(Default)]
struct Ghosts(Box<[u32]>);

impl Ghosts {
    fn add(&mut self, hash: u64, capacity: usize) {
        if self.0.is_empty() {
            self.0 = vec![0; capacity.max(1)].into();
        }
        let cell = self.cell(hash);
        self.0[cell] = Self::print(hash);
    }

    /// Whether the hash was remembered; it is not any more.
    fn take(&mut self, hash: u64) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let cell = self.cell(hash);
        let known = self.0[cell] == Self::print(hash);
        if known {
            self.0[cell] = 0;
        }
        known
    }

    fn cell(&self, hash: u64) -> usize {
        // As far into the cells as the lower half is into its numbers.
        let cell = (u128::from(hash & u64::from(u32::MAX)) * self.0.len() as u128) >> 32;
        usize::try_from(cell).expect("it is below the length")
    }

    /// The upper half, never zero, since zero is an empty cell.
    fn print(hash: u64) -> u32 {
        (hash >> 32) as u32 | 1
    }
}
