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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_channel::oneshot::channel;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::call::Call;
use super::due::{Background, Due};
use super::share::Share;
use super::together::Returned;
use super::whole::{Came, CameForAll, Wanted, Whole};
use super::work::Work;
use crate::error::Error;
use crate::flight::Shared;
use crate::flight::reentrance::{self, Address, Payload};
use crate::remote::{Caller, Gathered, Remote};

/// What is called for many keys at once.
pub(crate) struct Many<E, C, B> {
    /// The function, asked for the keys at some places.
    pub(crate) compute: C,
    /// How an error of the function reaches those who wait for one of the keys.
    pub(crate) share: Option<Share<E>>,
    /// Makes one of the function's errors out of one of the backend's.
    pub(crate) refusal: Option<fn(Error) -> E>,
    /// Whether every key is computed, whatever is stored.
    pub(crate) refreshes: bool,
    /// Who renews old values while they are served.
    pub(crate) background: B,
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

/// What the function came to, with the keys that it was asked for.
type ForAll<V, E> = (Vec<Wanted<V>>, CameForAll<V, E>);

/// What the keys of one call have to be done for them all, until it is.
pub(super) struct Queue<V> {
    gathered: Gathered,
    wanted: Mutex<Vec<Wanted<V>>>,
    due: Arc<Due>,
}

impl<V> Queue<V> {
    pub(super) fn new(remote: Option<Arc<Remote>>) -> Self {
        Self { gathered: Gathered::of(remote), wanted: Mutex::default(), due: Arc::default() }
    }

    /// Whoever asks the backend does so with the others.
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller::Many(&self.gathered)
    }

    /// The value of a key, by the next call of the function.
    pub(super) async fn value(&self, place: usize) -> Result<V, Missed> {
        let (tell, told) = channel();
        locked(&self.wanted).push(Wanted { place, flight: reentrance::innermost(), tell });
        match told.await {
            Ok(Came::Value(value)) => Ok(value),
            Ok(Came::Missed(missed)) => Err(missed),
            Ok(Came::Panicked(message)) => resume_unwind(Box::new(message)),
            Err(_) => Err(Missed::Alone),
        }
    }

    fn has_wanted(&self) -> bool {
        !locked(&self.wanted).is_empty()
    }
}

fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<E, C, B> Many<E, C, B> {
    /// The values of some keys, which differ from one another, in order; none of those that the function does not return.
    pub(crate) async fn run<V, F>(mut self, caller: Caller<'_>, calls: &[Call]) -> Returned<V, E>
    where
        V: Clone + Send + Sync + 'static,
        C: FnMut(Vec<usize>) -> F,
        F: Future<Output = Returned<V, E>>,
        B: Background,
    {
        let queue = Queue::new(calls.iter().find_map(Call::remote));
        let is_own = |error: &Shared| self.share.is_some_and(|share| share.restore(error).is_some());
        let in_background = B::MAY_BE.then_some(matches!(caller, Caller::Task));
        let is_told = self.refusal.is_some();
        let how = How { refreshes: self.refreshes, in_background, is_told, is_own: &is_own };
        let keys = calls.iter().enumerate().map(|(place, call)| one(how, place, call, &queue)).collect();
        let mut whole = Whole::new(self.share, self.refusal, calls.len());
        let compute = |places| Some((self.compute)(places));
        drive(&mut whole, caller, &queue, keys, compute, &self.background).await;
        whole.end()
    }
}

/// Runs keys side by side until there is nothing more to do for any of them.
pub(super) async fn drive<V, E, K, C, F, B>(
    whole: &mut Whole<V, E>,
    caller: Caller<'_>,
    queue: &Queue<V>,
    mut keys: FuturesUnordered<K>,
    mut compute: C,
    background: &B,
) where
    K: Future<Output = (usize, Ended<V>)>,
    C: FnMut(Vec<usize>) -> Option<F>,
    F: Future<Output = Returned<V, E>>,
    B: Background,
{
    let gathered = &queue.gathered;
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
            if B::MAY_BE && sending.is_none() && queue.due.start(background) {
                continue;
            }
            let computes = sending.is_none() && queue.has_wanted();
            if computes && matches!(caller, Caller::Thread) && gathered.leave() {
                // Nobody is to wait for a key of somebody else until the function is done.
                continue;
            }
            let wanted = if computes { mem::take(&mut *locked(&queue.wanted)) } else { Vec::new() };
            if !wanted.is_empty() {
                moved = true;
                computing.extend(computed(&mut compute, wanted));
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
}

/// What becomes of a key: its value, or why there is none.
pub(super) type Ended<V> = Result<Result<V, Missed>, Payload>;

/// How each key is called.
#[derive(Clone, Copy)]
struct How<'a> {
    refreshes: bool,
    /// Where old values are renewed in the background, whether that takes a runtime for tasks.
    in_background: Option<bool>,
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
) -> (usize, Ended<V>) {
    (place, caught(value(how, place, call, queue)).await)
}

async fn value<V: Clone + Send + Sync + 'static>(
    how: How<'_>,
    place: usize,
    call: &Call,
    queue: &Queue<V>,
) -> Result<V, Missed> {
    let refusal: Option<fn(Error) -> Missed> = how.is_told.then_some(Missed::Refused);
    let work = || Work::<V, Missed, _, _, ()>::new((), |()| queue.value(place)).refused(refusal);
    let (caller, share) = (queue.caller(), Some(Share::of_many()));
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
    let is_renewable = how.in_background.is_some_and(|is_async| call.is_renewable(is_async));
    let together = is_renewable.then(|| (Arc::clone(&queue.due), place));
    loop {
        match call.clone().run_together(caller, together.clone(), share, work()).await.map(|served| served.value) {
            // Of another function of these entries: it says nothing to this caller.
            Err(Missed::Failed(error)) if !(how.is_own)(&error) => call.forget_error(&error),
            came => return came,
        }
    }
}

/// A panic of a future is an answer.
pub(super) async fn caught<F: Future>(future: F) -> Result<F::Output, Payload> {
    let mut future = pin!(future);
    poll_fn(|context| flipped(reentrance::caught(|| future.as_mut().poll(context)))).await
}

/// One call of the function, if there may be another one; else the keys are told that there is none.
fn computed<V, E, C, F>(
    compute: &mut C,
    wanted: Vec<Wanted<V>>,
) -> Option<impl Future<Output = ForAll<V, E>> + use<V, E, C, F>>
where
    C: FnMut(Vec<usize>) -> Option<F>,
    F: Future<Output = Returned<V, E>>,
{
    let flights: Vec<Address> = wanted.iter().filter_map(|wanted| wanted.flight).collect();
    let places = wanted.iter().map(|wanted| wanted.place).collect();
    let begun = reentrance::run_for_all(&flights, || compute(places)).transpose()?;
    Some(async move {
        let came = match begun {
            Ok(future) => {
                let mut future = pin!(future);
                poll_fn(|context| flipped(reentrance::run_for_all(&flights, || future.as_mut().poll(context)))).await
            }
            Err(payload) => Err(payload),
        };
        (wanted, came)
    })
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
