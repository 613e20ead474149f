//! A server, as all backends of this process that are connected to it share it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use redis::{RedisError, RedisResult, Value};

use super::gate::Gate;
use super::link::Link;
use super::pool::Pool;
use super::source::Source;

pub(super) struct Server {
    pub(super) source: Source,
    /// The address, for messages.
    pub(super) place: String,
    pub(super) gate: Gate,
    /// For threads.
    pub(super) pool: Pool,
    /// For tasks.
    pub(super) link: Link,
}

/// What this process is connected to, by what tells it apart, for as long as somebody needs it.
pub(super) struct Registry<T>(Mutex<Option<HashMap<String, Weak<T>>>>);

static SERVERS: Registry<Server> = Registry::new();

impl<T> Registry<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The one of this identity, made where there is none.
    pub(super) fn shared(&self, identity: String, make: impl FnOnce() -> T) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_default();
        if let Some(shared) = known.get(&identity).and_then(Weak::upgrade) {
            return shared;
        }
        known.retain(|_, shared| shared.strong_count() > 0);
        let new = Arc::new(make());
        known.insert(identity, Arc::downgrade(&new));
        new
    }
}

impl Server {
    /// The server behind a source.
    pub(super) fn shared(source: Source) -> Arc<Self> {
        SERVERS.shared(source.identity(), || {
            let (pool, link) = (Pool::default(), Link::default());
            Self { place: source.place(), source, gate: Gate::default(), pool, link }
        })
    }

    /// What a server has answered, unless another one has taken its place meanwhile: what it has carried out may be lost.
    pub(super) fn still(&self, number: u64, answer: RedisResult<Value>) -> RedisResult<Value> {
        if self.source.number() == number {
            return answer;
        }
        Err(RedisError::from(io::Error::new(
            io::ErrorKind::ConnectionReset,
            "another server has taken the place of this one",
        )))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}
