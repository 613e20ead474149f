//! The one who computes: what it may store, and how it leaves its flight.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::sync::{Change, lock};
use super::{ASIDE, Flight, FlightKey, Flights, Outcome, Phase, State, reentrance};
use crate::clock::Nanos;
use crate::freshness::Epoch;
use crate::tags::Tagged;

/// The right and the duty to compute: dropped without a word, it passes to a follower.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Arc<Flight>,
    /// Which leader of the flight this is, or was.
    number: u64,
    has_stored: bool,
    /// Who joined after this leader had last asked the backend is not told.
    tells_below: u64,
    /// Handed to the background, where nobody has begun yet.
    is_queued: bool,
    is_over: bool,
}

impl Flights {
    /// The lead of a flight by its number.
    pub(super) fn lead(self: &Arc<Self>, key: &FlightKey, flight: &Arc<Flight>, number: u64) -> Lead {
        let (flights, flight) = (Arc::clone(self), Arc::clone(flight));
        Lead {
            flights,
            key: key.clone(),
            flight,
            number,
            has_stored: false,
            tells_below: u64::MAX,
            is_queued: false,
            is_over: false,
        }
    }
}

impl Lead {
    /// The region's epoch when the flight began.
    pub(crate) fn epoch(&self) -> Epoch {
        self.flight.epoch
    }

    pub(crate) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Leaves the computation to the background: until it has begun, somebody who would wait takes the lead instead.
    pub(crate) fn queue(&mut self) {
        {
            let mut state = lock(&self.flight.state);
            if state.leader == self.number && matches!(state.phase, Phase::Computing) {
                state.phase = Phase::Queued;
                self.is_queued = true;
            }
        }
        // Somebody may wait since another leader was there.
        self.flight.wake_all();
    }

    /// Begins what was queued; false where somebody else computes by now, or nothing that is computed would be stored.
    pub(crate) fn begin(&mut self, now: Nanos, deadline: Nanos) -> bool {
        let (_kept, begun) = self.flights.map.locked(&self.key, |found| {
            let is_attached = found.is_some_and(|found| Arc::ptr_eq(found, &self.flight));
            let mut state = lock(&self.flight.state);
            let begins = is_attached && state.leader == self.number;
            if begins {
                state.phase = Phase::Computing;
                state.until = now.saturating_add(deadline);
            }
            (Change::Keep, begins)
        });
        self.is_queued &= !begun;
        begun
    }

    /// What the backend said of epochs before the flight began.
    pub(crate) fn ground(&self) -> u64 {
        self.flight.ground
    }

