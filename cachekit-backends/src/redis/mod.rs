//! A Redis server as a backend, for threads and for tasks: one, or the master that sentinels name.
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

mod attempt;
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
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cachekit::Error;
use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use redis::Value;

use self::fault::Fault;
use self::request::Request;
pub use self::sentinels::Sentinels;
use self::server::Server;
use self::source::{Login, Source};
#[cfg(feature = "tls")]
pub use self::tls::Tls;

/// How long anybody waits for an answer: a day is no limit that a caller would notice.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A Redis server.
///
/// All of one address, database and user share their connections, which are made when they are needed, end when the last
/// of them is dropped, and are replaced when they fail. It is the version 7.0 that this is tested with.
#[derive(Clone)]
pub struct Redis {
    server: Result<Arc<Server>, Error>,
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
    /// encrypts, needs the feature `tls`; clusters are not supported yet.
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
        Source::parse(url, Login::default(), None).map(|source| Self { server: Ok(Server::shared(source)) })
    }

    /// As [`connect`](Self::connect), for a URL that begins with `rediss://`, with roots or a certificate of one's own.
    ///
    /// # Errors
    ///
    /// If the URL is none, or a certificate or a key cannot be read ([`is_refused`](Error::is_refused)).
    #[cfg(feature = "tls")]
    pub fn connect_with_tls(url: &str, tls: Tls) -> Result<Self, Error> {
        Source::parse(url, Login::default(), Some(tls)).map(|source| Self { server: Ok(Server::shared(source)) })
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
        Self { server: Source::single(client.get_connection_info()).map(Server::shared) }
    }

    /// Has a request carried out, as the caller waits, and reads the answer.
    fn ask<'a, T: 'a>(
        &'a self,
        request: Result<Request<'a>, Error>,
        context: Context,
        read: impl FnOnce(Value) -> Result<T, Fault> + Send + 'a,
    ) -> Answer<'a, T> {
        let (server, request) = match (&self.server, request) {
            (Ok(server), Ok(request)) => (server, request),
            (Err(error), _) => return Err(error.clone()).into(),
            (_, Err(error)) => return Err(error).into(),
        };
        let limit = context.limit().min(LONGEST);
        if context.may_block() {
            let value = pool::ask(server, &request, limit).and_then(read);
            return value.map_err(|fault| fault.told(&server.place, request.operation)).into();
        }
        Answer::later(async move {
            let value = link::ask(server, &request, limit).await.and_then(read);
            value.map_err(|fault| fault.told(&server.place, request.operation))
        })
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
        self.ask(Ok(Request::get_many(keys)), context, |value| reply::each(value, keys.len(), reply::content))
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
        self.ask(Ok(Request::ping()), context, |value| reply::pong(&value))
    }
}

/// The address, the database and the user; no password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut redis = f.debug_tuple("Redis");
        match &self.server {
            Ok(server) => redis.field(server),
            Err(error) => redis.field(error),
        };
        redis.finish()
    }
}
