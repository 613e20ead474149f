//! A Redis server as a backend, for threads and for tasks: one, the master that sentinels name, or those of a cluster.
//!
//! Values and leases are plain strings of Redis; what has to be one step is a script. A thread that may block has a
//! connection of its own from a pool; tasks share one connection, which lives on a thread of this module, so that they
//! may run on any executor. What it deliberately does not do: judge whether a value is fresh, and wait for a lease.
//!
//! ```
//! use cachekit::Region;
//! use cachekit_backends::redis::Redis;
//!
//! let users = Region::builder("users").backend(Redis::connect("redis://127.0.0.1:6379")?).build()?;
//! # let _ = users;
//! # Ok::<(), cachekit::Error>(())
//! ```
//!
//! In a configuration, `url` is as in [`Redis::connect`]; `user`, `password` and `database` may stand in it or apart:
//!
//! ```toml
//! [regions.users]
//! backend = "redis"
//! redis = { url = "redis://cache.internal:6379", user = "myapp", password = "secret", database = 2 }
//! ```
//!
//! In place of `url`, `sentinels` and `master` name a master as [`Redis::sentinels`] does, with `sentinel_user` and
//! `sentinel_password` where the sentinels ask for them:
//!
//! ```toml
//! [regions.users.redis]
//! sentinels = ["one.internal:26379", "two.internal:26379", "three.internal:26379"]
//! master = "mymaster"
//! password = "secret"
//! ```
//!
//! And `cluster` names some servers of a cluster, as [`Redis::cluster`] does:
//!
//! ```toml
//! [regions.users.redis]
//! cluster = ["one.internal:6379", "two.internal:6379", "three.internal:6379"]
//! password = "secret"
//! ```

mod attempt;
mod cluster;
mod config;
mod driver;
mod fault;
mod gate;
mod link;
mod pool;
mod reads;
mod reply;
mod request;
mod script;
mod sentinels;
mod server;
mod slot;
mod source;
mod target;
mod tls;
mod watched;

use std::fmt;
use std::sync::Arc;

use cachekit::Error;
use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use redis::Value;

pub use self::cluster::Cluster;
use self::cluster::Nodes;
use self::fault::Fault;
use self::request::Request;
pub use self::sentinels::Sentinels;
use self::server::Server;
use self::source::{Login, Source};
use self::target::{LONGEST, Target};
#[cfg(feature = "tls")]
pub use self::tls::Tls;

/// A Redis server, the master that sentinels name, or a cluster.
///
/// All of one address, database and user share their connections, which are made when they are needed, end when the last
/// of them is dropped, and are replaced when they fail. It is the version 7.0 that this is tested with.
#[derive(Clone)]
pub struct Redis {
    target: Result<Target, Error>,
}

cachekit::backend_factory! { "redis" => config::redis }

impl Redis {
    /// The server that a URL names: `redis://[user][:password@]host[:port][/database]`, or
    /// `unix://path[?db=database&user=user&pass=password]`, also written `redis+unix://`.
    ///
    /// Nothing is connected yet: a server that cannot be reached is no error here.
    ///
    /// # Errors
    ///
    /// If the URL is none of these ([`is_refused`](Error::is_refused)). `rediss://`, which
    /// encrypts, needs the feature `tls`.
    ///
    /// ```
    /// use cachekit_backends::redis::Redis;
    ///
    /// let redis = Redis::connect("redis://:secret@cache.internal:6380/2")?;
    /// assert!(!format!("{redis:?}").contains("secret"));
    /// assert!(Redis::connect("cache.internal").unwrap_err().is_refused());
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    pub fn connect(url: &str) -> Result<Self, Error> {
        Source::parse(url, Login::default(), None).map(Self::of)
    }

    /// As [`connect`](Self::connect), for a URL that begins with `rediss://`, with roots or a certificate of one's own.
    ///
    /// # Errors
    ///
    /// If the URL is none, or a certificate or a key cannot be read ([`is_refused`](Error::is_refused)).
    #[cfg(feature = "tls")]
    pub fn connect_with_tls(url: &str, tls: Tls) -> Result<Self, Error> {
        Source::parse(url, Login::default(), Some(tls)).map(Self::of)
    }

    /// The master of this name, as its sentinels say: `host:port` of as many of them as there are.
    ///
    /// One of them is listened to. When they have agreed on another master, connections to the old one are left at once,
    /// and what it answers after that counts for nothing. What the old one had acknowledged and not handed on yet is lost,
    /// as it is for all clients, since Redis replicates asynchronously: an entry that was invalidated so shortly before a
    /// fail-over may come back, until its ttl ends.
    ///
    /// See [`Sentinels`] for who asks.
    pub fn sentinels(master: impl Into<String>, addresses: impl IntoIterator<Item = impl Into<String>>) -> Sentinels {
        Sentinels::new(master.into(), addresses.into_iter().map(Into::into).collect())
    }

    /// The cluster to which these servers belong: `host:port` of some of them; the others are found.
    ///
    /// Each key is asked for where it is, several servers side by side. One that is lost takes its keys with it and nothing
    /// else: they are computed, while what the others have is served, by the epochs that this process has seen last. A slot
    /// that is handed over, or taken over by a replica, is followed.
    ///
    /// A cluster whose servers refuse everything while a slot has none (`cluster-require-full-coverage yes`, as a Redis
    /// is shipped) is lost with one of them; `no` is what a cache needs.
    ///
    /// See [`Cluster`] for who asks.
    pub fn cluster(addresses: impl IntoIterator<Item = impl Into<String>>) -> Cluster {
        Cluster::new(addresses.into_iter().map(Into::into).collect())
    }

