//! The central path: look up, judge, elect, wait or compute.
//!
//! [`Step`] says, without waiting, what a caller does next. Threads and tasks go along one path and differ in how they
//! wait and run the function, which is in `handover`. Everything here is off the hit path.

use std::panic::resume_unwind;
use std::sync::Arc;

use super::backing::Backing;
use super::call::Call;
use super::due::Due;
use super::handover::{Handover, Job};
use super::settle::{Failed, Why};
use super::stats::Event;
use super::step::{Renewable, Step, fresh_or};
use super::through::Claimed;
use crate::fetched::{Served, Source};
use crate::flight::reentrance::Payload;
use crate::flight::{Ended, Lead, Outcome};
use crate::freshness::Verdict;
use crate::remote::{Caller, Remote};
use crate::tags::TagNames;
use crate::values::Shared;

/// What a wait came to, or a failure that is remembered.
enum Waited {
    Served(Served),
    Failed(Failed),
    Compute(Lead),
    /// The value is of another type than this caller's, or not what it asked for.
    Alone,
    /// What the others have may be older than an invalidation that this caller knows of, or is an error of another type.
    Again,
}

/// What a caller asks for, and how it may be answered.
pub(super) struct Request {
    /// Whether an error of somebody else's is one of the function's.
    pub(super) is_own: Option<fn(&Shared) -> bool>,
    /// Whether one of the backend's can become one.
    pub(super) tells: bool,
    /// Whether somebody can renew the value in the background.
    pub(super) in_background: bool,
    /// The keys of the same call that are renewed together, and which of them this is.
    pub(super) together: Option<(Arc<Due>, usize)>,
    /// Whether the value has tags beside those that the call names.
    pub(super) is_tagged: bool,
}

/// What a caller does next, where the path has nothing more to decide.
enum Next {
    /// Nothing.
    Done(Result<Served, Failed>),
    /// Compute, for itself only.
    Alone,
    Compute(Box<Computation>),
    /// Have somebody renew this value, and serve it.
    Renew(Box<Renewable>),
}

/// The right to compute, and what it was given for.
pub(super) struct Computation {
    pub(super) lead: Lead,
    pub(super) why: Why,
    pub(super) backing: Option<Box<Backing>>,
}

impl Call {
    /// The first step of the path, in a thread, and all of it where that serves or computes: most misses of a region
    /// without a backend are no more than this, so there is no future for them. Otherwise, the step.
    pub(super) fn at_once(
        &self,
        request: &Request,
        job: &mut dyn Job,
    ) -> Result<Result<Served, Failed>, Option<Box<Step>>> {
        if !self.options.reads || self.remote().is_some() {
            return Err(None);
        }
        match self.step(request.in_background) {
            Step::Serve(served) => Ok(Ok(served)),
            Step::Compute(lead, why, None) => {
                let settled = self.compute_at_once(lead, why, request.is_tagged, job);
                Ok(settled.unwrap_or_else(|payload| resume_unwind(payload)))
            }
            step => Err(Some(Box::new(step))),
        }
    }

    /// Serves the entry or has it computed: one path, for threads and for tasks.
    pub(super) async fn path(
        self: Box<Self>,
        caller: Caller<'_>,
        mut request: Request,
        mut first: Option<Box<Step>>,
        handover: &Handover,
    ) -> Result<Served, Failed> {
        // A backend is asked for the tags' epochs together with the entry; where there is none, they are named when they are
        // needed.
        let mut names = (!request.is_tagged).then(|| self.tags.clone());
        let remote = match self.remote() {
            None => None,
            Some(remote) => {
                let names = match &mut names {
                    Some(names) => names,
                    none => none.insert(self.names(handover).await.unwrap_or_else(|payload| resume_unwind(payload))),
                };
                Some((remote, names.clone()))
            }
        };
        loop {
            let next = if self.options.reads {
                self.next(first.take(), caller, remote.as_ref(), &request).await
            } else {
                let computation = self.begins_anew(caller, remote.as_ref()).await;
                computation.map_or(Next::Alone, |computation| Next::Compute(Box::new(computation)))
            };
            match next {
                Next::Done(result) => return result,
                Next::Alone => {
                    let came = handover.compute().await.unwrap_or_else(|payload| resume_unwind(payload));
                    return came.map(Served::computed).map_err(|_| Failed::Own);
                }
                Next::Compute(computation) => {
                    let settled = self.compute(caller, *computation, names, handover).await;
                    // A panic of the computation goes on in the caller.
                    return settled.unwrap_or_else(|payload| resume_unwind(payload));
                }
                Next::Renew(renewable) => {
                    match self.renewed(*renewable, names.as_ref(), &request, handover).await {
                        Some(served) => return Ok(served),
                        // Nobody else will: this caller does.
                        None => request.in_background = false,
                    }
                }
            }
        }
    }

