//! Ends a lease.

use std::borrow::Cow;

use cachekit::backend::Token;

use super::is_of;
use crate::memcached::fault::Fault;
use crate::memcached::held::Held;
use crate::memcached::name;
use crate::memcached::protocol::{Pipeline, Response, Status};
use crate::memcached::step::{At, Step, exactly};

/// Ends a lease whose version is not known: an answer that told it was lost, or it is somebody else's by now.
pub(super) struct End {
    name: String,
    token: String,
    version: Option<u64>,
}

impl End {
    pub(super) fn new(name: String, token: Token) -> Self {
        Self { name, token: token.to_string(), version: None }
    }

    pub(super) fn ask(&self, pipeline: &mut Pipeline) {
        match self.version {
            None => pipeline.get(&self.name).with("v c t").end(),
            Some(version) => pipeline.delete(&self.name).number('C', version).end(),
        }
    }

    /// Whether it is over.
    pub(super) fn hear(&mut self, answers: Vec<Response>) -> Result<bool, Fault> {
        let [answer] = exactly(answers)?;
        if self.version.is_none() && is_of(&answer, &self.token) {
            self.version = Some(answer.version);
            return Ok(false);
        }
        Ok(true)
    }
}

/// Ends a lease, and what holds the place of the value; that goes first, so whoever has the lease next begins anew.
pub(super) fn give_back(pipeline: &mut Pipeline, name: &str, held: Held) {
    if held.is_vacant {
        pipeline.delete(name).number('C', held.value).end();
    }
    pipeline.delete(&name::lease(name)).number('C', held.lease).end();
}

/// Ends a lease without storing anything.
pub(in crate::memcached) struct Abandon<'a> {
    name: Cow<'a, str>,
    token: Token,
    end: Option<End>,
}

impl<'a> Abandon<'a> {
    pub(in crate::memcached) fn new(key: &'a str, token: Token) -> Self {
        Self { name: name::value(key), token, end: None }
    }

    fn end(&self) -> End {
        End::new(name::lease(&self.name), self.token)
    }
}

impl Step for Abandon<'_> {
    type Done = ();

    fn ask(&mut self, at: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        if let Some(end) = &self.end {
            end.ask(pipeline);
            return Ok(());
        }
        let Some(held) = at.server.leases.get(&self.name, self.token, at.welcome.boot) else {
            // It may have been lent in an answer that was lost.
            let end = self.end();
            end.ask(pipeline);
            self.end = Some(end);
            return Ok(());
        };
        give_back(pipeline, &self.name, held);
        Ok(())
    }

    fn hear(&mut self, at: At<'_>, answers: Vec<Response>) -> Result<Option<()>, Fault> {
        at.server.leases.remove(&self.name, self.token);
        if let Some(end) = &mut self.end {
            return Ok(end.hear(answers)?.then_some(()));
        }
        if answers.last().is_some_and(|ended| ended.status == Status::Exists) {
            self.end = Some(self.end());
            return Ok(None);
        }
        Ok(Some(()))
    }
}
