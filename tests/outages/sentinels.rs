//! A master that sentinels watch over: when another takes its place, callers notice nothing but time limits.

use std::time::Instant;

use cachekit::{Region, RegionBuilder};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{MASTER, Sentinels};

use crate::support::{Callers, LONG, SLACK, breaker, until_shared};

fn process(sentinels: &Sentinels) -> RegionBuilder {
    let redis = Redis::sentinels(MASTER, sentinels.addresses()).connect().unwrap();
    Region::builder("shared").ttl(LONG).backend(redis).breaker(breaker())
}

#[test]
fn a_master_that_dies_is_replaced_and_the_next_one_is_used() {
    for callers in Callers::both() {
        let mut redis = Sentinels::start();
        let (one, other) = (process(&redis).build().unwrap(), process(&redis).build().unwrap());
        until_shared(&callers, &one, &other);
        redis.servers[0].kill();
        calls_are_answered(&callers, &one);
        redis.await_master(redis.servers[1].port());
        let begun = Instant::now();
        until_shared(&callers, &one, &other);
        assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    }
}

#[test]
fn a_master_that_was_away_is_told_nothing_any_more() {
    for callers in Callers::both() {
        let redis = Sentinels::start();
        let (one, other) = (process(&redis).build().unwrap(), process(&redis).build().unwrap());
        until_shared(&callers, &one, &other);
        redis.servers[0].stop();
        calls_are_answered(&callers, &one);
        redis.await_master(redis.servers[1].port());
        until_shared(&callers, &one, &other);
        // It takes itself for the master until a sentinel says otherwise.
        redis.servers[0].resume();
        for number in 0..500 {
            let key = format!("after {number}");
            assert_eq!(callers.get_or_create(&one, &key, || number), number);
            assert_eq!(redis.servers[1].command(&["EXISTS", &one.backend_key(&*key)]), ":1\r\n", "{key}");
        }
    }
}

fn calls_are_answered(callers: &Callers, region: &Region) {
    for number in 0..10 {
        let begun = Instant::now();
        assert_eq!(callers.get_or_create(region, format!("early {number}"), || number), number);
        assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    }
}
