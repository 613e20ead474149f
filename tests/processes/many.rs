//! Callers of overlapping keys in several processes: each key is computed once.

use std::collections::BTreeSet;
use std::thread;

use cachekit::{Region, cache_multi_on_arguments, regions};
use cachekit_test_servers::{Process, RedisServer, poll_until};
use serde::{Deserialize, Serialize};

use crate::herds::{PROCESSES, folder, in_files, memcached, on_memcached, on_redis};
use crate::worker::{Computations, Place};

const KEYS: u32 = 60;

regions! {
    static MANY = Region::builder("herds of many");
}

#[cache_multi_on_arguments(region = MANY, skip(computations))]
fn tenfold(keys: &[u32], computations: &Computations) -> Vec<u32> {
    computations.compute_all(keys);
    keys.iter().map(|key| key * 10).collect()
}

#[cache_multi_on_arguments(region = MANY, skip(computations))]
async fn tenfold_async(keys: &[u32], computations: &Computations) -> Vec<u32> {
    let (own, computations) = (keys.to_vec(), computations.clone());
    tokio::task::spawn_blocking(move || computations.compute_all(&own)).await.unwrap();
    keys.iter().map(|key| key * 10).collect()
}

/// What a process is to do: so many callers, each of whom asks for some of the keys.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    place: Place,
    callers: u64,
    as_tasks: bool,
    seed: u64,
}

impl Order {
    /// What each of the callers asks for.
    fn keys(&self) -> impl Iterator<Item = Vec<u32>> {
        let seeds = self.seed..self.seed + self.callers;
        seeds.map(|seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut keys: Vec<u32> = (0..KEYS).collect();
            random.shuffle(&mut keys);
            keys.truncate(random.usize(1..30));
            keys
        })
    }
}

/// What such a process does; as a test it does nothing.
#[test]
fn obey() {
    let Some(order) = Process::order() else { return };
    let order: Order = serde_json::from_str(&order).unwrap();
    let computations = &order.place.computations;
    MANY.configure(|region| order.place.settings(region)).unwrap();
    let check = |keys: &[u32], values: &[u32]| assert!(keys.iter().map(|key| key * 10).eq(values.iter().copied()));
    Process::say("ready");
    assert_eq!(Process::listen(), "begin");
    if order.as_tasks {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let call = |keys: Vec<u32>| {
            let computations = computations.clone();
            runtime.spawn(async move { check(&keys, &tenfold_async(&keys, &computations).await) })
        };
        let calls: Vec<_> = order.keys().map(call).collect();
        for call in calls {
            runtime.block_on(call).unwrap();
        }
    } else {
        thread::scope(|scope| {
            for keys in order.keys() {
                scope.spawn(move || check(&keys, &tenfold(&keys, computations)));
            }
        });
    }
    Process::say("done");
    assert_eq!(Process::listen(), "end");
}

/// Every key is being computed before the first computation ends: nobody waits for a key of somebody else before that.
fn each_key_is_computed_once(place: &Place, callers: u64, as_tasks: bool) {
    let orders: Vec<_> = (0..PROCESSES as u64)
        .map(|number| Order { place: place.clone(), callers, as_tasks, seed: number << 32 })
        .collect();
    let start = |order| Process::start("many::obey", &serde_json::to_string(order).unwrap());
    let mut processes: Vec<_> = orders.iter().map(start).collect();
    let all: BTreeSet<u32> = orders.iter().flat_map(Order::keys).flatten().collect();
    for process in &mut processes {
        assert_eq!(process.hear(), "ready");
    }
    for process in &mut processes {
        process.tell("begin");
    }
    let begun = || Some(place.computations.processes()).filter(|keys| keys.len() >= all.len());
    poll_until("all keys are computed", begun);
    place.computations.release();
    for mut process in processes {
        assert_eq!(process.hear(), "done");
        process.tell("end");
        process.await_end();
    }
    let mut computed = place.computations.processes();
    computed.sort_unstable();
    assert_eq!(computed, all.into_iter().collect::<Vec<_>>());
}

#[test]
fn of_32_threads_of_4_processes_one_computes_each_of_overlapping_keys_on_redis() {
    each_key_is_computed_once(&on_redis(&RedisServer::start(), &folder()), 8, false);
}

#[test]
fn of_32_threads_of_4_processes_one_computes_each_of_overlapping_keys_on_two_memcached() {
    each_key_is_computed_once(&on_memcached(&memcached::<2>(), &folder()), 8, false);
}

#[test]
fn of_32_threads_of_4_processes_one_computes_each_of_overlapping_keys_in_files() {
    each_key_is_computed_once(&in_files(&folder()), 8, false);
}

#[test]
fn of_128_tasks_of_4_processes_one_computes_each_of_overlapping_keys_on_redis() {
    each_key_is_computed_once(&on_redis(&RedisServer::start(), &folder()), 32, true);
}

#[test]
fn of_128_tasks_of_4_processes_one_computes_each_of_overlapping_keys_on_two_memcached() {
    each_key_is_computed_once(&on_memcached(&memcached::<2>(), &folder()), 32, true);
}

#[test]
fn of_128_tasks_of_4_processes_one_computes_each_of_overlapping_keys_in_files() {
    each_key_is_computed_once(&in_files(&folder()), 32, true);
}
