//! One server at one address, and how a connection to it begins.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cachekit::Error;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncConnectionConfig, Client, Connection, ConnectionAddr, ConnectionInfo, ConnectionLike, Pipeline,
    ProtocolVersion, RedisConnectionInfo, RedisResult, Value,
};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::redis::fault::{Fault, FaultKind};
use crate::redis::tls::{self, Tls};

/// How long a server may take to say something that nobody has encrypted.
const PLAIN: Duration = Duration::from_millis(100);

/// How many requests wait in memory while the connection of tasks takes no more.
const QUEUE: usize = 1024;

pub(in crate::redis) struct Node {
    /// What connects; it says nothing to the server.
    client: Client,
    pub(super) info: ConnectionInfo,
    tls: Option<Tls>,
}

/// What a server has to be for a connection to it to be of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Wanted {
    Anyone,
    /// One that takes writes.
    Master,
    /// One that follows its master, or is none any more and the master itself.
    Replica,
}

impl Node {
    pub(super) fn new(info: &ConnectionInfo, tls: Option<Tls>) -> Result<Self, Error> {
        let silent = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let silent = info.clone().set_redis_settings(silent).set_tcp_settings(tcp);
        let client = client(silent, tls.as_ref());
        let client = client.map_err(|error| Error::refused(format_args!("the address: {error}")))?;
        Ok(Self { client, info: info.clone(), tls })
    }

    /// What tells one from others: all that a connection depends on, secrets among it.
    pub(super) fn identity(&self) -> String {
        // What a client of somebody else's trusts is not known here: such a one is nobody's but its own.
        static CLIENTS: AtomicU64 = AtomicU64::new(0);
        let redis = self.info.redis_settings();
        let (db, user, password) = (redis.db(), redis.username(), redis.password());
        let tls = match (&self.tls, self.info.addr()) {
            (Some(tls), _) => tls.identity(),
            (None, ConnectionAddr::TcpTls { tls_params: Some(_), .. }) => {
                format!("client {}", CLIENTS.fetch_add(1, Ordering::Relaxed))
            }
            (None, _) => String::new(),
        };
        format!("{:?} {db} {user:?} {password:?} {:?} {tls}", self.info.addr(), self.info.tcp_settings())
    }

