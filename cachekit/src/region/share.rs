//! How an error reaches everyone who waited for the computation that failed.

use std::sync::{Arc, Mutex, PoisonError};

use crate::flight::Shared;

/// Makes one error out of another, and carries it between callers.
pub struct Share<E> {
    copy: Copier<E>,
    erase: fn(E) -> Shared,
    restore: fn(&Shared, Copier<E>) -> Option<E>,
}

type Copier<E> = fn(&E) -> E;

impl<E> Share<E> {
    pub(crate) fn erase(&self, error: &E) -> Shared {
        (self.erase)((self.copy)(error))
    }

    pub(crate) fn restore(&self, error: &Shared) -> Option<E> {
        (self.restore)(error, self.copy)
    }

    /// Nothing is shared: those who wait compute for themselves.
    #[must_use]
    pub const fn none() -> Option<Self> {
        None
    }
}

impl<E: Clone + Send + Sync + 'static> Share<E> {
    /// By `Clone`.
    #[must_use]
    pub fn by_clone() -> Self {
        Self { copy: E::clone, erase: |error| Arc::new(error), restore: |error, copy| error.downcast_ref().map(copy) }
    }
}

impl<E: Send + 'static> Share<E> {
    /// By a function of the user's, for errors that are not `Clone`, or not `Sync`.
    #[must_use]
    pub fn by(copy: Copier<E>) -> Option<Self> {
        Some(Self {
            copy,
            erase: |error| Arc::new(Mutex::new(error)),
            restore: |error, copy| {
                let error = error.downcast_ref::<Mutex<E>>()?;
                Some(copy(&error.lock().unwrap_or_else(PoisonError::into_inner)))
            },
        })
    }
}

impl<E> Clone for Share<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Share<E> {}

impl<E> std::fmt::Debug for Share<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Share")
    }
}
