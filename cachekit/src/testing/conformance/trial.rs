//! One part of the suite at work: what it asks of the backend, as whom, and under which keys.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::drive::{self, Caller, Came};
use super::fault::{Fault, Kept, Lent, Outcome, Told};
use crate::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Live, Patch, Put, Token};
use crate::error::Error;
use crate::record::{Envelope, NEVER};
use crate::testing::ManualClock;

/// How long contents are kept, and leases last, unless a test is about that.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// What stands around all that is asked.
pub(super) type Around = Box<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

/// What all parts of one run share.
pub(super) struct Stage {
    /// One, or two that open one store.
    pub(super) handles: Vec<Arc<dyn Backend>>,
    pub(super) clock: Option<ManualClock>,
    pub(super) around: Option<Around>,
    pub(super) limit: Duration,
    run: u64,
    made: Mutex<BTreeSet<String>>,
}

impl Stage {
    pub(super) fn new(handles: [Arc<dyn Backend>; 2]) -> Self {
        Self {
            handles: handles.into(),
            clock: None,
            around: None,
            limit: Duration::from_secs(5),
            run: fastrand::u64(..),
            made: Mutex::default(),
        }
    }

    /// Does some work within what the author has put around it.
    pub(super) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(around) = &self.around else { return work() };
        let (mut work, mut done) = (Some(work), None);
        around(&mut || done = work.take().map(|work| work()));
        done.expect("what `around` is handed is to be called, once and on the same thread")
    }

    /// Deletes what was made; a backend that cannot was found out before.
    pub(super) fn clean(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let keys: Vec<&str> = made.iter().map(String::as_str).collect();
        let context = Context::blocking(self.limit);
        for keys in keys.chunks(64) {
            self.enter(|| drive::ask(self, Caller::Thread, self.limit, || self.handles[0].delete_many(keys, context)));
        }
    }
}

/// Asks as one kind of caller, through one of the handles, for one rule.
#[derive(Clone, Copy)]
pub(super) struct Trial<'s> {
    pub(super) stage: &'s Stage,
    pub(super) rule: usize,
    pub(super) caller: Caller,
    pub(super) limit: Duration,
    handle: usize,
    live: bool,
}

impl<'s> Trial<'s> {
    pub(super) fn new(stage: &'s Stage, rule: usize, caller: Caller, live: bool) -> Self {
        Self { stage, rule, caller, limit: stage.limit, handle: 0, live }
    }

    /// The same, through another handle; round and round, if there are not as many.
    pub(super) fn by(self, handle: usize) -> Self {
        Self { handle: handle % self.stage.handles.len(), ..self }
    }

    /// The same, as another kind of caller.
    pub(super) fn of(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    /// The same, where what is seen concerns another rule.
    pub(super) fn on_rule(self, rule: usize) -> Self {
        Self { rule, ..self }
    }

    pub(super) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub(super) fn backend(&self) -> &'s dyn Backend {
        &*self.stage.handles[self.handle]
    }

    pub(super) fn context(&self) -> Context {
        match self.caller {
            Caller::Thread => Context::blocking(self.limit),
            Caller::Task => Context::task(self.limit),
        }
    }

    /// A key that nobody else uses.
    pub(super) fn key(&self, name: &str) -> String {
        let kind = if self.live { "live" } else { "bytes" };
        self.exactly(format!("conformance:{:016x}:{}:{:?}:{kind}:{name}", self.stage.run, self.rule, self.caller))
    }

    /// This key, which is deleted in the end.
    pub(super) fn exactly(&self, key: String) -> String {
        self.stage.made.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        key
    }

    /// A content that differs from those of other texts within its first bytes.
    pub(super) fn content(&self, text: &str) -> Content {
        let text = format!("{text}: a content of some length");
        if !self.live {
            return Content::Bytes(text.into_bytes());
        }
        let (created, fresh_until, keep_until) = (0, NEVER, NEVER);
        let envelope = Envelope {
            expired: false,
            created,
            fresh_until,
            keep_until,
            cost: 0,
            region: [1, 1],
            codec: 0,
            tags: vec![],
        };
        Content::Live(Live::new(envelope, text))
    }

