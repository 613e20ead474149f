//! A computation, and what becomes of it: stored, remembered or covered, and told to those who wait.

use std::sync::Arc;
use std::time::Duration;

use super::backing::Backing;
use super::call::Call;
use super::failures::Remembered;
use super::handover::{Handover, Job};
use super::read_through::Computation;
use super::stats::Event;
use super::step::fresh_or;
use super::through::Kept;
use crate::clock::{Nanos, nanos};
use crate::error::Error;
use crate::events;
use crate::fetched::{Served, Source};
use crate::flight::{Lead, Outcome, reentrance};
use crate::near::Made;
use crate::remote::Caller;
use crate::tags::{TagNames, Tagged};
use crate::values::Shared;

/// Why a value is computed, which decides what becomes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// There was none in this process, not even a dead one, and nothing else is asked.
    Absent,
    /// There is none, or only one past its ttl.
    Missing,
    /// The one that there is, still fresh, is due for renewal.
    Ahead,
    /// Everyone is served the one that there is, while this happens in the background.
    Background,
    /// Somebody asked for a new one.
    Refresh,
}

/// A computation that has ended, beside its result.
struct Ending {
    why: Why,
    begun: Nanos,
    /// The tags of the value, as they were when it began.
    tags: Tagged,
}

/// What stands behind a computation in a region with a backend, and what became of the value there.
struct Behind<'a> {
    backing: Option<&'a Backing>,
    kept: Option<Kept>,
}

/// What a function came to: a value or an error, or a panic.
pub(super) type Came = Result<Result<Shared, Failure>, reentrance::Payload>;

/// An error, which stays with the caller who computed.
pub(super) struct Failure {
    /// The same for everyone who waits; none where it cannot be shared.
    pub(super) shared: Option<Shared>,
    /// It says that there is no value rather than that something has failed.
    pub(super) is_absence: bool,
}

/// Why a caller is served no value.
pub(super) enum Failed {
    /// The function has failed for this caller, who has the error.
    Own,
    /// It has failed for another one.
    Shared(Shared),
    /// The backend has, and the caller wants to know.
    Refused(Error),
}

/// As [`Came`], with what is known of a value that is to be stored.
type Judged = Result<(Result<Shared, Failure>, Option<Made>), reentrance::Payload>;

/// How a computation ended: with a value, an error, or a panic.
pub(super) type Settled = Result<Result<Served, Failed>, reentrance::Payload>;

impl Call {
    /// Computes, and serves what came of it.
    pub(super) async fn compute(
        &self,
        caller: Caller<'_>,
        Computation { lead, why, backing }: Computation,
        names: Option<TagNames>,
        handover: &Handover,
    ) -> Settled {
        let mut ending = Ending { why, begun: self.core.now(), tags: Tagged::none() };
        handover.belongs_to(lead.flight());
        let tags = match names {
            Some(names) => Ok(names),
            None => self.names(handover).await,
        };
        let came = match tags {
            Ok(tags) => {
                ending.tags = lead.tag(|| self.core.tags.read(&tags));
                handover.compute().await
            }
            Err(payload) => Err(payload),
        };
        match backing {
            None => self.settle(lead, ending, came),
            // Boxed, so that what has no backend is small.
            Some(backing) => Box::pin(self.settle_through(caller, lead, ending, came, backing)).await,
        }
    }

    /// As [`compute`](Self::compute), in a thread and without a backend.
    pub(super) fn compute_at_once(&self, lead: Lead, why: Why, is_tagged: bool, job: &mut dyn Job) -> Settled {
        let mut ending = Ending { why, begun: self.core.now(), tags: Tagged::none() };
        let mut names = Ok(self.tags.clone());
        if is_tagged {
            names = reentrance::run(lead.flight(), || job.names()).map(|own| self.tags.and(own));
        }
        let came = names.and_then(|names| {
            ending.tags = lead.tag(|| self.core.tags.read(&names));
            reentrance::run(lead.flight(), || job.compute())
        });
        self.settle(lead, ending, came)
    }

    /// Whether a renewal that comes to its turn is still wanted.
    pub(super) fn begins(&self, lead: &mut Lead) -> bool {
        let at = self.circumstances();
        at.epoch == lead.epoch() && lead.begin(at.now, at.timing.deadline())
    }