    /// What the leaders of this flight share; the first of them makes it.
    pub(crate) fn baggage<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        let mut baggage = lock(&self.flight.baggage);
        let shared = baggage.get_or_insert_with(|| Arc::new(make()));
        Arc::clone(shared).downcast().ok()
    }

    /// Whoever leads next makes baggage of its own; false where others share this one, and nothing changes.
    pub(crate) fn drop_baggage<T: Any + Send + Sync>(&self, shared: &Arc<T>) -> bool {
        let mut baggage = lock(&self.flight.baggage);
        // One is the flight's, and one this leader's.
        let is_shared = Arc::strong_count(shared) > 2;
        let _dropped = if is_shared { None } else { baggage.take() };
        !is_shared
    }

    /// The leader is about to ask the backend for something that it may hand on: who joins from here on is not told.
    pub(crate) fn ask(&mut self) {
        let mut state = lock(&self.flight.state);
        state.asked += 1;
        self.tells_below = state.asked;
    }

    /// The leader waits for somebody in another process, or begins only now: its deadline is counted from here.
    pub(crate) fn hold(&self, now: Nanos, deadline: Nanos) {
        let mut state = lock(&self.flight.state);
        if state.leader == self.number && matches!(state.phase, Phase::Computing) {
            state.until = now.saturating_add(deadline);
        }
    }

    /// Whether somebody waits for the flight.
    pub(crate) fn is_waited_for(&self) -> bool {
        lock(&self.flight.state).followers > 0
    }

    /// Whether nothing has overtaken the computation so far.
    pub(crate) fn is_attached(&self) -> bool {
        let is_this = |found: Option<&Arc<Flight>>| found.is_some_and(|found| Arc::ptr_eq(found, &self.flight));
        self.flights.map.locked(&self.key, |found| (Change::Keep, is_this(found))).1
    }

    /// Reads the tags of the value before it is computed, at a moment when nobody joins.
    pub(crate) fn tag(&self, read: impl FnOnce() -> Tagged) -> Tagged {
        let mut state = lock(&self.flight.state);
        let tags = read();
        if state.leader == self.number {
            state.tags = tags.clone();
        }
        tags
    }

    /// Stores by `store` if nothing has overtaken the computation, and then leaves the map.
    ///
    /// `store` says whether it did; it must not run code of a user's.
    pub(crate) fn commit(&mut self, store: impl FnOnce() -> bool) -> Commit {
        let (_left, commit) = self.flights.map.locked(&self.key, |found| {
            if !found.is_some_and(|found| Arc::ptr_eq(found, &self.flight)) {
                (Change::Keep, Commit::Overtaken)
            } else if store() {
                (Change::Remove, Commit::Stored)
            } else {
                (Change::Keep, Commit::Declined)
            }
        });
        self.has_stored |= commit == Commit::Stored;
        commit
    }

    /// Runs `note` if nothing has overtaken the computation and this is still the leader.
    ///
    /// `note` must not run code of a user's.
    pub(crate) fn note(&self, note: impl FnOnce()) {
        let (_kept, ()) = self.flights.map.locked(&self.key, |found| {
            if found.is_some_and(|found| Arc::ptr_eq(found, &self.flight)) && !self.is_aside() {
                note();
            }
            (Change::Keep, ())
        });
    }

    /// Something in another process has overtaken the flight: whoever still computes for it stores nothing.
    pub(crate) fn overtaken(&mut self) {
        self.flights.forget_if(&self.key, &self.flight, || true);
        self.finish(|| Outcome::Unproven);
    }

    /// Gives what was computed to everyone who waits; `outcome` is asked only if somebody does.
    ///
    /// Who is aside speaks for the flight only where the value was stored.
    pub(crate) fn finish(&mut self, outcome: impl FnOnce() -> Outcome) {
        if !self.has_stored {
            let mut leads = false;
            self.flights.forget_if(&self.key, &self.flight, || {
                leads = !self.is_aside();
                leads
            });
            if !leads {
                return;
            }
        }
        // Nobody joins any more, so zero stays zero.
        let waited_for = lock(&self.flight.state).followers > 0;
        let mut phase = waited_for.then(|| Phase::Done(self.told(outcome)));
        let tells_below = self.tells_below;
        self.step_down(|state, _| {
            if let Some(phase) = &mut phase {
                std::mem::swap(&mut state.phase, phase);
                state.told_below = tells_below;
            }
        });
        if waited_for {
            self.flight.wake_all();
        }
    }

    /// What those who wait are told: a clone that panics is known to whoever caused it, and to them too where nobody else
    /// would tell them anything.
    fn told(&self, outcome: impl FnOnce() -> Outcome) -> Outcome {
        let told = reentrance::caught(outcome);
        told.unwrap_or_else(|payload| {
            if self.is_aside() {
                let panicked = Outcome::Panicked(reentrance::message(&payload).into());
                let _old = std::mem::replace(&mut lock(&self.flight.state).phase, Phase::Done(panicked));
                self.flight.wake_all();
            }
            resume_unwind(payload)
        })
    }

    /// The computation failed and its error cannot be shared: one follower tries, and when that fails too, all of them
    /// try at once rather than one after the other.
    pub(crate) fn fail_alone(&mut self) {
        self.hand_over(|state| {
            state.failures += 1;
            state.phase = if state.failures == 1 { Phase::Vacant } else { Phase::Solo };
        });
    }

    /// The computation panicked: one follower tries, and when that panics too, so does everyone.
    pub(crate) fn panicked(&mut self, message: &str) {
        self.hand_over(|state| {
            state.panics += 1;
            let again = state.panics > 1;
            state.phase = if again { Phase::Done(Outcome::Panicked(message.into())) } else { Phase::Vacant };
        });
    }

    /// Leaves the flight to those who wait, in a state that only the leader changes.
    fn hand_over(&mut self, change: impl FnOnce(&mut State)) {
        if self.is_over {
            return;
        }
        self.step_down(|state, leads| {
            // What was delivered stays.
            if leads && !matches!(state.phase, Phase::Done(_)) {
                change(state);
            }
        });
        // Everyone is told, and the first who comes takes over: a single one might be a future that nobody polls just now.
        self.flight.wake_all();
        self.flights.forget_idle(&self.key, &self.flight);
    }

    /// Ends this caller's part, once; `change` learns whether it still led.
    fn step_down(&mut self, change: impl FnOnce(&mut State, bool)) {
        self.is_over = true;
        let mut state = lock(&self.flight.state);
        let leads = state.leader == self.number;
        change(&mut state, leads);
        // Nobody was disowned who had not begun.
        if !leads && !self.is_queued {
            state.aside -= 1;
            if self.number != ASIDE {
                self.flights.disowned_now.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Whether somebody else leads by now, or did all the time.
    pub(crate) fn is_aside(&self) -> bool {
        lock(&self.flight.state).leader != self.number
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.hand_over(|state| state.phase = Phase::Vacant);
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
