//! The central path: look up, judge, elect, wait or compute.
//!
//! [`Step`] says, without waiting, what a caller does next. Threads and tasks go along one path and differ in how they
//! wait and run the function, which is in `handover`. Everything here is off the hit path.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::backing::Backing;
use super::call::Call;
use super::handover::{Handover, Once, Path, in_task, in_thread};
use super::settle::{Settled, Why};
use super::share::Share;
use super::stats::Event;
use super::step::{Renewable, Step, fresh_or};
use super::through::Claimed;
use super::work::{Renews, Work};
use crate::error::Error;
use crate::fetched::{Served, Source};
use crate::flight::{Ended, Lead, Outcome, Shared};
use crate::freshness::Verdict;
use crate::remote::{Caller, Remote};
use crate::tags::TagNames;

/// What a wait came to, or a failure that is remembered.
enum Waited<V, E> {
    Result(Result<Served<V>, E>),
    Compute(Lead),
    /// The value is of another type than this caller's, or not what it asked for.
    Alone,
    /// What the others have may be older than an invalidation that this caller knows of, or is an error of another type.
    Again,
}

/// What a caller asks for, and how it may be answered.
pub(super) struct Request<E> {
    pub(super) share: Option<Share<E>>,
    /// Makes one of the function's errors out of one of the backend's.
    pub(super) refusal: Option<fn(Error) -> E>,
    /// Whether somebody can renew the value in the background.
    pub(super) in_background: bool,
    /// The names of the value's tags.
    pub(super) names: TagNames,
}

/// What a caller does next, where the path has nothing more to decide.
enum Next<V, E> {
    /// Nothing.
    Done(Result<Served<V>, E>),
    /// Compute, for itself only.
    Alone,
    Compute(Computation<V>),
    /// Have somebody renew this value, and serve it.
    Renew(Renewable<V>),
}

/// The right to compute, and what it was given for.
pub(super) struct Computation<V> {
    pub(super) lead: Lead,
    pub(super) why: Why,
    pub(super) backing: Option<Backing<V>>,
}

/// The path of a call, which is one for threads and for tasks.
struct Calling<V, E> {
    call: Call<V>,
    request: Request<E>,
}

impl<V: Clone + Send + Sync + 'static, E> Path<V, E> for Calling<V, E> {
    type Output = Result<Served<V>, E>;

    async fn go(self, caller: Caller<'_>, handover: &Handover<V, E>) -> Result<Served<V>, E> {
        let Self { call, mut request } = self;
        let remote = call.remote();
        loop {
            let next = if call.options.reads {
                call.next(caller, remote.as_ref(), &request).await
            } else {
                let begun = call.begins_anew(caller, remote.as_ref(), &request.names).await;
                begun.map_or(Next::Alone, Next::Compute)
            };
            match next {
                Next::Done(result) => return result,
                Next::Alone => {
                    let came = handover.compute(None).await;
                    return unwound(came.map(|result| result.map(Served::computed)));
                }
                Next::Compute(computation) => {
                    let settled = call.compute(caller, computation, request.share, &request.names, handover).await;
                    return unwound(settled);
                }
                Next::Renew(renewable) => {
                    let (renewing, found, is_fresh) = call.renewing(renewable, &request.names);
                    // A copy of the arguments that panics is a renewal that fails: this caller has a value.
                    let started = handover.renew(renewing).await;
                    match call.renews(started, found, is_fresh) {
                        Some(served) => return Ok(served),
                        // Nobody else will: this caller does.
                        None => request.in_background = false,
                    }
                }
            }
        }
    }
}

/// The same for the value alone.
struct Value<V, E>(Calling<V, E>);

impl<V: Clone + Send + Sync + 'static, E> Path<V, E> for Value<V, E> {
    type Output = Result<V, E>;

    async fn go(self, caller: Caller<'_>, handover: &Handover<V, E>) -> Result<V, E> {
        self.0.go(caller, handover).await.map(|served| served.value)
    }
}

