//! The way of a call through the region's backend: read it, ask for the lease, store what was computed.
//!
//! One caller per key of this process asks for the lease; whoever gets it among all processes computes. What was computed is
//! stored only while the lease stands, so nothing that an invalidation of any process has overtaken is; and those who
//! waited are told only what cannot be older than an invalidation that came before them.

use std::sync::Arc;
use std::time::Duration;

use super::backing::{Backing, Reading};
use super::call::Call;
use super::settle::Why;
use super::stats::Event;
use super::step::Step;
use crate::backend::{Acquired, Content};
use crate::clock::nanos;
use crate::error::Error;
use crate::fetched::{Served, Source};
use crate::flight::{Lead, Outcome, reentrance};
use crate::freshness::Verdict;
use crate::near::{Found, Made};
use crate::remote::{Asking, Caller, Hold, OnBackendError, Remote, Turn, unless_passed};
use crate::tags::TagNames;
use crate::values::Shared;

/// What became of a leader's request for the lease.
pub(super) enum Claimed {
    /// It computes.
    Compute(Lead, Box<Backing>),
    /// Somebody else has computed it, or does while this value is served.
    Serve(Served),
    /// It has waited long enough for somebody else, and computes without storing; or, in the background, does nothing.
    Alone,
    /// Much has happened since it looked.
    Again,
}

/// What became of a value that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is stored, here or in the backend.
    Stored,
    /// It is not stored, and is as good as any for those who waited.
    Passed,
    /// Something has overtaken it: only its own caller gets it.
    Overtaken,
    /// The backend has failed, so something may have: only its own caller gets it.
    Unproven,
}

/// How often in a row a backend may offer something newer than what a caller has seen, which then finds nothing to serve.
const MOST_OFFERS: u32 = 32;

