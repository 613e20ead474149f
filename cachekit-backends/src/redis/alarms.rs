//! Limits of waiting for tasks, whoever polls them.
//!
//! An alarm is set when a task first waits and is off again when it is dropped, which costs a lock each; the thread that
//! rings them is woken only when one is due before all others.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Alarms {
    state: Mutex<State>,
    /// An alarm is due before all others.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Alarms by number.
    set: Vec<Option<(Instant, Waker)>>,
    /// Numbers that nobody has.
    free: Vec<usize>,
    /// When alarms are looked at next.
    next: Option<Instant>,
}

/// An alarm that is set, or was.
struct Alarm<'a> {
    alarms: &'a Alarms,
    number: Option<usize>,
}

impl Alarms {
    /// What a future comes to; nothing if it takes too long.
    pub(super) async fn within<F: Future + Unpin>(&self, due: Instant, mut future: F) -> Option<F::Output> {
        let mut alarm = Alarm { alarms: self, number: None };
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = Pin::new(&mut future).poll(context) {
                return Poll::Ready(Some(output));
            }
            if Instant::now() >= due {
                return Poll::Ready(None);
            }
            alarm.set(due, context.waker());
            Poll::Pending
        })
        .await
    }

    /// Rings alarms, for ever.
    pub(super) async fn ring(&self) {
        loop {
            let (rung, next) = self.due(Instant::now());
            rung.into_iter().for_each(Waker::wake);
            let changed = self.changed.notified();
            match next {
                Some(next) => drop(tokio::time::timeout_at(next.into(), changed).await),
                None => changed.await,
            }
        }
    }

    /// Whom to wake now, and when to look again.
    fn due(&self, now: Instant) -> (Vec<Waker>, Option<Instant>) {
        let mut state = self.lock();
        let due = state.set.iter_mut().filter_map(|alarm| alarm.take_if(|(due, _)| *due <= now));
        let rung = due.map(|(_, waker)| waker).collect();
        state.next = state.set.iter().flatten().map(|(due, _)| *due).min();
        (rung, state.next)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alarm<'_> {
    fn set(&mut self, due: Instant, waker: &Waker) {
        let mut state = self.alarms.lock();
        let number = *self.number.get_or_insert_with(|| {
            state.free.pop().unwrap_or_else(|| {
                state.set.push(None);
                state.set.len() - 1
            })
        });
        match &mut state.set[number] {
            Some((_, known)) => known.clone_from(waker),
            place => *place = Some((due, waker.clone())),
        }
        if state.next.is_none_or(|next| due < next) {
            state.next = Some(due);
            drop(state);
            self.alarms.changed.notify_one();
        }
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut state = self.alarms.lock();
            let waker = state.set[number].take();
            state.free.push(number);
            drop(state);
            // A waker is somebody else's code.
            drop(waker);
        }
    }
}
