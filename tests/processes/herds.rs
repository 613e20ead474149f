//! Many callers of one key in several processes: one of them computes, even when one is killed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cachekit::Clock;
use cachekit_test_servers::{MemcachedServer, Process, RedisCluster, RedisServer, Sentinels, poll_until};
use tempfile::TempDir;

use crate::worker::{ALL_WAIT, Computations, KEY, Order, Place, Store, TTL};

pub(crate) const PROCESSES: usize = 4;
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn on_redis(server: &RedisServer, folder: &TempDir) -> Place {
    let computations = Computations::within(folder.path());
    Place { store: Store::Redis(server.url()), lease: SECOND, computations }
}

fn behind_sentinels(servers: &Sentinels, folder: &TempDir) -> Place {
    let computations = Computations::within(folder.path());
    Place { store: Store::Sentinels(servers.addresses()), lease: SECOND, computations }
}

pub(crate) fn on_memcached(servers: &[MemcachedServer], folder: &TempDir) -> Place {
    let computations = Computations::within(folder.path());
    let addresses = servers.iter().map(MemcachedServer::address).collect();
    Place { store: Store::Memcached(addresses), lease: SECOND, computations }
}

/// Several of them, which share the keys.
pub(crate) fn memcached<const N: usize>() -> [MemcachedServer; N] {
    [(); N].map(|()| MemcachedServer::start())
}

fn on_a_cluster(cluster: &RedisCluster, folder: &TempDir) -> Place {
    let computations = Computations::within(folder.path());
    Place { store: Store::Cluster(cluster.addresses()), lease: SECOND, computations }
}

