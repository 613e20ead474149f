//! One computation per key.
//!
//! A flight is the record of a running computation: its leader computes, its followers wait.
//! Flights are kept per key in a concurrent map of the region, for as long as somebody needs them.
//! A flight that is no longer in the map is detached: an invalidation, a set or a refresh has overtaken it. Its
//! followers, who came before, still get its value, but the value is not stored, and later callers start anew. Being in
//! the map is thus the fence that a store depends on.
//!
//! Threads and tasks share this state machine; only the waiting differs (`wait`).
//! What it deliberately does not know: types of values, tables, backends, clocks.

#[cfg(test)]
mod model;
pub(crate) mod reentrance;
mod sync;
pub(crate) mod wait;

use std::any::Any;
use std::sync::Arc;

use self::sync::{Change, Event, Map, Mutex, lock};
pub(crate) use self::wait::{Ended, Follower};
use crate::freshness::Epoch;
use crate::key::Arguments;

/// A key within a region: the table and the key's bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    pub(crate) table: u32,
    pub(crate) arguments: Arguments,
}

/// A value or an error on its way to several callers.
pub(crate) type Shared = Arc<dyn Any + Send + Sync>;

/// What the followers of a flight get.
#[derive(Clone)]
pub(crate) enum Outcome {
    Value(Shared),
    Error(Shared),
    Panicked(Arc<str>),
}

/// The running computations of a region.
pub(crate) struct Flights {
    map: Map<FlightKey, Arc<Flight>>,
}

pub(crate) struct Flight {
    state: Mutex<State>,
    /// Told of every change that a follower waits for.
    changed: Event,
    /// The region's epoch when the computation began; a caller who sees another does not join.
    epoch: Epoch,
}

struct State {
    phase: Phase,
    /// Callers who wait.
    followers: usize,
    /// Callers who compute side by side after two failures that could not be shared.
    soloists: usize,
    panics: u8,
    failures: u8,
}

enum Phase {
    /// A leader computes.
    Computing,
    /// The leader is gone; the first who notices takes over.
    Vacant,
    /// Everyone computes for themselves.
    Solo,
    Done(Outcome),
}

/// What a caller is to do.
pub(crate) enum Turn {
    /// Compute; nobody else does.
    Lead(Lead),
    /// Wait for the one who computes.
    Follow(Follower),
    /// Somebody computes, and the caller said that it would not wait.
    Busy,
    /// A fresh value has appeared meanwhile.
    Settled,
    /// The caller itself computes this key, further up its stack.
    Reentrant,
    /// The caller itself is storing this key, further up its stack, and a clone or a drop of a value has asked for it:
    /// compute without the cache.
    Alone,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self { map: Map::new() }
    }

    /// Elects the caller leader, or says whom to wait for.
    ///
    /// `look` says once more whether there is a fresh value, at a moment when no leader can be between storing and
    /// leaving, and what the epoch is; where that is not `epoch` any more, the caller judged too early.
    pub(crate) fn elect(
        self: &Arc<Self>,
        key: &FlightKey,
        epoch: Epoch,
        waits: bool,
        look: impl FnOnce() -> (bool, Epoch),
    ) -> Turn {
        let (_overtaken, turn) = self.map.locked(key, |flight| {
            let (fresh, now) = look();
            if fresh || now != epoch {
                return (Change::Keep, Turn::Settled);
            }
            // A flight of another epoch was overtaken by an invalidation of the region.
            let joined = flight.filter(|flight| flight.epoch == epoch).and_then(|flight| self.join(key, flight, waits));
            if let Some(turn) = joined {
                return (Change::Keep, turn);
            }
            let flight = Arc::new(Flight::new(epoch));
            (Change::Insert(Arc::clone(&flight)), Turn::Lead(self.lead(key, flight, false)))
        });
        turn
    }

    /// What a caller does about a running flight; `None` where it is to start a new one.
    fn join(self: &Arc<Self>, key: &FlightKey, flight: &Arc<Flight>, waits: bool) -> Option<Turn> {
        let mut state = lock(&flight.state);
        match state.phase {
            Phase::Computing if reentrance::computes(flight) => Some(Turn::Reentrant),
            Phase::Computing if reentrance::stores(flight) => Some(Turn::Alone),
            Phase::Computing if waits => {
                state.followers += 1;
                Some(Turn::Follow(Follower::new(self, key, Arc::clone(flight))))
            }
            Phase::Computing => Some(Turn::Busy),
            Phase::Vacant => {
                state.phase = Phase::Computing;
                Some(Turn::Lead(self.lead(key, Arc::clone(flight), false)))
            }
            // The soloists store nothing once somebody starts anew.
            Phase::Solo | Phase::Done(_) => None,
        }
    }

    /// Starts a computation whatever else runs, and detaches what runs; unless the caller itself computes the key.
    pub(crate) fn begin(self: &Arc<Self>, key: &FlightKey, epoch: impl FnOnce() -> Epoch) -> Turn {
        let (_overtaken, turn) = self.map.locked(key, |running| {
            if running.is_some_and(reentrance::computes) {
                return (Change::Keep, Turn::Reentrant);
            }
            let flight = Arc::new(Flight::new(epoch()));
            (Change::Insert(Arc::clone(&flight)), Turn::Lead(self.lead(key, flight, false)))
        });
        turn
    }

    /// Detaches a running computation and runs `change` before anyone can start another.
    ///
    /// `change` must not run code of a user's.
    pub(crate) fn overtake<R>(&self, key: &FlightKey, change: impl FnOnce() -> R) -> R {
        let (_overtaken, result) = self.map.locked(key, |_| (Change::Remove, change()));
        result
    }

    /// Whether somebody computes the key.
    pub(crate) fn is_computing(&self, key: &FlightKey) -> bool {
        self.map.contains(key)
    }

    /// How many callers wait for the key.
    #[cfg(feature = "testing")]
    pub(crate) fn followers(&self, key: &FlightKey) -> usize {
        let (_, followers) =
            self.map.locked(key, |flight| (Change::Keep, flight.map_or(0, |flight| lock(&flight.state).followers)));
        followers
    }

    fn lead(self: &Arc<Self>, key: &FlightKey, flight: Arc<Flight>, solo: bool) -> Lead {
        Lead { flights: Arc::clone(self), key: key.clone(), flight, solo, finished: false }
    }

    /// Forgets a flight that nobody needs.
    fn forget_idle(&self, key: &FlightKey, flight: &Arc<Flight>) {
        self.forget_if(key, flight, || lock(&flight.state).is_idle());
    }

    fn forget(&self, key: &FlightKey, flight: &Arc<Flight>) {
        self.forget_if(key, flight, || true);
    }

    fn forget_if(&self, key: &FlightKey, flight: &Arc<Flight>, unneeded: impl FnOnce() -> bool) {
        let (_forgotten, ()) = self.map.locked(key, |found| {
            let same = found.is_some_and(|found| Arc::ptr_eq(found, flight));
            (if same && unneeded() { Change::Remove } else { Change::Keep }, ())
        });
    }
}

