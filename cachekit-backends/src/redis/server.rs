//! A server, as all backends of this process that are connected to it share it.

use std::fmt;
use std::io;
use std::sync::Arc;

use redis::{RedisError, RedisResult, Value};

use super::gate::Gate;
use super::link::Link;
use super::pool::Pool;
use super::source::Source;
use crate::net::registry::Registry;

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

static SERVERS: Registry<String, Server> = Registry::new();

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
