//! A small store that keeps every rule, or breaks a chosen one.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use cachekit::backend::{Answer, Content, Context, Patch, Put, Token};
use cachekit::testing::ManualClock;
use cachekit::{Clock, Error};

use crate::Wrong;

/// One process's handle of a store; clones of it are other processes'.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is what a backend says of itself")]
pub(crate) struct Model {
    pub(crate) store: Arc<Store>,
    pub(crate) wrong: Option<Wrong>,
    pub(crate) keeps_live: bool,
    pub(crate) has_leases: bool,
    pub(crate) is_blocking: bool,
    /// Whether answers come when they are polled for the second time.
    pub(crate) comes_later: bool,
    /// What this process has read, or is to write yet, for those that are wrong.
    own: Mutex<HashMap<String, Option<Content>>>,
    poisoned: AtomicBool,
    /// What each operation does first.
    meets: fn(),
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    entries: Mutex<HashMap<String, Entry>>,
    /// Time by hand, or else the system's since the origin.
    clock: Option<ManualClock>,
    origin: OnceLock<Instant>,
    operations: AtomicUsize,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) content: Option<(Content, Option<Duration>)>,
    pub(super) lease: Option<(Token, Duration)>,
}

impl Entry {
    /// Whether the lease of the key is this token's.
    pub(super) fn is_lent_to(&self, token: Token) -> bool {
        self.lease.is_some_and(|(owner, _)| owner == token)
    }
}

impl Store {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        Self { clock: Some(clock.clone()), ..Self::default() }
    }

    pub(super) fn now(&self) -> Duration {
        match &self.clock {
            Some(clock) => clock.now(),
            None => self.origin.get_or_init(Instant::now).elapsed(),
        }
    }
}

impl Model {
    pub(crate) fn new(store: &Arc<Store>, wrong: Option<Wrong>) -> Self {
        Self {
            store: Arc::clone(store),
            wrong,
            keeps_live: false,
            has_leases: true,
            is_blocking: false,
            meets: || (),
            comes_later: false,
            own: Mutex::default(),
            poisoned: AtomicBool::new(false),
        }
    }

    pub(crate) fn on_each_operation(self, meets: fn()) -> Self {
        Self { meets, ..self }
    }

