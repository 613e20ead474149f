//! Writes of one key that follow one another, where no lease fences off one that was overtaken.
//!
//! A store without leases takes whatever comes. So that at least an invalidation of this process is not undone by what this
//! process was just storing, one waits for the other: for as long as an operation may take, since a turn may be that of
//! a task that nobody polls. Who is passed over so, learns it.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use event_listener::Event;

use crate::error::Error;
use crate::limits::Limits;

/// The keys that somebody writes.
#[derive(Default)]
pub(crate) struct Writers {
    busy: Mutex<Busy>,
    changed: Event,
}

#[derive(Default)]
struct Busy {
    /// Whose turn it is, by its number.
    keys: HashMap<String, u64>,
    turns: u64,
}

/// The right to write a key, until it is dropped.
pub(crate) struct Writing<'a> {
    writers: &'a Writers,
    key: String,
    turn: u64,
}

impl Writers {
    /// Waits until nobody else writes any of the keys, for so long at most for each who does; in one order, so that two
    /// who write several do not wait for each other.
    pub(super) async fn take_all(&self, keys: &[String], limits: &Arc<Limits>, most: Duration) -> Vec<Writing<'_>> {
        let mut keys: Vec<&String> = keys.iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut taken = Vec::with_capacity(keys.len());
        for key in keys {
            taken.push(self.take(key, limits, most).await);
        }
        taken
    }

    async fn take(&self, key: &str, limits: &Arc<Limits>, most: Duration) -> Writing<'_> {
        let mut overdue = None;
        loop {
            let listener = self.changed.listen();
            let writes = {
                let mut busy = self.busy();
                let writes = busy.keys.get(key).copied();
                if writes.is_none() || writes == overdue {
                    busy.turns += 1;
                    let turn = busy.turns;
                    busy.keys.insert(key.to_owned(), turn);
                    return Writing { writers: self, key: key.to_owned(), turn };
                }
                writes
            };
            if !limits.comes_within(most, listener).await {
                overdue = writes;
            }
        }
    }

    fn busy(&self) -> MutexGuard<'_, Busy> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores, unless somebody has gone ahead who had waited for too long: that may be an invalidation.
pub(crate) async fn unless_passed(
    writing: &[Writing<'_>],
    set: impl Future<Output = Result<(), Error>>,
) -> Result<bool, Error> {
    let (mut set, stands) = (pin!(set), || writing.iter().all(Writing::stands));
    poll_fn(|context| {
        if !stands() {
            return Poll::Ready(Ok(false));
        }
        set.as_mut().poll(context).map_ok(|()| stands())
    })
    .await
}

impl Writing<'_> {
    /// Whether nobody has gone ahead.
    fn stands(&self) -> bool {
        self.writers.busy().keys.get(&self.key) == Some(&self.turn)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut busy = self.writers.busy();
        if busy.keys.get(&self.key) == Some(&self.turn) {
            busy.keys.remove(&self.key);
        }
        drop(busy);
        self.writers.changed.notify(usize::MAX);
    }
}
