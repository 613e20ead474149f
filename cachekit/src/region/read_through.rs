//! The central path: look up, judge, elect, wait or compute.
//!
//! [`Call::step`] decides, without waiting, what a caller does next; threads and tasks differ only in how they wait and
//! how they run the computation. Everything here is off the hit path.

use std::future::Future;
use std::panic::resume_unwind;

use super::call::Call;
use super::settle::{Settled, Why};
use super::share::Share;
use super::stats::Event;
use super::work::Work;
use crate::clock::nanos;
use crate::events;
use crate::fetched::{Served, Source};
use crate::flight::{Arrival, Ended, Follower, Lead, Limits, Outcome, Patience, Shared, Turn, reentrance};
use crate::freshness::{Circumstances, Verdict};
use crate::near::Found;
use crate::options::CallOptions;

/// What a caller does next.
enum Step<V> {
    Serve(Served<V>),
    /// The function has failed a short while ago.
    Fail(Shared),
    Compute(Lead, Why),
    /// Serve, and have somebody else compute.
    Renew(Lead, Why, Found<V>),
    Wait(Follower, Patience),
    /// The region is switched off.
    Bypass,
}

/// What a wait came to, or a failure that is remembered.
enum Waited<V, E> {
    Result(Result<Served<V>, E>),
    Compute(Lead),
    /// The value is of another type than this caller's, or not what it asked for.
    Alone,
}

