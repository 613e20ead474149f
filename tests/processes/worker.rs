//! One of several processes: callers of one key, who tell what they get.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use cachekit::testing::waiting;
use cachekit::{Region, RegionBuilder};
use cachekit_backends::file::FileStore;
use cachekit_backends::memcached::Memcached;
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{MASTER, Process, poll_until};
use serde::{Deserialize, Serialize};

/// How long a value is fresh.
pub(crate) const TTL: Duration = Duration::from_secs(600);

pub(crate) const KEY: &str = "k";

/// What all processes of a test have in common.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) lease: Duration,
    pub(crate) computations: Computations,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Store {
    Redis(String),
    /// Where they are.
    Sentinels(Vec<String>),
    /// Where they are.
    Memcached(Vec<String>),
    Cluster(Vec<String>),
    Files(PathBuf),
}

impl Place {
    pub(crate) fn region(&self) -> RegionBuilder {
        self.settings(Region::builder("herds"))
    }

    pub(crate) fn settings(&self, region: RegionBuilder) -> RegionBuilder {
        let region = region.ttl(TTL).lease(self.lease);
        // A machine that has much to do is no failure.
        let region = region.read_timeout(Duration::from_secs(20)).write_timeout(Duration::from_secs(20));
        match &self.store {
            Store::Redis(url) => region.backend(Redis::connect(url).unwrap()),
            Store::Sentinels(addresses) => region.backend(Redis::sentinels(MASTER, addresses).connect().unwrap()),
            Store::Memcached(addresses) => region.backend(Memcached::servers(addresses).unwrap()),
            Store::Cluster(addresses) => region.backend(Redis::cluster(addresses).connect().unwrap()),
            Store::Files(folder) => region.backend(FileStore::new(folder)),
        }
    }
}

/// The computations of all processes, each a line of a file; they end when another file is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Computations(PathBuf);

impl Computations {
    pub(crate) fn within(folder: &Path) -> Self {
        Self(folder.join("computations"))
    }

    /// The processes that have begun one, or the keys that somebody has begun.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let lines = fs::read_to_string(&self.0).unwrap_or_default();
        lines.lines().map(|process| process.parse().unwrap()).collect()
    }

    /// Has them end.
    pub(crate) fn release(&self) {
        fs::write(self.end(), "").unwrap();
    }

    fn end(&self) -> PathBuf {
        self.0.with_extension("end")
    }

    /// Computes: the value is the number of the process.
    fn compute(&self) -> u32 {
        let process = std::process::id();
        self.compute_all(&[process]);
        process
    }

    /// Computes, and writes a line for each of these.
    pub(crate) fn compute_all(&self, numbers: &[u32]) {
        let lines = numbers.iter().fold(String::new(), |lines, number| lines + &number.to_string() + "\n");
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
        poll_until("the computation may end", || self.end().exists().then_some(()));
    }
}

/// What a process is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) place: Place,
    pub(crate) callers: usize,
    pub(crate) as_tasks: bool,
}

impl Order {
    /// Starts a process that waits for a word to begin.
    pub(crate) fn start(&self) -> Process {
        Process::start("worker::obey", &serde_json::to_string(self).unwrap())
    }
}

/// What a process says when all its callers but one wait for that one.
pub(crate) const ALL_WAIT: &str = "all wait";

/// What such a process does; as a test it does nothing.
#[test]
fn obey() {
    let Some(order) = Process::order() else { return };
    let Order { place, callers, as_tasks } = serde_json::from_str(&order).unwrap();
    let region = place.region().build().unwrap();
    Process::say("ready");
    assert_eq!(Process::listen(), "begin");
    let watched = region.clone();
    thread::spawn(move || {
        poll_until("all wait", || (waiting(&watched, KEY) == callers - 1).then_some(()));
        Process::say(ALL_WAIT);
    });
    if as_tasks {
        call_as_tasks(&region, &place.computations, callers);
    } else {
        thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| tell(region.get_or_create(KEY, || place.computations.compute())));
            }
        });
    }
    // Whether all have waited is of no interest any more, but the process goes when it is told to.
    assert_eq!(Process::listen(), "end");
    std::process::exit(0);
}

fn call_as_tasks(region: &Region, computations: &Computations, callers: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let call = |_| {
        let (region, computations) = (region.clone(), computations.clone());
        runtime.spawn(async move {
            let compute = || async { tokio::task::spawn_blocking(move || computations.compute()).await.unwrap() };
            tell(region.get_or_create_async(KEY, compute).await);
        })
    };
    let calls: Vec<_> = (0..callers).map(call).collect();
    for call in calls {
        runtime.block_on(call).unwrap();
    }
}

fn tell(value: u32) {
    Process::say(&value.to_string());
}