    /// Does the same in some threads, which begin together and take the handles in turn.
    pub(super) fn at_once<T: Send>(
        &self,
        count: usize,
        each: impl Fn(&Trial<'_>, usize) -> Outcome<T> + Sync,
    ) -> Outcome<Vec<T>> {
        let begin = Barrier::new(count);
        let run = |number| {
            begin.wait();
            self.stage.enter(|| each(&self.by(number), number))
        };
        let run = &run;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || run(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }

    /// Asks for something that may fail; an error of a kind that no backend has is a fault.
    pub(super) fn attempt<'a, T: Send>(
        &self,
        operation: &'static str,
        call: impl FnOnce(&'s dyn Backend, Context) -> Answer<'a, T>,
    ) -> Outcome<Told<Result<T, Error>>>
    where
        's: 'a,
    {
        match drive::ask(self.stage, self.caller, self.limit, || call(self.backend(), self.context())) {
            Came::Answer(Err(error)) if !error.is_backend() => {
                let expected = "`Error::backend`, `Error::timeout` or `Error::refused`";
                Err(self.on_rule(15).fault(operation, "which fails", expected, format!("another error: {error}")))
            }
            Came::Answer(value) => Ok(Told { rule: self.rule, operation, caller: self.caller, value }),
            Came::Panic(message) => Err(self.panicked(operation, &message)),
            Came::Nothing => {
                let fault =
                    self.on_rule(14).fault(operation, "whose answer is polled", "one in time", "none".to_owned());
                Err(Fault { hangs: true, ..fault })
            }
        }
    }

    /// Asks for something that must not fail.
    pub(super) fn ask<'a, T: Send>(
        &self,
        operation: &'static str,
        call: impl FnOnce(&'s dyn Backend, Context) -> Answer<'a, T>,
    ) -> Outcome<Told<T>>
    where
        's: 'a,
    {
        let Told { rule, caller, value, .. } = self.attempt(operation, call)?;
        match value {
            Ok(value) => Ok(Told { rule, operation, caller, value }),
            Err(error) => {
                Err(self.fault(operation, "which has no reason to fail", "an answer", format!("the error: {error}")))
            }
        }
    }

    pub(super) fn fault(&self, operation: &'static str, when: &str, expected: &str, came: String) -> Fault {
        let (rule, caller) = (self.rule, self.caller);
        Fault { rule, operation, caller, when: when.to_owned(), expected: expected.to_owned(), came, hangs: false }
    }

    /// A panic is no way to tell an error, where the rule is not about those whom it hits.
    pub(super) fn panicked(&self, operation: &'static str, message: &str) -> Fault {
        let rule = if matches!(self.rule, 13 | 14) { self.rule } else { 15 };
        self.on_rule(rule).fault(operation, "which has no reason to fail", "an answer", format!("a panic: {message}"))
    }

    pub(super) fn get(&self, key: &str) -> Outcome<Told<Option<Kept>>> {
        let told = self.ask("get", |backend, context| backend.get(key, context))?;
        Ok(told.map(|found| found.as_ref().map(Kept::from)))
    }

    /// A key holds a content, or nothing.
    pub(super) fn holds(&self, key: &str, expected: Option<&Content>, when: &str) -> Outcome {
        self.get(key)?.is(expected.map(Kept::from), when)
    }

    pub(super) fn set(&self, key: &str, content: &Content) -> Outcome {
        self.set_for(key, content, Some(HOUR))
    }

    pub(super) fn set_for(&self, key: &str, content: &Content, keep: Option<Duration>) -> Outcome {
        self.ask("set", |backend, context| backend.set(Put { key, content, keep }, context)).map(drop)
    }

    pub(super) fn delete(&self, key: &str) -> Outcome {
        self.ask("delete", |backend, context| backend.delete(key, context)).map(drop)
    }

    pub(super) fn get_many(&self, keys: &[&str]) -> Outcome<Told<Vec<Option<Kept>>>> {
        let told = self.ask("get_many", |backend, context| backend.get_many(keys, context))?;
        Ok(told.map(|found| found.iter().map(|found| found.as_ref().map(Kept::from)).collect()))
    }

    pub(super) fn set_many(&self, puts: &[Put<'_>]) -> Outcome {
        self.ask("set_many", |backend, context| backend.set_many(puts, context)).map(drop)
    }

    pub(super) fn delete_many(&self, keys: &[&str]) -> Outcome {
        self.ask("delete_many", |backend, context| backend.delete_many(keys, context)).map(drop)
    }

    pub(super) fn add(&self, key: &str, content: &Content) -> Outcome<Told<Kept>> {
        let put = Put { key, content, keep: Some(HOUR) };
        Ok(self.ask("add", |backend, context| backend.add(put, context))?.map(|stored| Kept::from(&stored)))
    }

    pub(super) fn patch(&self, key: &str, patch: Patch) -> Outcome<Told<bool>> {
        self.ask("patch", |backend, context| backend.patch(key, patch, context))
    }

    pub(super) fn acquire(&self, key: &str, token: Token, claim: Claim<'_>) -> Outcome<Told<Lent>> {
        self.acquire_for(key, token, HOUR, claim)
    }

    pub(super) fn acquire_for(
        &self,
        key: &str,
        token: Token,
        length: Duration,
        claim: Claim<'_>,
    ) -> Outcome<Told<Lent>> {
        let lease = Lease { token, length };
        let told = self.ask("acquire", |backend, context| backend.acquire(key, lease, claim, context))?;
        match told.value {
            // No lease that the suite takes is longer.
            Acquired::Busy(left) if left > HOUR + Duration::from_secs(60) => {
                let came = format!("{left:?}");
                Err(self.fault("acquire", "of a key that is busy", "at most the hour that the lease lasts", came))
            }
            _ => Ok(told.map(|acquired| Lent::from(&acquired))),
        }
    }

    /// Takes the lease of a key under which nothing is stored.
    pub(super) fn lend(&self, key: &str, token: Token) -> Outcome {
        self.acquire(key, token, Claim::Unseen(&[]))?
            .is(Lent::Granted, "where nothing is stored and nobody has the lease")
    }

    pub(super) fn commit(&self, key: &str, content: &Content, token: Token) -> Outcome<Told<bool>> {
        let put = Put { key, content, keep: Some(HOUR) };
        self.ask("commit", |backend, context| backend.commit(put, token, context))
    }

    pub(super) fn renew(&self, key: &str, token: Token) -> Outcome<Told<bool>> {
        let lease = Lease { token, length: HOUR };
        self.ask("renew", |backend, context| backend.renew(key, lease, context))
    }

    pub(super) fn abandon(&self, key: &str, token: Token) -> Outcome {
        self.ask("abandon", |backend, context| backend.abandon(key, token, context)).map(drop)
    }
}

/// A token of nobody else.
pub(super) fn token() -> Token {
    Token(fastrand::u128(..))
}
