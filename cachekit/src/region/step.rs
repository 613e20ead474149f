//! What a caller does next, decided without waiting.
//!
//! By what was found, in this process or in the backend, and by who computes: serve, compute, wait, or have somebody renew
//! the value in the background. Nothing here is on the hit path.

use std::sync::Arc;

use super::backing::{Backing, Reading};
use super::call::Call;
use super::failures::{StandIn, Wants};
use super::settle::Why;
use super::stats::Event;
use crate::clock::nanos;
use crate::error::Error;
use crate::events;
use crate::fetched::{Served, Source};
use crate::flight::{Arrival, Follower, Lead, Limits, Patience, Shared, Turn, reentrance};
use crate::freshness::{Circumstances, Stamp, Verdict};
use crate::near::Found;
use crate::options::CallOptions;
use crate::remote::Remote;

/// What a caller does next.
pub(super) enum Step {
    Serve(Served),
    /// The function has failed a short while ago.
    Fail(Shared),
    Compute(Lead, Why, Option<Box<Backing>>),
    /// Serve, and have somebody else compute.
    Renew(Renewable),
    Wait(Follower, Patience, Option<Box<Backing>>),
    /// The region is switched off.
    Bypass,
    /// The backend failed, and the caller wants to know.
    Refuse(Error),
}

/// A value that somebody is to renew while it is served.
pub(super) struct Renewable {
    lead: Lead,
    found: Found,
    is_fresh: bool,
    backing: Option<Box<Backing>>,
}

/// A renewal on its way to the background.
pub(super) struct Renewing {
    pub(super) call: Call,
    pub(super) lead: Lead,
    pub(super) backing: Option<Box<Backing>>,
}

impl Renewing {
    /// The backend that was asked.
    pub(super) fn remote(&self) -> Option<Arc<Remote>> {
        self.backing.as_ref().map(|backing| Arc::clone(&backing.remote))
    }
}

impl Call {
    /// What the caller does next where there is nothing beside this process.
    pub(super) fn step(&self, in_background: bool) -> Step {
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
    ) -> Option<Step> {
        let found = self.read_near(true);
        let verdict = found.as_ref().map_or(Verdict::Missing, |found| found.judge(at));
        self.decide(at, found, verdict, failing.map(Backing::failing), in_background)
    }

