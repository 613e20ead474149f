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
    Fence { value: Seen, own: Option<u64> },
    /// Gives the lease back, since there is a value; or since there is no room for one.
    GiveBack { lease: u64, stored: Option<Vec<u8>> },
}

/// The version of a value, and how long it is kept.
#[derive(Clone, Copy)]
struct Seen {
    version: u64,
    left: Option<u64>,
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

    /// The server could not even hold the place of a value.
    fn no_room(&mut self, holder: &Response) -> Result<Option<Acquired>, Fault> {
        if !is_of(holder, &self.token) {
            return Err(Fault::no_room(&self.name));
        }
        self.round = Round::GiveBack { lease: holder.version, stored: None };
        Ok(None)
    }

    fn decide(&mut self, at: At<'_>, looked: Looked) -> Option<Acquired> {
        let Looked { value, holder, is_fenced } = looked;
        let is_own = is_of(&holder, &self.token);
        if self.claim.is_met_by(value.stored()) {
            // Taken by this request, or by one whose answer was lost.
            let is_held = || at.server.leases.get(&self.name, self.lease.token, at.welcome.boot).is_some();
            if is_own && (self.taken || !is_held()) {
                self.round = Round::GiveBack { lease: holder.version, stored: Some(value.content) };
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
            self.round = Round::Fence { value: Seen::of(&value), own };
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
            self.round = Round::Fence { value: Seen::of(&value), own: Some(holder.version) };
            return None;
        }
        Some(Acquired::Busy(Duration::from_secs(holder.left.unwrap_or_default())))
    }
}

impl Seen {
    fn of(item: &Item) -> Self {
        Self { version: item.version, left: item.left }
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
                let fence = pipeline.delete(&self.name).with("I").number('C', value.version);
                // Who computes stores over this value, so it stays until then; whether it is of use, its record says.
                match value.left {
                    Some(left) if left < DAY => fence.number('T', DAY).end(),
                    _ => fence.end(),
                }
                self.look(pipeline);
            }
            Round::GiveBack { lease, .. } => pipeline.delete(&self.lease_name).number('C', *lease).end(),
        }
        Ok(())
    }

    fn hear(&mut self, at: At<'_>, answers: Vec<Response>) -> Result<Option<Acquired>, Fault> {
        let is_done = |answer: &Response| answer.status == Status::Done;
        match &mut self.round {
            Round::Take => {
                let [take, value, holder] = exactly(answers)?;
                self.taken = is_done(&take);
                let Some(value) = Item::of(value)? else { return self.no_room(&holder) };
                // One's own lease may rest on a value that was new before.
                let is_fenced = self.taken && value.is_new;
                Ok(self.decide(at, Looked { value, holder, is_fenced }))
            }
            Round::Fence { own, .. } => {
                let [renewed, fence, value, holder] = exactly(answers)?;
                // From now on it is as if it had been taken just now, but it is not given back.
                let is_renewed = own.is_none() || is_done(&renewed);
                let Some(value) = Item::of(value)? else { return self.no_room(&holder) };
                let is_fenced = is_renewed && (is_done(&fence) || value.is_new);
                Ok(self.decide(at, Looked { value, holder, is_fenced }))
            }
            Round::GiveBack { stored, .. } => {
                let stored = stored.take().ok_or_else(|| Fault::no_room(&self.name))?;
                Ok(Some(Acquired::Stored(Content::Bytes(stored))))
            }
        }
    }
}