impl Call {
    /// What the caller does next in a region with a backend; whether the caller can be told an error of that.
    pub(super) async fn step_through(
        &self,
        remote: &Arc<Remote>,
        caller: Caller<'_>,
        names: &TagNames,
        in_background: bool,
        tells: bool,
    ) -> Step {
        loop {
            let at = self.circumstances();
            if at.epoch.is_off() {
                return Step::Bypass;
            }
            let near = self.read_near(true);
            if let Some(found) = near.filter(|found| found.judge(&at) == Verdict::Fresh) {
                return Step::Serve(self.served(found, Source::Fresh));
            }
            let tells = tells && remote.settings.on_error == OnBackendError::Propagate;
            let reading =
                if remote.is_readable() || tells { self.look(remote, caller, names).await.map(Some) } else { Ok(None) };
            let step = match reading {
                Err(error) if tells => return Step::Refuse(error),
                Err(_) | Ok(None) => self.step_near(&at, Some(remote), in_background),
                Ok(Some(mut reading)) => {
                    let verdict = reading.verdict;
                    // What is past its ttl may still be needed, should the function fail.
                    let found = if verdict == Verdict::Fresh { reading.found.take() } else { reading.found.clone() };
                    self.decide(&at, found, verdict, Some(Backing::read(remote, reading)), in_background)
                }
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Asks for the lease, and waits for whoever has it.
    pub(super) async fn claim(
        &self,
        caller: Caller<'_>,
        mut lead: Lead,
        why: Why,
        mut backing: Box<Backing>,
        names: &TagNames,
    ) -> Claimed {
        // Once, where it is known how the look-up ends.
        let has_waited = backing.waits_until.is_some();
        let count = |event| {
            if why != Why::Background {
                self.core.counters.count(if has_waited { Event::Coalesced } else { event });
            }
        };
        let remote = Arc::clone(&backing.remote);
        let Some(reading) = backing.reading.as_ref().filter(|_| remote.has_leases()) else {
            count(Event::Miss);
            return Claimed::Compute(lead, backing);
        };
        let at = self.circumstances();
        let until = backing.waits_until.unwrap_or_else(|| self.patience(&at).until);
        let (key, mut offers) = (reading.key.clone(), 0);
        let hold = lead.baggage(|| Hold::new(&remote, key)).expect("nothing but a lease is the baggage of a flight");
        for attempt in 0_u32.. {
            // Nobody who comes from here on is told what this request finds.
            lead.ask();
            let seen = backing.reading.as_ref().filter(|_| why != Why::Refresh).map(|reading| reading.head.to_vec());
            let (acquired, asking) = match hold.turn() {
                Turn::Ask(asking) => (remote.acquire(caller, &hold, seen).await, Some(asking)),
                Turn::Renew => match remote.renew(caller, hold.key(), hold.lease()).await {
                    // Something has overtaken those who compute with it.
                    Ok(false) => {
                        lead.overtaken();
                        return Claimed::Again;
                    }
                    stands => (stands.map(|_| Acquired::Granted), None),
                },
                Turn::Wait if lead.is_aside() => {
                    count(Event::Miss);
                    return Claimed::Alone;
                }
                Turn::Wait => (Ok(Acquired::Busy(Duration::ZERO)), None),
            };
            let now = self.core.now();
            match acquired {
                Ok(Acquired::Granted) => {
                    drop(asking);
                    hold.keep(at.timing.deadline());
                    lead.hold(now, at.timing.deadline());
                    // Epochs may have moved while this one waited.
                    if attempt > 0 && !self.still_stands(&remote, caller, &lead, names).await {
                        lead.finish(|| Outcome::Unproven);
                        return Claimed::Again;
                    }
                    count(Event::Miss);
                    backing.hold = Some(hold);
                    return Claimed::Compute(lead, backing);
                }
                Ok(Acquired::Stored(content)) => {
                    asking.into_iter().for_each(Asking::refused);
                    let Some(reading) = self.look_again(caller, &backing, content, names, &mut offers).await else {
                        break;
                    };
                    if reading.ground() != lead.ground() {
                        lead.finish(|| Outcome::Unproven);
                        return Claimed::Again;
                    }
                    if let Some(found) = reading.found.clone().filter(|_| reading.verdict.is_fresh()) {
                        count(Event::Coalesced);
                        lead.finish(|| Outcome::Value {
                            value: Arc::clone(&found.value),
                            source: Source::Coalesced,
                            stamp: Some(found.stamp),
                            covered: None,
                        });
                        return Claimed::Serve(found.served(Source::Backend));
                    }
                    backing.reading = Some(reading);
                }
                Ok(Acquired::Busy(left)) => {
                    asking.into_iter().for_each(Asking::refused);
                    if let Some(found) = self.servable(&backing) {
                        let is_fresh = backing.reading.as_ref().is_some_and(|reading| reading.verdict.is_fresh());
                        let source = if is_fresh { Source::Backend } else { Source::Stale };
                        return Claimed::Serve(self.served(found, source));
                    }
                    if !lead.is_attached() {
                        // Whoever comes next has a flight of their own, and is to have the lease.
                        lead.finish(|| Outcome::Unproven);
                        return Claimed::Again;
                    }
                    if now >= until || why == Why::Background {
                        count(Event::Miss);
                        return Claimed::Alone;
                    }
                    lead.hold(now, at.timing.deadline());
                    let most = if left.is_zero() { Duration::MAX } else { left };
                    if !caller.pause(&remote, &mut lead, attempt, most, (until, at.timing.deadline())).await {
                        return Claimed::Again;
                    }
                }
                Err(_) => {
                    // It may have been granted: who has it last gives it back.
                    hold.keep(at.timing.deadline());
                    break;
                }
            }
        }
        count(Event::Miss);
        backing.reading = None;
        Claimed::Compute(lead, backing)
    }

    /// What somebody has stored since this caller looked; `None` where the backend fails.
    async fn look_again(
        &self,
        caller: Caller<'_>,
        backing: &Backing,
        content: Content,
        names: &TagNames,
        offers: &mut u32,
    ) -> Option<Reading> {
        let remote = &backing.remote;
        let before = backing.reading.as_ref().expect("whoever asks for the lease has read before");
        if let Some(reading) = self.meanwhile(remote, before, content) {
            return Some(reading);
        }
        *offers += 1;
        if *offers > MOST_OFFERS {
            // Its reads lag behind, or somebody stores what nobody can read, again and again.
            remote.tell(&Error::backend("it offers as newer what it does not show to who reads"));
            return None;
        }
        let reading = self.look(remote, caller, names).await.ok()?;
        // It would be asked for ever.
        if !reading.head.is_empty() && reading.head == before.head {
            remote.tell(&Error::backend("it offers as newer what it has shown: does a proxy alter more than values?"));
            return None;
        }
        Some(reading)
    }

    /// An old value that may be served while somebody in another process renews it.
    fn servable(&self, backing: &Backing) -> Option<Found> {
        let reading = backing.reading.as_ref()?;
        let serves = matches!(reading.verdict, Verdict::Ahead | Verdict::Revalidate | Verdict::Stale);
        let takes = reading.verdict.is_fresh() || self.options.takes_stale;
        reading.found.clone().filter(|_| serves && takes)
    }

    /// Whether the epochs that the flight began with still stand.
    async fn still_stands(&self, remote: &Arc<Remote>, caller: Caller<'_>, lead: &Lead, names: &TagNames) -> bool {
        self.look(remote, caller, names).await.is_ok_and(|reading| reading.ground() == lead.ground())
    }

    /// Takes the lead, and the lease, whatever else runs.
    pub(super) async fn begin_through(
        &self,
        remote: &Arc<Remote>,
        caller: Caller<'_>,
        names: &TagNames,
    ) -> Option<(Lead, Option<Box<Backing>>)> {
        loop {
            let reading = if remote.is_readable() { self.look(remote, caller, names).await.ok() } else { None };
            let lead = self.begin(reading.as_ref())?;
            let Some(reading) = reading else { return Some((lead, Some(Backing::failing(remote)))) };
            match self.claim(caller, lead, Why::Refresh, Backing::read(remote, reading), names).await {
                Claimed::Compute(lead, backing) => return Some((lead, Some(backing))),
                Claimed::Again => {}
                // Whoever takes the lease in any case is granted it.
                Claimed::Serve(_) | Claimed::Alone => return None,
            }
        }
    }

    /// Stores what was computed, in the backend and as far as the region says so here; a codec that fails or panics stores
    /// nothing.
    pub(super) async fn keep(
        &self,
        caller: Caller<'_>,
        lead: &mut Lead,
        why: Why,
        backing: &Backing,
        value: &Shared,
        made: Option<&Made>,
    ) -> Result<Kept, reentrance::Payload> {
        let remote = &backing.remote;
        let Some(reading) = &backing.reading else {
            return Ok(made.map_or(Kept::Passed, |made| self.stand_in(remote, lead, why, value, made)));
        };
        let Some(made) = made else { return Ok(self.pass(caller, lead, backing).await) };
        let content = {
            let _leading = reentrance::Leading::storing(lead.flight());
            reentrance::caught(|| self.content(remote, value, made, reading.epochs()))?
        };
        let (content, keep) = match content {
            Ok(content) => content,
            Err(error) => {
                remote.tell(&error);
                return Ok(self.pass(caller, lead, backing).await);
            }
        };
        let (_, tags) = reading.epochs();
        let tags_stand = remote.keep_tags(caller, tags, keep).await;
        // Without a lease it is this that keeps an invalidation of this process apart.
        let writing = remote.writing(std::slice::from_ref(&reading.key)).await;
        if matches!(tags_stand, Ok(false)) || !lead.is_attached() || made.stamp.epoch != self.core.epoch() {
            return Ok(Kept::Overtaken);
        }
        lead.ask();
        let stored = match (&backing.hold, tags_stand) {
            (_, Err(error)) => Err(error),
            (Some(hold), _) => remote.commit(caller, hold, content, keep).await,
            (None, _) => {
                let unsure = Unsure { remote, key: Some(reading.key.clone()) };
                let set = unless_passed(&writing, remote.set(caller, reading.key.clone(), content, keep)).await;
                if let Ok(true) = set {
                    unsure.settle();
                }
                set
            }
        };
        if let (Some(hold), Ok(_)) = (&backing.hold, &stored) {
            hold.end();
        }
        Ok(match stored {
            Ok(true) => {
                self.keep_stored(remote, lead, value, made);
                Kept::Stored
            }
            Ok(false) => Kept::Overtaken,
            Err(_) => match self.stand_in(remote, lead, why, value, made) {
                Kept::Passed if backing.hold.is_some() => Kept::Unproven,
                kept => kept,
            },
        })
    }

    /// What is in the backend is kept here too, for as long as the region says.
    fn keep_stored(&self, remote: &Remote, lead: &mut Lead, value: &Shared, made: &Made) {
        let near = remote.near().map(|span| made.stamp.created.saturating_add(nanos(span)));
        if let Some(until) = near {
            // What somebody has found before this was stored is older.
            self.core.looks.detach(&self.key);
            let _leading = reentrance::Leading::storing(lead.flight());
            let near = made.clone().until(until);
            self.store_near(value, &near, Why::Missing, &mut |store| lead.commit(store));
        }
        let mut _failure = None;
        lead.commit(|| {
            _failure = self.core.failures.forget(&self.key);
            true
        });
    }

    /// Keeps a value here for a while, since the backend fails.
    fn stand_in(&self, remote: &Arc<Remote>, lead: &mut Lead, why: Why, value: &Shared, made: &Made) -> Kept {
        let kept = self.stand_in_unless_overtaken(remote, lead, value, made);
        // A new value that somebody asked for is not to be followed by the old one, of here or of the backend.
        if why == Why::Refresh {
            remote.owe(vec![self.backend_key()]);
            if kept != Kept::Stored {
                self.place().remove();
            }
        }
        kept
    }

    fn stand_in_unless_overtaken(&self, remote: &Remote, lead: &mut Lead, value: &Shared, made: &Made) -> Kept {
        let span = nanos(remote.near_in_need());
        if span == 0 {
            return Kept::Passed;
        }
        self.core.looks.detach(&self.key);
        let made = made.clone().until(made.stamp.created.saturating_add(span));
        let _leading = reentrance::Leading::storing(lead.flight());
        let stored = remote.stand_in(|| self.store_near(value, &made, Why::Missing, &mut |store| lead.commit(store)));
        if stored { Kept::Stored } else { Kept::Passed }
    }

    /// Whether a value that is not stored may be told to those who wait: while the lease stands, nothing has invalidated it.
    async fn pass(&self, caller: Caller<'_>, lead: &mut Lead, backing: &Backing) -> Kept {
        if !lead.is_waited_for() {
            return Kept::Passed;
        }
        lead.ask();
        match &backing.hold {
            Some(hold) => match backing.remote.renew(caller, hold.key(), hold.lease()).await {
                Ok(true) => Kept::Passed,
                Ok(false) => Kept::Overtaken,
                Err(_) => Kept::Unproven,
            },
            None if backing.remote.has_leases() => Kept::Overtaken,
            None => Kept::Passed,
        }
    }
}

/// A write without a lease whose end nobody knows: it may yet come after an invalidation, so the key is owed one.
struct Unsure<'a> {
    remote: &'a Arc<Remote>,
    key: Option<String>,
}

impl Unsure<'_> {
    fn settle(mut self) {
        self.key = None;
    }
}

impl Drop for Unsure<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.remote.owe(vec![key]);
        }
    }
}
