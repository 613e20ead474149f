//! Records in this process, which several regions share.
//!
//! For programs of one process whose regions should share their room, for tests, and as the model of a remote store:
//! regions that share one stand for processes that share a server, with leases, and in virtual time if a clock is given.
//! It is a table under one lock, and copies what it finds. It outlives no process; a region that has no backend keeps values
//! as they are, which is faster.
//!
//! In a configuration, `capacity` and `bytes` may be left out; all regions of the process that name equal settings share one.
//!
//! ```toml
//! [regions.users]
//! backend = "memory"
//! memory = { capacity = 10_000, bytes = 67_108_864 }
//! ```

mod config;
mod leases;
mod shelf;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use cachekit::{Clock, Error};

use self::leases::Leases;
use self::shelf::{Kind, Shelf};

/// How many entries there is room for, unless [`Memory::capacity`] says otherwise.
const CAPACITY: usize = 100_000;

/// Records in this process; clones share them.
///
/// Where room is needed, what was not used for longest goes first; of epochs, which a region [adds](Backend::add), only
/// while they take more than half of the room. What has expired goes when something else is read or written.
///
/// ```
/// use cachekit::Region;
/// use cachekit_backends::memory::Memory;
///
/// let memory = Memory::new().capacity(10_000).bytes(64 << 20);
/// let users = Region::builder("users of the store").backend(memory.clone()).build()?;
/// let orders = Region::builder("orders of the store").backend(memory.clone()).build()?;
/// # let _ = (users, orders);
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

cachekit::backend_factory! { "memory" => config::memory }

struct State {
    shelf: Shelf,
    leases: Leases,
}

impl Memory {
    /// Room for 100,000 entries, however large they are.
    #[must_use]
    pub fn new() -> Self {
        let state = State { shelf: Shelf::new(CAPACITY), leases: Leases::default() };
        Self { state: Arc::new(Mutex::new(state)), clock: Arc::new(System(Instant::now())) }
    }

    /// How many entries there are at most; `usize::MAX` is no limit. Default: 100,000.
    #[must_use]
    pub fn capacity(self, entries: usize) -> Self {
        self.state().shelf.limit(|limits| limits.entries = entries);
        self
    }

    /// How many bytes keys and contents take at most, without what the process needs around them. Default: no limit.
    ///
    /// A content that is larger than that is not stored.
    #[must_use]
    pub fn bytes(self, limit: usize) -> Self {
        self.state().shelf.limit(|limits| limits.bytes = limit);
        self
    }

    /// Where the time is read by which contents and leases lapse. Default: the system's monotonic clock.
    ///
    /// Clones that were made before keep the clock that they have.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many entries there are, some of which may have expired.
    ///
    /// ```
    /// assert_eq!(cachekit_backends::memory::Memory::new().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().shelf.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a step under the lock; the clock, which is the user's, is read before.
    fn step<T>(&self, work: impl FnOnce(&mut State, Duration) -> T) -> T {
        let now = self.clock.now();
        let mut state = self.state();
        state.shelf.drop_expired(now);
        work(&mut state, now)
    }

    fn read(&self, key: &str) -> Option<Content> {
        self.step(|state, now| state.shelf.get(key, now)).map(content)
    }

    fn store(&self, put: Put<'_>) -> Result<(), Error> {
        let bytes = shared(&put)?;
        self.step(|state, now| {
            state.leases.end(put.key);
            state.shelf.put(put.key, bytes, until(now, put.keep), Kind::Value);
        });
        Ok(())
    }

    fn forget(&self, key: &str) {
        self.step(|state, _| {
            state.leases.end(key);
            state.shelf.remove(key);
        });
    }
}

impl Backend for Memory {
    fn has_leases(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
        Ok(self.read(key)).into()
    }

    fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
        self.store(put).into()
    }

    fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
        self.forget(key);
        Ok(()).into()
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], _: Context) -> Answer<'a, Vec<Option<Content>>> {
        Ok(keys.iter().map(|key| self.read(key)).collect()).into()
    }

    fn set_many<'a>(&'a self, puts: &'a [Put<'a>], _: Context) -> Answer<'a, ()> {
        puts.iter().try_for_each(|put| self.store(*put)).into()
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str], _: Context) -> Answer<'a, ()> {
        for key in keys {
            self.forget(key);
        }
        Ok(()).into()
    }

    fn add<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, Content> {
        let add = |bytes: Arc<Vec<u8>>| {
            self.step(|state, now| {
                let end = until(now, put.keep);
                if let Some(found) = state.shelf.get(put.key, now) {
                    state.shelf.keep_at_least(put.key, end);
                    return found;
                }
                state.shelf.put(put.key, Arc::clone(&bytes), end, Kind::Added);
                bytes
            })
        };
        shared(&put).map(add).map(content).into()
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, _: Context) -> Answer<'a, bool> {
        Ok(self.step(|state, now| {
            state.leases.end(key);
            state.shelf.patch(key, patch, now)
        }))
        .into()
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, _: Context) -> Answer<'a, Acquired> {
        let answer = self.step(|state, now| {
            let stored = state.shelf.get(key, now);
            if claim.is_met_by(stored.as_ref().map(|bytes| bytes.as_slice())) {
                return Err(stored);
            }
            Ok(state.leases.acquire(key, lease, claim == Claim::Always, now))
        });
        // What is stored is copied without the lock.
        Ok(match answer {
            Err(Some(stored)) => Acquired::Stored(content(stored)),
            Ok(Some(left)) => Acquired::Busy(left),
            Ok(None) | Err(None) => Acquired::Granted,
        })
        .into()
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, _: Context) -> Answer<'a, bool> {
        let commit = |bytes| {
            self.step(|state, now| {
                let stands = state.leases.end_own(put.key, token, now);
                if stands {
                    state.shelf.put(put.key, bytes, until(now, put.keep), Kind::Value);
                }
                stands
            })
        };
        shared(&put).map(commit).into()
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, _: Context) -> Answer<'a, bool> {
        Ok(self.step(|state, now| state.leases.renew(key, lease, now))).into()
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, _: Context) -> Answer<'a, ()> {
        self.step(|state, now| state.leases.end_own(key, token, now));
        Ok(()).into()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("entries", &self.len()).field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Copied before the lock is taken, and shared from then on.
fn shared(put: &Put<'_>) -> Result<Arc<Vec<u8>>, Error> {
    crate::bytes::of(put).map(|bytes| Arc::new(bytes.to_vec()))
}

/// Copied unless nobody else has it, without the lock.
fn content(bytes: Arc<Vec<u8>>) -> Content {
    Content::Bytes(Arc::unwrap_or_clone(bytes))
}

/// When something ends; `None` is never.
fn until(now: Duration, span: Option<Duration>) -> Option<Duration> {
    span.and_then(|span| now.checked_add(span))
}

/// The monotonic clock of the system.
#[derive(Debug)]
struct System(Instant);

impl Clock for System {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
