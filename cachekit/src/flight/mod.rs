//! One computation per key.
//!
//! A flight is the record of a running computation: its leader computes, its followers wait.
//! Flights are kept per key in a concurrent map of the region, for as long as somebody needs them.
//! A flight that is no longer in the map is detached: an invalidation, a set or a refresh has overtaken it. Its
//! followers, who came before, still get its value, but the value is not stored, and later callers start anew. Being in
//! the map is thus the fence that a store depends on.
//!
//! A leader holds the others up until its deadline. Then it is disowned: whoever comes next leads, and the old leader
//! goes on aside, as do callers who have waited long enough. What somebody aside computes is stored if nothing newer has
//! happened, and ends the flight if it is.
//!
//! Threads and tasks share this state machine; only the waiting differs (`wait`).
//! What it deliberately does not know: types of values, tables, backends.

mod lead;
pub(crate) mod looks;
#[cfg(test)]
pub(crate) mod model;
pub(crate) mod reentrance;
mod sync;
pub(crate) mod wait;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub(crate) use self::lead::{Commit, Lead};
pub(crate) use self::sync::block_on;
use self::sync::{Change, Map, Mutex, lock};
use self::wait::Waiting;
pub(crate) use self::wait::{Ended, Follower, Patience};
use crate::clock::{Alarm, Nanos};
use crate::fetched::Source;
use crate::freshness::{Epoch, Stamp};
use crate::key::Arguments;
use crate::tags::Tagged;

/// A key within a region: the table and the key's bytes.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    pub(crate) table: u32,
    /// Which session the caller is in, where the backend keeps values per session; else 0.
    pub(crate) session: u64,
    pub(crate) arguments: Arguments,
}

impl Clone for FlightKey {
    fn clone(&self) -> Self {
        // As a whole: the bytes of a `SmallVec` are cloned one by one.
        Self { arguments: Arguments::from_slice(&self.arguments), ..*self }
    }
}

/// A value or an error on its way to several callers.
pub(crate) use crate::values::Shared;

/// What the followers of a flight get.
#[derive(Clone)]
pub(crate) enum Outcome {
    /// What the leader computed, or what it found instead of that: with the error that the old value covers, if that
    /// can be shared.
    Value {
        value: Shared,
        source: Source,
        stamp: Option<Stamp>,
        covered: Option<Shared>,
    },
    Error(Shared),
    Panicked(Arc<str>),
    /// What the leader has may have been invalidated, in another process, before a follower came: look again.
    Unproven,
}

/// The running computations of a region.
pub(crate) struct Flights {
    map: Map<FlightKey, Arc<Flight>>,
    /// Leaders past their deadline that still compute.
    disowned_now: AtomicUsize,
    /// Leaders that were disowned so far.
    disowned: AtomicU64,
}

pub(crate) struct Flight {
    state: Mutex<State>,
    /// The region's epoch when the computation began; a caller who sees another does not join.
    epoch: Epoch,
    /// What the backend said of epochs before the computation began, as a number; 0 without a backend. A caller to whom it
    /// said something else does not join; one to whom it said nothing waits, and takes no result but of those to whom it
    /// said nothing either.
    ground: u64,
    /// What the leaders of the flight share, one after the other; it is dropped with the flight.
    baggage: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    /// Rings when the leader's deadline has come, while somebody waits; with the number of the watch.
    alarm: Mutex<Option<(u64, Alarm)>>,
}

impl Flight {
    /// Whether a caller to whom the backend said this may join.
    fn stands_on(&self, ground: u64) -> bool {
        ground == 0 || self.ground == ground
    }
}

struct State {
    phase: Phase,
    /// The number of the last who took the lead; those before were disowned, or are gone.
    leader: u64,
    /// Until when the leader holds the others up.
    until: Nanos,
    /// The tags of the value that the leader computes; a caller who sees them invalidated does not join.
    tags: Tagged,
    /// How often leaders have asked the backend for something that they may hand on.
    asked: u64,
    /// Who joined when they had asked so often, or more often, came too late for the value.
    told_below: u64,
    /// Callers who wait.
    followers: usize,
    /// Whom to wake of them at a change.
    waiting: Waiting,
    /// Callers who compute without the lead: disowned, impatient, or after two failures that could not be shared.
    aside: usize,
    panics: u8,
    failures: u8,
    /// Whether an alarm is set for the deadline.
    is_watched: bool,
    /// How often an alarm was set.
    watches: u64,
}