    /// Has somebody renew the value, and serves it; `None` where nobody does and it would be served for ever.
    async fn renewed(
        &self,
        renewable: Renewable,
        names: Option<&TagNames>,
        request: &Request,
        handover: &Handover,
    ) -> Option<Served> {
        let (mut renewing, found, is_fresh) = self.renewing(renewable);
        // A copy of the arguments that panics is a renewal that fails: this caller has a value.
        let tags = match names {
            Some(names) => Ok(names.clone()),
            None => self.names(handover).await,
        };
        let started = match tags {
            Ok(tags) => {
                renewing.call.tags = tags;
                match &request.together {
                    Some((due, place)) => due.renewed(*place, renewing).await,
                    None => handover.renew(renewing).await,
                }
            }
            Err(payload) => Err(payload),
        };
        self.renews(started, found, is_fresh)
    }

    /// The names of all tags of the value.
    pub(super) async fn names(&self, handover: &Handover) -> Result<TagNames, Payload> {
        Ok(self.tags.and(handover.names().await?))
    }

    /// What the caller has to do, when there is something.
    async fn next(
        &self,
        mut first: Option<Box<Step>>,
        caller: Caller<'_>,
        remote: Option<&(Arc<Remote>, TagNames)>,
        request: &Request,
    ) -> Next {
        loop {
            let step = match (first.take(), remote) {
                (Some(step), _) => *step,
                (None, None) => self.step(request.in_background),
                (None, Some((remote, names))) => {
                    // Boxed, as all that only a backend needs: what has none is small.
                    Box::pin(self.step_through(remote, caller, names, request.in_background, request.tells)).await
                }
            };
            if let Some(next) = self.after(step, caller, remote, request).await {
                return next;
            }
        }
    }

    /// What comes after a step that has served nothing; `None` where the caller looks again.
    async fn after(
        &self,
        step: Step,
        caller: Caller<'_>,
        remote: Option<&(Arc<Remote>, TagNames)>,
        request: &Request,
    ) -> Option<Next> {
        let (waited, why, backing) = match step {
            Step::Serve(served) => return Some(Next::Done(Ok(served))),
            Step::Renew(renewable) => return Some(Next::Renew(Box::new(renewable))),
            Step::Refuse(error) => return Some(Next::Done(Err(Failed::Refused(error)))),
            Step::Bypass => (Waited::Alone, Why::Missing, None),
            Step::Fail(error) => (self.recalled(&error, request), Why::Missing, None),
            Step::Compute(lead, why, backing) => (Waited::Compute(lead), why, backing),
            Step::Wait(follower, patience, backing) => {
                // Who was told nothing by the backend may know of an invalidation that those do not who were told something
                // before: it waits for them, so that there is no herd, and looks again.
                let is_told = backing.as_ref().is_none_or(|backing| backing.reading.is_some());
                let distrusts = !is_told && follower.has_ground();
                // Boxed, so that those who need not wait are small.
                let ended = Box::pin(follower.wait_async(&patience)).await;
                let waited = match ended {
                    Ended::With(Outcome::Value { .. } | Outcome::Error(_)) if distrusts => Waited::Again,
                    ended => self.waited(ended, request, backing.as_deref()),
                };
                (waited, Why::Missing, backing)
            }
        };
        let lead = match waited {
            Waited::Served(served) => return Some(Next::Done(Ok(served))),
            Waited::Failed(failed) => return Some(Next::Done(Err(failed))),
            Waited::Alone => return Some(Next::Alone),
            Waited::Again => return None,
            Waited::Compute(lead) => lead,
        };
        let (Some(backing), Some((_, names))) = (backing, remote) else {
            return Some(Next::Compute(Box::new(Computation { lead, why, backing: None })));
        };
        match Box::pin(self.claim(caller, lead, why, backing, names)).await {
            Claimed::Compute(lead, backing) => {
                Some(Next::Compute(Box::new(Computation { lead, why, backing: Some(backing) })))
            }
            Claimed::Serve(served) => Some(Next::Done(Ok(served))),
            Claimed::Alone => Some(Next::Alone),
            Claimed::Again => None,
        }
    }

