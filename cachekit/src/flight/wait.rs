//! Waiting for the end of a flight: a thread parks, a task awaits, on one and the same event.

use std::sync::Arc;

use super::sync::lock;
use super::{Flight, FlightKey, Flights, Lead, Outcome, Phase};

/// A caller who waits for another's computation.
pub(crate) struct Follower {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Arc<Flight>,
    /// Whether the flight still counts this follower.
    counted: bool,
}

/// How the wait ended.
pub(crate) enum Ended {
    With(Outcome),
    /// The leader is gone or failed: compute in its place.
    Promoted(Lead),
}

impl Follower {
    pub(super) fn new(flights: &Arc<Flights>, key: &FlightKey, flight: Arc<Flight>) -> Self {
        Self { flights: Arc::clone(flights), key: key.clone(), flight, counted: true }
    }

    /// Parks the thread until the flight ends.
    pub(crate) fn wait(mut self) -> Ended {
        // The real listener waits by a trait of its crate.
        #[allow(unused_imports)]
        use event_listener::Listener as _;

        loop {
            if let Some(ended) = self.look() {
                return ended;
            }
            let listener = self.flight.changed.listen();
            if let Some(ended) = self.look() {
                return ended;
            }
            listener.wait();
        }
    }

    /// Waits for the flight to end.
    pub(crate) async fn wait_async(mut self) -> Ended {
        loop {
            if let Some(ended) = self.look() {
                return ended;
            }
            let listener = self.flight.changed.listen();
            if let Some(ended) = self.look() {
                return ended;
            }
            listener.await;
        }
    }

    fn look(&mut self) -> Option<Ended> {
        let mut state = lock(&self.flight.state);
        let solo = match &state.phase {
            Phase::Computing => return None,
            Phase::Done(outcome) => {
                let outcome = outcome.clone();
                state.followers -= 1;
                self.counted = false;
                return Some(Ended::With(outcome));
            }
            Phase::Vacant => {
                state.phase = Phase::Computing;
                false
            }
            Phase::Solo => {
                state.soloists += 1;
                true
            }
        };
        state.followers -= 1;
        self.counted = false;
        drop(state);
        Some(Ended::Promoted(self.flights.lead(&self.key, Arc::clone(&self.flight), solo)))
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
