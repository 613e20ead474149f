//! Has a lease lapse later.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use cachekit::backend::Lease;

use super::{end_of, is_of};
use crate::memcached::fault::Fault;
use crate::memcached::name;
use crate::memcached::protocol::{Pipeline, Response, Status};
use crate::memcached::step::{At, Step, exactly};
use crate::memcached::time;

pub(in crate::memcached) struct Renew<'a> {
    name: Cow<'a, str>,
    lease: Lease,
    round: Round,
}

enum Round {
    Begin,
    /// Stores the lease once more, over this version of it; it lapses then.
    Store {
        version: u64,
        until: Instant,
    },
    /// An answer was lost, or the lease is somebody else's: looks.
    Look,
}

impl<'a> Renew<'a> {
    pub(in crate::memcached) fn new(key: &'a str, lease: Lease) -> Self {
        Self { name: name::value(key), lease, round: Round::Begin }
    }
}

impl Step for Renew<'_> {
    type Done = bool;

    fn ask(&mut self, at: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        let lease = name::lease(&self.name);
        if matches!(self.round, Round::Look) {
            pipeline.get(&lease).with("v c t").end();
            return Ok(());
        }
        let Some(held) = at.server.leases.get(&self.name, self.lease.token, at.welcome.boot) else {
            self.round = Round::Begin;
            return Ok(());
        };
        let version = if let Round::Store { version, .. } = self.round { version } else { held.lease };
        self.round = Round::Store { version, until: end_of(self.lease.length) };
        let length = time::keep(Some(self.lease.length.max(Duration::from_secs(1))));
        let token = self.lease.token.to_string();
        pipeline.set(&lease, token.as_bytes()).number('C', version).with("c").keep(length).end();
        Ok(())
    }

    fn hear(&mut self, at: At<'_>, answers: Vec<Response>) -> Result<Option<bool>, Fault> {
        let lost = || {
            at.server.leases.remove(&self.name, self.lease.token);
            Ok(Some(false))
        };
        match self.round {
            Round::Begin => Ok(Some(false)),
            Round::Store { until, .. } => {
                let [stored] = exactly(answers)?;
                match stored.status {
                    Status::Done => {
                        at.server.leases.lengthen(&self.name, self.lease.token, stored.version, until);
                        Ok(Some(true))
                    }
                    Status::Exists => {
                        self.round = Round::Look;
                        Ok(None)
                    }
                    _ => lost(),
                }
            }
            Round::Look => {
                let [holder] = exactly(answers)?;
                if !is_of(&holder, &self.lease.token.to_string()) {
                    return lost();
                }
                self.round = Round::Store { version: holder.version, until: end_of(self.lease.length) };
                Ok(None)
            }
        }
    }
}