impl Flight {
    fn new(epoch: Epoch) -> Self {
        Self {
            state: Mutex::new(State { phase: Phase::Computing, followers: 0, soloists: 0, panics: 0, failures: 0 }),
            changed: Event::new(),
            epoch,
        }
    }
}

impl State {
    /// Nobody computes and nobody waits.
    fn is_idle(&self) -> bool {
        match self.phase {
            Phase::Computing => false,
            Phase::Vacant => self.followers == 0,
            Phase::Solo => self.followers == 0 && self.soloists == 0,
            Phase::Done(_) => true,
        }
    }
}

/// The right and the duty to compute: dropped without a word, it passes to a follower.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Arc<Flight>,
    /// One of several who compute side by side.
    solo: bool,
    finished: bool,
}

impl Lead {
    /// The region's epoch when the flight began.
    pub(crate) fn epoch(&self) -> Epoch {
        self.flight.epoch
    }

    pub(crate) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Stores by `store` if nothing has overtaken the computation, and then leaves the map.
    ///
    /// `store` says whether it did; it must not run code of a user's.
    pub(crate) fn commit(&self, store: impl FnOnce() -> bool) -> Commit {
        let (_left, commit) = self.flights.map.locked(&self.key, |found| {
            if !found.is_some_and(|found| Arc::ptr_eq(found, &self.flight)) {
                (Change::Keep, Commit::Overtaken)
            } else if store() {
                (Change::Remove, Commit::Stored)
            } else {
                (Change::Keep, Commit::Declined)
            }
        });
        commit
    }

    /// Gives what was computed to everyone who waits; `outcome` is asked only if somebody does.
    pub(crate) fn finish(mut self, outcome: impl FnOnce() -> Outcome) {
        self.flights.forget(&self.key, &self.flight);
        // Nobody joins any more, so zero stays zero.
        if self.solo {
            return;
        }
        if lock(&self.flight.state).followers > 0 {
            self.end(outcome());
        }
        self.finished = true;
    }

    /// The computation failed and its error cannot be shared: one follower tries, and when that fails too, all of them
    /// try at once rather than one after the other.
    pub(crate) fn fail_alone(mut self) {
        if self.solo {
            return;
        }
        self.finished = true;
        let mut state = lock(&self.flight.state);
        state.failures += 1;
        state.phase = if state.failures == 1 { Phase::Vacant } else { Phase::Solo };
        drop(state);
        self.flight.changed.notify(usize::MAX);
        self.flights.forget_idle(&self.key, &self.flight);
    }

    /// The computation panicked: one follower tries, and when that panics too, so does everyone.
    pub(crate) fn panicked(mut self, message: &str) {
        if self.solo {
            return;
        }
        let again = {
            let mut state = lock(&self.flight.state);
            state.panics += 1;
            state.panics > 1
        };
        if again {
            self.flights.forget(&self.key, &self.flight);
            self.end(Outcome::Panicked(message.into()));
        }
        // Otherwise the drop hands over.
    }

    fn end(&mut self, outcome: Outcome) {
        self.finished = true;
        lock(&self.flight.state).phase = Phase::Done(outcome);
        self.flight.changed.notify(usize::MAX);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        {
            let mut state = lock(&self.flight.state);
            if self.solo {
                state.soloists -= 1;
            } else {
                state.phase = Phase::Vacant;
            }
        }
        // Everyone is told, and the first who comes takes over: a single one might be a future that nobody polls just now.
        self.flight.changed.notify(usize::MAX);
        self.flights.forget_idle(&self.key, &self.flight);
    }
}

/// What became of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    Stored,
    /// The table did not take it; the flight is still in the map.
    Declined,
    /// An invalidation, a set or a refresh came first.
    Overtaken,
}
