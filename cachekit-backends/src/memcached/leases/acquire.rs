//! Asks for a lease.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use cachekit::backend::{Acquired, Claim, Content, Lease};

use super::{end_of, is_of, token_of};
use crate::memcached::fault::Fault;
use crate::memcached::held::Held;
use crate::memcached::name;
use crate::memcached::protocol::{Pipeline, Response, Status};
use crate::memcached::step::{At, Item, Step, exactly};
use crate::memcached::time;

/// How long the place of a value is held, in seconds: longer than anybody computes.
const DAY: u64 = 24 * 60 * 60;

pub(in crate::memcached) struct Acquire<'a> {
    name: Cow<'a, str>,
    lease_name: String,
    token: String,
    lease: Lease,
    claim: Claim<'a>,
    /// When the lease lapses, counted from before the server was asked for it.
    until: Instant,
    /// The item of the lease was stored by this request.
    taken: bool,
    round: Round,
}

enum Round {
    /// Takes the lease, and looks.
    Take,
    /// Makes the value another version, for nobody to commit any more who had the lease before. One's own lease, of this
    /// version, begins anew; or one that has lapsed.
    Fence { value: u64, own: Option<u64> },
    /// Gives the lease back, since there is a value.
    GiveBack { lease: u64, stored: Vec<u8> },
}

/// What came of a round for the version of the value.
struct Looked {
    value: Item,
    holder: Response,
    /// Nobody else knows this version as one that a lease rests on.
    is_fenced: bool,
}

impl<'a> Acquire<'a> {
    pub(in crate::memcached) fn new(key: &'a str, lease: Lease, claim: Claim<'a>) -> Self {
        let name = name::value(key);
        let (lease_name, token) = (name::lease(&name), lease.token.to_string());
        let until = end_of(lease.length);
        Self { name, lease_name, token, lease, claim, until, taken: false, round: Round::Take }
    }

    fn length(&self) -> Option<u64> {
        time::keep(Some(self.lease.length.max(Duration::from_secs(1))))
    }

    /// The value, whose place is held from now on if there is none, and then who has the lease: if that is one's own, nobody
    /// had written when the version of the value was told.
    fn look(&self, pipeline: &mut Pipeline) {
        pipeline.get(&self.name).with("v f c t").number('N', DAY).end();
        pipeline.get(&self.lease_name).with("v c t").end();
    }

    fn decide(&mut self, at: At<'_>, looked: Looked) -> Option<Acquired> {
        let Looked { value, holder, is_fenced } = looked;
        let is_own = is_of(&holder, &self.token);
        if self.claim.is_met_by(value.stored()) {
            if self.taken && is_own {
                self.round = Round::GiveBack { lease: holder.version, stored: value.content };
                return None;
            }
            return Some(Acquired::Stored(Content::Bytes(value.content)));
        }
        if is_own && is_fenced {
            let (value, is_vacant) = (value.version, value.is_vacant());
            let held = Held { value, lease: holder.version, is_vacant, until: self.until, boot: at.welcome.boot };
            at.server.leases.put(&self.name, self.lease.token, held);
            return Some(Acquired::Granted);
        }
        if is_own {
            let own = (!self.taken).then_some(holder.version);
            self.round = Round::Fence { value: value.version, own };
            return None;
        }
        if self.claim == Claim::Always && holder.status == Status::Value {
            // Somebody else has taken it in any case since: it was granted, and ended.
            return Some(Acquired::Granted);
        }
        if self.taken || holder.status == Status::Missing {
            // A write has ended the lease, or it has lapsed just now.
            (self.taken, self.round) = (false, Round::Take);
            return None;
        }
        if token_of(&holder).is_some_and(|token| at.server.leases.has_lapsed(&self.name, token)) {
            self.taken = true;
            self.round = Round::Fence { value: value.version, own: Some(holder.version) };
            return None;
        }
        Some(Acquired::Busy(Duration::from_secs(holder.left.unwrap_or_default())))
    }
}

impl Step for Acquire<'_> {
    type Done = Acquired;

    fn ask(&mut self, _: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        match &self.round {
            Round::Take => {
                self.until = end_of(self.lease.length);
                let take = pipeline.set(&self.lease_name, self.token.as_bytes()).keep(self.length());
                let take = if self.claim == Claim::Always { take } else { take.with("ME") };
                take.end();
                self.look(pipeline);
            }
            Round::Fence { value, own } => {
                match own {
                    Some(own) => {
                        self.until = end_of(self.lease.length);
                        let renew = pipeline.set(&self.lease_name, self.token.as_bytes()).number('C', *own);
                        renew.keep(self.length()).end();
                    }
                    None => pipeline.noop(),
                }
                pipeline.delete(&self.name).with("I").number('C', *value).end();
                self.look(pipeline);
            }
            Round::GiveBack { lease, .. } => pipeline.delete(&self.lease_name).number('C', *lease).end(),
        }
        Ok(())
    }

    fn hear(&mut self, at: At<'_>, answers: Vec<Response>) -> Result<Option<Acquired>, Fault> {
        let is_done = |answer: &Response| answer.status == Status::Done;
        let there = |value| Item::of(value)?.ok_or_else(Fault::strange);
        match &mut self.round {
            Round::Take => {
                let [take, value, holder] = exactly(answers)?;
                self.taken = is_done(&take);
                let value = there(value)?;
                // One's own lease may rest on a value that was new before.
                let is_fenced = self.taken && value.is_new;
                Ok(self.decide(at, Looked { value, holder, is_fenced }))
            }
            Round::Fence { own, .. } => {
                let [renewed, fence, value, holder] = exactly(answers)?;
                // From now on it is as if it had been taken just now, but it is not given back.
                let is_renewed = own.is_none() || is_done(&renewed);
                let value = there(value)?;
                let is_fenced = is_renewed && (is_done(&fence) || value.is_new);
                Ok(self.decide(at, Looked { value, holder, is_fenced }))
            }
            Round::GiveBack { stored, .. } => Ok(Some(Acquired::Stored(Content::Bytes(std::mem::take(stored))))),
        }
    }
}
