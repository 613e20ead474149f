//! What is found out in the background, and asked again whenever somebody doubts it: who the master is, where slots are.
//!
//! Threads and tasks wait for the first answer; from then on the last one is at hand.
//! What it deliberately does not do: find out.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::fault::Fault;

pub(super) struct Watched<T> {
    state: Mutex<State<T>>,
    /// For threads and for tasks: the state is another.
    told: Condvar,
    changed: Notify,
    /// Somebody doubts what is known, or nobody needs it any more.
    doubted: Notify,
}

struct State<T> {
    known: Option<T>,
    /// Why nothing is known.
    fault: Option<Fault>,
    is_followed: bool,
    is_over: bool,
}

impl<T> Default for Watched<T> {
    fn default() -> Self {
        let state = State { known: None, fault: None, is_followed: false, is_over: false };
        Self { state: Mutex::new(state), told: Condvar::new(), changed: Notify::new(), doubted: Notify::new() }
    }
}

impl<T: Clone> Watched<T> {
    /// What is known, as soon as something is; `begin` has somebody find out, and is called by the first who asks.
    pub(super) fn get(&self, limit: Duration, begin: impl FnOnce() -> Result<(), Fault>) -> Result<T, Fault> {
        let asked = Instant::now();
        let mut state = self.followed(begin)?;
        loop {
            if let Some(answer) = state.answer() {
                return answer;
            }
            let rest = limit.saturating_sub(asked.elapsed());
            if rest.is_zero() {
                return Err(Fault::late(limit));
            }
            state = self.told.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// As [`get`](Self::get), for tasks.
    pub(super) async fn get_shared(&self, begin: impl Fn() -> Result<(), Fault>) -> Result<T, Fault> {
        loop {
            let changed = self.changed.notified();
            let answer = self.followed(&begin)?.answer();
            if let Some(answer) = answer {
                return answer;
            }
            changed.await;
        }
    }

    fn followed(&self, begin: impl FnOnce() -> Result<(), Fault>) -> Result<MutexGuard<'_, State<T>>, Fault> {
        let mut state = self.lock();
        if !state.is_followed {
            begin()?;
            state.is_followed = true;
        }
        Ok(state)
    }

    /// What is known, if anything is.
    pub(super) fn known(&self) -> Option<T> {
        self.lock().known.clone()
    }

    /// Somebody has found out; `news` makes of what is known what is known now, or nothing where that is the same.
    pub(super) fn learn(&self, news: impl FnOnce(Option<&T>) -> Result<Option<T>, Fault>) -> Result<bool, Fault> {
        let mut state = self.lock();
        state.fault = None;
        let Some(news) = news(state.known.as_ref())? else { return Ok(false) };
        let before = state.known.replace(news);
        self.tell(state);
        drop(before);
        Ok(true)
    }

    /// Nobody could find out.
    pub(super) fn fail(&self, fault: Fault) {
        let mut state = self.lock();
        state.fault = Some(fault);
        self.tell(state);
    }

    /// Returns when `is_so`, which is asked whenever something else is known.
    pub(super) async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if is_so() {
                return;
            }
            changed.await;
        }
    }

    /// Has somebody find out again.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Returns when there is a reason to find out again, or nobody needs it any more.
    pub(super) async fn doubted(&self) {
        self.doubted.notified().await;
    }

    /// Nobody needs it any more.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.doubted.notify_one();
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    fn tell(&self, state: MutexGuard<'_, State<T>>) {
        drop(state);
        self.told.notify_all();
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> State<T> {
    /// What is known stays known when nobody can find out more.
    fn answer(&self) -> Option<Result<T, Fault>> {
        match (&self.known, &self.fault) {
            (Some(known), _) => Some(Ok(known.clone())),
            (None, Some(fault)) => Some(Err(fault.clone())),
            (None, None) => None,
        }
    }
}
