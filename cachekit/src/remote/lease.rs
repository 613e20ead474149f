//! A lease as a computation holds it: renewed while the computation runs, given back when nobody needs it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::Remote;
use crate::backend::{Context, Lease, Token};
use crate::clock::{Alarm, NEVER, Nanos, block_on, nanos};
use crate::flight::reentrance;

/// The lease of a flight, which its leaders hand on; whoever holds it last gives it back.
pub(crate) struct Hold {
    remote: Arc<Remote>,
    key: String,
    lease: Lease,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    /// Whether it was granted, or may have been, and has not ended.
    is_held: bool,
    /// Until when it is renewed.
    until: Nanos,
    alarm: Option<Alarm>,
    /// How often one was set.
    alarms: u64,
}

enum Stage {
    Unasked,
    /// Somebody asks for it, since then.
    Asking(Nanos),
    /// It was granted, or may have been.
    Asked,
}

/// What somebody does who wants the lease.
pub(crate) enum Turn<'h> {
    /// Ask for it.
    Ask(Asking<'h>),
    /// Have it renewed: it was granted, or may have been. Who computes with a lease that was lost may still store when it is
    /// granted once more, so it never is.
    Renew,
    /// Somebody else asks for it just now.
    Wait,
}

/// Somebody who asks for a lease; dropped, it may have been granted.
pub(crate) struct Asking<'h>(&'h Hold);

impl Asking<'_> {
    /// It was not granted.
    pub(crate) fn refused(self) {
        let mut state = self.0.state();
        (state.stage, state.is_held) = (Stage::Unasked, false);
        drop(state);
        std::mem::forget(self);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.state().stage = Stage::Asked;
    }
}

impl Hold {
    pub(crate) fn new(remote: &Arc<Remote>, key: String) -> Self {
        let lease = Lease { token: Token(unique()), length: remote.settings.lease };
        let state = Mutex::new(State { stage: Stage::Unasked, is_held: false, until: 0, alarm: None, alarms: 0 });
        Self { remote: Arc::clone(remote), key, lease, state }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn lease(&self) -> Lease {
        self.lease
    }

    /// What the caller does to have the lease.
    pub(crate) fn turn(&self) -> Turn<'_> {
        let now = nanos(self.remote.clock.now());
        let mut state = self.state();
        match state.stage {
            Stage::Unasked => {
                state.stage = Stage::Asking(now);
                // It may be granted even where nobody hears the answer.
                state.is_held = true;
                Turn::Ask(Asking(self))
            }
            // Later than that it is a task's that nobody polls, and may have been granted.
            Stage::Asking(since) if now < since.saturating_add(self.overdue()) => Turn::Wait,
            Stage::Asking(_) | Stage::Asked => Turn::Renew,
        }
    }

    /// How long nobody asks whose limit is observed.
    fn overdue(&self) -> Nanos {
        nanos(self.remote.settings.write_timeout).saturating_mul(2)
    }

    /// The lease was granted, or may have been: it is renewed from now on, until the computation may be disowned.
    pub(crate) fn keep(self: &Arc<Self>, deadline: Nanos) {
        let now = nanos(self.remote.clock.now());
        let mut state = self.state();
        state.is_held = true;
        state.until = now.saturating_add(deadline);
        drop(state);
        self.renew_later();
    }

    /// The lease has ended by itself, with what was stored.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.is_held = false;
        let _alarm = state.alarm.take();
        drop(state);
    }

    fn renew_later(self: &Arc<Self>) {
        let clock = &self.remote.clock;
        let now = clock.now();
        let at = now.saturating_add(self.lease.length / 3);
        let (hold, renewals) = (Arc::downgrade(self), Arc::clone(&self.remote.renewals));
        let renewal = Waker::from(Arc::new(Renewal { hold, renewals }));
        let number = {
            let mut state = self.state();
            if !state.is_held {
                return;
            }
            state.alarms += 1;
            state.alarms
        };
        // A clock may ring at once, and ask for the state; then the next one may be set.
        let alarm = clock.wake_at(at, &renewal);
        let mut state = self.state();
        let is_latest = state.is_held && state.alarms == number;
        let _old = if is_latest { state.alarm.replace(alarm) } else { Some(alarm) };
        drop(state);
    }

    fn renew(self: &Arc<Self>) {
        let now = nanos(self.remote.clock.now());
        {
            let state = self.state();
            if !state.is_held || state.until != NEVER && now >= state.until {
                return;
            }
        }
        let stands = block_on(self.remote.renew(super::Caller::Thread, &self.key, self.lease));
        // An answer that did not come says nothing.
        if stands.unwrap_or(true) {
            self.renew_later();
        } else {
            self.end();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.is_held || !self.remote.is_removable() {
            return;
        }
        let (key, token) = (std::mem::take(&mut self.key), self.lease.token);
        self.remote.detached(self.remote.settings.write_timeout, |backend, context: Context| async move {
            // It lapses where this fails.
            drop(backend.abandon(&key, token, context).await);
        });
    }
}

/// Has a lease renewed when it is woken.
struct Renewal {
    hold: Weak<Hold>,
    renewals: Arc<Renewals>,
}

impl Wake for Renewal {
    fn wake(self: Arc<Self>) {
        self.renewals.add(Weak::clone(&self.hold));
    }
}

/// How many threads renew leases at most: a call may hold thousands.
const MOST_RENEWING: usize = 16;

/// Leases that are to be renewed now, in threads that may wait.
#[derive(Default)]
pub(super) struct Renewals(Mutex<Due>);

#[derive(Default)]
struct Due {
    holds: VecDeque<Weak<Hold>>,
    threads: usize,
}

impl Renewals {
    fn add(self: &Arc<Self>, hold: Weak<Hold>) {
        let mut due = self.due();
        due.holds.push_back(hold);
        if due.threads == MOST_RENEWING {
            return;
        }
        due.threads += 1;
        drop(due);
        let renewals = Arc::clone(self);
        blocking::unblock(move || {
            while let Some(hold) = renewals.next() {
                // A clock that panics ends one renewal, not the thread of all others.
                let _ = reentrance::caught(|| hold.upgrade().inspect(Hold::renew));
            }
        })
        .detach();
    }

    fn next(&self) -> Option<Weak<Hold>> {
        let mut due = self.due();
        let next = due.holds.pop_front();
        due.threads -= usize::from(next.is_none());
        next
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that no other process and no other moment has.
pub(super) fn unique() -> u128 {
    u128::from(random()) << 64 | u128::from(random())
}

/// 64 bits that nobody can foresee: the keys of a `RandomState` are the operating system's.
pub(super) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    use std::sync::atomic::{AtomicU64, Ordering};

    static ASKED: AtomicU64 = AtomicU64::new(0);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(ASKED.fetch_add(1, Ordering::Relaxed));
    hasher.finish()
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hold").field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// The pause before a lease that somebody else holds is asked for again: it doubles from 5 ms to 200 ms, and half of it
/// is random, so that those who wait do not ask together.
pub(super) fn back_off(attempt: u32, random: f64) -> Duration {
    let longest = Duration::from_millis(5).saturating_mul(1 << attempt.min(6)).min(Duration::from_millis(200));
    longest.mul_f64(0.5 + random / 2.0)
}
