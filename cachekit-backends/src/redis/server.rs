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

/// The servers in use, by what tells their sources apart.
static SERVERS: Mutex<Option<HashMap<String, Weak<Server>>>> = Mutex::new(None);

impl Server {
    /// The server behind a source.
    pub(super) fn shared(source: Source) -> Arc<Self> {
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let servers = servers.get_or_insert_default();
        let identity = source.identity();
        if let Some(server) = servers.get(&identity).and_then(Weak::upgrade) {
            return server;
        }
        servers.retain(|_, server| server.strong_count() > 0);
        let (pool, link) = (Pool::default(), Link::default());
        let server = Arc::new(Self { place: source.place(), source, gate: Gate::default(), pool, link });
        servers.insert(identity, Arc::downgrade(&server));
        server
    }
}

impl Server {
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