enum Phase {
    /// A leader computes.
    Computing,
    /// A leader will, in the background.
    Queued,
    /// The leader is gone; the first who notices takes over.
    Vacant,
    /// Everyone computes for themselves.
    Solo,
    Done(Outcome),
}

/// A caller, as far as an election needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The region's epoch when the caller looked for a value.
    pub(crate) epoch: Epoch,
    /// What the backend said of epochs when the caller asked it; 0 without a backend, or where it did not answer.
    pub(crate) ground: u64,
    pub(crate) now: Nanos,
    pub(crate) limits: Limits,
    /// Whether the caller has nothing better to do than to wait.
    pub(crate) waits: bool,
    /// Whether the caller computes rather than leave it to a renewal that has not begun.
    pub(crate) takes_queued: bool,
}

/// How long a leader may hold the others up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Nanos,
    /// How many leaders of the region may be past their deadline before that is no reason any more to start another.
    pub(crate) most_disowned: usize,
}

/// What a caller is to do.
pub(crate) enum Turn {
    /// Compute; nobody else does.
    Lead(Lead),
    /// Wait for the one who computes.
    Follow(Follower),
    /// Somebody computes, and the caller said that it would not wait.
    Busy,
    /// A fresh value has appeared meanwhile, or an error that stands for one.
    Settled,
    /// The caller itself computes this key, further up its stack.
    Reentrant,
    /// The caller itself is storing this key, further up its stack, and a clone or a drop of a value has asked for it:
    /// compute without the cache.
    Alone,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self { map: Map::new(), disowned_now: AtomicUsize::new(0), disowned: AtomicU64::new(0) }
    }

    /// Elects the caller leader, or says whom to wait for.
    ///
    /// `look` says once more whether there is something to serve, at a moment when no leader can be between storing and
    /// leaving, and what the epoch is; where that is not the caller's any more, the caller judged too early.
    pub(crate) fn elect(
        self: &Arc<Self>,
        key: &FlightKey,
        caller: &Arrival,
        look: impl FnOnce() -> (bool, Epoch),
    ) -> Turn {
        let (_overtaken, turn) = self.map.locked(key, |flight| {
            let (is_settled, now) = look();
            if is_settled || now != caller.epoch {
                return (Change::Keep, Turn::Settled);
            }
            // A flight of another epoch was overtaken by an invalidation of the region.
            let is_same = |flight: &Flight| flight.epoch == caller.epoch && flight.stands_on(caller.ground);
            let running = flight.filter(|flight| is_same(flight));
            if let Some(turn) = running.and_then(|flight| self.join(key, flight, caller)) {
                return (Change::Keep, turn);
            }
            self.start(key, caller.epoch, caller.ground, caller.now.saturating_add(caller.limits.deadline))
        });
        turn
    }

    /// What a caller does about a running flight; `None` where it is to start a new one.
    fn join(self: &Arc<Self>, key: &FlightKey, flight: &Arc<Flight>, caller: &Arrival) -> Option<Turn> {
        if reentrance::computes(flight) {
            return Some(Turn::Reentrant);
        }
        let mut state = lock(&flight.state);
        match state.phase {
            Phase::Computing => {}
            // What has not begun is not waited for.
            Phase::Queued if !caller.takes_queued && caller.now < state.until => return Some(Turn::Busy),
            Phase::Vacant | Phase::Queued => {
                state.install(caller.now, &caller.limits);
                return Some(Turn::Lead(self.lead(key, flight, state.leader)));
            }
            // Those aside store nothing once somebody starts anew.
            Phase::Solo | Phase::Done(_) => return None,
        }
        if reentrance::stores(flight) {
            Some(Turn::Alone)
        } else if !state.tags.stand() {
            // The value was invalidated while it was computed.
            None
        } else if self.disown(&mut state, caller.now, &caller.limits) {
            Some(Turn::Lead(self.lead(key, flight, state.leader)))
        } else if caller.waits {
            state.followers += 1;
            Some(Turn::Follow(Follower::new(self, key, Arc::clone(flight), state.asked)))
        } else {
            Some(Turn::Busy)
        }
    }

    /// Starts a computation whatever else runs, and detaches what runs; unless the caller itself computes the key.
    pub(crate) fn begin(
        self: &Arc<Self>,
        key: &FlightKey,
        until: Nanos,
        ground: u64,
        epoch: impl FnOnce() -> Epoch,
    ) -> Turn {
        let (_overtaken, turn) = self.map.locked(key, |running| {
            if running.is_some_and(reentrance::computes) {
                return (Change::Keep, Turn::Reentrant);
            }
            self.start(key, epoch(), ground, until)
        });
        turn
    }

    fn start(
        self: &Arc<Self>,
        key: &FlightKey,
        epoch: Epoch,
        ground: u64,
        until: Nanos,
    ) -> (Change<Arc<Flight>>, Turn) {
        let flight = Arc::new(Flight::new(epoch, ground, until));
        let lead = self.lead(key, &flight, FIRST);
        (Change::Insert(flight), Turn::Lead(lead))
    }

    /// Takes the lead from a leader past its deadline, for the caller; false where it may go on.
    fn disown(&self, state: &mut State, now: Nanos, limits: &Limits) -> bool {
        if now < state.until {
            return false;
        }
        let below = |disowned: usize| (disowned < limits.most_disowned).then_some(disowned + 1);
        if self.disowned_now.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).is_err() {
            // To start another one would only add to the load: whoever waits asks again after a while.
            state.until = now.saturating_add(limits.deadline / 10).saturating_add(1);
            return false;
        }
        self.disowned.fetch_add(1, Ordering::Relaxed);
        state.aside += 1;
        state.install(now, limits);
        true
    }

    /// Detaches a running computation and runs `change` before anyone can start another.
    ///
    /// `change` must not run code of a user's.
    pub(crate) fn overtake<R>(&self, key: &FlightKey, change: impl FnOnce() -> R) -> R {
        let (_overtaken, result) = self.map.locked(key, |_| (Change::Remove, change()));
        result
    }

    /// Whether somebody computes the key, or is about to in the background.
    pub(crate) fn is_computing(&self, key: &FlightKey) -> bool {
        let computes = |flight: &Arc<Flight>| {
            let state = lock(&flight.state);
            state.aside > 0 || matches!(state.phase, Phase::Computing | Phase::Queued)
        };
        self.map.locked(key, |flight| (Change::Keep, flight.is_some_and(computes))).1
    }

    /// How many leaders were disowned so far.
    pub(crate) fn disowned(&self) -> u64 {
        self.disowned.load(Ordering::Relaxed)
    }

    /// Whether there is a flight of the key, whatever its state.
    #[cfg(test)]
    pub(crate) fn knows(&self, key: &FlightKey) -> bool {
        self.map.locked(key, |flight| (Change::Keep, flight.is_some())).1
    }

    /// How many leaders past their deadline still compute.
    #[cfg(test)]
    pub(crate) fn disowned_now(&self) -> usize {
        self.disowned_now.load(Ordering::Acquire)
    }

    /// How many callers wait for the key.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn followers(&self, key: &FlightKey) -> usize {
        let (_, followers) =
            self.map.locked(key, |flight| (Change::Keep, flight.map_or(0, |flight| lock(&flight.state).followers)));
        followers
    }

    /// Forgets a flight that nobody needs.
    fn forget_idle(&self, key: &FlightKey, flight: &Arc<Flight>) {
        self.forget_if(key, flight, || lock(&flight.state).is_idle());
    }

    fn forget_if(&self, key: &FlightKey, flight: &Arc<Flight>, unneeded: impl FnOnce() -> bool) {
        let (_forgotten, ()) = self.map.locked(key, |found| {
            let same = found.is_some_and(|found| Arc::ptr_eq(found, flight));
            (if unneeded() && same { Change::Remove } else { Change::Keep }, ())
        });
    }
}