impl<V: Clone + Send + Sync + 'static> Call<V> {
    /// Serves the entry or computes it, in a thread.
    pub(crate) fn run<E, A, B, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> Result<Served<V>, E>
    where
        B: FnOnce(A) -> Result<V, E>,
    {
        let request = work.request(&self, share);
        in_thread(Calling { call: self, request }, &mut Once { work: Some(work), share })
    }

    /// As [`run`](Self::run), in a task.
    pub(crate) fn run_async<E, A, B, F, D: Renews>(
        self,
        caller: Caller<'_>,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> impl Future<Output = Result<Served<V>, E>>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let request = work.request(&self, share);
        in_task(Calling { call: self, request }, caller, share, work)
    }

    /// As [`run_async`](Self::run_async), where only the value is wanted.
    pub(crate) fn value_async<E, A, B, F, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> impl Future<Output = Result<V, E>>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let request = work.request(&self, share);
        in_task(Value(Calling { call: self, request }), Caller::Task, share, work)
    }

    /// What the caller has to do, when there is something.
    async fn next<E>(&self, caller: Caller<'_>, remote: Option<&Arc<Remote>>, request: &Request<E>) -> Next<V, E> {
        loop {
            let step = match remote {
                None => self.step(request.in_background),
                Some(remote) => {
                    let tells = request.refusal.is_some();
                    Box::pin(self.step_through(remote, caller, &request.names, request.in_background, tells)).await
                }
            };
            if let Some(next) = self.after(step, caller, request).await {
                return next;
            }
        }
    }

    /// What comes after a step that has served nothing; `None` where the caller looks again.
    async fn after<E>(&self, step: Step<V>, caller: Caller<'_>, request: &Request<E>) -> Option<Next<V, E>> {
        let (waited, why, backing) = match step {
            Step::Serve(served) => return Some(Next::Done(Ok(served))),
            Step::Renew(renewable) => return Some(Next::Renew(renewable)),
            Step::Refuse(error) => match request.refusal {
                Some(refusal) => return Some(Next::Done(Err(refusal(error)))),
                None => (Waited::Alone, Why::Missing, None),
            },
            Step::Bypass => (Waited::Alone, Why::Missing, None),
            Step::Fail(error) => (self.recalled(&error, request.share), Why::Missing, None),
            Step::Compute(lead, why, backing) => (Waited::Compute(lead), why, backing),
            Step::Wait(follower, patience, backing) => {
                let ended = follower.wait_async(&patience).await;
                (self.waited(ended, request.share, backing.as_ref()), Why::Missing, backing)
            }
        };
        let lead = match waited {
            Waited::Result(result) => return Some(Next::Done(result)),
            Waited::Alone => return Some(Next::Alone),
            Waited::Again => return None,
            Waited::Compute(lead) => lead,
        };
        let Some(backing) = backing else {
            return Some(Next::Compute(Computation { lead, why, backing: None }));
        };
        match Box::pin(self.claim(caller, lead, why, backing, &request.names)).await {
            Claimed::Compute(lead, backing) => Some(Next::Compute(Computation { lead, why, backing: Some(backing) })),
            Claimed::Serve(served) => Some(Next::Done(Ok(served))),
            Claimed::Alone => Some(Next::Alone),
            Claimed::Again => None,
        }
    }

    /// The right to compute, whatever is stored or runs; `None` where nothing is to be stored.
    async fn begins_anew(
        &self,
        caller: Caller<'_>,
        remote: Option<&Arc<Remote>>,
        names: &TagNames,
    ) -> Option<Computation<V>> {
        let (lead, backing) = match remote {
            None => (self.begin(None)?, None),
            Some(remote) => Box::pin(self.begin_through(remote, caller, names)).await?,
        };
        Some(Computation { lead, why: Why::Refresh, backing })
    }

    /// What an error of a while ago means for a caller: of another type, nothing, and then it is forgotten.
    fn recalled<E>(&self, error: &Shared, share: Option<Share<E>>) -> Waited<V, E> {
        let waited = failed(error, share);
        if let Waited::Again = waited {
            self.forget_error(error);
        }
        waited
    }

    /// Forgets an error that is remembered, if it is this one.
    pub(super) fn forget_error(&self, error: &Shared) {
        drop(self.core.failures.forget_error(&self.key, error));
    }

    fn waited<E>(&self, ended: Ended, share: Option<Share<E>>, backing: Option<&Backing<V>>) -> Waited<V, E> {
        let waited = match ended {
            Ended::Promoted(lead) => match self.instead_of_computing(false, backing) {
                Some(served) => Waited::Result(Ok(served)),
                None => Waited::Compute(lead),
            },
            Ended::TimedOut(lead) => match self.instead_of_computing(self.options.takes_stale, backing) {
                Some(served) => Waited::Result(Ok(served)),
                None => Waited::Compute(lead),
            },
            Ended::With(Outcome::Unproven) => Waited::Again,
            Ended::With(Outcome::Value { source: Source::Stale | Source::StaleOnError, covered, .. })
                if !self.options.takes_stale =>
            {
                covered.map_or(Waited::Alone, |error| failed(&error, share))
            }
            Ended::With(Outcome::Value { value, source, stamp, .. }) => {
                let served = |value: &V| Served { value: value.clone(), source, stamp };
                value.downcast_ref::<V>().map_or(Waited::Alone, |value| Waited::Result(Ok(served(value))))
            }
            Ended::With(Outcome::Error(error)) => failed(&error, share),
            Ended::With(Outcome::Panicked(message)) => {
                self.core.counters.count(Event::Coalesced);
                panic!("the computation of `{}` panicked twice: {message}", self.key())
            }
        };
        // Who has to look again, or asks for the lease, is counted by how that ends.
        let goes_on = matches!(waited, Waited::Again) || backing.is_some() && matches!(waited, Waited::Compute(_));
        if !goes_on {
            self.core.counters.count(Event::Coalesced);
        }
        waited
    }

    /// The value that a caller takes who was counted as waiting and is to compute now: a fresh one that has come
    /// meanwhile, or an old one where it `takes_stale`.
    fn instead_of_computing(&self, takes_stale: bool, backing: Option<&Backing<V>>) -> Option<Served<V>> {
        let (found, verdict) = if let Some(reading) = backing.and_then(|backing| backing.reading.as_ref()) {
            (reading.found.clone()?, reading.verdict)
        } else {
            let found = self.near.read(&self.key.arguments, true)?;
            let verdict = found.judge(&self.circumstances());
            (found, verdict)
        };
        let is_fresh = verdict.is_fresh();
        (is_fresh || verdict != Verdict::Missing && takes_stale)
            .then(|| found.served(fresh_or(Source::Stale, is_fresh)))
    }
}

/// What an error of somebody else's means for a caller.
fn failed<V, E>(error: &Shared, share: Option<Share<E>>) -> Waited<V, E> {
    share.and_then(|share| share.restore(error)).map_or(Waited::Again, |error| Waited::Result(Err(error)))
}

/// A panic of the computation goes on in the caller.
fn unwound<V, E>(settled: Settled<V, E>) -> Result<Served<V>, E> {
    settled.unwrap_or_else(|payload| resume_unwind(payload))
}
