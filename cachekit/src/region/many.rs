//! Many keys in one call of a function.
//!
//! Each key is a call of its own, on the one path that all calls take, so whatever holds for one key holds for many. They
//! run side by side: what they ask of the backend at the same time is one request, and what they compute at the same time
//! is one call of the function. Nothing waits for a key of somebody else while there is something to compute.
//! What it deliberately does not do: decide anything about a key.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_channel::oneshot::{Sender, channel};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::call::Call;
use super::share::Share;
use super::work::Work;
use crate::error::Error;
use crate::flight::Shared;
use crate::flight::reentrance::{self, Address, Payload};
use crate::remote::{Caller, Gathered};

/// What is called for many keys at once.
pub(crate) struct Many<E, C> {
    /// The function, asked for the keys at some places.
    pub(crate) compute: C,
    /// How an error of the function reaches those who wait for one of the keys.
    pub(crate) share: Option<Share<E>>,
    /// Makes one of the function's errors out of one of the backend's.
    pub(crate) refusal: Option<fn(Error) -> E>,
    /// Whether every key is computed, whatever is stored.
    pub(crate) refreshes: bool,
}

/// Why there is no value of a key.
#[derive(Clone)]
pub(super) enum Missed {
    /// The function has failed, for everyone.
    Failed(Shared),
    /// The function has failed, and its error cannot be shared.
    Alone,
    /// The function has returned no value for the key.
    Absent,
    /// The backend has failed, and the caller is told.
    Refused(Error),
}

/// A key that is to be computed.
struct Wanted<V> {
    place: usize,
    /// Whose computation it is.
    flight: Option<Address>,
    /// Whom to tell.
    tell: Sender<Came<V>>,
}

/// What the function came to, as one key is told.
enum Came<V> {
    Value(V),
    Missed(Missed),
    Panicked(String),
}

/// What the function came to for all that it was asked for.
type CameForAll<V, E> = Result<Result<Vec<Option<V>>, E>, Payload>;

/// Keys that are to be computed, until the next call of the function.
struct Queue<V>(Mutex<Vec<Wanted<V>>>);

impl<V> Queue<V> {
    async fn value(&self, place: usize) -> Result<V, Missed> {
        let (tell, told) = channel();
        self.push(Wanted { place, flight: reentrance::innermost(), tell });
        match told.await {
            Ok(Came::Value(value)) => Ok(value),
            Ok(Came::Missed(missed)) => Err(missed),
            Ok(Came::Panicked(message)) => resume_unwind(Box::new(message)),
            Err(_) => Err(Missed::Alone),
        }
    }

    fn push(&self, wanted: Wanted<V>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(wanted);
    }

    fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn take(&self) -> Vec<Wanted<V>> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the whole call comes to.
struct Whole<V, E> {
    share: Option<Share<E>>,
    refusal: Option<fn(Error) -> E>,
    values: Vec<Option<V>>,
    /// What the function has failed with, and as what that is shared, until a key has no other value.
    error: Option<(Option<Shared>, E)>,
    failure: Option<E>,
    panic: Option<Payload>,
}

impl<E, C> Many<E, C> {
    /// The values of some keys, which differ from one another, in order; none of those that the function does not return.
    pub(crate) async fn run<V, F>(mut self, caller: Caller<'_>, calls: &[Call]) -> Result<Vec<Option<V>>, E>
    where
        V: Clone + Send + Sync + 'static,
        C: FnMut(Vec<usize>) -> F,
        F: Future<Output = Result<Vec<Option<V>>, E>>,
    {
        let queue = Queue(Mutex::default());
        let gathered = Gathered::of(calls.iter().find_map(Call::remote));
        let is_own = |error: &Shared| self.share.is_some_and(|share| share.restore(error).is_some());
        let how = How { refreshes: self.refreshes, is_told: self.refusal.is_some(), is_own: &is_own };
        let one = |(place, call)| one(how, place, call, &queue, &gathered);
        let mut keys: FuturesUnordered<_> = calls.iter().enumerate().map(one).collect();
        let mut whole = Whole::new(self.share, self.refusal, calls.len());
        let (mut computing, mut sending) = (FuturesUnordered::new(), None);
        poll_fn(|context| {
            loop {
                let mut moved = false;
                while let Poll::Ready(Some((place, came))) = keys.poll_next_unpin(context) {
                    moved = true;
                    whole.note(place, came);
                }
                while let Poll::Ready(Some((wanted, came))) = computing.poll_next_unpin(context) {
                    moved = true;
                    whole.tell(wanted, came);
                }
                if is_over(&mut sending, context) {
                    // Those who are answered go on first.
                    continue;
                }
                if sending.is_none() && gathered.any() {
                    moved = true;
                    sending = Some(Box::pin(gathered.send(caller)));
                }
                // The next answer may be that there is one key more.
                let computes = sending.is_none() && queue.any();
                if computes && matches!(caller, Caller::Thread) && gathered.leave() {
                    // Nobody is to wait for a key of somebody else until the function is done.
                    continue;
                }
                let wanted = if computes { queue.take() } else { Vec::new() };
                if !wanted.is_empty() {
                    moved = true;
                    computing.push(computed(&mut self.compute, wanted));
                }
                if !moved {
                    // What this caller has won is done before it is told of a failure; others go on without it.
                    let is_idle = computing.is_empty() && sending.is_none();
                    let ends = is_idle && (keys.is_empty() || whole.has_failed());
                    return if ends { Poll::Ready(()) } else { Poll::Pending };
                }
            }
        })
        .await;
        drop(keys);
        whole.end()
    }
}

/// How each key is called.
#[derive(Clone, Copy)]
struct How<'a> {
    refreshes: bool,
    /// Whether the caller can be told an error of the backend.
    is_told: bool,
    /// Whether an error is one of the function's.
    is_own: &'a (dyn Fn(&Shared) -> bool + Sync),
}

/// The call of one key; a panic is an answer too.
async fn one<V: Clone + Send + Sync + 'static>(
    how: How<'_>,
    place: usize,
    call: &Call,
    queue: &Queue<V>,
    gathered: &Gathered,
) -> (usize, Result<Result<V, Missed>, Payload>) {
    let refusal: Option<fn(Error) -> Missed> = how.is_told.then_some(Missed::Refused);
    let work = || Work::<V, Missed, _, _, ()>::new((), |()| queue.value(place)).refused(refusal);
    let (caller, share) = (Caller::Many(gathered), Some(Share::of_many()));
    let mut call = pin!(async {
        if how.refreshes {
            let mut anew = call.clone();
            anew.options.reads = false;
            let came = anew.run_async(caller, share, work()).await.map(|served| served.value);
            if let Err(Missed::Absent) = came {
                // What is stored is none of the function's values any more; where this fails, it is owed.
                drop(call.invalidate(caller).await);
            }
            return came;
        }
        loop {
            match call.clone().run_async(caller, share, work()).await.map(|served| served.value) {
                // Of another function of these entries: it says nothing to this caller.
                Err(Missed::Failed(error)) if !(how.is_own)(&error) => call.forget_error(&error),
                came => return came,
            }
        }
    });
    (place, poll_fn(|context| flipped(reentrance::caught(|| call.as_mut().poll(context)))).await)
}

/// One call of the function.
fn computed<V, E, C, F>(
    compute: &mut C,
    wanted: Vec<Wanted<V>>,
) -> impl Future<Output = (Vec<Wanted<V>>, CameForAll<V, E>)> + use<V, E, C, F>
where
    C: FnMut(Vec<usize>) -> F,
    F: Future<Output = Result<Vec<Option<V>>, E>>,
{
    let flights: Vec<Address> = wanted.iter().filter_map(|wanted| wanted.flight).collect();
    let places = wanted.iter().map(|wanted| wanted.place).collect();
    let begun = reentrance::run_for_all(&flights, || compute(places));
    async move {
        let came = match begun {
            Ok(future) => {
                let mut future = pin!(future);
                poll_fn(|context| flipped(reentrance::run_for_all(&flights, || future.as_mut().poll(context)))).await
            }
            Err(payload) => Err(payload),
        };
        (wanted, came)
    }
}

pub(crate) fn flipped<T>(polled: Result<Poll<T>, Payload>) -> Poll<Result<T, Payload>> {
    match polled {
        Ok(polled) => polled.map(Ok),
        Err(payload) => Poll::Ready(Err(payload)),
    }
}

/// Whether something has just ended.
fn is_over<F: Future + ?Sized>(slot: &mut Option<Pin<Box<F>>>, context: &mut Context<'_>) -> bool {
    let is_over = slot.as_mut().is_some_and(|future| future.as_mut().poll(context).is_ready());
    if is_over {
        *slot = None;
    }
    is_over
}

impl<V, E> Whole<V, E> {
    fn new(share: Option<Share<E>>, refusal: Option<fn(Error) -> E>, count: usize) -> Self {
        let values = std::iter::repeat_with(|| None).take(count).collect();
        Self { share, refusal, values, error: None, failure: None, panic: None }
    }

    /// Notes what became of a key.
    fn note(&mut self, place: usize, came: Result<Result<V, Missed>, Payload>) {
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
    fn tell(&mut self, wanted: Vec<Wanted<V>>, came: CameForAll<V, E>) {
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

    fn has_failed(&self) -> bool {
        self.failure.is_some() || self.panic.is_some()
    }

    fn end(self) -> Result<Vec<Option<V>>, E> {
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
