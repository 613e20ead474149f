//! Single calls that are gathered into one call of a function of many keys: the data-loader pattern.
//!
//! The first who comes waits for the others, and calls the function for all of them, within its own task. Where that is
//! given up, the others begin anew.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};
use std::time::Duration;

use futures_channel::oneshot::{Sender, channel};

use super::Of;
use super::many::Returned;
use crate::clock::sleep_until;
use crate::companion::CachedFn;
use crate::flight::reentrance::{self, Address};
use crate::key::Arguments;
use crate::key::part::KeyPart;
use crate::key::writer::KeyWriter;
use crate::region::many::flipped;
use crate::region::share::Share;

/// A function that computes for another: what tells that one.
#[derive(Clone, Copy, Debug)]
pub struct Coalesced(pub fn());

inventory::collect!(Coalesced);

/// A function of one key, of which calls can be gathered: others beside its key that it takes, and what it fails with.
///
/// A trait of all that the two functions have in common, so that one message says what is different.
#[diagnostic::on_unimplemented(
    message = "calls of `{Self}` cannot be gathered by this function",
    label = "differs, or is none of which calls can be gathered",
    note = "`coalesce` gathers calls of an `async fn` of one owned key, here `{Id}`; what else the two functions take is named in `skip(…)`, there and here, and is the same shared references in the same order, here `{Others}`; both fail with the same error, here `{E}`"
)]
pub trait Gathered<Id, Others, E> {
    /// A function that computes for one key.
    type One: Copy + 'static;

    /// The function that computes for this one: noted where one is given, else asked for.
    fn word(one: Option<Self::One>) -> Option<Self::One>;
}

/// The function that computes for another: noted where one is given, else asked for.
pub fn word<F: Copy>(place: &OnceLock<F>, one: Option<F>) -> Option<F> {
    if let Some(one) = one {
        return Some(*place.get_or_init(|| one));
    }
    install();
    place.get().copied()
}

/// Tells every function that another one computes for it.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        for coalesced in inventory::iter::<Coalesced> {
            (coalesced.0)();
        }
    });
}

/// Calls of a function of one key, until a function of many is called for them.
#[derive(Debug)]
pub struct Gather<Id, V, E>(Mutex<Vec<Waiting<Id, V, E>>>);

#[derive(Debug)]
struct Waiting<Id, V, E> {
    id: Id,
    /// The key, which tells whether two are the same.
    key: Arguments,
    /// Whose computation it is.
    flight: Option<Address>,
    tell: Sender<Came<V, E>>,
}

/// What a caller is told.
#[derive(Debug)]
enum Came<V, E> {
    Value(Option<V>),
    /// The error; none where it is somebody else's and cannot be shared.
    Failed(Option<E>),
    Panicked(String),
}

impl<Id, V, E> Gather<Id, V, E> {
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting<Id, V, E>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Id, V, E> Default for Gather<Id, V, E> {
    fn default() -> Self {
        Self::new()
    }
}

/// Who waits for others: given up, it lets them begin anew.
struct Waits<'a, Id, V, E>(Option<&'a Gather<Id, V, E>>);

impl<Id, V, E> Drop for Waits<'_, Id, V, E> {
    fn drop(&mut self) {
        let left = self.0.map(|gather| mem::take(&mut *gather.waiting()));
        drop(left);
    }
}

impl<Id: KeyPart, V, E> Gather<Id, V, E> {
    /// The value of one key, by a call for all keys that somebody asks for within this time.
    ///
    /// # Errors
    ///
    /// What the function fails with.
    pub async fn one<F: CachedFn<Value = V>, K, R, T: Future<Output = Result<R, E>>>(
        &self,
        _: &'static Of<F>,
        id: &Id,
        within: Duration,
        returned: Returned<Id, K, V, R>,
        share: Option<Share<E>>,
        mut compute: impl FnMut(Vec<Id>) -> T,
    ) -> Result<Option<V>, E> {
        let info = F::info();
        let mut writer = KeyWriter::new();
        id.write_key(&mut writer);
        let key = writer.to_bytes();
        loop {
            let (tell, told) = channel();
            let is_first = {
                let mut waiting = self.waiting();
                let flight = reentrance::innermost();
                waiting.push(Waiting { id: returned.copied(id), key: key.clone(), flight, tell });
                waiting.len() == 1
            };
            if is_first {
                let mut waits = Waits(Some(self));
                if let Ok(region) = info.region() {
                    let clock = region.core().clock();
                    sleep_until(&*clock, clock.now().saturating_add(within)).await;
                }
                waits.0 = None;
                let all = mem::take(&mut *self.waiting());
                computed::<F, _, _, _, _, _>(all, &returned, share, &mut compute).await;
            }
            match told.await {
                Ok(Came::Value(value)) => return Ok(value),
                Ok(Came::Failed(Some(error))) => return Err(error),
                Ok(Came::Panicked(message)) => resume_unwind(Box::new(message)),
                // This one tries by itself.
                Ok(Came::Failed(None)) => {
                    let values = compute(vec![returned.copied(id)]).await?;
                    let values = returned.split(values, info.name(), &[returned.copied(id)]);
                    return Ok(values.into_iter().next().flatten());
                }
                // Whoever was to call is gone.
                Err(_) => {}
            }
        }
    }
}

/// Calls the function for all, each key once, and tells each its own.
async fn computed<F: CachedFn, Id, K, R, E, T: Future<Output = Result<R, E>>>(
    all: Vec<Waiting<Id, F::Value, E>>,
    returned: &Returned<Id, K, F::Value, R>,
    share: Option<Share<E>>,
    compute: &mut impl FnMut(Vec<Id>) -> T,
) {
    let (mut ids, mut keys, mut places) = (Vec::new(), std::collections::HashMap::new(), Vec::new());
    for waiting in &all {
        places.push(*keys.entry(waiting.key.clone()).or_insert_with(|| {
            ids.push(returned.copied(&waiting.id));
            ids.len() - 1
        }));
    }
    let flights: Vec<Address> = all.iter().filter_map(|waiting| waiting.flight).collect();
    let came = {
        let mut future = pin!(compute(ids.iter().map(|id| returned.copied(id)).collect()));
        poll_fn(|context| flipped(reentrance::run_for_all(&flights, || future.as_mut().poll(context)))).await
    };
    // Who has gone needs no answer.
    let tell = |waiting: Waiting<Id, F::Value, E>, came| drop(waiting.tell.send(came));
    match came {
        Ok(Ok(values)) => {
            let values = returned.split(values, F::info().name(), &ids);
            all.into_iter().zip(places).for_each(|(one, place)| tell(one, Came::Value(values[place].clone())));
        }
        Ok(Err(error)) => {
            let shared = share.and_then(|share| share.erase(&error));
            let mut own = Some(error);
            for waiting in all {
                tell(waiting, Came::Failed(own.take().or_else(|| share?.restore(shared.as_ref()?))));
            }
        }
        Err(payload) => {
            let message = reentrance::message(&payload).to_owned();
            for waiting in all {
                tell(waiting, Came::Panicked(message.clone()));
            }
            resume_unwind(payload);
        }
    }
}
