//! One entry of a region, about to be read or written.
//!
//! What is done to an entry directly: read it, set it, forget it, store what was computed. The way from a look-up to a
//! computation is `read_through`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::invalidation::Place;
use super::settle::Why;
use super::stats::Event;
use crate::clock::{Nanos, nanos};
use crate::companion::{Storable, Value};
use crate::error::Error;
use crate::events::Subject;
use crate::flight::{Commit, FlightKey};
use crate::freshness::{Circumstances, Epoch, Stamp, Verdict};
use crate::info::FnInfo;
use crate::key::Key;
use crate::near::eviction::Room;
use crate::near::{Found, Made, Near};
use crate::options::CallOptions;
use crate::remote::Caller;
use crate::tags::{TagNames, Tagged};
use crate::timing::Timing;
use crate::values::{ByHand, Shared, Values};

/// What a function says about its values.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) values: &'static dyn Values,
    /// Whether they may become bytes, or never leave the process.
    pub(crate) is_stored: bool,
    pub(crate) ttl: Option<fn() -> Duration>,
    pub(crate) timing: Timing,
    /// How long an error is remembered.
    pub(crate) error_ttl: Option<fn() -> Duration>,
}

impl Policy {
    /// That of values which somebody stores by hand.
    pub(crate) fn by_hand<V: Value + Storable>() -> Self {
        Self { values: ByHand::<V>::VALUES, is_stored: true, ttl: None, timing: Timing::default(), error_ttl: None }
    }
}

/// One entry of a region, about to be read or written.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) core: Arc<Core>,
    pub(crate) near: Arc<dyn Near>,
    pub(crate) key: FlightKey,
    pub(crate) policy: Policy,
    /// The tags of what is stored; those of a function's own are told by its work.
    pub(crate) tags: TagNames,
    pub(crate) options: CallOptions,
    /// The function; `None` for an entry made by hand.
    pub(crate) info: Option<&'static FnInfo>,
}

impl Call {
    /// The same entry as the caller means it now, who may be in another session than when the call was made.
    pub(crate) fn now(&self) -> Self {
        Self { key: self.core.flight_key(self.key.table, self.key.arguments.clone()), ..self.clone() }
    }

    /// The key, as the user writes it.
    pub(crate) fn key(&self) -> Key {
        match self.info {
            Some(info) => info.key(&self.core, &self.key.arguments),
            None => super::hand::hand_key(&self.key.arguments),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.key()).finish()
    }
}

impl Call {
    /// The value, if it is fresh.
    pub(crate) async fn get(&self, caller: Caller<'_>) -> Result<Option<Shared>, Error> {
        match self.remote() {
            None => Ok(self.get_near()),
            Some(remote) => self.get_through(&remote, caller).await,
        }
    }

    /// The entry as it is in this process, unless somebody has stored one of another type by hand.
    pub(super) fn read_near(&self, mark: bool) -> Option<Found> {
        self.near.read(&self.key.arguments, mark).filter(|found| self.policy.values.is(&*found.value))
    }

    /// The value, if it is here and fresh.
    pub(super) fn get_near(&self) -> Option<Shared> {
        let found = self.read_near(true);
        let fresh = found.filter(|found| found.judge(&self.circumstances()).is_fresh());
        self.core.counters.count(if fresh.is_some() { Event::Hit } else { Event::Miss });
        fresh.map(|found| found.value)
    }

    /// The entry as it is; nothing is counted.
    pub(crate) async fn peek(&self, caller: Caller<'_>) -> Result<Option<(Found, Verdict, Nanos)>, Error> {
        let at = self.circumstances();
        let (found, verdict) = match self.remote() {
            None => self.peek_near(),
            Some(remote) => self.peek_through(&remote, caller).await?,
        };
        Ok(found.filter(|_| verdict != Verdict::Missing).map(|found| (found, verdict, at.now)))
    }

    /// The entry as it is here.
    pub(super) fn peek_near(&self) -> (Option<Found>, Verdict) {
        let found = self.read_near(false);
        let verdict = found.as_ref().map_or(Verdict::Missing, |found| found.judge(&self.circumstances()));
        (found, verdict)
    }

    /// Stores a value in place of what is there or is being computed.
    pub(crate) async fn set(&self, caller: Caller<'_>, value: Shared) -> Result<(), Error> {
        match self.remote() {
            None => self.set_near(value, caller).await,
            Some(remote) => self.set_through(&remote, caller, &value).await,
        }
    }

    async fn set_near(&self, value: Shared, caller: Caller<'_>) -> Result<(), Error> {
        let tags = self.core.tags.read(&self.tags);
        let made = self.made(&value, self.core.epoch(), 0, tags).filter(|made| !made.stamp.epoch.is_off());
        match made {
            Some(made) => self.replace_near(value, &made),
            None => self.invalidate(caller).await?,
        }
        Ok(())
    }

