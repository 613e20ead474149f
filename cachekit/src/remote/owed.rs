//! Invalidations that could not be carried out, until somebody has made up for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use super::{Caller, Kind, Remote};
use crate::error::Error;

/// Keys whose invalidation is owed; beyond that the region's is.
const MOST_OWED: usize = 10_000;

/// Of how many keys at once an invalidation is made up for: as many as a slow store removes within its limit.
const MOST_PAID: usize = 100;

impl Remote {
    /// Remembers that these were to be invalidated: this process serves nothing that depends on them before that is done.
    ///
    /// Whoever makes up for it may be in another session, where an entry of this one cannot be reached: of a store of
    /// sessions all of the region is to be invalidated.
    pub(crate) fn owe(self: &Arc<Self>, keys: Vec<String>) {
        let has_sessions = self.backend.session().is_some();
        let keys = if has_sessions { vec![self.names.region_epoch()] } else { keys };
        self.owed.add(keys, || self.names.region_epoch());
        // Nobody may call here for long, and other processes serve it until then.
        self.changed(Kind::Removal, self.removals.needed());
    }

    /// Makes up for invalidations of what is about to be replaced, which is not to be removed afterwards.
    pub(crate) fn pay_before<'a>(self: &'a Arc<Self>, caller: Caller<'a>, keys: &'a [String]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.owed.any() {
                // Where that fails, what is stored is not served before it is removed.
                drop(Box::pin(self.pay(caller, keys)).await);
            }
        })
    }

    /// Makes up for invalidations that have failed: for those of these keys, and for some of the others.
    pub(super) async fn pay(self: &Arc<Self>, caller: Caller<'_>, keys: &[String]) -> Result<(), Error> {
        if self.owed.any() && !self.is_removable() {
            return Err(Error::backend("it has not carried out invalidations, and removes nothing just now"));
        }
        // Of a store that fails in parts, whoever needs something makes up for that, and the probe for the others.
        let others = keys.is_empty() || !self.has_partly_failed();
        let due = self.owed.due(keys, if others { MOST_PAID } else { 0 });
        if due.is_empty() {
            return Ok(());
        }
        let all = self.remove(caller, due.iter().map(|(key, _)| key.clone()).collect()).await;
        match all {
            Err(error) if error.is_partial() && due.len() > 1 => self.pay_each(caller, keys, due).await,
            all => all.map(|()| self.owed.paid(&due)),
        }
    }

    /// As [`pay`](Self::pay), one by one, since some of them cannot be reached: of those, those that concern nobody wait.
    async fn pay_each(
        self: &Arc<Self>,
        caller: Caller<'_>,
        keys: &[String],
        due: Vec<(String, u64)>,
    ) -> Result<(), Error> {
        let mut outcome = Ok(());
        for debt in due.into_iter().filter(|(key, _)| keys.is_empty() || keys.contains(key)) {
            match self.remove(caller, vec![debt.0.clone()]).await {
                Ok(()) => self.owed.paid(&[debt]),
                error => outcome = error,
            }
        }
        outcome
    }
}

/// Keys that were to be invalidated when the backend failed.
#[derive(Default)]
pub(crate) struct Owed {
    /// Their number, so that a region that owes nothing takes no lock.
    count: AtomicUsize,
    debts: Mutex<Debts>,
}

#[derive(Default)]
struct Debts {
    /// The keys, with the number of their last failure.
    keys: HashMap<String, u64>,
    failures: u64,
}

impl Owed {
    pub(super) fn add(&self, keys: Vec<String>, region: impl FnOnce() -> String) {
        let mut debts = self.debts();
        debts.failures += 1;
        let failure = debts.failures;
        debts.keys.extend(keys.into_iter().map(|key| (key, failure)));
        if debts.keys.len() > MOST_OWED {
            debts.keys.clear();
            debts.keys.insert(region(), failure);
        }
        self.count.store(debts.keys.len(), Ordering::Release);
    }

    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// These keys as far as they are among them, and so many others at most.
    pub(super) fn due(&self, keys: &[String], most: usize) -> Vec<(String, u64)> {
        if !self.any() {
            return Vec::new();
        }
        let debts = self.debts();
        let first = keys.iter().filter_map(|key| debts.keys.get_key_value(key));
        // Those of a server that is lost are in nobody's way.
        let begin = fastrand::usize(..debts.keys.len().saturating_sub(most).max(1));
        let others = debts.keys.iter().filter(|(key, _)| !keys.contains(key)).skip(begin);
        let due = first.chain(others.take(most));
        due.map(|(key, failure)| (key.clone(), *failure)).collect()
    }

    /// The places of those of these that are among them.
    pub(super) fn among(&self, keys: &[String]) -> Vec<usize> {
        let debts = self.debts();
        (0..keys.len()).filter(|place| debts.keys.contains_key(&keys[*place])).collect()
    }

    /// Whether one of these is among them.
    pub(super) fn concerns(&self, keys: &[String]) -> bool {
        let debts = self.debts();
        keys.iter().any(|key| debts.keys.contains_key(key))
    }

    pub(super) fn paid(&self, paid: &[(String, u64)]) {
        let mut debts = self.debts();
        for (key, failure) in paid {
            if debts.keys.get(key) == Some(failure) {
                debts.keys.remove(key);
            }
        }
        self.count.store(debts.keys.len(), Ordering::Release);
    }

    fn debts(&self) -> MutexGuard<'_, Debts> {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
