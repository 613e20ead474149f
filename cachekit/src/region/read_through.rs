//! The central path: look up, judge, elect, wait or compute.
//!
//! [`Step`] says, without waiting, what a caller does next; threads and tasks differ only in how they wait and
//! how they run the computation. Everything here is off the hit path.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::backing::Backing;
use super::call::Call;
use super::settle::{Settled, Why};
use super::share::Share;
use super::stats::Event;
use super::step::{Step, fresh_or};
use super::through::Claimed;
use super::work::Work;
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
    /// What the others have may be older than an invalidation that this caller knows of.
    Again,
}

impl<V: Clone + Send + Sync + 'static> Call<V> {
    /// Serves the entry or computes it.
    pub(crate) fn run<E, A, B, D>(&self, share: Option<Share<E>>, work: Work<V, E, A, B, D>) -> Result<Served<V>, E>
    where
        B: FnOnce(A) -> Result<V, E>,
    {
        let remote = self.remote().map(|remote| (remote, self.names(&work)));
        let mut in_background = work.is_renewable(self);
        loop {
            let step = match &remote {
                None => self.step(in_background),
                Some((remote, names)) => self.step_blocking(remote, names, in_background, work.refusal.is_some()),
            };
            let Some(step) = self.renewed(step, share, &work) else {
                // Nobody else will: this caller does.
                in_background = false;
                continue;
            };
            let (waited, why, backing) = match step {
                Step::Serve(served) => return Ok(served),
                Step::Refuse(error) => match work.refusal {
                    Some(refusal) => return Err(refusal(error)),
                    None => (Waited::Alone, Why::Missing, None),
                },
                Step::Bypass | Step::Renew(..) => (Waited::Alone, Why::Missing, None),
                Step::Fail(error) => (failed(&error, share), Why::Missing, None),
                Step::Compute(lead, why, backing) => (Waited::Compute(lead), why, backing),
                Step::Wait(follower, patience, backing) => {
                    (self.waited(follower.wait(&patience), share, backing.as_ref()), Why::Missing, backing)
                }
            };
            let (lead, backing) = match waited {
                Waited::Result(result) => return result,
                Waited::Alone => return work.run().map(Served::computed),
                Waited::Again => continue,
                Waited::Compute(lead) => match (backing, &remote) {
                    (None, _) | (_, None) => (lead, None),
                    (Some(backing), Some((_, names))) => match self.claim_blocking(lead, why, backing, names) {
                        Claimed::Compute(lead, backing) => (lead, Some(backing)),
                        Claimed::Serve(served) => return Ok(served),
                        Claimed::Alone => return work.run().map(Served::computed),
                        Claimed::Again => continue,
                    },
                },
            };
            return unwound(self.compute(lead, why, share, work, backing));
        }
    }

    /// As [`run`](Self::run), for tasks.
    pub(crate) async fn run_async<E, A, B, F, D>(
        &self,
        caller: Caller<'_>,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> Result<Served<V>, E>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let remote = self.remote().map(|remote| (remote, self.names(&work)));
        let in_background = work.is_renewable(self);
        let first = match &remote {
            None => None,
            Some((remote, names)) => {
                let tells = work.refusal.is_some();
                match self.step_through(remote, caller, names, in_background, tells).await {
                    Step::Serve(served) => return Ok(served),
                    step => Some(step),
                }
            }
        };
        // Boxed, so that the future of a hit is small.
        Box::pin(self.go_on_async(caller, first, remote, in_background, share, work)).await
    }

    /// What comes after a first step that has served nothing.
    async fn go_on_async<E, A, B, F, D>(
        &self,
        caller: Caller<'_>,
        mut first: Option<Step<V>>,
        remote: Option<(Arc<Remote>, TagNames)>,
        mut in_background: bool,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> Result<Served<V>, E>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        loop {
            let step = match (first.take(), &remote) {
                (Some(step), _) => step,
                (None, None) => self.step(in_background),
                (None, Some((remote, names))) => {
                    let tells = work.refusal.is_some();
                    Box::pin(self.step_through(remote, caller, names, in_background, tells)).await
                }
            };
            let Some(step) = self.renewed(step, share, &work) else {
                in_background = false;
                continue;
            };
            let (waited, why, backing) = match step {
                Step::Serve(served) => return Ok(served),
                Step::Refuse(error) => match work.refusal {
                    Some(refusal) => return Err(refusal(error)),
                    None => (Waited::Alone, Why::Missing, None),
                },
                Step::Bypass | Step::Renew(..) => (Waited::Alone, Why::Missing, None),
                Step::Fail(error) => (failed(&error, share), Why::Missing, None),
                Step::Compute(lead, why, backing) => (Waited::Compute(lead), why, backing),
                Step::Wait(follower, patience, backing) => {
                    let ended = follower.wait_async(&patience).await;
                    (self.waited(ended, share, backing.as_ref()), Why::Missing, backing)
                }
            };
            let (lead, backing) = match waited {
                Waited::Result(result) => return result,
                Waited::Alone => return work.run().await.map(Served::computed),
                Waited::Again => continue,
                Waited::Compute(lead) => match (backing, &remote) {
                    (None, _) | (_, None) => (lead, None),
                    (Some(backing), Some((_, names))) => {
                        match Box::pin(self.claim(caller, lead, why, backing, names)).await {
                            Claimed::Compute(lead, backing) => (lead, Some(backing)),
                            Claimed::Serve(served) => return Ok(served),
                            Claimed::Alone => return work.run().await.map(Served::computed),
                            Claimed::Again => continue,
                        }
                    }
                },
            };
            return unwound(self.compute_async(caller, lead, why, share, work, backing).await);
        }
    }

    /// Computes whatever is stored, and replaces it.
    pub(crate) fn refresh<E, A, B, D>(&self, share: Option<Share<E>>, work: Work<V, E, A, B, D>) -> Result<V, E>
    where
        B: FnOnce(A) -> Result<V, E>,
    {
        let begun = match self.remote() {
            None => self.begin(None).map(|lead| (lead, None)),
            Some(remote) => self.begin_blocking(&remote, &self.names(&work)),
        };
        match begun {
            None => work.run(),
            Some((lead, backing)) => {
                unwound(self.compute(lead, Why::Refresh, share, work, backing)).map(|served| served.value)
            }
        }
    }

    /// As [`refresh`](Self::refresh), for tasks.
    pub(crate) async fn refresh_async<E, A, B, F, D>(
        &self,
        caller: Caller<'_>,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> Result<V, E>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let begun = match self.remote() {
            None => self.begin(None).map(|lead| (lead, None)),
            Some(remote) => {
                let names = self.names(&work);
                Box::pin(self.begin_through(&remote, caller, &names)).await
            }
        };
        match begun {
            None => work.run().await,
            Some((lead, backing)) => {
                let settled = self.compute_async(caller, lead, Why::Refresh, share, work, backing).await;
                unwound(settled).map(|served| served.value)
            }
        }
    }

    /// Hands a renewal to the background; `None` where nobody took it.
    fn renewed<E, A, B, D>(
        &self,
        step: Step<V>,
        share: Option<Share<E>>,
        work: &Work<V, E, A, B, D>,
    ) -> Option<Step<V>> {
        match step {
            Step::Renew(lead, found, is_fresh, backing) => {
                self.renew(lead, found, is_fresh, backing, share, work).map(Step::Serve)
            }
            step => Some(step),
        }
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

/// What an error of somebody else's, or of a while ago, means for a caller.
fn failed<V, E>(error: &Shared, share: Option<Share<E>>) -> Waited<V, E> {
    share.and_then(|share| share.restore(error)).map_or(Waited::Alone, |error| Waited::Result(Err(error)))
}

/// A panic of the computation goes on in the caller.
fn unwound<V, E>(settled: Settled<V, E>) -> Result<Served<V>, E> {
    settled.unwrap_or_else(|payload| resume_unwind(payload))
}