    /// Stores what was computed, or finds what covers a failure, and tells those who wait.
    fn settle(&self, lead: Lead, ending: Ending, came: Came) -> Settled {
        // From here on clones and drops of users' values may run, and may ask for this very key.
        let flight = Arc::clone(lead.flight());
        let _leading = reentrance::Leading::storing(&flight);
        let cost = self.core.now().saturating_sub(ending.begun);
        let judged = self.worth(&lead, cost, &ending.tags, came);
        self.conclude(lead, ending, cost, judged, Behind { backing: None, kept: None })
    }

    /// As [`settle`](Self::settle), in a region with a backend.
    async fn settle_through(
        &self,
        caller: Caller<'_>,
        mut lead: Lead,
        ending: Ending,
        came: Came,
        backing: Box<Backing>,
    ) -> Settled {
        let cost = self.core.now().saturating_sub(ending.begun);
        let judged = {
            let _leading = reentrance::Leading::storing(lead.flight());
            self.worth(&lead, cost, &ending.tags, came)
        };
        let (judged, kept) = match judged {
            Ok((Ok(value), made)) => {
                match self.keep(caller, &mut lead, ending.why, &backing, &value, made.as_ref()).await {
                    Ok(kept) => (Ok((Ok(value), made)), Some(kept)),
                    Err(payload) => (Err(payload), None),
                }
            }
            judged => (judged, None),
        };
        if let Some(hold) = backing.hold.as_ref().filter(|_| !matches!(kept, Some(Kept::Stored | Kept::Overtaken))) {
            // Whoever comes next need not wait for it.
            if lead.drop_baggage(hold) {
                backing.remote.abandon(caller, hold).await;
            }
        }
        let flight = Arc::clone(lead.flight());
        let _leading = reentrance::Leading::storing(&flight);
        self.conclude(lead, ending, cost, judged, Behind { backing: Some(&backing), kept })
    }

    /// Whether a value is to be stored, and what is known of it then.
    ///
    /// `should_cache` and `ttl` are the function's as much as its body is.
    fn worth(&self, lead: &Lead, cost: Nanos, tags: &Tagged, came: Came) -> Judged {
        came.and_then(|result| {
            reentrance::run(lead.flight(), || {
                let made = match &result {
                    Ok(value) if self.policy.values.should_cache(value) => {
                        self.made(value, lead.epoch(), cost, tags.clone())
                    }
                    _ => None,
                };
                (result, made)
            })
        })
    }

    /// Tells those who wait, and this caller.
    fn conclude(
        &self,
        mut lead: Lead,
        ending: Ending,
        cost: Nanos,
        judged: Judged,
        Behind { backing, kept }: Behind<'_>,
    ) -> Settled {
        let why = ending.why;
        // A clone that panics is told to those who wait as if the function had: each of them would clone too.
        let settled = judged.and_then(|(result, made)| {
            reentrance::caught(|| match result {
                Ok(value) => Ok(self.succeeded(&mut lead, why, cost, value, made.as_ref(), Behind { backing, kept })),
                Err(error) => self.failed(&mut lead, ending, cost, error, backing),
            })
        });
        if let Err(payload) = &settled {
            self.core.counters.count(Event::CreationFailure);
            let is_renewal = matches!(why, Why::Ahead | Why::Background);
            // A clone that panics once may do so again.
            let covered =
                is_renewal && reentrance::caught(|| self.cover(&lead, why, backing).is_some()).unwrap_or(false);
            lead.panicked(reentrance::message(payload));
            events::failed(self.subject(&|| self.key()), Duration::from_nanos(cost), covered);
        }
        settled
    }