impl<V: Clone + Send + Sync + 'static> Call<V> {
    /// Serves the entry or computes it.
    pub(crate) fn run<E, A, B, D>(&self, share: Option<Share<E>>, work: Work<V, E, A, B, D>) -> Result<Served<V>, E>
    where
        B: FnOnce(A) -> Result<V, E>,
    {
        let waited = match self.step(&work) {
            Step::Serve(served) => return Ok(served),
            Step::Bypass => Waited::Alone,
            Step::Fail(error) => failed(&error, share),
            Step::Compute(lead, why) => return unwound(self.compute(lead, why, share, work)),
            Step::Renew(lead, why, found) => return Ok(self.renew(lead, why, found, share, &work)),
            Step::Wait(follower, patience) => self.waited(follower.wait(&patience), share),
        };
        match waited {
            Waited::Result(result) => result,
            Waited::Alone => work.run().map(Served::computed),
            Waited::Compute(lead) => unwound(self.compute(lead, Why::Missing, share, work)),
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
        let waited = match self.step(&work) {
            Step::Serve(served) => return Ok(served),
            Step::Bypass => Waited::Alone,
            Step::Fail(error) => failed(&error, share),
            Step::Compute(lead, why) => return unwound(self.compute_async(lead, why, share, work).await),
            Step::Renew(lead, why, found) => return Ok(self.renew(lead, why, found, share, &work)),
            Step::Wait(follower, patience) => self.waited(follower.wait_async(&patience).await, share),
        };
        match waited {
            Waited::Result(result) => result,
            Waited::Alone => work.run().await.map(Served::computed),
            Waited::Compute(lead) => unwound(self.compute_async(lead, Why::Missing, share, work).await),
        }
    }

    /// Computes whatever is stored, and replaces it.
    pub(crate) fn refresh<E, A, B, D>(&self, share: Option<Share<E>>, work: Work<V, E, A, B, D>) -> Result<V, E>
    where
        B: FnOnce(A) -> Result<V, E>,
    {
        match self.begin() {
            None => work.run(),
            Some(lead) => unwound(self.compute(lead, Why::Refresh, share, work)).map(|served| served.value),
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
        match self.begin() {
            None => work.run().await,
            Some(lead) => unwound(self.compute_async(lead, Why::Refresh, share, work).await).map(|served| served.value),
        }
    }

    fn step<E, A, B, D>(&self, work: &Work<V, E, A, B, D>) -> Step<V> {
        let core = &self.core;
        let in_background = work.is_renewable(self);
        loop {
            if core.is_off() {
                return Step::Bypass;
            }
            // The epoch is read before anything else: what is found or computed counts only while it stands.
            let at = self.circumstances();
            let found = self.near.read(&self.key.arguments, true);
            let verdict = found.as_ref().map_or(Verdict::Missing, |found| found.judge(&at));
            let is_fresh = matches!(verdict, Verdict::Fresh | Verdict::Ahead);
            let is_servable = is_fresh || self.options.takes_stale;
            let found = match found.filter(|_| is_servable) {
                Some(found) if verdict == Verdict::Fresh => return Step::Serve(self.served(found, Source::Fresh)),
                Some(found) if self.is_spared(&found, &at, in_background) => {
                    return Step::Serve(self.served(found, fresh_or(Source::StaleOnError, is_fresh)));
                }
                found => found,
            };
            if let Some(error) = core.failures.recall(&self.key, at.now, at.epoch) {
                core.counters.count(Event::Hit);
                return Step::Fail(error);
            }
            let waits = matches!(verdict, Verdict::IfError | Verdict::Missing) || !is_servable;
            match self.elect(&at, waits) {
                Turn::Lead(lead) => {
                    if let (true, Verdict::Ahead | Verdict::Revalidate, Some(found)) = (in_background, verdict, found) {
                        let why = if verdict == Verdict::Ahead { Why::Ahead } else { Why::Background };
                        return Step::Renew(lead, why, found);
                    }
                    core.counters.count(Event::Miss);
                    return Step::Compute(lead, if verdict == Verdict::Ahead { Why::Ahead } else { Why::Missing });
                }
                Turn::Follow(follower) => {
                    core.counters.count(Event::Coalesced);
                    events::coalesced(self.subject(&|| self.key()));
                    return Step::Wait(follower, self.patience(&at));
                }
                Turn::Busy => {
                    if let Some(found) = found {
                        return Step::Serve(self.served(found, fresh_or(Source::Stale, is_fresh)));
                    }
                }
                Turn::Settled => {}
                Turn::Alone => return Step::Bypass,
                Turn::Reentrant => self.refuse_reentrance(),
            }
        }
    }

    /// Whether nobody tries to renew the value just now, since the last attempt failed.
    fn is_spared(&self, found: &Found<V>, at: &Circumstances, in_background: bool) -> bool {
        self.core.failures.is_pausing(&self.key, at.now, at.epoch) && found.covers_failure(at, in_background)
    }

    fn served(&self, found: Found<V>, source: Source) -> Served<V> {
        if source == Source::Fresh {
            self.core.counters.count(Event::Hit);
        } else {
            self.core.counters.count(Event::StaleHit);
            events::served_stale(self.subject(&|| self.key()), source);
        }
        found.served(source)
    }

    /// Has the value renewed in the background, and serves the one that there is.
    fn renew<E, A, B, D>(
        &self,
        lead: Lead,
        why: Why,
        found: Found<V>,
        share: Option<Share<E>>,
        work: &Work<V, E, A, B, D>,
    ) -> Served<V> {
        // What this one call asks for is no reason to store less, or something else, for everyone.
        let call = Self { options: CallOptions::default(), ..self.clone() };
        let started = work.renew(call, lead, why, share);
        self.core.counters.count(if started { Event::Renewal } else { Event::RenewalSkipped });
        events::renewing(self.subject(&|| self.key()), started);
        self.served(found, fresh_or(Source::Stale, why == Why::Ahead))
    }

    fn elect(&self, at: &Circumstances, waits: bool) -> Turn {
        let caller = Arrival { epoch: at.epoch, now: at.now, limits: self.limits(at), waits };
        let mut turn = Turn::Settled;
        let mut _leading = None;
        // Pinned around the election: no value is dropped while the flight's lock is held. When the pin goes, a drop may
        // ask for this very key.
        self.near.pinned(&mut |table| {
            turn = self.core.flights.elect(&self.key, &caller, || {
                let mut is_settled = self.core.failures.knows(&self.key, at.now, at.epoch);
                table.look(&self.key.arguments, at, &mut |_, verdict| is_settled |= verdict == Verdict::Fresh);
                (is_settled, self.core.epoch())
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

    fn patience(&self, at: &Circumstances) -> Patience {
        let timeout = at.timing.wait_timeout;
        Patience {
            clock: self.core.clock(),
            until: timeout.map_or(crate::clock::NEVER, |timeout| at.now.saturating_add(nanos(timeout))),
            limits: self.limits(at),
        }
    }

    /// Takes the lead whatever else runs; `None` where the region is switched off.
    fn begin(&self) -> Option<Lead> {
        if self.core.is_off() {
            // The entry would come back when the region is switched on.
            self.invalidate();
            return None;
        }
        let at = self.circumstances();
        let until = at.now.saturating_add(at.timing.deadline());
        match self.core.flights.begin(&self.key, until, || self.core.epoch()) {
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
            Ended::TimedOut(lead) => match self.instead_of_waiting() {
                Some((found, is_fresh)) => Waited::Result(Ok(self.served(found, fresh_or(Source::Stale, is_fresh)))),
                None => Waited::Compute(lead),
            },
            Ended::With(Outcome::Value(_, Source::Stale | Source::StaleOnError)) if !self.options.takes_stale => {
                Waited::Alone
            }
            Ended::With(Outcome::Value(value, source)) => {
                let served = |value: &V| Served { value: value.clone(), source, stamp: None };
                value.downcast_ref::<V>().map_or(Waited::Alone, |value| Waited::Result(Ok(served(value))))
            }
            Ended::With(Outcome::Error(error)) => failed(&error, share),
            Ended::With(Outcome::Panicked(message)) => {
                panic!("the computation of `{}` panicked twice: {message}", self.key())
            }
        }
    }

    /// The value that a caller takes who has waited long enough, and whether it is fresh.
    fn instead_of_waiting(&self) -> Option<(Found<V>, bool)> {
        let found = self.near.read(&self.key.arguments, true)?;
        let verdict = found.judge(&self.circumstances());
        let is_fresh = matches!(verdict, Verdict::Fresh | Verdict::Ahead);
        (is_fresh || verdict != Verdict::Missing && self.options.takes_stale).then_some((found, is_fresh))
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
