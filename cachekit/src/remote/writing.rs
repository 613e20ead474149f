//! Writes of one key that follow one another, where no lease fences off one that was overtaken.
//!
//! A store without leases takes whatever comes. So that at least an invalidation of this process is not undone by what this
//! process was just storing, one waits for the other.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event_listener::Event;

/// The keys that somebody writes.
#[derive(Default)]
pub(super) struct Writers {
    busy: Mutex<HashSet<String>>,
    changed: Event,
}

/// The right to write a key, until it is dropped.
pub(crate) struct Writing<'a> {
    writers: &'a Writers,
    key: String,
}

impl Writers {
    /// Waits until nobody else writes any of the keys; in one order, so that two who write several do not wait for each other.
    pub(super) async fn take_all(&self, keys: &[String]) -> Vec<Writing<'_>> {
        let mut keys: Vec<&String> = keys.iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut taken = Vec::with_capacity(keys.len());
        for key in keys {
            taken.push(self.take(key).await);
        }
        taken
    }

    async fn take(&self, key: &str) -> Writing<'_> {
        loop {
            let listener = self.changed.listen();
            if self.busy().insert(key.to_owned()) {
                return Writing { writers: self, key: key.to_owned() };
            }
            listener.await;
        }
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.writers.busy().remove(&self.key);
        self.writers.changed.notify(usize::MAX);
    }
}