    fn succeeded(
        &self,
        lead: &mut Lead,
        why: Why,
        cost: Nanos,
        value: Shared,
        made: Option<&Made>,
        Behind { backing, kept }: Behind<'_>,
    ) -> Served {
        let stored = match (kept, made) {
            // Where the region was given a backend since, the value is not its.
            (None, Some(made)) => {
                self.remote().is_none() && self.store_near(&value, made, why, &mut |store| lead.commit(store))
            }
            (kept, _) => kept == Some(Kept::Stored),
        };
        let stamp = made.filter(|_| stored).map(|made| made.stamp);
        let mut _failure = None;
        match made {
            // The old value stays, and nobody asks for another one so soon.
            Some(_) if why == Why::Background && matches!(kept, Some(Kept::Passed | Kept::Unproven)) => {
                drop(self.cover(lead, why, backing));
            }
            // Stored, which forgets failures, or overtaken by something newer.
            Some(_) => {}
            None if why == Why::Background => drop(self.cover(lead, why, backing)),
            // It works again, whatever becomes of the value.
            None => lead.note(|| _failure = self.core.failures.forget(&self.key)),
        }
        lead.finish(|| match kept {
            Some(Kept::Overtaken | Kept::Unproven) => Outcome::Unproven,
            _ => Outcome::Value { value: Arc::clone(&value), source: Source::Coalesced, stamp, covered: None },
        });
        self.core.counters.count(Event::Creation);
        events::created(self.subject(&|| self.key()), Duration::from_nanos(cost));
        Served { value, source: Source::Computed, stamp }
    }

    fn failed(
        &self,
        lead: &mut Lead,
        ending: Ending,
        cost: Nanos,
        Failure { shared, is_absence }: Failure,
        backing: Option<&Backing>,
    ) -> Result<Served, Failed> {
        let Ending { why, tags, .. } = ending;
        let cover = if is_absence { None } else { self.cover(lead, why, backing) };
        let is_read = backing.is_some_and(|backing| backing.reading.is_some());
        let is_covered = cover.is_some();
        let result = match (cover, shared) {
            (Some(old), covered) => {
                lead.finish(|| {
                    if is_read {
                        // Somebody may have invalidated it since: each looks again, and finds it where nobody has.
                        return Outcome::Unproven;
                    }
                    Outcome::Value { value: Arc::clone(&old.value), source: old.source, stamp: old.stamp, covered }
                });
                // Who asked for a new value, or for a fresh one, is told that there is none.
                let is_taken = old.source == Source::Fresh || self.options.takes_stale;
                if why != Why::Refresh && is_taken { Ok(old) } else { Err(Failed::Own) }
            }
            (None, Some(shared)) => {
                if !is_absence {
                    self.remember(lead, &shared, tags);
                }
                lead.finish(|| Outcome::Error(shared));
                Err(Failed::Own)
            }
            (None, None) => {
                lead.fail_alone();
                Err(Failed::Own)
            }
        };
        if !is_absence {
            self.core.counters.count(Event::CreationFailure);
            events::failed(self.subject(&|| self.key()), Duration::from_nanos(cost), is_covered);
        }
        result
    }

    /// The old value in place of an error, where the settings allow it; the next attempt then waits.
    fn cover(&self, lead: &Lead, why: Why, backing: Option<&Backing>) -> Option<Served> {
        let at = self.circumstances();
        let found = match backing.and_then(|backing| backing.reading.as_ref()) {
            Some(reading) => reading.found.clone()?,
            None => self.read_near(true)?,
        };
        let verdict = found.judge(&at);
        let is_fresh = verdict.is_fresh();
        let in_background = why == Why::Background;
        let is_renewal = why == Why::Ahead || in_background;
        (found.stamp.covers_failure(verdict, &at, in_background) || is_fresh && is_renewal).then_some(())?;
        let retry_after = at.timing.retry_after();
        let mut _gone = Vec::new();
        // What an invalidation or a new value has overtaken says nothing of the next attempt.
        if at.epoch == lead.epoch() {
            lead.note(|| _gone = self.core.failures.pause(&self.key, at.now, at.epoch, retry_after));
        }
        Some(found.served(fresh_or(Source::StaleOnError, is_fresh)))
    }

    /// Remembers the error where the function says so, if nothing has overtaken the computation.
    fn remember(&self, lead: &Lead, error: &Shared, tags: Tagged) {
        let Some(ttl) = self.policy.error_ttl.filter(|_| self.options.stores) else { return };
        let now = self.core.now();
        let until = now.saturating_add(nanos(ttl()));
        let mut remembered = Some(Remembered { error: Arc::clone(error), until, tags });
        let mut _gone = None;
        lead.note(|| {
            let remembered = remembered.take();
            _gone = remembered.map(|error| self.core.failures.remember(&self.key, now, error, lead.epoch()));
        });
    }
}
