//! Waiting for the end of a flight: a thread parks, a task awaits, on one and the same event.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use super::sync::lock;
use super::{ASIDE, Flight, FlightKey, Flights, Lead, Limits, Outcome, Phase};
use crate::clock::{Clock, NEVER, Nanos, nanos};

/// A caller who waits for another's computation.
pub(crate) struct Follower {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Arc<Flight>,
    /// How often leaders had asked the backend when this one joined.
    asked: u64,
    /// Whether the flight still counts this follower.
    counted: bool,
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
    pub(super) fn new(flights: &Arc<Flights>, key: &FlightKey, flight: Arc<Flight>, asked: u64) -> Self {
        Self { flights: Arc::clone(flights), key: key.clone(), flight, asked, counted: true }
    }

    /// Waits for the flight to end.
    pub(crate) async fn wait_async(mut self, patience: &Patience) -> Ended {
        loop {
            let listener = self.flight.changed.listen();
            if let Some(ended) = self.look(patience) {
                return ended;
            }
            self.watch(patience);
            let mut listener = pin!(listener);
            let mut _alarm = None;
            poll_fn(|context| {
                if listener.as_mut().poll(context).is_ready() || patience.now() >= patience.until {
                    return Poll::Ready(());
                }
                if patience.until != NEVER {
                    // Set anew at each poll, since the waker may be another one.
                    _alarm = Some(patience.clock.wake_at(Duration::from_nanos(patience.until), context.waker()));
                }
                Poll::Pending
            })
            .await;
        }
    }

    fn look(&mut self, patience: &Patience) -> Option<Ended> {
        let now = patience.now();
        let mut state = lock(&self.flight.state);
        let next = match &state.phase {
            Phase::Computing if now >= state.until || now >= patience.until => Next::Late,
            Phase::Computing => return None,
            Phase::Vacant | Phase::Queued => Next::Lead,
            Phase::Solo => Next::Aside,
            Phase::Done(Outcome::Value { .. }) if self.asked >= state.told_below => Next::Done(Outcome::Unproven),
            Phase::Done(outcome) => Next::Done(outcome.clone()),
        };
        let mut ended: fn(Lead) -> Ended = Ended::Promoted;
        let number = match next {
            Next::Done(outcome) => {
                state.followers -= 1;
                self.counted = false;
                return Some(Ended::With(outcome));
            }
            Next::Late if self.flights.disown(&mut state, now, &patience.limits) => state.leader,
            Next::Late if now < patience.until => return None,
            Next::Late => {
                ended = Ended::TimedOut;
                state.aside += 1;
                ASIDE
            }
            Next::Lead => {
                state.install(now, &patience.limits);
                state.leader
            }
            Next::Aside => {
                state.aside += 1;
                ASIDE
            }
        };
        state.followers -= 1;
        self.counted = false;
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
            flight.changed.notify(usize::MAX);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if self.counted {
            lock(&self.flight.state).followers -= 1;
            self.flights.forget_idle(&self.key, &self.flight);
        }
    }
}