    /// The server that a client of the crate `redis`, of its version 1, is made for; of the client only that, the
    /// database, the user and the settings of its sockets are taken.
    ///
    /// Nothing is connected yet. A client that cannot be used shows it with the first request.
    ///
    /// ```
    /// use cachekit_backends::redis::Redis;
    ///
    /// let client = redis::Client::open("redis://127.0.0.1:6379").unwrap();
    /// let backend = Redis::from_client(client);
    /// ```
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "as one hands over what one no longer needs")]
    pub fn from_client(client: ::redis::Client) -> Self {
        let source = Source::node(client.get_connection_info(), None);
        Self { target: source.map(|source| Target::Server(Server::shared(source))) }
    }

    fn of(source: Source) -> Self {
        Self { target: Ok(Target::Server(Server::shared(source))) }
    }

    /// The same, where a replica answers reads.
    fn reading(self, replica: Source) -> Self {
        Self { target: self.target.map(|target| target.reading(Server::shared(replica))) }
    }

    fn of_cluster(nodes: Arc<Nodes>) -> Self {
        Self { target: Ok(Target::Cluster(nodes)) }
    }

    /// Has a request carried out, as the caller waits, and reads the answer.
    fn ask<'a, T: Send + 'a>(
        &'a self,
        request: Result<Request<'a>, Error>,
        context: Context,
        read: impl FnOnce(Value) -> Result<T, Fault> + Send + 'a,
    ) -> Answer<'a, T> {
        match (&self.target, request) {
            (Ok(target), Ok(request)) => target.ask(request, context, read),
            (Err(error), _) => Err(error.clone()).into(),
            (_, Err(error)) => Err(error).into(),
        }
    }
}

impl Backend for Redis {
    fn has_leases(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, Option<Content>> {
        self.ask(Ok(Request::get_many(&[key])), context, |value| {
            Ok(reply::each(value, 1, reply::content)?.pop().flatten())
        })
    }

    fn set<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.ask(Request::set(&[put]), context, |value| reply::done(&value))
    }

    fn delete<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.ask(Ok(Request::delete(&[key])), context, |value| reply::done(&value))
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, Vec<Option<Content>>> {
        if keys.is_empty() {
            return Ok(Vec::new()).into();
        }
        let request = Request::get_many(keys);
        if let Ok(Target::Cluster(nodes)) = &self.target {
            return nodes.get_many(request, context.may_block(), context.limit().min(LONGEST));
        }
        self.ask(Ok(request), context, |value| reply::each(value, keys.len(), reply::content))
    }

    fn set_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, ()> {
        if puts.is_empty() {
            return Ok(()).into();
        }
        self.ask(Request::set(puts), context, |value| reply::done(&value))
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        if keys.is_empty() {
            return Ok(()).into();
        }
        self.ask(Ok(Request::delete(keys)), context, |value| reply::done(&value))
    }

    fn add<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.ask(Request::add(&[put]), context, |value| {
            Ok(reply::content(value)?.unwrap_or_else(|| put.content.clone()))
        })
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.ask(Ok(Request::patch(key, patch)), context, |value| reply::flag(&value))
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, context: Context) -> Answer<'a, Acquired> {
        self.ask(Ok(Request::acquire(&[(key, lease, claim)])), context, reply::acquired)
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.ask(Request::commit(&[(put, token)]), context, |value| reply::flag(&value))
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.ask(Ok(Request::renew(key, lease)), context, |value| reply::flag(&value))
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        self.ask(Ok(Request::abandon(&[(key, token)])), context, |value| reply::done(&value))
    }

    fn add_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, Vec<Content>> {
        if puts.is_empty() {
            return Ok(Vec::new()).into();
        }
        self.ask(Request::add(puts), context, move |value| {
            let stored = reply::each(value, puts.len(), reply::content)?.into_iter().zip(puts);
            Ok(stored.map(|(stored, put)| stored.unwrap_or_else(|| put.content.clone())).collect())
        })
    }

    fn acquire_many<'a>(
        &'a self,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        if leases.is_empty() {
            return Ok(Vec::new()).into();
        }
        self.ask(Ok(Request::acquire(leases)), context, |value| reply::each(value, leases.len(), reply::acquired))
    }

    fn commit_many<'a>(&'a self, puts: &'a [(Put<'a>, Token)], context: Context) -> Answer<'a, Vec<bool>> {
        if puts.is_empty() {
            return Ok(Vec::new()).into();
        }
        self.ask(Request::commit(puts), context, |value| {
            reply::each(value, puts.len(), |committed| reply::flag(&committed))
        })
    }

    fn abandon_many<'a>(&'a self, leases: &'a [(&'a str, Token)], context: Context) -> Answer<'a, ()> {
        if leases.is_empty() {
            return Ok(()).into();
        }
        self.ask(Ok(Request::abandon(leases)), context, |value| reply::done(&value))
    }

    fn ping(&self, context: Context) -> Answer<'_, ()> {
        if let Ok(Target::Cluster(nodes)) = &self.target {
            return nodes.ping(context.may_block(), context.limit().min(LONGEST));
        }
        self.ask(Ok(Request::ping()), context, |value| reply::pong(&value))
    }
}

/// The address, the database and the user; no password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut redis = f.debug_tuple("Redis");
        match &self.target {
            Ok(Target::Server(server) | Target::Read(server, _)) => redis.field(server),
            Ok(Target::Cluster(nodes)) => redis.field(nodes),
            Err(error) => redis.field(error),
        };
        redis.finish()
    }
}
