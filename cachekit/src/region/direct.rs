//! What is done to entries directly, without a computation, in a region with a backend: read them, set them, many at once.

use std::sync::Arc;

use super::backing::Reading;
use super::call::Call;
use super::stats::Event;
use crate::error::Error;
use crate::freshness::Verdict;
use crate::near::Found;
use crate::remote::{Caller, OnBackendError, Remote};
use crate::tags::Tagged;
use crate::values::Shared;

impl Call {
    /// The value, if it is fresh.
    pub(super) async fn get_through(&self, remote: &Arc<Remote>, caller: Caller<'_>) -> Result<Option<Shared>, Error> {
        if let Some(value) = self.fresh_here() {
            return Ok(Some(value));
        }
        match self.look(remote, caller, &self.tags).await {
            Ok(reading) => self.fresh(reading),
            Err(error) if remote.settings.on_error == OnBackendError::Propagate => Err(error),
            Err(_) => Ok(self.get_near()),
        }
    }

    /// The value that is kept in this process, if it is fresh.
    pub(crate) fn fresh_here(&self) -> Option<Shared> {
        let near = self.read_near(true);
        let found = near.filter(|found| found.judge(&self.circumstances()) == Verdict::Fresh)?;
        self.core.counters.count(Event::Hit);
        Some(found.value)
    }

    /// The value of a reading, if it is fresh.
    fn fresh(&self, reading: Reading) -> Result<Option<Shared>, Error> {
        if let Some(error) = reading.of_another_type {
            return Err(error);
        }
        let is_fresh = reading.verdict.is_fresh();
        self.core.counters.count(if is_fresh { Event::Hit } else { Event::Miss });
        Ok(reading.found.filter(|_| is_fresh).map(|found| found.value))
    }

    /// The entry as the backend has it.
    pub(super) async fn peek_through(
        &self,
        remote: &Arc<Remote>,
        caller: Caller<'_>,
    ) -> Result<(Option<Found>, Verdict), Error> {
        match self.look(remote, caller, &self.tags).await {
            Ok(reading) => Ok((reading.found, reading.verdict)),
            Err(error) if remote.settings.on_error == OnBackendError::Propagate => Err(error),
            Err(_) => Ok(self.peek_near()),
        }
    }

    /// Stores a value in place of what is there or is being computed, by any process.
    pub(super) async fn set_through(
        &self,
        remote: &Arc<Remote>,
        caller: Caller<'_>,
        value: &Shared,
    ) -> Result<(), Error> {
        let made = self.made(value, self.core.epoch(), 0, Tagged::none());
        let Some(made) = made.filter(|made| !made.stamp.epoch.is_off()) else { return self.invalidate(caller).await };
        let place = self.place();
        place.remove();
        let key = self.backend_key();
        remote.pay_before(caller, std::slice::from_ref(&key)).await;
        let written = async {
            // The epochs are those that stand now: whoever has invalidated before finds this value.
            let seen = remote.look_up(caller, None, self.tags.to_strings()).await?;
            let (content, keep) = self.content(remote, value, &made, (seen.region, &seen.tags))?;
            remote.keep_tags(caller, &seen.tags, keep).await?;
            Ok((content, keep))
        };
        let written = written.await;
        // Until those who compute since are overtaken, too.
        let _writing = remote.writing(std::slice::from_ref(&key)).await;
        let stored = match written {
            Ok((content, keep)) => remote.set(caller, key.clone(), content, keep).await,
            Err(error) => Err(error),
        };
        // Somebody may have read the old value meanwhile.
        place.remove();
        // The old value is not what the caller wants anybody to have.
        stored.inspect_err(|error| {
            if error.is_backend() {
                remote.owe(vec![key]);
            }
        })
    }

    /// The values of some entries of a region, in order, in as few round trips for many as for one.
    pub(crate) async fn get_many(calls: &[Self], caller: Caller<'_>) -> Result<Vec<Option<Shared>>, Error> {
        let mut values: Vec<Option<Shared>> = Vec::with_capacity(calls.len());
        let mut missing = Vec::new();
        for call in calls {
            let value = if call.remote().is_none() { call.get_near() } else { call.fresh_here() };
            if value.is_none() && call.remote().is_some() {
                missing.push(values.len());
            }
            values.push(value);
        }
        let Some(remote) = missing.first().and_then(|first| calls[*first].remote()) else { return Ok(values) };
        let at = calls[missing[0]].circumstances();
        let keys = missing.iter().map(|place| calls[*place].backend_key()).collect();
        match Self::look_many(calls, &missing, &remote, caller, keys, at).await {
            Ok(readings) => {
                for (place, reading) in missing.into_iter().zip(readings) {
                    values[place] = calls[place].fresh(reading)?;
                }
            }
            Err(error) if remote.settings.on_error == OnBackendError::Propagate => return Err(error),
            Err(_) => {
                for place in missing {
                    values[place] = calls[place].get_near();
                }
            }
        }
        Ok(values)
    }

    /// Stores some values.
    pub(crate) async fn set_many(calls: &[(Self, Shared)], caller: Caller<'_>) -> Result<(), Error> {
        let Some(remote) = calls.first().and_then(|(call, _)| call.core.remote()) else {
            for (call, value) in calls {
                call.set(caller, value.clone()).await?;
            }
            return Ok(());
        };
        let is_simple = |call: &Self, value: &Shared| {
            let made = call.made(value, call.core.epoch(), 0, Tagged::none());
            call.remote().is_some() && made.is_some_and(|made| !made.stamp.epoch.is_off())
        };
        let (many, others): (Vec<_>, Vec<_>) = calls.iter().partition(|(call, value)| is_simple(call, value));
        for (call, value) in others {
            call.set(caller, value.clone()).await?;
        }
        for (call, _) in &many {
            call.place().remove();
        }
        let keys: Vec<String> = many.iter().map(|(call, _)| call.backend_key()).collect();
        remote.pay_before(caller, &keys).await;
        let written = async {
            let mut names: Vec<String> = many.iter().flat_map(|(call, _)| call.tags.to_strings()).collect();
            names.sort_unstable();
            names.dedup();
            let seen = remote.look_up(caller, None, names).await?;
            let mut puts = Vec::with_capacity(many.len());
            for ((call, value), key) in many.iter().zip(&keys) {
                let Some(made) = call.made(value, call.core.epoch(), 0, Tagged::none()) else { continue };
                let own = call.tags.to_strings();
                let tags: Vec<_> = seen.tags.iter().filter(|(name, _)| own.contains(name)).cloned().collect();
                let (content, keep) = call.content(&remote, value, &made, (seen.region, &tags))?;
                remote.keep_tags(caller, &tags, keep).await?;
                puts.push((key.clone(), content, keep));
            }
            Ok(puts)
        };
        let written = written.await;
        let _writing = remote.writing(&keys).await;
        let stored = match written {
            Ok(puts) => remote.set_many(caller, puts).await,
            Err(error) => Err(error),
        };
        for (call, _) in &many {
            call.place().remove();
        }
        stored.inspect_err(|error| {
            if error.is_backend() {
                remote.owe(keys);
            }
        })
    }
}
