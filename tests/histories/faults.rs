//! A backend that fails now and then when something is changed in it: before it has done that, or after.
//!
//! Reading does not fail: callers whose reading has failed share a computation, whatever another process has invalidated
//! since it began, because an outage is not to become a herd.

use cachekit::Proxy;
use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use cachekit::testing::Chaos;

#[derive(Debug)]
pub(crate) struct Faults(Chaos);

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Chaos::new(seed).errors(0.02).lost_answers(0.02))
    }
}

impl Proxy for Faults {
    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.0.set(next, put, context)
    }

    fn delete<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.0.delete(next, key, context)
    }

    fn add<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.0.add(next, put, context)
    }

    fn patch<'a>(&'a self, next: &'a dyn Backend, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.0.patch(next, key, patch, context)
    }

    fn acquire<'a>(
        &'a self,
        next: &'a dyn Backend,
        key: &'a str,
        lease: Lease,
        claim: Claim<'a>,
        context: Context,
    ) -> Answer<'a, Acquired> {
        self.0.acquire(next, key, lease, claim, context)
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.0.commit(next, put, token, context)
    }

    fn renew<'a>(&'a self, next: &'a dyn Backend, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.0.renew(next, key, lease, context)
    }

    fn abandon<'a>(&'a self, next: &'a dyn Backend, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        self.0.abandon(next, key, token, context)
    }
}