    /// The address, for messages.
    pub(super) fn place(&self) -> String {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            address => address.to_string(),
        }
    }

    /// A connection for one thread.
    pub(super) fn open(&self, wanted: Wanted, limit: Duration) -> Result<Connection, Fault> {
        let opened = self.greeted(wanted, self.share_of(limit));
        opened.map_err(|fault| {
            let is_plain = self.may_be_plain(&fault) && speaks_plainly(self.info.addr());
            if is_plain { Fault::plain() } else { fault }
        })
    }

    fn greeted(&self, wanted: Wanted, limit: Duration) -> Result<Connection, Fault> {
        let begun = Instant::now();
        let mut connection = self.client.get_connection_with_timeout(limit).map_err(|error| Fault::of(&error))?;
        let rest = limit.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
        let set = connection.set_read_timeout(Some(rest)).and_then(|()| connection.set_write_timeout(Some(rest)));
        set.map_err(|error| Fault::of(&error))?;
        let greeting = self.greeting(wanted);
        let answers = connection.req_packed_commands(&greeting.get_packed_pipeline(), 0, greeting.len());
        welcomed(&answers.map_err(|error| Fault::of(&error))?, wanted)?;
        Ok(connection)
    }

    /// A connection for all tasks, which lives on the current runtime.
    pub(super) async fn open_shared(&self, wanted: Wanted, limit: Duration) -> Result<MultiplexedConnection, Fault> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            // Without a limit of its own, which would need a runtime around whoever asks.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        let limit = self.share_of(limit);
        let connected = timeout(limit, self.client.get_multiplexed_async_connection_with_config(&config)).await;
        let connected = connected
            .map_or_else(|_| Err(Fault::late(limit)), |connected| connected.map_err(|error| Fault::of(&error)));
        let mut connection = match connected {
            Ok(connection) => connection,
            Err(fault) if self.may_be_plain(&fault) => {
                let (address, told) = (self.info.addr().clone(), fault.clone());
                let plain = spawn_blocking(move || speaks_plainly(&address)).await.unwrap_or(false);
                return Err(if plain { Fault::plain() } else { told });
            }
            Err(fault) => return Err(fault),
        };
        let greeting = self.greeting(wanted);
        let answers = connection.send_packed_commands(&greeting, 0, greeting.len()).await;
        welcomed(&answers.map_err(|error| Fault::of(&error))?, wanted)?;
        Ok(connection)
    }

    /// How long a connection may take: where it is to be encrypted, there has to be time to see that nobody can.
    fn share_of(&self, limit: Duration) -> Duration {
        if matches!(self.info.addr(), ConnectionAddr::TcpTls { .. }) { limit / 2 } else { limit }
    }

    /// Whether it may be that the server does not encrypt: then it waits for more of what it does not understand.
    fn may_be_plain(&self, fault: &Fault) -> bool {
        fault.kind == FaultKind::Late && matches!(self.info.addr(), ConnectionAddr::TcpTls { .. })
    }

    /// A connection that is told what is published there.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<PubSub, Fault> {
        let greeted = client(self.info.clone(), self.tls.as_ref()).map_err(|error| Fault::of(&error))?;
        let mut published = greeted.get_async_pubsub().await.map_err(|error| Fault::of(&error))?;
        published.subscribe(channel).await.map_err(|error| Fault::of(&error))?;
        Ok(published)
    }

    /// What a connection begins with: who asks, for which database, and whether anybody answers who is wanted.
    fn greeting(&self, wanted: Wanted) -> Pipeline {
        let redis = self.info.redis_settings();
        let mut greeting = Pipeline::new();
        if let Some(password) = redis.password() {
            greeting.cmd("AUTH").arg(redis.username()).arg(password);
        }
        if redis.db() != 0 {
            greeting.cmd("SELECT").arg(redis.db());
        }
        greeting.cmd(match wanted {
            Wanted::Anyone => "PING",
            Wanted::Master | Wanted::Replica => "ROLE",
        });
        greeting
    }
}

fn client(info: ConnectionInfo, tls: Option<&Tls>) -> RedisResult<Client> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Client::open(info);
    }
    tls::prepare();
    match tls {
        Some(tls) => tls.client(info),
        None => Client::open(info),
    }
}

/// Whether a server answers that is asked without encryption, as a Redis does.
fn speaks_plainly(address: &ConnectionAddr) -> bool {
    let ConnectionAddr::TcpTls { host, port, .. } = address else { return false };
    let asked = || -> io::Result<bool> {
        let address = (host.as_str(), *port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
        let mut stream = TcpStream::connect_timeout(&address, PLAIN)?;
        stream.set_read_timeout(Some(PLAIN))?;
        stream.write_all(b"PING\r\n")?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok(matches!(first[0], b'+' | b'-'))
    };
    asked().unwrap_or(false)
}

/// What the answers to a greeting mean.
fn welcomed(answers: &[Value], wanted: Wanted) -> Result<(), Fault> {
    let (last, settings) = answers.split_last().ok_or_else(Fault::strange)?;
    for answer in settings {
        match answer {
            Value::Okay => {}
            Value::ServerError(error) => return Err(Fault::said_to_greeting(error)),
            _ => return Err(Fault::strange()),
        }
    }
    match (last, wanted) {
        (Value::SimpleString(word), Wanted::Anyone) if word == "PONG" => Ok(()),
        (Value::Array(role), Wanted::Master | Wanted::Replica) => match &role[..] {
            [Value::BulkString(role), ..] if role == b"master" => Ok(()),
            // With the host and the port of the master.
            [_, _, _, Value::BulkString(link), ..] if wanted == Wanted::Replica => {
                if link == b"connected" {
                    Ok(())
                } else {
                    Err(Fault::new(FaultKind::Unable, "it follows no master"))
                }
            }
            _ => Err(Fault::new(FaultKind::Unable, "it is no master any more")),
        },
        // A user who may not ask this may still ask for keys.
        (Value::ServerError(error), _) if error.code() == "NOPERM" => Ok(()),
        (Value::ServerError(error), _) => Err(Fault::said(error)),
        _ => Err(Fault::strange()),
    }
}
