//! How long many callers wait who are rarely late.
//!
//! All share one alarm of the clock, which is set anew only for who is to be woken before all others: to wait costs a lock
//! or two, and no timer.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use crate::clock::{Alarm, Clock, Nanos, nanos};

pub(crate) struct Limits {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who waits, by when their limit ends and by the order of asking.
    waiting: BTreeMap<(Nanos, u64), Waker>,
    asked: u64,
    /// When the alarm rings, and the alarm once it is set.
    next: Option<Nanos>,
    alarm: Option<Alarm>,
}

/// Somebody who waits.
pub(crate) struct Waiting<'a> {
    limits: &'a Arc<Limits>,
    entry: (Nanos, u64),
}

impl Limits {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// Somebody who waits this long from now on.
    pub(crate) fn wait(self: &Arc<Self>, limit: Duration) -> Waiting<'_> {
        let until = nanos(self.clock.now().saturating_add(limit));
        let mut state = self.lock();
        state.asked += 1;
        Waiting { limits: self, entry: (until, state.asked) }
    }

    /// Waits for something, and no longer than this; whether it came.
    pub(crate) async fn comes_within(self: &Arc<Self>, limit: Duration, what: impl Future<Output = ()>) -> bool {
        let (mut what, waiting) = (pin!(what), self.wait(limit));
        poll_fn(|context| {
            if what.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            if waiting.is_over(context.waker()) { Poll::Ready(false) } else { Poll::Pending }
        })
        .await
    }

    /// Wakes whose limit has ended, and sets the alarm for whose ends next.
    fn ring(self: &Arc<Self>) {
        let now = nanos(self.clock.now());
        let (due, next, rung) = {
            let mut state = self.lock();
            let later = state.waiting.split_off(&(now.saturating_add(1), 0));
            let due = mem::replace(&mut state.waiting, later);
            state.next = state.waiting.first_key_value().map(|((until, _), _)| *until);
            (due, state.next, state.alarm.take())
        };
        // Wakers and alarms are somebody else's code.
        drop(rung);
        due.into_values().for_each(Waker::wake);
        self.set(next);
    }

    fn set(self: &Arc<Self>, next: Option<Nanos>) {
        let Some(at) = next else { return };
        let ring = Waker::from(Arc::new(Ring(Arc::downgrade(self))));
        let mut alarm = Some(self.clock.wake_at(Duration::from_nanos(at), &ring));
        let mut state = self.lock();
        // It may have rung by now.
        if state.next == next {
            mem::swap(&mut state.alarm, &mut alarm);
        }
        drop(state);
        drop(alarm);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// Whether the limit has ended; if not, who waits is woken when it has.
    pub(crate) fn is_over(&self, waker: &Waker) -> bool {
        let (until, _) = self.entry;
        if nanos(self.limits.clock.now()) >= until {
            return true;
        }
        let mut state = self.limits.lock();
        let older = match state.waiting.get_mut(&self.entry) {
            Some(known) if known.will_wake(waker) => None,
            _ => state.waiting.insert(self.entry, waker.clone()),
        };
        let is_next = state.next.is_none_or(|next| until < next);
        if is_next {
            state.next = Some(until);
        }
        drop(state);
        drop(older);
        if is_next {
            self.limits.set(Some(until));
        }
        false
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waker = self.limits.lock().waiting.remove(&self.entry);
        drop(waker);
    }
}

struct Ring(Weak<Limits>);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        if let Some(limits) = self.0.upgrade() {
            limits.ring();
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::testing::ManualClock;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn each_is_woken_when_its_own_limit_ends_and_not_after_it_has_left() {
        let clock = ManualClock::new();
        let limits = Limits::new(Arc::new(clock.clone()));
        // The second is to be woken first; the last leaves early, and had the next alarm of all.
        let spans = [30, 10, 20, 5].map(Duration::from_millis);
        let woken: [Arc<Woken>; 4] = Default::default();
        let mut waiting: Vec<_> = spans.iter().map(|span| limits.wait(*span)).collect();
        for (waiting, woken) in waiting.iter().zip(&woken) {
            let waker = Waker::from(Arc::clone(woken));
            assert!(!waiting.is_over(&waker) && !waiting.is_over(&waker), "to ask twice is to wait once");
        }
        drop(waiting.pop());
        let counts = || woken.each_ref().map(|woken| woken.0.load(Ordering::SeqCst));
        let mut seen = Vec::new();
        for _ in 0..6 {
            clock.advance(Duration::from_millis(5));
            seen.push(counts());
        }
        let wanted = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]];
        assert_eq!(seen, wanted);
        assert!(waiting.iter().all(|waiting| waiting.is_over(Waker::noop())));
        drop(waiting);
        assert!(limits.lock().waiting.is_empty() && limits.lock().alarm.is_none());
    }

    #[test]
    fn who_is_polled_by_another_task_is_woken_there() {
        let clock = ManualClock::new();
        let limits = Limits::new(Arc::new(clock.clone()));
        let woken: [Arc<Woken>; 2] = Default::default();
        let waiting = limits.wait(Duration::from_millis(10));
        for woken in &woken {
            assert!(!waiting.is_over(&Waker::from(Arc::clone(woken))));
        }
        clock.advance(Duration::from_millis(10));
        assert_eq!(woken.each_ref().map(|woken| woken.0.load(Ordering::SeqCst)), [0, 1]);
    }
}