    /// What the caller does next with what was found; `None` if it is to look again.
    pub(super) fn decide(
        &self,
        at: &Circumstances,
        found: Option<Found>,
        verdict: Verdict,
        backing: Option<Box<Backing>>,
        in_background: bool,
    ) -> Option<Step> {
        let core = &self.core;
        let is_read = backing.as_ref().is_some_and(|backing| backing.reading.is_some());
        let is_fresh = verdict.is_fresh();
        let fresh = if is_read { Source::Backend } else { Source::Fresh };
        let found = match found.filter(|_| is_fresh || self.options.takes_stale) {
            Some(found) if verdict == Verdict::Fresh => {
                return Some(Step::Serve(self.served(found, fresh)));
            }
            found => found,
        };
        let takes = self.would_take(found.as_ref().map(|found| (&found.stamp, verdict)), at, in_background);
        match (core.failures.stand_in(&self.key, at.now, at.epoch, takes), found.as_ref()) {
            (Some(StandIn::OldValue), Some(found)) => {
                return Some(Step::Serve(
                    self.served(found.clone(), if is_fresh { fresh } else { Source::StaleOnError }),
                ));
            }
            (Some(StandIn::Error(error)), _) => {
                core.counters.count(Event::Hit);
                return Some(Step::Fail(error));
            }
            _ => {}
        }
        let waits = found.is_none() || matches!(verdict, Verdict::IfError | Verdict::Missing);
        let (turn, is_absent) = self.elect(at, verdict, waits, in_background, backing.as_deref());
        Some(match turn {
            Turn::Lead(lead) => {
                // An old value may be dropped here, and ask for this very key.
                let _leading = reentrance::Leading::storing(lead.flight());
                let renews = in_background && matches!(verdict, Verdict::Ahead | Verdict::Revalidate);
                if let Some(found) = found.filter(|_| renews) {
                    return Some(Step::Renew(Renewable { lead, found, is_fresh, backing }));
                }
                // With a backend it is counted when it is known whether this caller computes.
                if backing.is_none() {
                    core.counters.count(Event::Miss);
                }
                let why = match verdict {
                    Verdict::Ahead => Why::Ahead,
                    _ if is_absent => Why::Absent,
                    _ => Why::Missing,
                };
                Step::Compute(lead, why, backing)
            }
            Turn::Follow(follower) => {
                events::coalesced(self.subject(&|| self.key()));
                let patience = self.patience(at);
                let mut backing = backing;
                if let Some(backing) = &mut backing {
                    backing.waits_until = Some(patience.until);
                }
                Step::Wait(follower, patience, backing)
            }
            Turn::Busy => {
                let found = found?;
                Step::Serve(self.served(found, if is_fresh { fresh } else { Source::Stale }))
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

    pub(super) fn served(&self, found: Found, source: Source) -> Served {
        if matches!(source, Source::Fresh | Source::Backend) {
            self.core.counters.count(Event::Hit);
        } else {
            self.core.counters.count(Event::StaleHit);
            events::served_stale(self.subject(&|| self.key()), source);
        }
        found.served(source)
    }

    /// The renewal, and the value that is served meanwhile with its source.
    pub(super) fn renewing(&self, renewable: Renewable) -> (Box<Renewing>, (Found, Source), bool) {
        let Renewable { mut lead, found, is_fresh, backing } = renewable;
        let is_read = backing.as_ref().is_some_and(|backing| backing.reading.is_some());
        let fresh = if is_read { Source::Backend } else { Source::Fresh };
        lead.queue();
        // What this one call asks for is no reason to store less, or something else, for everyone.
        let call = Self { options: CallOptions::default(), ..self.clone() };
        (Box::new(Renewing { call, lead, backing }), (found, if is_fresh { fresh } else { Source::Stale }), is_fresh)
    }

    /// Serves the value that somebody was asked to renew; `None` where nobody does and it would be served for ever.
    pub(super) fn renews(
        &self,
        started: Result<bool, reentrance::Payload>,
        (found, source): (Found, Source),
        is_fresh: bool,
    ) -> Option<Served> {
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
        Some(self.served(found, source))
    }

    /// Who computes, and whether this process has no entry at all, which is looked at with nobody in between.
    fn elect(
        &self,
        at: &Circumstances,
        verdict: Verdict,
        waits: bool,
        in_background: bool,
        backing: Option<&Backing>,
    ) -> (Turn, bool) {
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
        let (mut turn, mut is_absent) = (Turn::Settled, backing.is_none());
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
                    None => table.look(&self.key.arguments, at, &mut |value, stamp, verdict| {
                        is_absent = false;
                        if self.policy.values.is(value) {
                            is_fresh = verdict == Verdict::Fresh;
                            takes = self.would_take(Some((stamp, verdict)), at, in_background);
                        }
                    }),
                }
                let stands = is_fresh || self.core.failures.has_stand_in(&self.key, at.now, at.epoch, takes);
                (stands, self.core.epoch())
            });
            if let Turn::Lead(lead) = &turn {
                _leading = Some(reentrance::Leading::storing(lead.flight()));
            }
        });
        (turn, is_absent)
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
    pub(super) fn begin(&self, reading: Option<&Reading>) -> Option<Lead> {
        if !self.options.stores {
            return None;
        }
        let at = self.circumstances();
        let until = at.now.saturating_add(at.timing.deadline());
        match self.core.flights.begin(&self.key, until, reading.map_or(0, Reading::ground), || self.core.epoch()) {
            Turn::Lead(lead) if lead.epoch().is_off() => {
                // The entry would come back when the region is switched on.
                super::invalidation::remove(&self.core, &*self.near, &self.key);
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
}

pub(super) fn fresh_or(stale: Source, is_fresh: bool) -> Source {
    if is_fresh { Source::Fresh } else { stale }
}
