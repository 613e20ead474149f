//! Keys of one call that are due, until all of them are known and their renewal is on its way.
//!
//! What it deliberately does not do: renew, or say when all are known.

use std::mem;
use std::sync::{Mutex, PoisonError};

use futures_channel::oneshot::{Sender, channel};

use super::step::Renewing;
use crate::flight::reentrance::{self, Payload};

/// Renewals of some keys on their way to the background.
pub struct Renewals(pub(super) Vec<Renewing>);

/// Who renews keys that are due; `()` is nobody, and what there would be for it is not compiled.
pub(crate) trait Background {
    /// Whether there may be somebody.
    const MAY_BE: bool;

    /// Hands the renewals of the keys at these places to the region's runner; false where that has no room.
    fn start(&self, places: &[usize], renewals: Renewals) -> bool;
}

impl Background for () {
    const MAY_BE: bool = false;

    fn start(&self, _: &[usize], _: Renewals) -> bool {
        false
    }
}

/// Keys that are due.
#[derive(Default)]
pub(super) struct Due(Mutex<Vec<Key>>);

struct Key {
    place: usize,
    renewing: Box<Renewing>,
    /// Whom to tell whether somebody renews it.
    tell: Sender<Result<bool, Payload>>,
}

impl Due {
    /// Has a key renewed together with the others; whether somebody does.
    pub(super) async fn renewed(&self, place: usize, renewing: Box<Renewing>) -> Result<bool, Payload> {
        let (tell, told) = channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Key { place, renewing, tell });
        told.await.unwrap_or_else(|_| Ok(false))
    }

    /// Has all keys renewed that are due; false where there is none.
    pub(super) fn start(&self, background: &impl Background) -> bool {
        let keys = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if keys.is_empty() {
            return false;
        }
        let (mut places, mut renewals, mut callers) = (Vec::new(), Vec::new(), Vec::new());
        for Key { place, renewing, tell } in keys {
            places.push(place);
            renewals.push(*renewing);
            callers.push(tell);
        }
        // A copy of the arguments that panics is a renewal that fails: the caller has the values.
        let started = reentrance::caught(|| background.start(&places, Renewals(renewals)));
        let (is_started, mut payload) = match started {
            Ok(is_started) => (Some(is_started), None),
            Err(payload) => (None, Some(payload)),
        };
        for tell in callers {
            let told = is_started.ok_or_else(|| payload.take().unwrap_or_else(|| Box::new(())));
            drop(tell.send(told));
        }
        true
    }
}

impl std::fmt::Debug for Renewals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Renewals")
    }
}
