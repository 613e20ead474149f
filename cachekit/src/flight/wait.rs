//! Waiting for the end of a flight: a thread parks, a task awaits, and both look when they are woken.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use slab::Slab;

use super::sync::lock;
use super::{ASIDE, Flight, FlightKey, Flights, Lead, Limits, Outcome, Phase, State};
use crate::clock::{Clock, NEVER, Nanos, nanos};

/// A caller who waits for another's computation.
pub(crate) struct Follower {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Arc<Flight>,
    /// How often leaders had asked the backend when this one joined.
    asked: u64,
    seat: Seat,
}

/// What a flight knows of a follower.
struct Seat {
    /// Whether it still counts this one.
    counted: bool,
    place: Option<Place>,
}

/// Whom to wake when a flight changes.
///
/// They are kept with the state and woken where no lock is held: whoever is woken finds the lock free.
#[derive(Default)]
pub(super) struct Waiting {
    wakers: Slab<Waker>,
    /// How often all of them were taken out.
    round: u64,
}

/// Where a follower's waker is, if it has not been taken out since.
struct Place {
    round: u64,
    at: usize,
}

impl Seat {
    /// Waits no more; gives a waker to be dropped where no lock is held.
    fn leave(&mut self, state: &mut State) -> Option<Waker> {
        state.followers -= 1;
        self.counted = false;
        state.waiting.leave(self.place.take())
    }
}

impl Waiting {
    /// Notes a waker, in place of the follower's last one, which is given back.
    fn enter(&mut self, place: &mut Option<Place>, waker: Waker) -> Option<Waker> {
        let known = place.as_ref().filter(|place| place.round == self.round);
        if let Some(known) = known.and_then(|place| self.wakers.get_mut(place.at)) {
            return Some(std::mem::replace(known, waker));
        }
        *place = Some(Place { round: self.round, at: self.wakers.insert(waker) });
        None
    }

    fn leave(&mut self, place: Option<Place>) -> Option<Waker> {
        let place = place.filter(|place| place.round == self.round)?;
        self.wakers.try_remove(place.at)
    }

    fn take(&mut self) -> Slab<Waker> {
        self.round += 1;
        std::mem::take(&mut self.wakers)
    }
}

impl Flight {
    /// Has everyone who waits look again.
    pub(super) fn wake_all(&self) {
        let waiting = lock(&self.state).waiting.take();
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// How long a follower waits.
pub(crate) struct Patience {
    pub(crate) clock: Arc<dyn Clock>,
    /// When this one has waited long enough.
    pub(crate) until: Nanos,
    pub(crate) limits: Limits,
}

impl Patience {
    fn now(&self) -> Nanos {
        nanos(self.clock.now())
    }
}

/// How the wait ended.
pub(crate) enum Ended {
    With(Outcome),
    /// The leader is gone, failed, or past its deadline: compute in its place.
    Promoted(Lead),
    /// This caller has waited long enough: take what there is, or compute aside.
    TimedOut(Lead),
}

impl Follower {
    /// Whether the backend has said something of epochs before the computation began.
    pub(crate) fn has_ground(&self) -> bool {
        self.flight.ground != 0
    }

    pub(super) fn new(flights: &Arc<Flights>, key: &FlightKey, flight: Arc<Flight>, asked: u64) -> Self {
        Self {
            flights: Arc::clone(flights),
            key: key.clone(),
            flight,
            asked,
            seat: Seat { counted: true, place: None },
        }
    }

    /// Waits for the flight to end.
    pub(crate) async fn wait_async(mut self, patience: &Patience) -> Ended {
        let mut _alarm = None;
        poll_fn(|context| {
            if let Some(ended) = self.look(patience, None) {
                return Poll::Ready(ended);
            }
            // Cloned where no lock is held, so it may have changed since.
            if let Some(ended) = self.look(patience, Some(context.waker().clone())) {
                return Poll::Ready(ended);
            }
            self.watch(patience);
            if patience.until != NEVER {
                // Set anew at each poll, since the waker may be another one.
                _alarm = Some(patience.clock.wake_at(Duration::from_nanos(patience.until), context.waker()));
            }
            Poll::Pending
        })
        .await
    }

    /// How the wait ends, if it does now; otherwise this waker is told of the next change.
    fn look(&mut self, patience: &Patience, waker: Option<Waker>) -> Option<Ended> {
        let now = patience.now();
        let mut _old = None;
        let mut state = lock(&self.flight.state);
        let next = match &state.phase {
            Phase::Computing if now >= state.until || now >= patience.until => Some(Next::Late),
            Phase::Computing => None,
            Phase::Vacant | Phase::Queued => Some(Next::Lead),
            Phase::Solo => Some(Next::Aside),
            Phase::Done(Outcome::Value { .. }) if self.asked >= state.told_below => Some(Next::Done(Outcome::Unproven)),
            Phase::Done(outcome) => Some(Next::Done(outcome.clone())),
        };
        let mut ended: fn(Lead) -> Ended = Ended::Promoted;
        let number = match next {
            Some(Next::Done(outcome)) => {
                _old = self.seat.leave(&mut state);
                return Some(Ended::With(outcome));
            }
            Some(Next::Late) if self.flights.disown(&mut state, now, &patience.limits) => state.leader,
            Some(Next::Late) if now >= patience.until => {
                ended = Ended::TimedOut;
                state.aside += 1;
                ASIDE
            }
            Some(Next::Late) | None => {
                _old = waker.and_then(|waker| state.waiting.enter(&mut self.seat.place, waker));
                return None;
            }
            Some(Next::Lead) => {
                state.install(now, &patience.limits);
                state.leader
            }
            Some(Next::Aside) => {
                state.aside += 1;
                ASIDE
            }
        };
        _old = self.seat.leave(&mut state);
        drop(state);
        Some(ended(self.flights.lead(&self.key, &self.flight, number)))
    }

    /// Sees to it that those who wait look again when the leader's deadline has come: one alarm for all of them.
    fn watch(&self, patience: &Patience) {
        let (number, until) = {
            let mut state = lock(&self.flight.state);
            if state.is_watched || state.until == NEVER {
                return;
            }
            state.is_watched = true;
            state.watches += 1;
            (state.watches, state.until)
        };
        let waker = Waker::from(Arc::new(Bell(Arc::downgrade(&self.flight))));
        let alarm = patience.clock.wake_at(Duration::from_nanos(until), &waker);
        let mut slot = lock(&self.flight.alarm);
        // It may have rung already, and the next one may be set.
        let is_latest = slot.as_ref().is_none_or(|(latest, _)| *latest < number);
        let _old = if is_latest { slot.replace((number, alarm)) } else { Some((number, alarm)) };
        drop(slot);
    }
}

/// What a follower does when it looks at its flight.
enum Next {
    /// The leader is past its deadline, or this one's patience has ended.
    Late,
    Lead,
    Aside,
    Done(Outcome),
}

/// Wakes everyone who waits for a flight.
struct Bell(Weak<Flight>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(flight) = self.0.upgrade() {
            lock(&flight.state).is_watched = false;
            flight.wake_all();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if self.seat.counted {
            let _waker = self.seat.leave(&mut lock(&self.flight.state));
            self.flights.forget_idle(&self.key, &self.flight);
        }
    }
}
