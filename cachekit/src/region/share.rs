//! How an error reaches everyone who waited for the computation that failed.

use std::sync::{Arc, Mutex, PoisonError};

use super::many::Missed;
use crate::flight::Shared;

/// Makes one error out of another, and carries it between callers.
pub struct Share<E> {
    copy: Copier<E>,
    erase: fn(E) -> Option<Shared>,
    restore: fn(&Shared, Copier<E>) -> Option<E>,
    is_absence: fn(&E) -> bool,
    is_own: fn(&Shared) -> bool,
}

type Copier<E> = fn(&E) -> E;

impl<E> Share<E> {
    /// The error as everyone may have it; `None` for one that stays with its caller.
    pub(crate) fn erase(&self, error: &E) -> Option<Shared> {
        (self.erase)((self.copy)(error))
    }

    pub(crate) fn restore(&self, error: &Shared) -> Option<E> {
        (self.restore)(error, self.copy)
    }

    /// Whether an error of somebody else's can be had as one of these.
    pub(crate) fn is_own(self) -> fn(&Shared) -> bool {
        self.is_own
    }

    /// Whether it says that there is no value rather than that something has failed.
    pub(crate) fn is_absence(&self, error: &E) -> bool {
        (self.is_absence)(error)
    }

    /// Nothing is shared: those who wait compute for themselves.
    #[must_use]
    pub const fn none() -> Option<Self> {
        None
    }
}

impl Share<Missed> {
    /// Of the keys of one call: an error is on its way already, and a key without a value is no error.
    pub(super) fn of_many() -> Self {
        Self {
            copy: Missed::clone,
            erase: |missed| match missed {
                Missed::Failed(error) => Some(error),
                Missed::Absent => Some(Arc::new(Nothing)),
                Missed::Alone | Missed::Refused(_) => None,
            },
            restore: |shared, _| {
                Some(if shared.is::<Nothing>() { Missed::Absent } else { Missed::Failed(Arc::clone(shared)) })
            },
            is_absence: |missed| matches!(missed, Missed::Absent),
            is_own: |_| true,
        }
    }
}

/// What those are told who wait for a key that a function of many keys has returned no value of.
struct Nothing;

impl<E: Clone + Send + Sync + 'static> Share<E> {
    /// By `Clone`.
    #[must_use]
    pub fn by_clone() -> Self {
        Self {
            copy: E::clone,
            erase: |error| Some(Arc::new(error)),
            restore: |error, copy| error.downcast_ref().map(copy),
            is_absence: |_| false,
            is_own: |error| error.is::<E>(),
        }
    }
}

impl<E: Send + 'static> Share<E> {
    /// By a function of the user's, for errors that are not `Clone`, or not `Sync`.
    #[must_use]
    pub fn by(copy: Copier<E>) -> Option<Self> {
        Some(Self {
            copy,
            erase: |error| Some(Arc::new(Mutex::new(error))),
            restore: |error, copy| {
                let error = error.downcast_ref::<Mutex<E>>()?;
                Some(copy(&error.lock().unwrap_or_else(PoisonError::into_inner)))
            },
            is_absence: |_| false,
            is_own: |error| error.is::<Mutex<E>>(),
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
