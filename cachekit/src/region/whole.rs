//! What a call of a function of many keys comes to, as the function and each of the keys tell it.
//!
//! What it deliberately does not do: wait, or call the function.

use std::panic::resume_unwind;
use std::sync::Arc;

use futures_channel::oneshot::Sender;

use super::many::{Ended, Missed};
use super::share::Share;
use super::together::Returned;
use crate::error::Error;
use crate::flight::Shared;
use crate::flight::reentrance::{self, Address, Payload};

/// What the whole call comes to.
pub(super) struct Whole<V, E> {
    share: Option<Share<E>>,
    refusal: Option<fn(Error) -> E>,
    values: Vec<Option<V>>,
    /// What the function has failed with, and as what that is shared, until a key has no other value.
    error: Option<(Option<Shared>, E)>,
    failure: Option<E>,
    panic: Option<Payload>,
}

/// A key that is to be computed.
pub(super) struct Wanted<V> {
    pub(super) place: usize,
    /// Whose computation it is.
    pub(super) flight: Option<Address>,
    /// Whom to tell.
    pub(super) tell: Sender<Came<V>>,
}

/// What the function came to, as one key is told.
pub(super) enum Came<V> {
    Value(V),
    Missed(Missed),
    Panicked(String),
}

/// What the function came to for all that it was asked for.
pub(super) type CameForAll<V, E> = Result<Returned<V, E>, Payload>;

impl<V, E> Whole<V, E> {
    pub(super) fn new(share: Option<Share<E>>, refusal: Option<fn(Error) -> E>, count: usize) -> Self {
        let values = std::iter::repeat_with(|| None).take(count).collect();
        Self { share, refusal, values, error: None, failure: None, panic: None }
    }

    /// Notes what became of a key.
    pub(super) fn note(&mut self, place: usize, came: Ended<V>) {
        let failure = match came {
            Ok(Ok(value)) => {
                self.values[place] = Some(value);
                None
            }
            Ok(Err(Missed::Absent)) => None,
            Ok(Err(Missed::Refused(error))) => self.refusal.map(|refusal| refusal(error)),
            Ok(Err(_)) if self.has_failed() => None,
            Ok(Err(Missed::Alone)) => self.own_error(None),
            Ok(Err(Missed::Failed(error))) => self.own_error(Some(&error)).or_else(|| self.share?.restore(&error)),
            Err(payload) => {
                self.panic.get_or_insert(payload);
                None
            }
        };
        if let Some(failure) = failure {
            self.failure.get_or_insert(failure);
        }
    }

    /// The error of the function that is shared as this one, or not at all.
    fn own_error(&mut self, shared: Option<&Shared>) -> Option<E> {
        let is_this = |own: &Option<Shared>| own.as_ref().map(Arc::as_ptr) == shared.map(Arc::as_ptr);
        self.error.take_if(|(own, _)| is_this(own)).map(|(_, error)| error)
    }

    /// Tells the keys what the function came to.
    pub(super) fn tell(&mut self, wanted: Vec<Wanted<V>>, came: CameForAll<V, E>) {
        let mut values = match came {
            Ok(Ok(values)) => values.into_iter(),
            Ok(Err(error)) => {
                let shared = self.share.and_then(|share| share.erase(&error));
                let missed = shared.clone().map_or(Missed::Alone, Missed::Failed);
                self.error = Some((shared, error));
                return wanted.into_iter().for_each(|wanted| wanted.tell(Came::Missed(missed.clone())));
            }
            Err(payload) => {
                let message = reentrance::message(&payload).to_owned();
                self.panic = Some(payload);
                return wanted.into_iter().for_each(|wanted| wanted.tell(Came::Panicked(message.clone())));
            }
        };
        for wanted in wanted {
            let value = values.next().flatten();
            wanted.tell(value.map_or(Came::Missed(Missed::Absent), Came::Value));
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some() || self.panic.is_some()
    }

    pub(super) fn end(self) -> Returned<V, E> {
        match (self.panic, self.failure) {
            (Some(payload), _) => resume_unwind(payload),
            (None, Some(failure)) => Err(failure),
            (None, None) => Ok(self.values),
        }
    }
}

impl<V> Wanted<V> {
    /// Whoever has gone meanwhile needs no answer.
    fn tell(self, came: Came<V>) {
        drop(self.tell.send(came));
    }
}
