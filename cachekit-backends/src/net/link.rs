//! The connection of tasks to a server: all share one, on which requests and answers follow one another.
//!
//! It is replaced when it is lost, and when it has answered nobody for as long as somebody was willing to wait.
//! What it deliberately does not do: connect, and speak to the server.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::gate::Gate;

/// How long a connection may take to come up, whoever waits for it, and at most.
const CONNECT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

pub(crate) struct Link<W> {
    state: Mutex<State<W>>,
    /// The state is another.
    changed: Notify,
}

enum State<W> {
    Down,
    Connecting,
    Up(W),
}

/// A connection that is up.
pub(crate) trait Wire: Clone {
    /// How often it has answered.
    fn answers(&self) -> &Arc<AtomicU64>;

    /// Whether it leads to the server of this number, as far as it is known here.
    fn leads_to(&self, number: u64) -> bool;
}

impl<W> Default for Link<W> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Down), changed: Notify::new() }
    }
}

impl<W: Wire> Link<W> {
    /// The connection to the server of this number, and whether it was there before; `connect` has somebody bring one up
    /// within a time, with a [`Coming`].
    pub(crate) async fn wire<F: Clone>(
        &self,
        gate: &Gate<F>,
        number: impl Fn() -> u64,
        limit: Duration,
        connect: impl Fn(Duration) -> Result<(), F>,
    ) -> Result<(W, bool), F> {
        let mut kept = true;
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                let number = number();
                match &*state {
                    State::Up(wire) if wire.leads_to(number) => return Ok((wire.clone(), kept)),
                    State::Connecting => {
                        // Of a server that failed before, nobody waits for whoever tries again.
                        if let Some(fault) = gate.is_shut(number) {
                            return Err(fault);
                        }
                    }
                    State::Up(_) | State::Down => {
                        // Who connects takes the gate's word for itself.
                        drop(gate.enter(number, Instant::now())?);
                        connect(limit.clamp(CONNECT[0], CONNECT[1]))?;
                        *state = State::Connecting;
                    }
                }
                kept = false;
            }
            changed.await;
        }
    }

    /// For who brings a connection up.
    pub(crate) fn coming(&self) -> Coming<'_, W> {
        Coming(self)
    }

    /// A request that is on its way on a connection.
    pub(crate) fn sent(&self, wire: &W, limit: Duration) -> Sent<'_, W> {
        let answers = Arc::clone(wire.answers());
        let before = answers.load(Ordering::Relaxed);
        Sent { link: self, answers, before, since: Instant::now(), limit, is_over: false }
    }

    /// Has the next request ask for another connection than this one.
    pub(crate) fn leave(&self, wire: &W) {
        self.leave_that_of(wire.answers());
    }

    fn leave_that_of(&self, answers: &Arc<AtomicU64>) {
        let mut state = self.lock();
        if matches!(&*state, State::Up(wire) if Arc::ptr_eq(wire.answers(), answers)) {
            let left = mem::replace(&mut *state, State::Down);
            drop(state);
            drop(left);
        }
    }
}

impl<W> Link<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whatever becomes of a connection that is coming up, those who wait learn of it.
pub(crate) struct Coming<'a, W>(&'a Link<W>);

impl<W> Coming<'_, W> {
    pub(crate) fn came_up(self, wire: W) {
        *self.0.lock() = State::Up(wire);
    }
}

impl<W> Drop for Coming<'_, W> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Connecting) {
            *state = State::Down;
        }
        drop(state);
        self.0.changed.notify_waiters();
    }
}

/// A request that is on its way. Given up after its limit, by itself or by its caller, it leaves a connection that has
/// answered nobody meanwhile.
pub(crate) struct Sent<'a, W: Wire> {
    link: &'a Link<W>,
    answers: Arc<AtomicU64>,
    before: u64,
    since: Instant,
    limit: Duration,
    is_over: bool,
}

impl<W: Wire> Sent<'_, W> {
    /// It was answered.
    pub(crate) fn answered(mut self) {
        self.is_over = true;
        self.answers.fetch_add(1, Ordering::Relaxed);
    }
}

impl<W: Wire> Drop for Sent<'_, W> {
    fn drop(&mut self) {
        // It may have begun later than its limit, and is given up a little before the end of that.
        let is_late = || self.since.elapsed() >= self.limit * 3 / 4;
        if !self.is_over && self.answers.load(Ordering::Relaxed) == self.before && is_late() {
            self.link.leave_that_of(&self.answers);
        }
    }
}
