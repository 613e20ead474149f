//! A cluster of which a server is lost, or hands slots over: callers of the others notice nothing.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cachekit::{Region, RegionBuilder};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{Handover, RedisCluster, poll_until};

use crate::support::{Callers, LONG, SLACK, until_shared};

const KEYS: Range<u64> = 0..60;

fn process(cluster: &RedisCluster) -> RegionBuilder {
    Region::builder("shared").ttl(LONG).backend(Redis::cluster(cluster.addresses()).connect().unwrap())
}

fn key(number: u64) -> String {
    format!("key {number}")
}

fn fill(callers: &Callers, region: &Region) {
    for number in KEYS {
        assert_eq!(callers.get_or_create(region, key(number), || number), number);
    }
}

/// The place of the server that has a name of the region.
fn place_of(cluster: &RedisCluster, region: &Region, number: u64) -> usize {
    cluster.place_of(&region.backend_key(&*key(number)))
}

/// Loses a server, and gets it back: meanwhile what the others have is served, and nobody waits for long.
fn others_are_served(lose: fn(&mut RedisCluster, usize), get_back: fn(&mut RedisCluster, usize)) {
    for callers in Callers::both() {
        let mut cluster = RedisCluster::start();
        let (region, other) = (process(&cluster).build().unwrap(), process(&cluster).build().unwrap());
        until_shared(&callers, &region, &other);
        let epoch = cluster.place_of("shared%epoch");
        // That which every entry depends on is lost in one of the rounds.
        for lost in 0..3 {
            fill(&callers, &region);
            let places: Vec<usize> = KEYS.map(|number| place_of(&cluster, &region, number)).collect();
            lose(&mut cluster, lost);
            for _ in 0..20 {
                for number in KEYS {
                    let (begun, mut computes) = (Instant::now(), false);
                    let value = callers.get_or_create(&region, key(number), || {
                        computes = true;
                        number
                    });
                    assert_eq!(value, number);
                    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
                    let is_lost = places[usize::try_from(number).unwrap()] == lost;
                    assert!(is_lost || !computes, "server {lost} of {epoch}, {number}: {}", region.stats());
                }
            }
            get_back(&mut cluster, lost);
            cluster.await_agreement();
            for number in KEYS.filter(|number| places[usize::try_from(*number).unwrap()] == lost) {
                // What stood in for it goes after a while.
                poll_until("its keys are stored again", || {
                    let known = other.get::<u64>(key(number)).ok().flatten();
                    if known.is_none() {
                        drop(other.set(key(number), &number));
                    }
                    known
                });
            }
            until_shared(&callers, &region, &other);
        }
    }
}

#[test]
fn a_server_that_dies_takes_nothing_with_it_but_its_keys() {
    others_are_served(
        |cluster, place| cluster.servers[place].kill(),
        |cluster, place| cluster.servers[place].restart(),
    );
}

#[test]
fn a_server_that_stands_still_holds_up_nobody_but_its_callers() {
    others_are_served(|cluster, place| cluster.servers[place].stop(), |cluster, place| cluster.servers[place].resume());
}

#[test]
fn slots_that_are_handed_over_while_they_are_asked_for_lose_nothing() {
    for callers in Callers::both() {
        let cluster = RedisCluster::start();
        let region = process(&cluster).read_timeout(Duration::from_secs(10)).write_timeout(Duration::from_secs(10));
        let region = region.build().unwrap();
        fill(&callers, &region);
        let slot = |name: &str| (cluster.slot(name), cluster.place_of(name));
        let epoch = slot("shared%epoch");
        let slots: Vec<_> = KEYS.step_by(12).map(|number| slot(&region.backend_key(&*key(number)))).collect();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for (slot, from) in [epoch].iter().chain(&slots) {
                    // There and back again.
                    let to = (from + 1) % 3;
                    for (from, to) in [(*from, to), (to, *from)] {
                        let handover = Handover { slot: *slot, from, to };
                        cluster.begin(handover);
                        cluster.end(handover);
                    }
                }
                is_over.store(true, Ordering::SeqCst);
            });
            while !is_over.load(Ordering::SeqCst) {
                for number in KEYS {
                    let value = callers.get_or_create(&region, key(number), || panic!("{number} is stored"));
                    assert_eq!(value, number);
                    callers.delete(&region, &format!("other {number}")).unwrap();
                    assert_eq!(callers.get_or_create(&region, format!("other {number}"), || number), number);
                }
            }
        });
        assert_eq!(region.stats().backend_errors, 0, "{}", region.stats());
    }
}
