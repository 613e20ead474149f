//! The central path: look up, judge, elect, wait or compute.
//!
//! [`Call::step`] decides, without waiting, what a caller does next; threads and tasks differ only in how they wait and
//! how they run the computation. Everything here is off the hit path.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::backing::{Backing, Reading};
use super::call::Call;
use super::failures::{StandIn, Wants};
use super::settle::{Settled, Why};
use super::share::Share;
use super::stats::Event;
use super::through::Claimed;
use super::work::Work;
use crate::clock::nanos;
use crate::error::Error;
use crate::events;
use crate::fetched::{Served, Source};
use crate::flight::{Arrival, Ended, Follower, Lead, Limits, Outcome, Patience, Shared, Turn, reentrance};
use crate::freshness::{Circumstances, Stamp, Verdict};
use crate::near::Found;
use crate::options::CallOptions;
use crate::remote::{Caller, Remote};

/// What a caller does next.
pub(super) enum Step<V> {
    Serve(Served<V>),
    /// The function has failed a short while ago.
    Fail(Shared),
    Compute(Lead, Why, Option<Backing<V>>),
    /// Serve, fresh or not, and have somebody else compute.
    Renew(Lead, Found<V>, bool, Option<Backing<V>>),
    Wait(Follower, Patience, Option<Backing<V>>),
    /// The region is switched off.
    Bypass,
    /// The backend failed, and the caller wants to know.
    Refuse(Error),
}

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
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> Result<Served<V>, E>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let remote = self.remote().map(|remote| (remote, self.names(&work)));
        let mut in_background = work.is_renewable(self);
        loop {
            let step = match &remote {
                None => self.step(in_background),
                Some((remote, names)) => {
                    let tells = work.refusal.is_some();
                    Box::pin(self.step_through(remote, Caller::Task, names, in_background, tells)).await
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
                        match Box::pin(self.claim(Caller::Task, lead, why, backing, names)).await {
                            Claimed::Compute(lead, backing) => (lead, Some(backing)),
                            Claimed::Serve(served) => return Ok(served),
                            Claimed::Alone => return work.run().await.map(Served::computed),
                            Claimed::Again => continue,
                        }
                    }
                },
            };
            return unwound(self.compute_async(lead, why, share, work, backing).await);
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
                Box::pin(self.begin_through(&remote, Caller::Task, &names)).await
            }
        };
        match begun {
            None => work.run().await,
            Some((lead, backing)) => {
                let settled = self.compute_async(lead, Why::Refresh, share, work, backing).await;
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

    /// What the caller does next where there is nothing beside this process.
    fn step(&self, in_background: bool) -> Step<V> {
        loop {
            // The epoch is read before anything else: what is found or computed counts only while it stands.
            let at = self.circumstances();
            if at.epoch.is_off() {
                return Step::Bypass;
            }
            if let Some(step) = self.step_near(&at, None, in_background) {
                return step;
            }
        }
    }

    /// What the caller does next by what is kept in this process; `None` if it is to look again.
    pub(super) fn step_near(
        &self,
        at: &Circumstances,
        failing: Option<&Arc<Remote>>,
        in_background: bool,
    ) -> Option<Step<V>> {
        let found = self.near.read(&self.key.arguments, true);
        let verdict = found.as_ref().map_or(Verdict::Missing, |found| found.judge(at));
        self.decide(at, found, verdict, failing.map(Backing::failing), in_background)
    }

    /// What the caller does next with what was found; `None` if it is to look again.
    pub(super) fn decide(
        &self,
        at: &Circumstances,
        found: Option<Found<V>>,
        verdict: Verdict,
        backing: Option<Backing<V>>,
        in_background: bool,
    ) -> Option<Step<V>> {
        let core = &self.core;
        let is_read = backing.as_ref().is_some_and(|backing| backing.reading.is_some());
        let is_fresh = verdict.is_fresh();
        let found = match found.filter(|_| is_fresh || self.options.takes_stale) {
            Some(found) if verdict == Verdict::Fresh => {
                return Some(Step::Serve(self.served(found, if is_read { Source::Backend } else { Source::Fresh })));
            }
            found => found,
        };
        let takes = self.would_take(found.as_ref().map(|found| (&found.stamp, verdict)), at, in_background);
        match (core.failures.stand_in(&self.key, at.now, at.epoch, takes), found.as_ref()) {
            (Some(StandIn::OldValue), Some(found)) => {
                return Some(Step::Serve(self.served(found.clone(), fresh_or(Source::StaleOnError, is_fresh))));
            }
            (Some(StandIn::Error(error)), _) => {
                core.counters.count(Event::Hit);
                return Some(Step::Fail(error));
            }
            _ => {}
        }
        let waits = found.is_none() || matches!(verdict, Verdict::IfError | Verdict::Missing);
        Some(match self.elect(at, verdict, waits, in_background, backing.as_ref()) {
            Turn::Lead(lead) => {
                let renews = in_background && matches!(verdict, Verdict::Ahead | Verdict::Revalidate);
                if let Some(found) = found.filter(|_| renews) {
                    return Some(Step::Renew(lead, found, is_fresh, backing));
                }
                // With a backend it is counted when it is known whether this caller computes.
                if backing.is_none() {
                    core.counters.count(Event::Miss);
                }
                Step::Compute(lead, if verdict == Verdict::Ahead { Why::Ahead } else { Why::Missing }, backing)
            }
            Turn::Follow(follower) => {
                core.counters.count(Event::Coalesced);
                events::coalesced(self.subject(&|| self.key()));
                let patience = self.patience(at);
                let backing = backing.map(|backing| Backing { waits_until: Some(patience.until), ..backing });
                Step::Wait(follower, patience, backing)
            }
            Turn::Busy => {
                let found = found?;
                Step::Serve(self.served(found, fresh_or(Source::Stale, is_fresh)))
            }
            Turn::Settled => return None,
            Turn::Alone => Step::Bypass,
            Turn::Reentrant => self.refuse_reentrance(),
        })
    }

    /// What this caller could do with what is known of a failure.
    fn would_take(&self, found: Option<(&Stamp, Verdict)>, at: &Circumstances, in_background: bool) -> Wants {
        let servable = found.filter(|(_, verdict)| match verdict {
            Verdict::Missing => false,
            Verdict::Fresh | Verdict::Ahead => true,
            Verdict::Revalidate | Verdict::Stale | Verdict::IfError => self.options.takes_stale,
        });
        let Some((stamp, verdict)) = servable else { return Wants { old_value: false, error: true } };
        let is_served = verdict.is_fresh() || verdict == Verdict::Revalidate && in_background;
        Wants { old_value: stamp.covers_failure(verdict, at, in_background), error: !is_served }
    }

    pub(super) fn served(&self, found: Found<V>, source: Source) -> Served<V> {
        if matches!(source, Source::Fresh | Source::Backend) {
            self.core.counters.count(Event::Hit);
        } else {
            self.core.counters.count(Event::StaleHit);
            events::served_stale(self.subject(&|| self.key()), source);
        }
        found.served(source)
    }

    /// Has the value renewed in the background, and serves the one that there is; `None` where nobody renews it and it
    /// would be served for ever.
    fn renew<E, A, B, D>(
        &self,
        mut lead: Lead,
        found: Found<V>,
        is_fresh: bool,
        backing: Option<Backing<V>>,
        share: Option<Share<E>>,
        work: &Work<V, E, A, B, D>,
    ) -> Option<Served<V>> {
        lead.queue();
        // What this one call asks for is no reason to store less, or something else, for everyone.
        let call = Self { options: CallOptions::default(), ..self.clone() };
        // A copy of the arguments that panics is a renewal that fails: this caller has a value.
        let started = reentrance::caught(|| work.renew(call, lead, share, backing));
        let is_started = started.as_ref().is_ok_and(|is_started| *is_started);
        self.core.counters.count(if is_started { Event::Renewal } else { Event::RenewalSkipped });
        events::renewing(self.subject(&|| self.key()), is_started);
        if started.is_err() {
            let at = self.circumstances();
            drop(self.core.failures.pause(&self.key, at.now, at.epoch, at.timing.retry_after()));
            let _ = reentrance::caught(|| drop(started));
        } else if !is_started && !is_fresh && self.circumstances().now < found.stamp.fresh_until() {
            // Expired or invalidated within its ttl, or without one: no span ends that by itself.
            return None;
        }
        Some(self.served(found, fresh_or(Source::Stale, is_fresh)))
    }

    fn elect(
        &self,
        at: &Circumstances,
        verdict: Verdict,
        waits: bool,
        in_background: bool,
        backing: Option<&Backing<V>>,
    ) -> Turn {
        // Such an old value is served beside a computation, and not for want of one.
        let takes_queued = waits || verdict == Verdict::Stale;
        let reading = backing.and_then(|backing| backing.reading.as_ref());
        let caller = Arrival {
            epoch: at.epoch,
            ground: reading.map_or(0, Reading::ground),
            now: at.now,
            limits: self.limits(at),
            waits,
            takes_queued,
        };
        let mut turn = Turn::Settled;
        let mut _leading = None;
        // Pinned around the election: no value is dropped while the flight's lock is held. When the pin goes, a drop may
        // ask for this very key.
        self.near.pinned(&mut |table| {
            turn = self.core.flights.elect(&self.key, &caller, || {
                let (mut is_fresh, mut takes) = (false, self.would_take(None, at, in_background));
                match reading {
                    // Whoever is granted the lease is told what has been stored meanwhile.
                    Some(reading) => {
                        let found = reading.found.as_ref().map(|found| (&found.stamp, reading.verdict));
                        takes = self.would_take(found, at, in_background);
                    }
                    None => table.look(&self.key.arguments, at, &mut |_, stamp, verdict| {
                        is_fresh = verdict == Verdict::Fresh;
                        takes = self.would_take(Some((stamp, verdict)), at, in_background);
                    }),
                }
                let stands = is_fresh || self.core.failures.has_stand_in(&self.key, at.now, at.epoch, takes);
                (stands, self.core.epoch())
            });
            if let Turn::Lead(lead) = &turn {
                _leading = Some(reentrance::Leading::storing(lead.flight()));
            }
        });
        turn
    }

    fn limits(&self, at: &Circumstances) -> Limits {
        Limits { deadline: at.timing.deadline(), most_disowned: self.core.max_disowned() }
    }

    pub(super) fn patience(&self, at: &Circumstances) -> Patience {
        let timeout = at.timing.wait_timeout;
        Patience {
            clock: self.core.clock(),
            until: timeout.map_or(crate::clock::NEVER, |timeout| at.now.saturating_add(nanos(timeout))),
            limits: self.limits(at),
        }
    }

    /// Takes the lead whatever else runs; `None` where nothing is to be stored, or the region is switched off.
    pub(super) fn begin(&self, reading: Option<&Reading<V>>) -> Option<Lead> {
        if !self.options.stores {
            return None;
        }
        let at = self.circumstances();
        let until = at.now.saturating_add(at.timing.deadline());
        match self.core.flights.begin(&self.key, until, reading.map_or(0, Reading::ground), || self.core.epoch()) {
            Turn::Lead(lead) if lead.epoch().is_off() => {
                // The entry would come back when the region is switched on.
                super::invalidation::remove(&self.core, self.near.any(), &self.key);
                None
            }
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

    fn waited<E>(&self, ended: Ended, share: Option<Share<E>>, backing: Option<&Backing<V>>) -> Waited<V, E> {
        match ended {
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
                panic!("the computation of `{}` panicked twice: {message}", self.key())
            }
        }
    }

    /// The value that a caller takes who was counted as waiting and is to compute now: a fresh one that has come
    /// meanwhile, or an old one where it `takes_stale`.
    fn instead_of_computing(&self, takes_stale: bool, backing: Option<&Backing<V>>) -> Option<Served<V>> {
        let (found, verdict) = match backing.and_then(|backing| backing.reading.as_ref()) {
            Some(reading) => (reading.found.clone()?, reading.verdict),
            None => {
                let found = self.near.read(&self.key.arguments, true)?;
                let verdict = found.judge(&self.circumstances());
                (found, verdict)
            }
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

pub(super) fn fresh_or(stale: Source, is_fresh: bool) -> Source {
    if is_fresh { Source::Fresh } else { stale }
}

/// A panic of the computation goes on in the caller.
fn unwound<V, E>(settled: Settled<V, E>) -> Result<Served<V>, E> {
    settled.unwrap_or_else(|payload| resume_unwind(payload))
}