    /// The right to compute, whatever is stored or runs; `None` where nothing is to be stored.
    async fn begins_anew(&self, caller: Caller<'_>, remote: Option<&(Arc<Remote>, TagNames)>) -> Option<Computation> {
        let (lead, backing) = match remote {
            None => (self.begin(None)?, None),
            Some((remote, names)) => Box::pin(self.begin_through(remote, caller, names)).await?,
        };
        Some(Computation { lead, why: Why::Refresh, backing })
    }

    /// What an error of a while ago means for a caller: of another type, nothing, and then it is forgotten.
    fn recalled(&self, error: &Shared, request: &Request) -> Waited {
        let waited = request.failed(error);
        if let Waited::Again = waited {
            self.forget_error(error);
        }
        waited
    }

    /// Forgets an error that is remembered, if it is this one.
    pub(super) fn forget_error(&self, error: &Shared) {
        drop(self.core.failures.forget_error(&self.key, error));
    }

    fn waited(&self, ended: Ended, request: &Request, backing: Option<&Backing>) -> Waited {
        let waited = match ended {
            Ended::Promoted(lead) => match self.instead_of_computing(false, backing) {
                Some(served) => Waited::Served(served),
                None => Waited::Compute(lead),
            },
            Ended::TimedOut(lead) => match self.instead_of_computing(self.options.takes_stale, backing) {
                Some(served) => Waited::Served(served),
                None => Waited::Compute(lead),
            },
            Ended::With(Outcome::Unproven) => Waited::Again,
            Ended::With(Outcome::Value { source: Source::Stale | Source::StaleOnError, covered, .. })
                if !self.options.takes_stale =>
            {
                covered.map_or(Waited::Alone, |error| request.failed(&error))
            }
            Ended::With(Outcome::Value { value, source, stamp, .. }) => {
                let is_of_type = self.policy.values.is(&*value);
                if is_of_type { Waited::Served(Served { value, source, stamp }) } else { Waited::Alone }
            }
            Ended::With(Outcome::Error(error)) => request.failed(&error),
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
    fn instead_of_computing(&self, takes_stale: bool, backing: Option<&Backing>) -> Option<Served> {
        let (found, verdict) = if let Some(reading) = backing.and_then(|backing| backing.reading.as_ref()) {
            (reading.found.clone()?, reading.verdict)
        } else {
            let found = self.read_near(true)?;
            let verdict = found.judge(&self.circumstances());
            (found, verdict)
        };
        let is_fresh = verdict.is_fresh();
        (is_fresh || verdict != Verdict::Missing && takes_stale)
            .then(|| found.served(fresh_or(Source::Stale, is_fresh)))
    }
}

impl Request {
    /// What an error of somebody else's means for the caller.
    fn failed(&self, error: &Shared) -> Waited {
        let is_own = self.is_own.is_some_and(|is_own| is_own(error));
        if is_own { Waited::Failed(Failed::Shared(Arc::clone(error))) } else { Waited::Again }
    }
}
