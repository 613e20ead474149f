//! The primitives that a flight is made of: locks, a map with a lock per key, an event to wait for.
//!
//! In the unit tests of this crate they are those of `shuttle`, so that a test explores the schedules of its threads
//! (`super::model`); everywhere else they are the real ones. Nothing else in `flight` names either.

#[cfg(test)]
pub(crate) use super::model::primitives::block_on;
#[cfg(test)]
pub(super) use super::model::primitives::{Event, Map, Mutex, MutexGuard, thread_local};

#[cfg(not(test))]
pub(crate) use crate::clock::block_on;

#[cfg(not(test))]
pub(super) use self::real::{Event, Map, Mutex, MutexGuard, thread_local};

/// Locks; no code of a user's runs under these locks, so what a panic left behind is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(not(test))]
mod real {
    use std::hash::Hash;

    pub(in crate::flight) use std::sync::{Mutex, MutexGuard};
    pub(in crate::flight) use std::thread_local;

    use dashmap::DashMap;
    use dashmap::mapref::entry::Entry;
    pub(in crate::flight) use event_listener::Event;

    /// A map whose entries are read and changed under a lock.
    pub(in crate::flight) struct Map<K, V>(DashMap<K, V, foldhash::fast::RandomState>);

    impl<K: Eq + Hash + Clone, V> Map<K, V> {
        pub(in crate::flight) fn new() -> Self {
            Self(DashMap::with_hasher(foldhash::fast::RandomState::default()))
        }

        /// Runs `work` with the value of the key, or its absence, while nobody else can see or change it.
        ///
        /// What was replaced or removed is given back, so that it is dropped after the lock.
        pub(in crate::flight) fn locked<R>(
            &self,
            key: &K,
            work: impl FnOnce(Option<&V>) -> (Change<V>, R),
        ) -> (Option<V>, R) {
            match self.0.entry(key.clone()) {
                Entry::Occupied(mut entry) => match work(Some(entry.get())) {
                    (Change::Keep, result) => (None, result),
                    (Change::Insert(new), result) => (Some(entry.insert(new)), result),
                    (Change::Remove, result) => (Some(entry.remove()), result),
                },
                Entry::Vacant(entry) => match work(None) {
                    (Change::Insert(new), result) => {
                        entry.insert(new);
                        (None, result)
                    }
                    (Change::Keep | Change::Remove, result) => (None, result),
                },
            }
        }
    }

    use super::Change;
}

/// What becomes of an entry of a [`Map`].
pub(super) enum Change<V> {
    Keep,
    Insert(V),
    Remove,
}
