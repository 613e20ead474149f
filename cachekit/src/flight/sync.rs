//! The primitives that a flight is made of, in one place.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks; no code of a user's runs under these locks, so what a panic left behind is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
