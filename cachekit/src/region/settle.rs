//! A computation, and what becomes of it: stored, remembered or covered, and told to those who wait.

use std::sync::Arc;
use std::time::Duration;

use super::backing::Backing;
use super::call::Call;
use super::failures::Remembered;
use super::handover::Handover;
use super::read_through::Computation;
use super::share::Share;
use super::stats::Event;
use super::step::fresh_or;
use super::through::Kept;
use crate::clock::{Nanos, nanos};
use crate::events;
use crate::fetched::{Served, Source};
use crate::flight::{Lead, Outcome, Shared, reentrance};
use crate::near::Made;
use crate::remote::Caller;
use crate::tags::{TagNames, Tagged};

/// Why a value is computed, which decides what becomes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
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
struct Ending<E> {
    why: Why,
    share: Option<Share<E>>,
    begun: Nanos,
    /// The tags of the value, as they were when it began.
    tags: Tagged,
}

/// What stands behind a computation in a region with a backend, and what became of the value there.
struct Behind<'a, V> {
    backing: Option<&'a Backing<V>>,
    kept: Option<Kept>,
}

/// What a function came to: a value or an error, or a panic.
pub(super) type Came<V, E> = Result<Result<V, E>, reentrance::Payload>;

/// As [`Came`], with what is known of a value that is to be stored.
type Judged<V, E> = Result<(Result<V, E>, Option<Made>), reentrance::Payload>;

/// How a computation ended: with a value, an error, or a panic.
pub(super) type Settled<V, E> = Result<Result<Served<V>, E>, reentrance::Payload>;

impl<V: Clone + Send + Sync + 'static> Call<V> {
    /// Computes, and serves what came of it.
    pub(super) async fn compute<E>(
        &self,
        caller: Caller<'_>,
        Computation { lead, why, backing }: Computation<V>,
        share: Option<Share<E>>,
        names: &TagNames,
        handover: &Handover<V, E>,
    ) -> Settled<V, E> {
        let begun = self.core.now();
        let tags = lead.tag(|| self.core.tags.read(names));
        let ending = Ending { why, share, begun, tags };
        let came = handover.compute(Some(lead.flight())).await;
        match backing {
            None => self.settle(lead, ending, came),
            // Boxed, so that what has no backend is small.
            Some(backing) => Box::pin(self.settle_through(caller, lead, ending, came, backing)).await,
        }
    }

    /// Whether a renewal that comes to its turn is still wanted.
    pub(super) fn begins(&self, lead: &mut Lead) -> bool {
        let at = self.circumstances();
        at.epoch == lead.epoch() && lead.begin(at.now, at.timing.deadline())
    }

    /// Stores what was computed, or finds what covers a failure, and tells those who wait.
    fn settle<E>(&self, lead: Lead, ending: Ending<E>, came: Came<V, E>) -> Settled<V, E> {
        // From here on clones and drops of users' values may run, and may ask for this very key.
        let flight = Arc::clone(lead.flight());
        let _leading = reentrance::Leading::storing(&flight);
        let cost = self.core.now().saturating_sub(ending.begun);
        let judged = self.worth(&lead, cost, &ending.tags, came);
        self.conclude(lead, ending, cost, judged, Behind { backing: None, kept: None })
    }

    /// As [`settle`](Self::settle), in a region with a backend.
    async fn settle_through<E>(
        &self,
        caller: Caller<'_>,
        mut lead: Lead,
        ending: Ending<E>,
        came: Came<V, E>,
        backing: Backing<V>,
    ) -> Settled<V, E> {
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
    fn worth<E>(&self, lead: &Lead, cost: Nanos, tags: &Tagged, came: Came<V, E>) -> Judged<V, E> {
        came.and_then(|result| {
            reentrance::run(lead.flight(), || {
                let made = match (&result, self.policy.should_cache) {
                    (Err(_), _) => None,
                    (Ok(value), Some(should_cache)) if !should_cache(value) => None,
                    (Ok(value), _) => self.made(value, lead.epoch(), cost, tags.clone()),
                };
                (result, made)
            })
        })
    }

    /// Tells those who wait, and this caller.
    fn conclude<E>(
        &self,
        mut lead: Lead,
        ending: Ending<E>,
        cost: Nanos,
        judged: Judged<V, E>,
        Behind { backing, kept }: Behind<'_, V>,
    ) -> Settled<V, E> {
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
        value: V,
        made: Option<&Made>,
        Behind { backing, kept }: Behind<'_, V>,
    ) -> Served<V> {
        let stored = match (kept, made) {
            (None, Some(made)) => self.store_near(&value, made, &mut |store| lead.commit(store)),
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
            _ => Outcome::Value { value: Arc::new(value.clone()), source: Source::Coalesced, stamp, covered: None },
        });
        self.core.counters.count(Event::Creation);
        events::created(self.subject(&|| self.key()), Duration::from_nanos(cost));
        Served { value, source: Source::Computed, stamp }
    }

    fn failed<E>(
        &self,
        lead: &mut Lead,
        ending: Ending<E>,
        cost: Nanos,
        error: E,
        backing: Option<&Backing<V>>,
    ) -> Result<Served<V>, E> {
        let Ending { why, share, tags, .. } = ending;
        let is_absence = share.is_some_and(|share| share.is_absence(&error));
        let cover = if is_absence { None } else { self.cover(lead, why, backing) };
        let is_read = backing.is_some_and(|backing| backing.reading.is_some());
        let is_covered = cover.is_some();
        let result = match (cover, share.and_then(|share| share.erase(&error))) {
            (Some(old), covered) => {
                lead.finish(|| {
                    if is_read {
                        // Somebody may have invalidated it since: each looks again, and finds it where nobody has.
                        return Outcome::Unproven;
                    }
                    Outcome::Value { value: Arc::new(old.value.clone()), source: old.source, stamp: old.stamp, covered }
                });
                // Who asked for a new value, or for a fresh one, is told that there is none.
                let is_taken = old.source == Source::Fresh || self.options.takes_stale;
                if why != Why::Refresh && is_taken { Ok(old) } else { Err(error) }
            }
            (None, Some(shared)) => {
                if !is_absence {
                    self.remember(lead, &shared, tags);
                }
                lead.finish(|| Outcome::Error(shared));
                Err(error)
            }
            (None, None) => {
                lead.fail_alone();
                Err(error)
            }
        };
        if !is_absence {
            self.core.counters.count(Event::CreationFailure);
            events::failed(self.subject(&|| self.key()), Duration::from_nanos(cost), is_covered);
        }
        result
    }

    /// The old value in place of an error, where the settings allow it; the next attempt then waits.
    fn cover(&self, lead: &Lead, why: Why, backing: Option<&Backing<V>>) -> Option<Served<V>> {
        let at = self.circumstances();
        let found = match backing.and_then(|backing| backing.reading.as_ref()) {
            Some(reading) => reading.found.clone()?,
            None => self.near.read(&self.key.arguments, true)?,
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
