//! The servers of a cluster, as all backends of this process that are connected to it share them: each is asked for its keys.
//!
//! Each server has connections and pauses of its own, so one that is lost holds up nobody who needs another.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use cachekit::Error;
use cachekit::backend::{Answer, Content};
use futures_util::future::BoxFuture;
use redis::{ConnectionInfo, Value};
use tokio::time::Sleep;

use super::map::Map;
use super::spread::{Spread, Told};
use super::topology::Topology;
use crate::net::registry::Registry;
use crate::redis::driver::{driver, timer};
use crate::redis::fault::{Fault, FaultKind};
use crate::redis::request::Request;
use crate::redis::server::Server;
use crate::redis::source::{Login, Source, host_of, url_of};
use crate::redis::tls::Tls;
use crate::redis::{link, pool, reply};

/// After how long a request is sent again whose slot is being handed over.
const HANDED: Duration = Duration::from_millis(5);

pub(in crate::redis) struct Nodes {
    topology: Arc<Topology>,
    /// The addresses, for messages.
    pub(in crate::redis) place: String,
}

/// The clusters in use, by what tells them apart.
static CLUSTERS: Registry<String, Nodes> = Registry::new();

impl Nodes {
    /// The cluster of which these are servers: `host:port`, or URLs with a login of their own.
    pub(super) fn shared(addresses: &[String], login: &Login, tls: Option<Tls>) -> Result<Arc<Self>, Error> {
        if addresses.is_empty() {
            return Err(Error::refused("no servers of the cluster are named: write `cluster = [\"host:6379\", …]`"));
        }
        let seed = |address: &String| Source::info(&url_of(address, tls.as_ref()), login.clone(), tls.as_ref());
        let seeds: Vec<_> = addresses.iter().map(seed).collect::<Result<_, _>>()?;
        if seeds.iter().any(|seed| host_of(seed).is_none()) {
            return Err(Error::refused("a server of a cluster is at a host and a port: write `host:6379`"));
        }
        let alike = |seed: &ConnectionInfo| {
            let asks = |info: &ConnectionInfo| {
                let redis = info.redis_settings();
                (redis.username().map(str::to_owned), redis.password().map(str::to_owned))
            };
            asks(seed) == asks(&seeds[0]) && mem::discriminant(seed.addr()) == mem::discriminant(seeds[0].addr())
        };
        if !seeds.iter().all(alike) {
            return Err(Error::refused("all servers of a cluster are asked alike: with one scheme, user and password"));
        }
        if seeds.iter().any(|seed| seed.redis_settings().db() != 0) {
            return Err(Error::refused("a cluster has the database 0 only: leave `database` out"));
        }
        let sources: Vec<_> = seeds.iter().map(|seed| Source::node(seed, tls.clone())).collect::<Result<_, _>>()?;
        let identity = sources.iter().map(Source::identity).collect::<Vec<_>>().join(", ");
        let place = sources.iter().map(Source::place).collect::<Vec<_>>().join(", ");
        let place = format!("the cluster of {place}");
        Ok(CLUSTERS.shared(identity, || Self { topology: Topology::new(seeds, tls), place }))
    }

