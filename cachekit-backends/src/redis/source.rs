//! Where connections come from: one server so far. A server that sentinels name, the nodes of a cluster, and TLS have
//! their place here; what asks for connections does not care.

use std::fmt;
use std::time::{Duration, Instant};

use cachekit::Error;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Connection, ConnectionAddr, ConnectionInfo, ConnectionLike, IntoConnectionInfo,
    Pipeline, ProtocolVersion, RedisConnectionInfo, Value,
};

use super::fault::Fault;

/// How many requests wait in memory while the connection of tasks takes no more.
const QUEUE: usize = 1024;

/// Where connections come from.
pub(super) enum Source {
    /// One server, at one address.
    Single(Single),
}

/// Who asks, and for which database, where that stands apart from the URL.
#[derive(Default)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<u32>,
}

pub(super) struct Single {
    /// What connects; it says nothing to the server.
    client: Client,
    info: ConnectionInfo,
}

impl Source {
    /// The server that a URL names; what it says of the login stands there or apart, not both.
    pub(super) fn parse(url: &str, login: Login) -> Result<Self, Error> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        match scheme {
            "redis" | "valkey" | "redis+unix" | "valkey+unix" | "unix" => {}
            "rediss" | "valkeys" => {
                return Err(Error::refused("TLS is not supported yet: `redis://` connects without"));
            }
            scheme if scheme.contains("sentinel") || scheme.contains("cluster") => {
                return Err(Error::refused("sentinels and clusters are not supported yet: name one server"));
            }
            _ => {
                return Err(Error::refused("the URL of a Redis begins with `redis://`, `redis+unix://` or `unix://`"));
            }
        }
        // What the parser says names no part of the URL but a protocol.
        let info = url.into_connection_info().map_err(|error| Error::refused(format_args!("the URL: {error}")))?;
        Self::single(&login.added_to(info)?)
    }

    /// The server that a client connects to.
    pub(super) fn single(info: &ConnectionInfo) -> Result<Self, Error> {
        let silent = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let silent = info.clone().set_redis_settings(silent).set_tcp_settings(tcp);
        let client = Client::open(silent).map_err(|error| Error::refused(format_args!("the address: {error}")))?;
        Ok(Self::Single(Single { client, info: info.clone() }))
    }

    /// What tells one source from others: all that a connection depends on, secrets among it.
    pub(super) fn identity(&self) -> String {
        let Self::Single(Single { info, .. }) = self;
        let redis = info.redis_settings();
        let (db, user, password) = (redis.db(), redis.username(), redis.password());
        format!("{:?} {db} {user:?} {password:?} {:?}", info.addr(), info.tcp_settings())
    }

    /// The address, for messages.
    pub(super) fn place(&self) -> String {
        let Self::Single(Single { info, .. }) = self;
        match info.addr() {
            ConnectionAddr::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            address => address.to_string(),
        }
    }

    /// A connection for one thread.
    pub(super) fn open(&self, limit: Duration) -> Result<Connection, Fault> {
        let Self::Single(single) = self;
        let begun = Instant::now();
        let mut connection = single.client.get_connection_with_timeout(limit).map_err(|error| Fault::of(&error))?;
        let rest = limit.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
        let set = connection.set_read_timeout(Some(rest)).and_then(|()| connection.set_write_timeout(Some(rest)));
        set.map_err(|error| Fault::of(&error))?;
        let greeting = single.greeting();
        let answers = connection.req_packed_commands(&greeting.get_packed_pipeline(), 0, greeting.len());
        welcomed(&answers.map_err(|error| Fault::of(&error))?)?;
        Ok(connection)
    }

    /// A connection for all tasks, which lives on the current runtime.
    pub(super) async fn open_shared(&self) -> Result<MultiplexedConnection, Fault> {
        let Self::Single(single) = self;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            // Without a limit of its own, which would need a runtime around whoever asks.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        let connection = single.client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connection.map_err(|error| Fault::of(&error))?;
        let greeting = single.greeting();
        let answers = connection.send_packed_commands(&greeting, 0, greeting.len()).await;
        welcomed(&answers.map_err(|error| Fault::of(&error))?)?;
        Ok(connection)
    }
}

impl Login {
    fn added_to(self, info: ConnectionInfo) -> Result<ConnectionInfo, Error> {
        let twice = |what: &str| Error::refused(format_args!("the {what} is in the URL and apart from it: keep one"));
        let mut redis = info.redis_settings().clone();
        if let Some(user) = self.user {
            if redis.username().is_some() {
                return Err(twice("user"));
            }
            if redis.password().is_none() && self.password.is_none() {
                return Err(Error::refused("the user has no password: write `password = \"\"` if none is needed"));
            }
            redis = redis.set_username(user);
        }
        if let Some(password) = self.password {
            if redis.password().is_some() {
                return Err(twice("password"));
            }
            redis = redis.set_password(password);
        }
        if let Some(database) = self.database.map(i64::from) {
            if redis.db() != 0 && redis.db() != database {
                return Err(twice("database"));
            }
            redis = redis.set_db(database);
        }
        Ok(info.set_redis_settings(redis))
    }
}

impl Single {
    /// What a connection begins with: who asks, for which database, and whether anybody answers.
    fn greeting(&self) -> Pipeline {
        let redis = self.info.redis_settings();
        let mut greeting = Pipeline::new();
        if let Some(password) = redis.password() {
            greeting.cmd("AUTH").arg(redis.username()).arg(password);
        }
        if redis.db() != 0 {
            greeting.cmd("SELECT").arg(redis.db());
        }
        greeting.cmd("PING");
        greeting
    }
}

/// What the answers to a greeting mean.
fn welcomed(answers: &[Value]) -> Result<(), Fault> {
    let (ping, settings) = answers.split_last().ok_or_else(Fault::strange)?;
    for answer in settings {
        match answer {
            Value::Okay => {}
            Value::ServerError(error) => return Err(Fault::said_to_greeting(error)),
            _ => return Err(Fault::strange()),
        }
    }
    match ping {
        Value::SimpleString(word) if word == "PONG" => Ok(()),
        // A user who may not ask this may still ask for keys.
        Value::ServerError(error) if error.code() == "NOPERM" => Ok(()),
        Value::ServerError(error) => Err(Fault::said(error)),
        _ => Err(Fault::strange()),
    }
}

/// Without the password.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Single(Single { info, .. }) = self;
        let redis = info.redis_settings();
        f.debug_struct("Server")
            .field("address", &self.place())
            .field("database", &redis.db())
            .field("user", &redis.username())
            .finish()
    }
}
