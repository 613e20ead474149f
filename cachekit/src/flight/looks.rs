//! One look-up of a key at a time: who comes before it is sent shares its result, who comes later shares the next one.
//!
//! A result that was asked for before a caller came may be older than an invalidation which that caller knows of, so it is
//! not handed to that caller; unless it is a failure, which is no older than the caller's wait for it.
//! A look-up that an invalidation of this process has overtaken is detached, as a flight is: what it found is not kept
//! here.
//! Nobody counts on a look-up for ever: it may be a task's that nobody polls.
//! What it deliberately does not know: what is looked up, and where.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::sync::{Change, Event, Map, Mutex, lock};
use super::{Commit, FlightKey, Shared};
use crate::limits::Limits;

/// The look-ups of a region that are under way.
pub(crate) struct Looks(Map<FlightKey, Arc<Look>>);

struct Look {
    state: Mutex<State>,
    /// Told when a look-up has come back, or will not.
    changed: Event,
}

#[derive(Default)]
struct State {
    /// How many were sent.
    sent: u64,
    /// The number of the one that is under way, if there is one; of several the last.
    out: Option<u64>,
    /// Callers who have joined and not left.
    callers: usize,
    /// The last result, with the number of its look-up.
    result: Option<(u64, Looked)>,
}

/// What a look-up came to; a failure may be told to everybody who waits.
pub(crate) type Looked = Result<Shared, Shared>;

/// A caller who wants to know.
pub(crate) struct Looker {
    looks: Arc<Looks>,
    key: FlightKey,
    look: Arc<Look>,
    /// The first look-up that was sent after this caller came.
    next: u64,
    /// The first that had not come back when it came.
    awaited: u64,
}

impl Looks {
    pub(crate) fn new() -> Self {
        Self(Map::new())
    }

    /// Joins those who want to know the key.
    pub(crate) fn join(self: &Arc<Self>, key: &FlightKey) -> Looker {
        let joined = |look: &Arc<Look>| {
            let mut state = lock(&look.state);
            state.callers += 1;
            (Arc::clone(look), state.sent + 1, state.sent + u64::from(state.out.is_none()))
        };
        let (_, (look, next, awaited)) = self.0.locked(key, |found| {
            if let Some(look) = found {
                return (Change::Keep, joined(look));
            }
            let look = Arc::new(Look { state: Mutex::new(State::default()), changed: Event::new() });
            let joined = joined(&look);
            (Change::Insert(look), joined)
        });
        Looker { looks: Arc::clone(self), key: key.clone(), look, next, awaited }
    }

    /// What is found by those who look just now is not kept in this process.
    pub(crate) fn detach(&self, key: &FlightKey) {
        let (_detached, ()) = self.0.locked(key, |_| (Change::Remove, ()));
    }
}

impl Looker {
    /// The result of a look-up that was sent after this caller came, or a failure that it has waited for; and whether this
    /// caller sent it.
    ///
    /// It waits for so long at most for one that somebody else has sent.
    pub(crate) async fn result<F: Future<Output = Looked>>(
        &self,
        (limits, most): (&Arc<Limits>, Duration),
        send: impl FnOnce() -> F,
    ) -> (Shared, bool) {
        let (mut listener, mut overdue) = (None, None);
        let number = loop {
            let out = {
                let mut state = lock(&self.look.state);
                match &state.result {
                    Some((number, Ok(found))) if self.next <= *number => return (Arc::clone(found), false),
                    Some((number, Err(failure))) if self.awaited <= *number => return (Arc::clone(failure), false),
                    _ => {}
                }
                if state.out.is_none() || state.out == overdue {
                    state.sent += 1;
                    state.out = Some(state.sent);
                    break state.sent;
                }
                state.out
            };
            // Nobody listens who does not wait; and whoever does looks once more first.
            match listener.take() {
                None => listener = Some(self.look.changed.listen()),
                Some(listener) => {
                    if !limits.comes_within(most, listener).await {
                        overdue = out;
                    }
                }
            }
        };
        let out = Out { look: &self.look, number };
        let looked = send().await;
        let (Ok(result) | Err(result)) = &looked;
        let result = Arc::clone(result);
        let _older = {
            let mut state = lock(&self.look.state);
            let is_latest = state.result.as_ref().is_none_or(|(latest, _)| *latest < number);
            if is_latest { state.result.replace((number, looked)) } else { Some((number, looked)) }
        };
        drop(out);
        (result, true)
    }

    /// Keeps in this process what was found, unless an invalidation of this process has come since this caller joined.
    ///
    /// `store` must not run code of a user's.
    pub(crate) fn commit(&self, store: impl FnOnce() -> bool) -> Commit {
        let (_kept, commit) = self.looks.0.locked(&self.key, |found| {
            let is_attached = found.is_some_and(|found| Arc::ptr_eq(found, &self.look));
            let commit = match is_attached.then(store) {
                None => Commit::Overtaken,
                Some(true) => Commit::Stored,
                Some(false) => Commit::Declined,
            };
            (Change::Keep, commit)
        });
        commit
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        let (_left, ()) = self.looks.0.locked(&self.key, |found| {
            let mut state = lock(&self.look.state);
            state.callers -= 1;
            let is_this = found.is_some_and(|found| Arc::ptr_eq(found, &self.look));
            (if state.callers == 0 && is_this { Change::Remove } else { Change::Keep }, ())
        });
    }
}

/// A look-up that is under way; dropped, the next caller may send one.
struct Out<'a> {
    look: &'a Look,
    number: u64,
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        let waits = {
            let mut state = lock(&self.look.state);
            state.out = state.out.filter(|number| *number != self.number);
            state.callers > 1
        };
        if waits {
            self.look.changed.notify(usize::MAX);
        }
    }
}