    /// Has each request carried out where its slot is, as the caller waits, and reads the answers.
    pub(in crate::redis) fn answer<'a, T: Send + 'a>(
        self: &'a Arc<Self>,
        asked: Asked<'a>,
        operation: &'static str,
        may_block: bool,
        limit: Duration,
        read: impl FnOnce(Vec<Result<Value, Fault>>) -> Result<T, Error> + Send + 'a,
    ) -> Answer<'a, T> {
        let told = move |answers: Result<Vec<_>, Fault>| match answers {
            Ok(answers) => read(answers),
            Err(fault) => Err(fault.told(&self.place, operation)),
        };
        if may_block {
            return told(self.ask(asked, limit)).into();
        }
        Answer::later(async move { told(self.ask_shared(asked, limit).await) })
    }

    /// What is stored under each key, as far as one of the servers can be reached.
    pub(in crate::redis) fn get_many<'a>(
        self: &'a Arc<Self>,
        request: Request<'a>,
        may_block: bool,
        limit: Duration,
    ) -> Answer<'a, Vec<Option<Content>>> {
        let operation = request.operation;
        self.answer(Asked::Keys(request), operation, may_block, limit, move |answers| {
            let found = answers.into_iter().map(|answer| {
                answer.and_then(|found| {
                    // One for each name of a command, of which there is one.
                    Ok(reply::each(found, 1, reply::content)?.pop().flatten())
                })
            });
            let found: Vec<_> = found.map(|found| found.map_err(|fault| self.told(&fault, operation))).collect();
            if found.iter().all(Result::is_err) {
                return found.into_iter().collect();
            }
            Ok(found.into_iter().map(|found| found.unwrap_or_else(|why| Some(Content::Unknown(why)))).collect())
        })
    }

    /// What the caller is told of a fault of one of the servers: that it concerns a part, unless all of them are lost.
    pub(in crate::redis) fn told(&self, fault: &Fault, operation: &str) -> Error {
        let is_lost = |server: &Arc<Server>| server.gate.is_shut(0).is_some();
        let are_lost = self.topology.map.known().is_some_and(|map| map.servers.iter().all(is_lost));
        if are_lost { fault.told(&self.place, operation) } else { fault.told_of_part(&self.place, operation) }
    }

    /// Whether the cluster can be used: a server that cannot be reached is no reason against it, one that refuses is.
    pub(in crate::redis) fn ping(self: &Arc<Self>, may_block: bool, limit: Duration) -> Answer<'_, ()> {
        self.answer(Asked::Ping, "ping", may_block, limit, |answers| {
            let answers = answers.iter().map(|answer| answer.as_ref().map_err(Clone::clone).and_then(reply::pong));
            let (works, faults): (Vec<_>, Vec<_>) = answers.partition(Result::is_ok);
            let mut faults = faults.into_iter().filter_map(Result::err);
            let refuses = faults.find(|fault| fault.kind == FaultKind::Refused || works.is_empty());
            refuses.map_or(Ok(()), |fault| Err(fault.told(&self.place, "ping")))
        })
    }

    /// Blocks the thread meanwhile.
    fn ask(&self, requests: Asked<'_>, limit: Duration) -> Result<Vec<Result<Value, Fault>>, Fault> {
        let begun = Instant::now();
        let rest = || limit.saturating_sub(begun.elapsed());
        let mut map = self.map(limit)?;
        let mut spread = requests.spread(&map);
        // What is left of it matters from the second round on: connections keep the limit of the first.
        let mut left = limit;
        loop {
            let batches = spread.batches(&map);
            if batches.is_empty() {
                return Ok(spread.answers());
            }
            // All are sent before anybody waits for one of them.
            let share = (batches.len() > 1).then(|| left / u32::try_from(batches.len() + 1).unwrap_or(u32::MAX));
            let sent: Vec<_> = batches.iter().map(|batch| pool::send(&batch.server, batch, left, share)).collect();
            let answers = sent.into_iter().map(pool::Sent::answer);
            let told = batches.iter().zip(answers).map(|(batch, answer)| batch.told(answer)).collect();
            drop(batches);
            let waits = self.take(&mut spread, told);
            if rest().is_zero() {
                spread.end(&Fault::late(limit));
            } else if waits {
                thread::sleep(HANDED.min(rest()));
            }
            left = rest();
            map = self.map(left)?;
        }
    }

    /// As [`ask`](Self::ask), for tasks. A server that does not answer in time is a fault of what it was asked only.
    async fn ask_shared(&self, requests: Asked<'_>, limit: Duration) -> Result<Vec<Result<Value, Fault>>, Fault> {
        // The caller gives up when the limit has passed, so it has to be told before.
        let until = limit.saturating_sub(limit / 16);
        let mut over = pin!(timer(until)?);
        let begun = Instant::now();
        let mut map = self.map_shared(&mut over, limit).await?;
        let mut spread = requests.spread(&map);
        loop {
            let batches = spread.batches(&map);
            if batches.is_empty() {
                return Ok(spread.answers());
            }
            let asked =
                batches.iter().map(|batch| -> BoxFuture<'_, _> { Box::pin(link::ask(&batch.server, batch, limit)) });
            let answers = all_until(asked.collect(), &mut over, limit).await;
            let told = batches.iter().zip(answers).map(|(batch, answer)| batch.told(answer)).collect();
            drop(batches);
            let waits = self.take(&mut spread, told);
            if begun.elapsed() >= until {
                spread.end(&Fault::late(limit));
            } else if waits {
                timer(HANDED)?.await;
            }
            map = self.map_shared(&mut over, limit).await?;
        }
    }

    /// Whether what is to be sent again is to be sent later.
    fn take(&self, spread: &mut Spread<'_>, told: Vec<Told>) -> bool {
        let next = spread.take(told, |from, host, port| self.topology.sent_to(from, host, port));
        if next.doubts {
            self.topology.map.doubt();
        }
        next.waits
    }

    fn map(&self, limit: Duration) -> Result<Arc<Map>, Fault> {
        self.topology.map.get(limit, || self.follow())
    }

    async fn map_shared(&self, over: &mut Pin<&mut Sleep>, limit: Duration) -> Result<Arc<Map>, Fault> {
        let asked: BoxFuture<'_, _> = Box::pin(self.topology.map.get_shared(|| self.follow()));
        let mut answers = all_until(vec![asked], over, limit).await;
        answers.pop().unwrap_or_else(|| Err(Fault::strange()))
    }

    fn follow(&self) -> Result<(), Fault> {
        driver()?.runtime.spawn(Arc::clone(&self.topology).follow());
        Ok(())
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.topology.map.end();
    }
}

/// What a cluster is asked.
pub(in crate::redis) enum Asked<'a> {
    /// A request, each key of which is asked for where it is.
    Keys(Request<'a>),
    /// Whether each server answers.
    Ping,
}

impl<'a> Asked<'a> {
    fn spread(self, map: &Map) -> Spread<'a> {
        match self {
            Self::Keys(request) => Spread::new(request.by_key()),
            Self::Ping => Spread::to_each(&map.servers, Request::ping),
        }
    }
}

/// Waits for all of them, but no longer than this.
async fn all_until<T>(
    asked: Vec<BoxFuture<'_, Result<T, Fault>>>,
    over: &mut Pin<&mut Sleep>,
    limit: Duration,
) -> Vec<Result<T, Fault>> {
    let mut answers: Vec<Option<Result<T, Fault>>> = asked.iter().map(|_| None).collect();
    let mut asked: Vec<_> = asked.into_iter().map(Some).collect();
    poll_fn(|context| {
        for (asked, answer) in asked.iter_mut().zip(&mut answers) {
            if let Some(Poll::Ready(ready)) = asked.as_mut().map(|asked| asked.as_mut().poll(context)) {
                (*asked, *answer) = (None, Some(ready));
            }
        }
        if asked.iter().all(Option::is_none) || over.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    drop(asked);
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(Fault::late(limit)))).collect()
}

/// Without the password.
impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.topology.seeds[0].redis_settings().username();
        f.debug_struct("Cluster").field("address", &self.place).field("user", &user).finish()
    }
}
