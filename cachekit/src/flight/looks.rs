//! One look-up of a key at a time: who comes before it is sent shares its result, who comes later shares the next one.
//!
//! A result that was asked for before a caller came may be older than an invalidation which that caller knows of, so it is
//! not handed to that caller; unless it is a failure, which is no older than the caller's wait for it. A look-up that an invalidation of this process has overtaken is detached, as a flight
//! is: what it found is not kept here.
//! What it deliberately does not know: what is looked up, and where.

use std::future::Future;
use std::sync::Arc;

use super::sync::{Change, Event, Map, Mutex, lock};
use super::{Commit, FlightKey, Shared};

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
    /// Whether one is under way.
    is_out: bool,
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
            (Arc::clone(look), state.sent + 1, state.sent + u64::from(!state.is_out))
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
    pub(crate) async fn result<F: Future<Output = Looked>>(&self, send: impl FnOnce() -> F) -> (Shared, bool) {
        let mut listener = None;
        let number = loop {
            {
                let mut state = lock(&self.look.state);
                match &state.result {
                    Some((number, Ok(found))) if self.next <= *number => return (Arc::clone(found), false),
                    Some((number, Err(failure))) if self.awaited <= *number => return (Arc::clone(failure), false),
                    _ => {}
                }
                if !state.is_out {
                    state.is_out = true;
                    state.sent += 1;
                    break state.sent;
                }
            }
            // Nobody listens who does not wait; and whoever does looks once more first.
            match listener.take() {
                None => listener = Some(self.look.changed.listen()),
                Some(listener) => listener.await,
            }
        };
        let out = Out { look: &self.look };
        let looked = send().await;
        let (Ok(result) | Err(result)) = &looked;
        let result = Arc::clone(result);
        let _older = lock(&self.look.state).result.replace((number, looked));
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
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        let waits = {
            let mut state = lock(&self.look.state);
            state.is_out = false;
            state.callers > 1
        };
        if waits {
            self.look.changed.notify(usize::MAX);
        }
    }
}
