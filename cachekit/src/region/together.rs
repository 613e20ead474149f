//! Keys of one call that are due, renewed together in the background.
//!
//! Each of them was won as any other key, and its renewal begins, is stored and fails as one of a function of one key does.
//! Together they are one job of the region's runner, which asks for all leases at once, and calls the function once.
//! What it deliberately does not do: wait for a key that somebody else renews.

use std::future::{Future, ready};

use futures_util::stream::FuturesUnordered;

use super::due::Renewals;
use super::handover::{Route, in_task};
use super::many::{Ended, Missed, Queue, caught, drive};
use super::share::Share;
use super::step::Renewing;
use super::whole::Whole;
use super::work::{Once, OwnedTask, Work};
use crate::companion::Value;
use crate::flight::block_on;
use crate::remote::Caller;

/// The values of some keys, as far as there are any.
pub(crate) type Returned<V, E> = Result<Vec<Option<V>>, E>;

/// A call of the function for keys at some places, which owns what it needs.
pub enum OwnedMany<V, E> {
    /// Of a function that may block.
    Thread(ForSome<Returned<V, E>>),
    /// Of an `async fn`.
    Task(ForSome<OwnedTask<Vec<Option<V>>, E>>),
}

type ForSome<T> = Box<dyn FnOnce(Vec<usize>) -> T + Send>;

/// Hands renewals to the region's runner; false where that has no room.
pub(crate) fn start<V: Value, E: Send + 'static>(
    compute: OwnedMany<V, E>,
    Renewals(renewals): Renewals,
    share: Option<Share<E>>,
) -> bool {
    let Some(runner) = renewals.first().map(|renewing| renewing.call.core.runner()) else { return true };
    match compute {
        OwnedMany::Thread(compute) => runner.run(Box::new(move || {
            block_on(renew(Caller::Thread, renewals, share, |places| ready(compute(places))));
        })),
        OwnedMany::Task(compute) => {
            runner.spawn(Box::pin(async move { renew(Caller::Task, renewals, share, compute).await }))
        }
    }
}

/// Renews keys by one call of the function; what goes wrong is counted and told there, and nobody waits for the result.
async fn renew<V: Value, E, F>(
    caller: Caller<'_>,
    renewals: Vec<Renewing>,
    share: Option<Share<E>>,
    compute: impl FnOnce(Vec<usize>) -> F,
) where
    F: Future<Output = Returned<V, E>>,
{
    let queue = Queue::new(renewals.iter().find_map(Renewing::remote));
    let count = renewals.len();
    let keys = renewals.into_iter().enumerate().map(|(place, renewing)| one(place, renewing, &queue));
    let keys: FuturesUnordered<_> = keys.collect();
    let mut compute = Some(compute);
    let mut whole = Whole::new(share, None, count);
    // What is late, as after a change of the region's backend, is left to the next caller.
    let compute = |places| compute.take().map(|compute| compute(places));
    drive(&mut whole, caller, &queue, keys, compute, &()).await;
}

/// The renewal of one key; a panic is an answer too.
async fn one<V: Value>(place: usize, renewing: Renewing, queue: &Queue<V>) -> (usize, Ended<V>) {
    let renewed = caught(async {
        let call = renewing.call.clone();
        let (share, work) = (Some(Share::of_many()), Work::new((), |()| queue.value(place)));
        let once = Once::new(share, work);
        if let Some(Missed::Absent) =
            in_task(Route::Renewal(Box::new(renewing)), queue.caller(), once, |once, _| once.error()).await
        {
            // What is stored is none of the function's values any more; where this fails, it is owed.
            drop(call.invalidate(queue.caller()).await);
        }
    });
    let _ = renewed.await;
    (place, Ok(Err(Missed::Absent)))
}

impl<V, E> std::fmt::Debug for OwnedMany<V, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnedMany")
    }
}
