//! A master that sentinels watch over: when another takes its place, callers notice nothing but time limits.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use cachekit::{Region, RegionBuilder};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{MASTER, Sentinels, poll_until};

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

/// While somebody writes all the time, the master fails and another is named; nothing is lost that was acknowledged after
/// that, and how much was before is shown.
fn writes_outlive_a_fail_over(redis: &mut Sentinels, fail: fn(&mut Sentinels), afterwards: fn(&mut Sentinels)) {
    let region = process(redis).build().unwrap();
    let (written, is_over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let count = || written.lock().unwrap().len();
    let (kept, lost) = thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_u64.. {
                let (key, begun) = (format!("written {number}"), Instant::now());
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                if region.set(&*key, &number).is_ok() {
                    written.lock().unwrap().push((key, begun));
                }
            }
        });
        let some_more = || {
            let before = count();
            poll_until("writes succeed", || (count() > before + 300).then_some(()));
        };
        some_more();
        fail(redis);
        redis.await_master(redis.servers[1].port());
        let announced = Instant::now();
        some_more();
        afterwards(redis);
        some_more();
        is_over.store(true, Ordering::SeqCst);
        let written = written.lock().unwrap();
        let is_kept = |key: &str| redis.servers[1].command(&["EXISTS", &region.backend_key(key)]) == ":1\r\n";
        let (after, before): (Vec<_>, Vec<_>) = written.iter().partition(|(_, begun)| *begun > announced);
        let lost = before.iter().filter(|(key, _)| !is_kept(key)).count();
        (after.iter().all(|(key, _)| is_kept(key)), (lost, before.len()))
    });
    println!("{} of {} writes that were acknowledged before the fail-over are lost", lost.0, lost.1);
    assert!(kept);
}

#[test]
fn no_write_is_lost_that_is_acknowledged_after_a_master_was_killed() {
    writes_outlive_a_fail_over(&mut Sentinels::start(), |redis| redis.servers[0].kill(), |_| ());
}

#[test]
fn no_write_is_lost_that_is_acknowledged_after_a_master_stood_still() {
    writes_outlive_a_fail_over(
        &mut Sentinels::start(),
        |redis| redis.servers[0].stop(),
        |redis| redis.servers[0].resume(),
    );
}

fn calls_are_answered(callers: &Callers, region: &Region) {
    for number in 0..10 {
        let begun = Instant::now();
        assert_eq!(callers.get_or_create(region, format!("early {number}"), || number), number);
        assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    }
}