    fn replace_near(&self, value: Shared, made: &Made) {
        self.core.expect(made);
        self.core.sweep();
        let (arguments, flights) = (&*self.key.arguments, &self.core.flights);
        let (mut _failure, mut _failure_then) = (None, None);
        self.near.with_own(value, self.policy.values.type_name(), &mut |own| {
            self.near.pinned(&mut |table| {
                let mut is_replaced = false;
                _failure = flights.overtake(&self.key, || {
                    is_replaced = table.replace(arguments, own, made, &|| self.core.reclaim());
                    self.core.failures.forget(&self.key)
                });
                let Some(room) = (if is_replaced { None } else { self.room(made) }) else { return };
                let added = flights.overtake(&self.key, || {
                    _failure_then = self.core.failures.forget(&self.key);
                    table.insert(arguments, own, made, room.ticket())
                });
                self.core.settle(room, added);
            });
        });
    }

    /// Forgets the entry; what is being computed is not stored.
    pub(crate) async fn invalidate(&self, caller: Caller<'_>) -> Result<(), Error> {
        self.place().forget(caller).await
    }

    /// Forgets some entries of a region.
    pub(crate) async fn invalidate_many(calls: &[Self], caller: Caller<'_>) -> Result<(), Error> {
        let places: Vec<_> = calls.iter().map(Self::place).collect();
        Place::forget_all(&places, caller).await
    }

    /// Marks the entry as expired; what is being computed is not stored.
    pub(crate) async fn expire(&self, caller: Caller<'_>) -> Result<(), Error> {
        self.place().expire(caller).await
    }

    pub(super) fn place(&self) -> Place<'_> {
        let remote = self.remote().map(|remote| (remote, self.backend_key()));
        let siblings = self.info.map(FnInfo::siblings).unwrap_or_default();
        let sibling = |(near, table)| (near, self.core.flight_key(table, self.key.arguments.clone()));
        let siblings = siblings.into_iter().filter_map(|function| function.table().ok()).map(sibling).collect();
        Place { core: &self.core, near: &*self.near, key: &self.key, siblings, remote }
    }

    /// Whether somebody in this process computes the entry.
    pub(crate) fn is_computing(&self) -> bool {
        self.core.flights.is_computing(&self.key)
    }

    /// What a verdict on the entry depends on, now.
    pub(crate) fn circumstances(&self) -> Circumstances {
        let timing = self.core.timing(self.policy.timing);
        let random = if timing.is_random() { fastrand::f64() } else { 1.0 };
        Circumstances { epoch: self.core.epoch(), now: self.core.now(), timing, random }
    }

    /// Whose events these are.
    pub(super) fn subject<'a>(&'a self, key: &'a dyn Fn() -> Key) -> Subject<'a> {
        Subject { region: &self.core.name, function: self.info, key }
    }

    /// What is known of a value made now; `None` where its ttl is zero.
    pub(super) fn made(&self, value: &Shared, epoch: Epoch, cost: Nanos, tags: Tagged) -> Option<Made> {
        if !self.options.stores {
            return None;
        }
        if self.info.is_none() {
            self.core.expect_by_hand(&self.policy.timing);
        }
        let timing = self.core.timing(self.policy.timing);
        let own = self.options.ttl.or_else(|| self.policy.values.ttl_of(value));
        let ttl = own.map_or_else(|| self.core.ttl(self.policy.ttl), nanos);
        let ttl = timing.jittered(ttl, fastrand::f64);
        let stamp = Stamp { created: self.core.now(), ttl, cost, epoch };
        (ttl > 0).then(|| Made::new(stamp, tags, &timing))
    }

    /// Keeps a value in this process, if nothing has overtaken it: `fence` runs what it is handed while that is so.
    pub(super) fn store_near(
        &self,
        value: &Shared,
        made: &Made,
        why: Why,
        fence: &mut dyn FnMut(&mut dyn FnMut() -> bool) -> Commit,
    ) -> bool {
        // Asked again under the lock: who joined since the value was invalidated joined under it.
        let epoch = made.stamp.epoch;
        let stands = || self.core.epoch() == epoch && !epoch.is_off() && made.tags.stand();
        if !stands() {
            return false;
        }
        self.core.expect(made);
        self.core.sweep();
        let arguments = &*self.key.arguments;
        let (mut failure, mut failure_then) = (None, None);
        let mut commit = Commit::Declined;
        self.near.with_own(Arc::clone(value), self.policy.values.type_name(), &mut |own| {
            self.near.pinned(&mut |table| {
                if why != Why::Absent && table.has(arguments) {
                    commit = fence(&mut || {
                        if !stands() {
                            return false;
                        }
                        failure = self.core.failures.forget(&self.key);
                        table.replace(arguments, own, made, &|| self.core.reclaim())
                    });
                }
                let Some(room) = (if commit == Commit::Declined { self.room(made) } else { None }) else { return };
                let mut added = None;
                commit = fence(&mut || {
                    if !stands() {
                        return false;
                    }
                    failure_then = self.core.failures.forget(&self.key);
                    added = table.insert(arguments, own, made, room.ticket());
                    true
                });
                self.core.settle(room, added);
            });
        });
        commit == Commit::Stored
    }

    /// Room for a new entry.
    fn room(&self, made: &Made) -> Option<Room> {
        self.core.admit((self.key.table, self.near.hash(&self.key.arguments)?), made.mortal_from)
    }
}
