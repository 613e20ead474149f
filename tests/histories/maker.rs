//! A caller: it makes values, each unlike all others, and writes down what happens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::event::{Event, Nanos, Tags, Value, What, now};

#[derive(Debug)]
pub(crate) struct Maker {
    node: u8,
    /// The last value that was made.
    last: AtomicU64,
    /// How long computations take at most.
    hold: Nanos,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    events: Vec<Event>,
}

impl Maker {
    pub(crate) fn new(node: u8, caller: u8, seed: u64, hold: Nanos) -> Self {
        let place = u64::from(node) << 8 | u64::from(caller);
        let random = fastrand::Rng::with_seed(seed << 16 | place);
        // Values of other runs are others.
        let last = u64::from(fastrand::u32(..)) << 32 | place << 16;
        Self { node, last: AtomicU64::new(last), hold, state: Mutex::new(State { random, events: Vec::new() }) }
    }

    pub(crate) fn random(&self, below: u64) -> u64 {
        self.state.lock().unwrap().random.u64(..below)
    }

    /// A value that there was not before.
    pub(crate) fn new_value(&self) -> Value {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Computes a value, for a while.
    pub(crate) fn make(&self, tags: Tags) -> Value {
        let (from, until) = self.begin();
        while now() < until {
            thread::yield_now();
        }
        self.computed(from, tags)
    }

    /// As [`make`](Self::make), for tasks.
    pub(crate) async fn make_later(&self, tags: Tags) -> Value {
        let (from, until) = self.begin();
        while now() < until {
            tokio::task::yield_now().await;
        }
        self.computed(from, tags)
    }

    fn begin(&self) -> (Nanos, Nanos) {
        let from = now();
        (from, from + self.random(self.hold.max(1)))
    }

    fn computed(&self, from: Nanos, tags: Tags) -> Value {
        let value = self.new_value();
        self.note(from, What::Computed { value, tags });
        value
    }

    /// Writes down what has just ended.
    pub(crate) fn note(&self, from: Nanos, what: What) {
        let event = Event { node: self.node, from, to: now(), what };
        self.state.lock().unwrap().events.push(event);
    }

    /// What has happened so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.state.lock().unwrap().events.clone()
    }
}
