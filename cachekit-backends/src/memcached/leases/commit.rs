//! Stores what was computed, if the lease still stands.

use std::borrow::Cow;
use std::time::Duration;

use cachekit::backend::Token;

use super::end::{End, give_back};
use crate::memcached::fault::Fault;
use crate::memcached::name;
use crate::memcached::protocol::{Pipeline, Response, Status};
use crate::memcached::step::{At, Item, MARK, Step, exactly, fits};
use crate::memcached::time;

pub(in crate::memcached) struct Commit<'a> {
    key: &'a str,
    name: Cow<'a, str>,
    content: &'a [u8],
    keep: Option<Duration>,
    token: Token,
    round: Round,
}

enum Round {
    Begin,
    /// Stores over the version that the lease rests on, and ends the lease.
    Store,
    /// It is too large: the lease is given back, for nobody to wait for what will not come.
    GiveBack(Fault),
    /// It may have been stored on a connection that was lost: looks.
    Compare,
    /// The lease is not what it was: ends it as it is.
    End {
        committed: bool,
        end: End,
    },
}

impl<'a> Commit<'a> {
    pub(in crate::memcached) fn new(key: &'a str, content: &'a [u8], keep: Option<Duration>, token: Token) -> Self {
        Self { key, name: name::value(key), content, keep, token, round: Round::Begin }
    }
}

impl Step for Commit<'_> {
    type Done = bool;

    fn ask(&mut self, at: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        let name = &*self.name;
        match &mut self.round {
            Round::Begin | Round::Store => {
                let Some(held) = at.server.leases.get(name, self.token, at.welcome.boot) else {
                    self.round = Round::Begin;
                    return Ok(());
                };
                if let Err(fault) = fits(at, self.key, name, self.content) {
                    give_back(pipeline, name, held);
                    self.round = Round::GiveBack(fault);
                    return Ok(());
                }
                let store = pipeline.set(name, self.content).number('C', held.value).number('F', MARK);
                store.keep(time::keep(self.keep)).end();
                pipeline.delete(&name::lease(name)).number('C', held.lease).end();
                self.round = Round::Store;
            }
            // Asked again on another connection: it lapses.
            Round::GiveBack(_) => {}
            Round::Compare => pipeline.get(name).with("v f c t").end(),
            Round::End { end, .. } => end.ask(pipeline),
        }
        Ok(())
    }

    fn hear(&mut self, at: At<'_>, answers: Vec<Response>) -> Result<Option<bool>, Fault> {
        match &mut self.round {
            // There is no lease of this token, or it has lapsed.
            Round::Begin => Ok(Some(false)),
            Round::Store => {
                let [stored, ended] = exactly(answers)?;
                at.server.leases.remove(&self.name, self.token);
                let committed = match stored.status {
                    Status::Done => true,
                    Status::Exists | Status::NotFound => false,
                    _ => return Err(Fault::strange()),
                };
                if ended.status == Status::Exists {
                    let end = End::new(name::lease(&self.name), self.token);
                    self.round = Round::End { committed, end };
                    return Ok(None);
                }
                if !committed && at.again {
                    self.round = Round::Compare;
                    return Ok(None);
                }
                Ok(Some(committed))
            }
            Round::GiveBack(fault) => {
                at.server.leases.remove(&self.name, self.token);
                Err(fault.clone())
            }
            Round::Compare => {
                let [there] = exactly(answers)?;
                Ok(Some(Item::of(there)?.is_some_and(|item| item.stored() == Some(self.content))))
            }
            Round::End { committed, end } => {
                if !end.hear(answers)? {
                    return Ok(None);
                }
                if !*committed && at.again {
                    self.round = Round::Compare;
                    return Ok(None);
                }
                Ok(Some(*committed))
            }
        }
    }
}
