//! What is done to entries by their keys, once for threads and tasks.

use std::sync::Arc;

use super::call::Call;
use super::invalidation::Place;
use super::{Found, Region, mismatch};
use crate::companion::{Storable, Value};
use crate::error::Error;
use crate::info::FnInfo;
use crate::key::Key;
use crate::near::Near;
use crate::remote::Caller;
use crate::values::{Shared, owned};

impl Region {
    pub(super) async fn get_by<T: Value + Storable>(&self, caller: Caller<'_>, key: Key) -> Result<Option<T>, Error> {
        let call = self.entry::<T>(&key)?;
        let value = call.get(caller).await?;
        if value.is_none() {
            self.check_type(&call)?;
        }
        Ok(value.map(owned))
    }

    pub(super) async fn get_many_by<T: Value + Storable>(
        &self,
        caller: Caller<'_>,
        keys: Vec<Key>,
    ) -> Result<Vec<Option<T>>, Error> {
        let calls: Vec<Call> = keys.iter().map(|key| self.entry::<T>(key)).collect::<Result<_, _>>()?;
        let values = Call::get_many(&calls, caller).await?;
        for (call, _) in calls.iter().zip(&values).filter(|(_, value)| value.is_none()) {
            self.check_type(call)?;
        }
        Ok(values.into_iter().map(|value| value.map(owned)).collect())
    }

    pub(super) async fn set_by<T: Value + Storable>(
        &self,
        caller: Caller<'_>,
        key: Key,
        value: &T,
    ) -> Result<(), Error> {
        self.writable::<T>(&key)?.set(caller, Arc::new(value.clone())).await
    }

    pub(super) async fn set_many_by<T: Value + Storable>(
        &self,
        caller: Caller<'_>,
        entries: Vec<(Key, T)>,
    ) -> Result<(), Error> {
        let shared = |(key, value): (Key, T)| Ok((self.writable::<T>(&key)?, Arc::new(value) as Shared));
        let calls: Vec<_> = entries.into_iter().map(shared).collect::<Result<_, Error>>()?;
        Call::set_many(&calls, caller).await
    }

    /// Forgets some entries, in as few round trips for many as for one.
    pub(super) async fn delete_by(&self, caller: Caller<'_>, keys: Vec<Key>) -> Result<(), Error> {
        let core = self.core();
        let mut places = Vec::with_capacity(keys.len());
        for key in &keys {
            let mut found = self.find(key)?;
            let siblings: Vec<_> = found.drain(1..).filter_map(|found| Some((found.near?, found.key))).collect();
            let Some(Found { near, key: flight_key, info }) = found.pop() else { continue };
            let is_in_memory = info.is_some_and(FnInfo::is_in_memory);
            let leaves = |keeps_live: bool| !is_in_memory || keeps_live && !info.is_some_and(FnInfo::is_unkeyed);
            let remote = core.remote().filter(|remote| leaves(remote.keeps_live()));
            places.push((near, flight_key, siblings, remote.map(|remote| (remote, core.backend_key(key)))));
        }
        let all: Vec<Place<'_>> = places
            .iter()
            .map(|(near, key, siblings, remote)| {
                let near: &dyn Near = near.as_ref().map_or(&*self.0.hand, |near| &**near);
                Place { core, near, key, siblings: siblings.clone(), remote: remote.clone() }
            })
            .collect();
        Place::forget_all(&all, caller).await
    }

    /// An error if the entry is readable, but of another type.
    fn check_type(&self, call: &Call) -> Result<(), Error> {
        if call.info.is_some() {
            return Ok(());
        }
        let Some((found, holds)) = self.0.hand.named(&call.key.arguments) else { return Ok(()) };
        let (readable, values) = (found.judge(&call.circumstances()).is_fresh(), call.policy.values);
        if readable && !values.is(&*found.value) {
            return Err(mismatch(&call.key(), values.type_name(), holds));
        }
        Ok(())
    }
}
