//! Real processes: this program four times more, each a node.

use std::fs;
use std::path::{Path, PathBuf};

use cachekit::RegionBuilder;
use cachekit_backends::file::FileStore;
use cachekit_backends::memcached::Memcached;
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{MASTER, MemcachedServer, Process, RedisCluster, RedisServer, Sentinels};
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::in_process::turn;
use crate::nodes::NODES;
use crate::run::{Kind, Plan, all_are_fine, events, run};

/// What a process says when it has done what it was to do, and waits for the others.
const READY: &str = "ready";

const GO_ON: &str = "go on";

/// What a process does that is a node.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    node: u8,
    plan: Plan,
    store: Store,
    /// Where to write down what happened.
    events: PathBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Store {
    Redis { url: String, prefix: String },
    Sentinels { addresses: Vec<String>, prefix: String },
    Memcached { addresses: Vec<String>, prefix: String },
    Cluster { addresses: Vec<String>, prefix: String },
    Files(PathBuf),
}

impl Store {
    fn settings(self, region: RegionBuilder) -> RegionBuilder {
        match self {
            Self::Redis { url, prefix } => region.backend(Redis::connect(&url).unwrap()).key_prefix(prefix),
            Self::Sentinels { addresses, prefix } => {
                region.backend(Redis::sentinels(MASTER, addresses).connect().unwrap()).key_prefix(prefix)
            }
            Self::Memcached { addresses, prefix } => {
                region.backend(Memcached::servers(addresses).unwrap()).key_prefix(prefix)
            }
            Self::Cluster { addresses, prefix } => {
                region.backend(Redis::cluster(addresses).connect().unwrap()).key_prefix(prefix)
            }
            Self::Files(folder) => region.backend(FileStore::new(folder)),
        }
    }
}

/// What such a process does; as a test it does nothing.
#[test]
fn obey() {
    let Some(order) = Process::order() else { return };
    let Order { node: number, plan, store, events: to } = serde_json::from_str(&order).unwrap();
    let node = &NODES[usize::from(number)];
    node.region.configure(|region| plan.kind.settings(plan.seed, store.settings(node.alike(region)))).unwrap();
    await_others();
    let makers = run(number, plan);
    await_others();
    fs::write(to, serde_json::to_vec(&events(&makers)).unwrap()).unwrap();
}

fn await_others() {
    Process::say(READY);
    assert_eq!(Process::listen(), GO_ON);
}

/// What happens in a run of four processes, which write that down in this folder.
fn history(plan: Plan, store: &Store, folder: &Path) -> Vec<Event> {
    let orders = [0, 1, 2, 3].map(|node| {
        let events = folder.join(format!("events of {node}"));
        Order { node, plan, store: store.clone(), events }
    });
    let start = |order| Process::start("processes::obey", &serde_json::to_string(order).unwrap());
    let mut processes = orders.each_ref().map(start);
    // To begin, and to write down what has happened.
    for _ in 0..2 {
        for process in &mut processes {
            assert_eq!(process.hear(), READY);
        }
        for process in &mut processes {
            process.tell(GO_ON);
        }
    }
    processes.into_iter().for_each(Process::await_end);
    let events = |order: &Order| -> Vec<Event> { serde_json::from_slice(&fs::read(&order.events).unwrap()).unwrap() };
    orders.iter().flat_map(events).collect()
}

#[test]
fn no_stale_fill_by_processes_on_redis() {
    let _turn = turn();
    let server = RedisServer::start();
    for kind in [Kind::Plain, Kind::Near] {
        all_are_fine(kind, 4, |seed| {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::Redis { url: server.url(), prefix: format!("{kind:?} {seed}:") };
            history(Plan { kind, seed, hold: 300_000 }, &store, folder.path())
        });
    }
}

#[test]
fn no_stale_fill_by_processes_behind_sentinels() {
    let _turn = turn();
    let servers = Sentinels::start();
    all_are_fine(Kind::Plain, 4, |seed| {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::Sentinels { addresses: servers.addresses(), prefix: format!("{seed}:") };
        history(Plan { kind: Kind::Plain, seed, hold: 300_000 }, &store, folder.path())
    });
}

/// Runs on so many servers, which share the keys.
fn no_stale_fill_on_memcached(servers: usize, kinds: &[Kind], first: u64) {
    let servers: Vec<_> = (0..servers).map(|_| MemcachedServer::start()).collect();
    for &kind in kinds {
        all_are_fine(kind, first, |seed| {
            let folder = tempfile::tempdir().unwrap();
            let addresses = servers.iter().map(MemcachedServer::address).collect();
            let store = Store::Memcached { addresses, prefix: format!("{kind:?}-{seed}:") };
            history(Plan { kind, seed, hold: 300_000 }, &store, folder.path())
        });
    }
}

#[test]
fn no_stale_fill_by_processes_on_memcached() {
    let _turn = turn();
    no_stale_fill_on_memcached(1, &[Kind::Plain, Kind::Near], 4);
}

#[test]
fn no_stale_fill_by_processes_on_two_memcached() {
    let _turn = turn();
    no_stale_fill_on_memcached(2, &[Kind::Plain], 6);
}

#[test]
fn no_stale_fill_by_processes_on_a_cluster() {
    let _turn = turn();
    let cluster = RedisCluster::start();
    for kind in [Kind::Plain, Kind::Near] {
        all_are_fine(kind, 4, |seed| {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::Cluster { addresses: cluster.addresses(), prefix: format!("{kind:?} {seed}:") };
            history(Plan { kind, seed, hold: 300_000 }, &store, folder.path())
        });
    }
}

#[test]
fn no_stale_fill_by_processes_in_files() {
    let _turn = turn();
    all_are_fine(Kind::Plain, 5, |seed| {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::Files(folder.path().join("store"));
        history(Plan { kind: Kind::Plain, seed, hold: 300_000 }, &store, folder.path())
    });
}