/// The number of a flight's first leader.
const FIRST: u64 = 1;

/// The number of those who never had the lead.
const ASIDE: u64 = 0;

impl Flight {
    fn new(epoch: Epoch, ground: u64, until: Nanos) -> Self {
        let state = State {
            phase: Phase::Computing,
            leader: FIRST,
            until,
            tags: Tagged::none(),
            asked: 0,
            told_below: u64::MAX,
            followers: 0,
            waiting: Waiting::default(),
            aside: 0,
            panics: 0,
            failures: 0,
            is_watched: false,
            watches: 0,
        };
        let (baggage, alarm) = (Mutex::new(None), Mutex::new(None));
        Self { state: Mutex::new(state), epoch, ground, baggage, alarm }
    }
}

impl State {
    /// Somebody new takes the lead.
    fn install(&mut self, now: Nanos, limits: &Limits) {
        self.phase = Phase::Computing;
        self.leader += 1;
        self.until = now.saturating_add(limits.deadline);
        self.tags = Tagged::none();
    }

    /// Nobody computes and nobody waits.
    fn is_idle(&self) -> bool {
        match self.phase {
            Phase::Computing | Phase::Queued => false,
            Phase::Vacant | Phase::Solo => self.followers == 0 && self.aside == 0,
            Phase::Done(_) => true,
        }
    }
}