pub(crate) fn in_files(folder: &TempDir) -> Place {
    let computations = Computations::within(folder.path());
    Place { store: Store::Files(folder.path().join("store")), lease: SECOND, computations }
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Starts processes, and has them begin together.
fn begin(orders: &Order, processes: usize) -> Vec<Process> {
    let mut started: Vec<_> = (0..processes).map(|_| orders.start()).collect();
    for process in &mut started {
        assert_eq!(process.hear(), "ready");
    }
    for process in &mut started {
        process.tell("begin");
    }
    started
}

/// The values that callers of a process got.
fn values(process: &mut Process, callers: usize) -> Vec<u32> {
    let told = std::iter::repeat_with(|| process.hear()).filter(|line| line != ALL_WAIT);
    told.take(callers).map(|value| value.parse().unwrap()).collect()
}

/// Returns when of the callers of each process all but one wait for that one.
fn all_wait(processes: &mut [Process]) {
    for process in processes {
        assert_eq!(process.hear(), ALL_WAIT);
    }
}

/// The process that computes, once one does; and only one.
fn who_computes(computations: &Computations) -> u32 {
    let processes = poll_until("somebody computes", || Some(computations.processes()).filter(|some| !some.is_empty()));
    assert_eq!(processes.len(), 1, "{processes:?}");
    processes[0]
}

fn all_end(processes: Vec<Process>) {
    for mut process in processes {
        process.tell("end");
        process.await_end();
    }
}

/// Everyone is there before the computation ends, and gets its value.
fn one_computes_a_cold_key(place: Place, callers: usize, as_tasks: bool) {
    let order = Order { place, callers, as_tasks };
    let mut processes = begin(&order, PROCESSES);
    all_wait(&mut processes);
    let computations = &order.place.computations;
    let computing = who_computes(computations);
    computations.release();
    let values: Vec<_> = processes.iter_mut().flat_map(|process| values(process, callers)).collect();
    assert_eq!(values, vec![computing; PROCESSES * callers]);
    assert_eq!(computations.processes(), [computing]);
    all_end(processes);
}

#[test]
fn of_64_threads_of_4_processes_one_computes_a_cold_key_on_redis() {
    one_computes_a_cold_key(on_redis(&RedisServer::start(), &folder()), 16, false);
}

#[test]
fn of_64_threads_of_4_processes_one_computes_a_cold_key_on_memcached() {
    one_computes_a_cold_key(on_memcached(&memcached::<1>(), &folder()), 16, false);
}

#[test]
fn of_256_tasks_of_4_processes_one_computes_a_cold_key_on_memcached() {
    one_computes_a_cold_key(on_memcached(&memcached::<1>(), &folder()), 64, true);
}

#[test]
fn of_64_threads_of_4_processes_one_computes_a_cold_key_on_two_memcached() {
    one_computes_a_cold_key(on_memcached(&memcached::<2>(), &folder()), 16, false);
}

#[test]
fn of_64_threads_of_4_processes_one_computes_a_cold_key_in_files() {
    one_computes_a_cold_key(in_files(&folder()), 16, false);
}

#[test]
fn of_64_threads_of_4_processes_one_computes_a_cold_key_behind_sentinels() {
    one_computes_a_cold_key(behind_sentinels(&Sentinels::start(), &folder()), 16, false);
}

#[test]
fn of_256_tasks_of_4_processes_one_computes_a_cold_key_behind_sentinels() {
    one_computes_a_cold_key(behind_sentinels(&Sentinels::start(), &folder()), 64, true);
}

#[test]
fn of_64_threads_of_4_processes_one_computes_a_cold_key_on_a_cluster() {
    one_computes_a_cold_key(on_a_cluster(&RedisCluster::start(), &folder()), 16, false);
}

#[test]
fn of_256_tasks_of_4_processes_one_computes_a_cold_key_on_a_cluster() {
    one_computes_a_cold_key(on_a_cluster(&RedisCluster::start(), &folder()), 64, true);
}

#[test]
fn of_256_tasks_of_4_processes_one_computes_a_cold_key_on_redis() {
    one_computes_a_cold_key(on_redis(&RedisServer::start(), &folder()), 64, true);
}

#[test]
fn of_256_tasks_of_4_processes_one_computes_a_cold_key_in_files() {
    one_computes_a_cold_key(in_files(&folder()), 64, true);
}

/// A clock by which it is a while ago.
#[derive(Debug)]
struct Past {
    begun: Instant,
    ago: Duration,
}

impl Clock for Past {
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn unix_time(&self) -> Duration {
        (SystemTime::now() - self.ago).duration_since(UNIX_EPOCH).unwrap()
    }
}

const OLD: u32 = 0;

/// Stores a value whose ttl has passed a minute ago.
fn store_old(place: &Place) {
    let past = Past { begun: Instant::now(), ago: TTL + 60 * SECOND };
    place.region().clock(past).build().unwrap().set(KEY, &OLD).unwrap();
}

/// Everyone but the one who computes has the old value before the computation ends.
fn one_renews_an_old_value(place: Place, callers: usize, as_tasks: bool) {
    store_old(&place);
    let order = Order { place, callers, as_tasks };
    let mut processes = begin(&order, PROCESSES);
    let computations = &order.place.computations;
    let computing = who_computes(computations);
    for process in &mut processes {
        let served = if process.id() == computing { callers - 1 } else { callers };
        assert_eq!(values(process, served), vec![OLD; served]);
    }
    computations.release();
    let process = processes.iter_mut().find(|process| process.id() == computing).unwrap();
    assert_eq!(values(process, 1), [computing]);
    assert_eq!(computations.processes(), [computing]);
    assert_eq!(order.place.region().build().unwrap().get(KEY).unwrap(), Some(computing));
    all_end(processes);
}

#[test]
fn of_64_threads_of_4_processes_one_renews_an_old_value_and_nobody_waits_on_redis() {
    one_renews_an_old_value(on_redis(&RedisServer::start(), &folder()), 16, false);
}

#[test]
fn of_64_threads_of_4_processes_one_renews_an_old_value_and_nobody_waits_on_memcached() {
    one_renews_an_old_value(on_memcached(&memcached::<1>(), &folder()), 16, false);
}

#[test]
fn of_256_tasks_of_4_processes_one_renews_an_old_value_and_nobody_waits_on_memcached() {
    one_renews_an_old_value(on_memcached(&memcached::<1>(), &folder()), 64, true);
}

#[test]
fn of_64_threads_of_4_processes_one_renews_an_old_value_and_nobody_waits_on_a_cluster() {
    one_renews_an_old_value(on_a_cluster(&RedisCluster::start(), &folder()), 16, false);
}

#[test]
fn of_64_threads_of_4_processes_one_renews_an_old_value_and_nobody_waits_in_files() {
    one_renews_an_old_value(in_files(&folder()), 16, false);
}

#[test]
fn of_256_tasks_of_4_processes_one_renews_an_old_value_and_nobody_waits_on_redis() {
    one_renews_an_old_value(on_redis(&RedisServer::start(), &folder()), 64, true);
}

#[test]
fn of_256_tasks_of_4_processes_one_renews_an_old_value_and_nobody_waits_in_files() {
    one_renews_an_old_value(in_files(&folder()), 64, true);
}

/// Kills the process that computes while others wait for it; how long it takes until one of them computes.
fn another_takes_over(place: Place) -> Duration {
    let callers = 4;
    let mut order = Order { place, callers: 1, as_tasks: false };
    let mut killed = begin(&order, 1);
    let computations = order.place.computations.clone();
    assert_eq!(who_computes(&computations), killed[0].id());
    order.callers = callers;
    let mut processes = begin(&order, PROCESSES - 1);
    all_wait(&mut processes);
    assert_eq!(computations.processes().len(), 1);
    killed.remove(0).kill();
    let begun = Instant::now();
    let second = poll_until("somebody takes over", || computations.processes().get(1).copied());
    let took = begun.elapsed();
    computations.release();
    let values: Vec<_> = processes.iter_mut().flat_map(|process| values(process, callers)).collect();
    assert_eq!(values, vec![second; callers * processes.len()]);
    assert_eq!(computations.processes().len(), 2);
    all_end(processes);
    println!("another took over after {took:?}");
    took
}

#[test]
fn another_process_takes_over_from_one_that_was_killed_within_two_leases_on_redis() {
    let (server, folder) = (RedisServer::start(), folder());
    let place = on_redis(&server, &folder);
    let lease = place.lease;
    assert!(another_takes_over(place) <= 2 * lease);
}

#[test]
fn another_process_takes_over_from_one_that_was_killed_within_two_leases_behind_sentinels() {
    let (servers, folder) = (Sentinels::start(), folder());
    let place = behind_sentinels(&servers, &folder);
    let lease = place.lease;
    assert!(another_takes_over(place) <= 2 * lease);
}

#[test]
fn another_process_takes_over_from_one_that_was_killed_after_its_lease_on_memcached() {
    let (servers, folder) = (memcached::<1>(), folder());
    let place = on_memcached(&servers, &folder);
    // A lease is counted in whole seconds there, of which the first may be almost over; then somebody has to ask.
    let lease = place.lease + SECOND;
    assert!(another_takes_over(place) <= lease + SECOND);
}

#[test]
fn another_process_takes_over_from_one_that_was_killed_within_two_leases_on_a_cluster() {
    let (cluster, folder) = (RedisCluster::start(), folder());
    let place = on_a_cluster(&cluster, &folder);
    let lease = place.lease;
    assert!(another_takes_over(place) <= 2 * lease);
}

#[test]
fn another_process_takes_over_from_one_that_was_killed_at_once_in_files() {
    let folder = folder();
    let lease = 60 * SECOND;
    // The kernel tells that its holder is gone, long before it lapses.
    assert!(another_takes_over(Place { lease, ..in_files(&folder) }) <= 3 * SECOND);
}
