//! Memcached servers as a backend, for threads and for tasks: one, or several that share the keys.
//!
//! Values and leases are items of memcached, read and written by its meta commands, which are spoken here rather than by a
//! client of somebody else's. A thread that may block has a connection of its own from a pool; tasks share one connection
//! for each server, which lives on a thread of this crate, so that they may run on any executor. What it deliberately does
//! not do: judge whether a value is fresh, wait for a lease, and keep elsewhere what a server keeps that does not answer.
//!
//! ```
//! use cachekit::Region;
//! use cachekit_backends::memcached::Memcached;
//!
//! let users = Region::builder("users").backend(Memcached::connect("memcached://127.0.0.1:11211")?).build()?;
//! # let _ = users;
//! # Ok::<(), cachekit::Error>(())
//! ```
//!
//! In a configuration, `url` names one server as [`Memcached::connect`] does, or `servers` several:
//!
//! ```toml
//! [regions.users]
//! backend = "memcached"
//! memcached = { servers = ["one.internal:11211", "two.internal:11211"] }
//! ```

mod address;
mod cluster;
mod config;
mod fault;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod held;
mod leases;
mod line;
mod link;
mod name;
mod patience;
mod pool;
mod protocol;
mod ring;
mod run;
mod server;
mod step;
mod stream;
mod time;
mod values;
mod welcome;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use cachekit::Error;
use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};

use self::address::Address;
use self::cluster::Cluster;
use self::leases::{Abandon, Acquire, Commit, Renew};
use self::step::Step;
use self::values::{Add, Change, Get, Ping, Write};
use crate::bytes;

/// One memcached server, or several.
///
/// All of one address share their connections, which are made when they are needed, end when the last of them is dropped,
/// and are replaced when they fail. It is the version 1.6.18 that this is tested with; what is older than 1.6.13 is refused.
#[derive(Clone)]
pub struct Memcached {
    cluster: Arc<Cluster>,
}

cachekit::backend_factory! { "memcached" => config::memcached }

impl Memcached {
    /// The server at an address: `memcached://host[:port]`, or `host[:port]`; the port is 11211 if it is not named.
    ///
    /// Nothing is connected yet: a server that cannot be reached is no error here.
    ///
    /// # Errors
    ///
    /// If that is no address ([`is_refused`](Error::is_refused)).
    ///
    /// ```
    /// use cachekit_backends::memcached::Memcached;
    ///
    /// let memcached = Memcached::connect("memcached://cache.internal")?;
    /// assert!(Memcached::connect("redis://cache.internal").unwrap_err().is_refused());
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    pub fn connect(address: &str) -> Result<Self, Error> {
        Self::servers([address])
    }

    /// Several servers, each at an address as in [`connect`](Self::connect), in any order.
    ///
    /// Each key is kept by one of them, by consistent hashing: all processes have to name the same servers by the same
    /// addresses. What a server keeps that does not answer is computed meanwhile, and not kept elsewhere.
    ///
    /// # Errors
    ///
    /// If one is no address, or there is none ([`is_refused`](Error::is_refused)).
    pub fn servers(addresses: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, Error> {
        let addresses = addresses.into_iter().map(|address| Address::parse(address.as_ref()));
        let cluster = Cluster::new(addresses.collect::<Result<_, _>>()?)?;
        Ok(Self { cluster: Arc::new(cluster) })
    }

    /// Has a step taken for one key.
    fn one<'a, S: Step + 'a>(
        &'a self,
        operation: &'static str,
        key: &'a str,
        step: Result<S, Error>,
        context: Context,
    ) -> Answer<'a, S::Done> {
        self.many(operation, step.map(|step| vec![(key, step)]), context, |mut done| {
            done.pop().unwrap_or_else(|| Err(Error::backend("memcached has answered nothing")))
        })
    }

    /// Has steps taken for some keys, and tells what `read` makes of what came of each.
    fn many<'a, S: Step + 'a, T: Send + 'a>(
        &'a self,
        operation: &'static str,
        steps: Result<Vec<(&'a str, S)>, Error>,
        context: Context,
        read: impl FnOnce(Vec<Result<S::Done, Error>>) -> Result<T, Error> + Send + 'a,
    ) -> Answer<'a, T> {
        match steps {
            Ok(steps) => answer(context, async move { read(self.cluster.each(operation, steps, context).await) }),
            Err(error) => Err(error).into(),
        }
    }
}

