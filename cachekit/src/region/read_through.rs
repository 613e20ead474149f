//! The central path: look up, judge, elect, compute, store.
//!
//! [`Call::step`] decides, without waiting, what a caller does next; threads and tasks differ only in how they wait and
//! how they run the computation. Everything here is off the hit path.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use super::backoff::RETRY_AFTER;
use super::call::Call;
use super::share::Share;
use super::stats::Event;
use crate::clock::Nanos;
use crate::events;
use crate::fetched::{Served, Source};
use crate::flight::{Ended, Follower, Lead, Outcome, Turn, reentrance};
use crate::freshness::{Circumstances, Verdict};
use crate::near::Found;

/// Why a value is computed, which decides what becomes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// There is none, or only one past its ttl.
    Missing,
    /// The one that there is, still fresh, is due for renewal.
    Ahead,
    /// Somebody asked for a new one.
    Refresh,
}

/// What a caller does next.
enum Step<V> {
    Serve(Served<V>),
    Compute(Lead, Why),
    Wait(Follower),
    /// The region is switched off.
    Bypass,
}

/// What a wait came to.
enum Waited<V, E> {
    Result(Result<Served<V>, E>),
    Compute(Lead),
    /// The value is of another type than this caller's.
    Alone,
}

impl<V: Clone + Send + Sync + 'static> Call<V> {
    /// Serves the entry or computes it.
    pub(crate) fn run<E>(
        &self,
        share: Option<Share<E>>,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<Served<V>, E> {
        let (lead, why) = match self.step() {
            Step::Serve(served) => return Ok(served),
            Step::Bypass => return compute().map(Served::computed),
            Step::Compute(lead, why) => (lead, why),
            Step::Wait(follower) => match self.waited(follower.wait(), share) {
                Waited::Result(result) => return result,
                Waited::Alone => return compute().map(Served::computed),
                Waited::Compute(lead) => (lead, Why::Missing),
            },
        };
        self.compute(lead, why, share, compute)
    }

    /// As [`run`](Self::run), for tasks.
    pub(crate) async fn run_async<E, F>(
        &self,
        share: Option<Share<E>>,
        compute: impl FnOnce() -> F,
    ) -> Result<Served<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let (lead, why) = match self.step() {
            Step::Serve(served) => return Ok(served),
            Step::Bypass => return compute().await.map(Served::computed),
            Step::Compute(lead, why) => (lead, why),
            Step::Wait(follower) => match self.waited(follower.wait_async().await, share) {
                Waited::Result(result) => return result,
                Waited::Alone => return compute().await.map(Served::computed),
                Waited::Compute(lead) => (lead, Why::Missing),
            },
        };
        self.compute_async(lead, why, share, compute).await
    }

    /// Computes whatever is stored, and replaces it.
    pub(crate) fn refresh<E>(&self, share: Option<Share<E>>, compute: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        match self.begin() {
            None => compute(),
            Some(lead) => self.compute(lead, Why::Refresh, share, compute).map(|served| served.value),
        }
    }

    /// As [`refresh`](Self::refresh), for tasks.
    pub(crate) async fn refresh_async<E, F>(&self, share: Option<Share<E>>, compute: impl FnOnce() -> F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        match self.begin() {
            None => compute().await,
            Some(lead) => self.compute_async(lead, Why::Refresh, share, compute).await.map(|served| served.value),
        }
    }

    fn step(&self) -> Step<V> {
        let core = &self.core;
        loop {
            if core.is_off() {
                return Step::Bypass;
            }
            // The epoch is read before anything else: what is found or computed counts only while it stands.
            let at = self.circumstances();
            let found = self.near.read(&self.key.arguments, true);
            let verdict = found.as_ref().map_or(Verdict::Missing, |found| found.judge(&at));
            let found = match found {
                Some(found) if verdict == Verdict::Fresh => return self.serve(found, Source::Fresh),
                Some(found) if found.covers_failure(&at) && core.backoff.is_pausing(&self.key, at.now) => {
                    return self.serve(found, Source::StaleOnError);
                }
                found => found,
            };
            let waits = matches!(verdict, Verdict::IfError | Verdict::Missing);
            match self.elect(&at, waits) {
                Turn::Lead(lead) => {
                    core.counters.count(Event::Miss);
                    let why = if verdict == Verdict::Ahead { Why::Ahead } else { Why::Missing };
                    return Step::Compute(lead, why);
                }
                Turn::Follow(follower) => {
                    core.counters.count(Event::Coalesced);
                    events::coalesced(self.subject(&|| self.key()));
                    return Step::Wait(follower);
                }
                Turn::Busy => {
                    if let Some(found) = found {
                        let source = if verdict == Verdict::Ahead { Source::Fresh } else { Source::Stale };
                        return self.serve(found, source);
                    }
                }
                Turn::Settled => {}
                Turn::Alone => return Step::Bypass,
                Turn::Reentrant => self.refuse_reentrance(),
            }
        }
    }

    fn serve(&self, found: Found<V>, source: Source) -> Step<V> {
        if source == Source::Fresh {
            self.core.counters.count(Event::Hit);
        } else {
            self.core.counters.count(Event::StaleHit);
            events::served_stale(self.subject(&|| self.key()), source);
        }
        Step::Serve(found.served(source))
    }

    fn elect(&self, at: &Circumstances, waits: bool) -> Turn {
        let mut turn = Turn::Settled;
        let mut _leading = None;
        // Pinned around the election: no value is dropped while the flight's lock is held. When the pin goes, a drop may
        // ask for this very key.
        self.near.pinned(&mut |table| {
            turn = self.core.flights.elect(&self.key, at.epoch, waits, || {
                let mut fresh = false;
                table.look(&self.key.arguments, at, &mut |_, verdict| fresh = verdict == Verdict::Fresh);
                (fresh, self.core.epoch())
            });
            if let Turn::Lead(lead) = &turn {
                _leading = Some(reentrance::Leading::storing(lead.flight()));
            }
        });
        turn
    }

    /// Takes the lead whatever else runs; `None` where the region is switched off.
    fn begin(&self) -> Option<Lead> {
        if self.core.is_off() {
            // The entry would come back when the region is switched on.
            self.invalidate();
            return None;
        }
        match self.core.flights.begin(&self.key, || self.core.epoch()) {
            Turn::Lead(lead) => Some(lead),
            _ => self.refuse_reentrance(),
        }
    }

    fn refuse_reentrance(&self) -> ! {
        panic!(
            "`{}` waits for itself: its computation asks for the same key; call `original`, or ask for another key",
            self.key()
        )
    }

    fn waited<E>(&self, ended: Ended, share: Option<Share<E>>) -> Waited<V, E> {
        match ended {
            Ended::Promoted(lead) => Waited::Compute(lead),
            Ended::With(Outcome::Value(value)) => {
                let served = |value: &V| Served { value: value.clone(), source: Source::Coalesced, stamp: None };
                value.downcast_ref::<V>().map_or(Waited::Alone, |value| Waited::Result(Ok(served(value))))
            }
            Ended::With(Outcome::Error(error)) => {
                share.and_then(|share| share.restore(&error)).map_or(Waited::Alone, |error| Waited::Result(Err(error)))
            }
            Ended::With(Outcome::Panicked(message)) => {
                panic!("the computation of `{}` panicked twice: {message}", self.key())
            }
        }
    }

    fn compute<E>(
        &self,
        lead: Lead,
        why: Why,
        share: Option<Share<E>>,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<Served<V>, E> {
        let begun = self.core.now();
        let result = reentrance::run(lead.flight(), compute);
        self.settle(lead, why, share, begun, result)
    }

    async fn compute_async<E, F>(
        &self,
        lead: Lead,
        why: Why,
        share: Option<Share<E>>,
        compute: impl FnOnce() -> F,
    ) -> Result<Served<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let begun = self.core.now();
        let result = reentrance::drive(lead.flight(), compute).await;
        self.settle(lead, why, share, begun, result)
    }

    /// Stores what was computed, or finds what covers a failure, and tells those who wait.
    fn settle<E>(
        &self,
        lead: Lead,
        why: Why,
        share: Option<Share<E>>,
        begun: Nanos,
        result: Result<Result<V, E>, reentrance::Payload>,
    ) -> Result<Served<V>, E> {
        // From here on clones and drops of users' values may run, and may ask for this very key.
        let _leading = reentrance::Leading::storing(lead.flight());
        let counters = &self.core.counters;
        let key = || self.key();
        let subject = self.subject(&key);
        let cost = self.core.now().saturating_sub(begun);
        // `should_cache` and `ttl` are the function's as much as its body is.
        let judged = result.and_then(|result| {
            reentrance::run(lead.flight(), || {
                let made = match (&result, self.policy.should_cache) {
                    (Err(_), _) => None,
                    (Ok(value), Some(should_cache)) if !should_cache(value) => None,
                    (Ok(value), _) => self.made(value, lead.epoch(), cost),
                };
                (result, made)
            })
        });
        match judged {
            Ok((Ok(value), made)) => {
                counters.count(Event::Creation);
                events::created(subject, Duration::from_nanos(cost));
                if let Some(made) = made {
                    self.store(&lead, &value, made);
                }
                lead.finish(|| Outcome::Value(Arc::new(value.clone())));
                Ok(Served { value, source: Source::Computed, stamp: made.map(|made| made.stamp) })
            }
            Ok((Err(error), _)) => {
                counters.count(Event::CreationFailure);
                let cover = self.cover(why);
                events::failed(subject, Duration::from_nanos(cost), cover.is_some());
                match (cover, share) {
                    (Some(old), _) => {
                        lead.finish(|| Outcome::Value(Arc::new(old.value.clone())));
                        // Who asked for a new value is told that there is none.
                        if why == Why::Refresh { Err(error) } else { Ok(old) }
                    }
                    (None, Some(share)) => {
                        lead.finish(|| Outcome::Error(share.erase(&error)));
                        Err(error)
                    }
                    (None, None) => {
                        lead.fail_alone();
                        Err(error)
                    }
                }
            }
            Err(payload) => {
                counters.count(Event::CreationFailure);
                events::failed(subject, Duration::from_nanos(cost), false);
                lead.panicked(message(&payload));
                resume_unwind(payload)
            }
        }
    }

    /// The old value in place of an error, where the settings allow it; the next attempt then waits.
    fn cover(&self, why: Why) -> Option<Served<V>> {
        let at = self.circumstances();
        let found = self.near.read(&self.key.arguments, true)?;
        let is_fresh = matches!(found.judge(&at), Verdict::Fresh | Verdict::Ahead);
        let covers = found.covers_failure(&at) || is_fresh && why == Why::Ahead;
        covers.then_some(())?;
        self.core.backoff.failed(&self.key, at.now, at.timing.retry_after.unwrap_or(RETRY_AFTER));
        Some(found.served(if is_fresh { Source::Fresh } else { Source::StaleOnError }))
    }
}

/// What a panic said.
fn message(payload: &reentrance::Payload) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