    pub(super) fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.store.entries.lock().unwrap()
    }

    /// The time until when something lasts.
    pub(super) fn until(&self, span: Duration) -> Duration {
        self.store.now().saturating_add(span)
    }

    /// What becomes of a key in the one step that an operation is.
    pub(super) fn step<T>(&self, key: &str, step: impl FnOnce(&mut Entry) -> T) -> T {
        let (now, mut entries) = (self.store.now(), self.entries());
        let entry = entries.entry(self.key(key)).or_default();
        if entry.content.as_ref().is_some_and(|(_, until)| until.is_some_and(|until| until <= now)) {
            entry.content = None;
        }
        if entry.lease.is_some_and(|(_, until)| until <= now && !self.is(Wrong::NeverLapses)) {
            entry.lease = entry.lease.filter(|_| self.is(Wrong::LapsedLeasesStand));
        }
        step(entry)
    }

    fn key(&self, key: &str) -> String {
        match self.wrong {
            Some(Wrong::TrimsKeys) => key.trim_end_matches(' ').to_owned(),
            Some(Wrong::FoldsKeys) => key.to_lowercase(),
            Some(Wrong::CutsKeys) => key.chars().take(250).collect(),
            Some(Wrong::TagsKeys) if key.contains('{') && key.contains('}') => {
                key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(key, |(tag, _)| tag).to_owned()
            }
            _ => key.to_owned(),
        }
    }

    fn until_of(&self, put: &Put<'_>, entry: &Entry) -> Option<Duration> {
        if self.is(Wrong::FirstKeepCounts) && entry.content.is_some() {
            return entry.content.as_ref().and_then(|(_, until)| *until);
        }
        let days = |keep: Duration| keep.as_secs() / 86_400;
        match put.keep {
            Some(keep) if self.is(Wrong::LongKeepsArePast) && days(keep) > 30 => Some(Duration::ZERO),
            keep => keep.map(|keep| self.until(keep)),
        }
    }

    pub(super) fn store(&self, put: &Put<'_>, entry: &mut Entry) {
        let until = self.until_of(put, entry);
        let content = match put.content {
            Content::Bytes(bytes) => match self.wrong {
                Some(Wrong::LosesEmptyContents) if bytes.is_empty() => return entry.content = None,
                Some(Wrong::EndsContentsAtNul) => bytes.split(|byte| *byte == 0).next().unwrap().to_vec().into(),
                Some(Wrong::LeavesOldEnds) => {
                    let mut all = bytes.clone();
                    if let Some((Content::Bytes(old), _)) = &entry.content {
                        all.extend(old.iter().skip(bytes.len()));
                    }
                    all.into()
                }
                Some(Wrong::ForgetsLargeOnes) if bytes.len() > 1_000_000 => return,
                _ => put.content.clone(),
            },
            Content::Live(live) if self.is(Wrong::CopiesLiveObjects) => {
                let value = live.value::<String>().cloned().unwrap_or_default();
                Content::Live(cachekit::backend::Live::new(live.envelope().clone(), value))
            }
            Content::Live(_) | Content::Unknown(_) => put.content.clone(),
        };
        entry.content = Some((content, until));
    }

    pub(super) fn write(&self, put: Put<'_>) -> Result<(), Error> {
        let large = put.content.as_bytes().is_some_and(|bytes| bytes.len() > 1_000_000);
        match self.wrong {
            Some(Wrong::FailsOddly) if large => return Err(Error::codec("too large")),
            Some(Wrong::RefusesTheEmptyKey) if put.key.is_empty() => return Err(Error::backend("an empty key")),
            Some(Wrong::WritesLater) => {
                let due: Vec<_> = self.own.lock().unwrap().drain().collect();
                for (key, content) in due {
                    let put = Put { key: &key, content: &content.unwrap(), keep: None };
                    self.step(&key, |entry| self.store(&put, entry));
                }
                self.own.lock().unwrap().insert(put.key.to_owned(), Some(put.content.clone()));
                return Ok(());
            }
            Some(Wrong::ReadsOnce) => drop(self.own.lock().unwrap().remove(put.key)),
            Some(Wrong::WritesHalves) => {
                if let Content::Bytes(bytes) = put.content {
                    let half = Content::Bytes(bytes[..bytes.len() / 2].to_vec());
                    self.step(put.key, |entry| self.store(&Put { content: &half, ..put }, entry));
                    thread::yield_now();
                }
            }
            _ => {}
        }
        self.step(put.key, |entry| {
            self.store(&put, entry);
            entry.lease = entry.lease.filter(|_| self.is(Wrong::SetKeepsTheLease));
        });
        Ok(())
    }

    pub(super) fn remove(&self, key: &str) {
        self.own.lock().unwrap().remove(key);
        self.step(key, |entry| {
            entry.content = None;
            entry.lease = entry.lease.filter(|_| self.is(Wrong::DeleteKeepsTheLease));
        });
    }

    pub(super) fn read(&self, key: &str) -> Option<Content> {
        if matches!(self.wrong, Some(Wrong::WritesLater | Wrong::ReadsOnce))
            && let Some(own) = self.own.lock().unwrap().get(key)
        {
            return own.clone();
        }
        let found = self.step(key, |entry| entry.content.as_ref().map(|(content, _)| content.clone()));
        if self.is(Wrong::ReadsOnce) {
            self.own.lock().unwrap().insert(key.to_owned(), found.clone());
        }
        found
    }

    pub(super) fn overwrite(&self, key: &str, patch: Patch) -> bool {
        self.step(key, |entry| {
            let is_nothing = entry.content.is_none();
            let keeps = self.is(Wrong::PatchOfNothingKeepsTheLease) && is_nothing;
            if !(keeps || self.is(Wrong::PatchKeepsTheLease)) {
                entry.lease = None;
            }
            if self.is(Wrong::PatchCreates) && is_nothing {
                entry.content = Some((vec![0; 16].into(), None));
            }
            let Some((content, until)) = &mut entry.content else { return self.is(Wrong::PatchSaysSo) };
            match (self.wrong, &mut *content) {
                (Some(Wrong::PatchGrows), Content::Bytes(bytes)) if patch.at < 1_000_000 => {
                    let end = patch.at + patch.bytes().len();
                    bytes.resize(bytes.len().max(end), 0);
                }
                (Some(Wrong::PatchFillsUp), Content::Bytes(bytes)) if patch.at < bytes.len() => {
                    let fits = patch.bytes().len().min(bytes.len() - patch.at);
                    return content.patch(Patch::new(patch.at, &patch.bytes()[..fits]));
                }
                (Some(Wrong::PatchReplaces), Content::Bytes(bytes)) => bytes[patch.bytes().len().min(50)..].fill(0),
                (Some(Wrong::PatchLengthens), _) => *until = None,
                (Some(Wrong::PatchDoesNothing), _) => return true,
                _ => {}
            }
            content.patch(patch)
        })
    }

    /// An answer that is worked out when it is polled, or at once.
    pub(super) fn answer<'a, T: Send + 'a>(
        &'a self,
        context: Context,
        work: impl FnOnce() -> Result<T, Error> + Send + 'a,
    ) -> Answer<'a, T> {
        (self.meets)();
        let count = self.store.operations.fetch_add(1, Ordering::SeqCst);
        if self.is(Wrong::AddsUpLimits) {
            let _ = Instant::now() + context.limit();
        }
        if self.is(Wrong::NeedsARuntime) {
            tokio::runtime::Handle::current();
        }
        if !self.comes_later {
            return work().into();
        }
        Answer::later(async move {
            if self.poisoned.swap(self.is(Wrong::HarmsOthers), Ordering::SeqCst) {
                return Err(Error::backend("somebody has gone before the end"));
            }
            let (mut first, mut polls) = (None, 0);
            poll_fn(|task| {
                polls += 1;
                let waker = first.get_or_insert_with(|| task.waker().clone());
                let is_ready = polls > 2 || !self.is(Wrong::WakesTheFirst) && polls > 1;
                let never_comes = self.is(Wrong::NeverComes) || self.is(Wrong::SpinsForEver);
                if is_ready && !(never_comes && count % 100 == 99) {
                    return Poll::Ready(());
                }
                let waker = if self.is(Wrong::WakesTheFirst) { &*waker } else { task.waker() };
                if !self.is(Wrong::NeverComes) || !is_ready {
                    waker.wake_by_ref();
                }
                Poll::Pending
            })
            .await;
            self.poisoned.store(false, Ordering::SeqCst);
            work()
        })
    }
}
