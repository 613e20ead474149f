//! A backend that fails now and then: before it has done what it was asked for, or after that.

use std::sync::Mutex;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use cachekit::{Error, Proxy};

/// Of so many operations one fails, on average.
const RARELY: u8 = 25;

#[derive(Debug)]
pub(crate) struct Faults {
    random: Mutex<fastrand::Rng>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    fn disturb<'a, T: Send + 'a>(&'a self, ask: impl FnOnce() -> Answer<'a, T> + Send + 'a) -> Answer<'a, T> {
        let drawn = self.random.lock().unwrap().u8(..2 * RARELY);
        match drawn {
            0 => Err(Error::backend("it was not asked")).into(),
            1 => Answer::later(async move { ask().await.and_then(|_| Err(Error::backend("its answer was lost"))) }),
            _ => ask(),
        }
    }
}

impl Proxy for Faults {
    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.disturb(move || next.set(put, context))
    }

    fn delete<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.disturb(move || next.delete(key, context))
    }

    fn add<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.disturb(move || next.add(put, context))
    }

    fn patch<'a>(&'a self, next: &'a dyn Backend, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.disturb(move || next.patch(key, patch, context))
    }

    fn acquire<'a>(
        &'a self,
        next: &'a dyn Backend,
        key: &'a str,
        lease: Lease,
        claim: Claim<'a>,
        context: Context,
    ) -> Answer<'a, Acquired> {
        self.disturb(move || next.acquire(key, lease, claim, context))
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.disturb(move || next.commit(put, token, context))
    }

    fn renew<'a>(&'a self, next: &'a dyn Backend, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.disturb(move || next.renew(key, lease, context))
    }

    fn abandon<'a>(&'a self, next: &'a dyn Backend, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        self.disturb(move || next.abandon(key, token, context))
    }
}