/// An answer as the caller waits for it.
fn answer<'a, T>(context: Context, future: impl Future<Output = Result<T, Error>> + Send + 'a) -> Answer<'a, T> {
    if context.may_block() { run::by_blocking(future).into() } else { Answer::later(future) }
}

/// All results, or the first error.
fn all<T, C: FromIterator<T>>(done: Vec<Result<T, Error>>) -> Result<C, Error> {
    done.into_iter().collect()
}

impl Backend for Memcached {
    fn has_leases(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, Option<Content>> {
        self.one("get", key, Ok(Get::new(key)), context)
    }

    fn set<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.one("set", put.key, set(&put), context)
    }

    fn delete<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.one("delete", key, Ok(Write::delete(key)), context)
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, Vec<Option<Content>>> {
        let steps = keys.iter().map(|key| (*key, Get::new(key))).collect();
        self.many("get", Ok(steps), context, |found| {
            // What one of several servers has that does not answer is not known; what the others have is.
            let some_answer = found.iter().any(Result::is_ok);
            let known = |found: Result<_, Error>| match found {
                Err(error) if error.is_partial() && some_answer => Ok(Some(Content::Unknown(error))),
                found => found,
            };
            found.into_iter().map(known).collect()
        })
    }

    fn set_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, ()> {
        let steps = puts.iter().map(|put| Ok((put.key, set(put)?))).collect();
        self.many("set", steps, context, all)
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        self.many("delete", Ok(keys.iter().map(|key| (*key, Write::delete(key))).collect()), context, all)
    }

    fn add<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.one("add", put.key, add(&put), context)
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.one("patch", key, Ok(Change::new(key, patch)), context)
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, context: Context) -> Answer<'a, Acquired> {
        self.one("acquire", key, Ok(Acquire::new(key, lease, claim)), context)
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.one("commit", put.key, commit(&put, token), context)
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.one("renew", key, Ok(Renew::new(key, lease)), context)
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        self.one("abandon", key, Ok(Abandon::new(key, token)), context)
    }

    fn add_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, Vec<Content>> {
        let steps = puts.iter().map(|put| Ok((put.key, add(put)?))).collect();
        self.many("add", steps, context, all)
    }

    fn acquire_many<'a>(
        &'a self,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        let steps = leases.iter().map(|(key, lease, claim)| (*key, Acquire::new(key, *lease, *claim)));
        self.many("acquire", Ok(steps.collect()), context, all)
    }

    fn commit_many<'a>(&'a self, puts: &'a [(Put<'a>, Token)], context: Context) -> Answer<'a, Vec<bool>> {
        let steps = puts.iter().map(|(put, token)| Ok((put.key, commit(put, *token)?))).collect();
        self.many("commit", steps, context, all)
    }

    fn abandon_many<'a>(&'a self, leases: &'a [(&'a str, Token)], context: Context) -> Answer<'a, ()> {
        let steps = leases.iter().map(|(key, token)| (*key, Abandon::new(key, *token)));
        self.many("abandon", Ok(steps.collect()), context, all)
    }

    fn ping(&self, context: Context) -> Answer<'_, ()> {
        answer(context, async move {
            let answers = self.cluster.everywhere("ping", || Ping, context).await;
            let is_there = answers.iter().any(Result::is_ok);
            let mut errors = answers.into_iter().filter_map(Result::err);
            match errors.find(|error| !is_there || error.is_refused()) {
                Some(error) => Err(error),
                None => Ok(()),
            }
        })
    }
}

fn set<'a>(put: &Put<'a>) -> Result<Write<'a>, Error> {
    Ok(Write::set(put.key, bytes::of(put)?, put.keep))
}

fn add<'a>(put: &Put<'a>) -> Result<Add<'a>, Error> {
    Ok(Add::new(put.key, bytes::of(put)?, put.keep))
}

fn commit<'a>(put: &Put<'a>, token: Token) -> Result<Commit<'a>, Error> {
    Ok(Commit::new(put.key, bytes::of(put)?, put.keep, token))
}

/// The addresses.
impl fmt::Debug for Memcached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Memcached").field(&self.cluster).finish()
    }
}
