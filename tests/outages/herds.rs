//! Many callers of one key during an outage: it must not become a herd on what the function asks.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use cachekit::Breaker;
use cachekit::testing::{ManualClock, waiting};
use cachekit_test_servers::{Proxy, RedisServer, poll_until};
use tokio::runtime::Runtime;

use crate::support::{Callers, Counted, breaker, patient, process, until_shared};

/// Whether the breaker opens with the first failure, or never.
const FAILURES: [u32; 2] = [1, u32::MAX];

/// Callers at once, and how often each of them calls.
const HERD: (u64, u64) = (8, 25);

#[test]
fn a_hot_key_is_computed_once_and_its_value_goes_when_the_store_is_back() {
    for callers in Callers::both() {
        for failures in FAILURES {
            let server = RedisServer::start();
            let one = process(server.port()).breaker(breaker().failures(failures)).build().unwrap();
            let other = process(server.port()).build().unwrap();
            until_shared(&callers, &one, &other);
            let made = Counted::default();
            server.stop();
            thread::scope(|scope| {
                for _ in 0..HERD.0 {
                    scope.spawn(|| {
                        for _ in 0..HERD.1 {
                            assert_eq!(callers.get_or_create(&one, "hot", || made.run()), 1);
                        }
                    });
                }
            });
            assert_eq!(made.runs(), 1);
            server.resume();
            poll_until("the other process sets", || callers.set(&other, "hot", 100).ok());
            poll_until("it is seen", || (callers.get_or_create(&one, "hot", || made.run()) == 100).then_some(()));
            assert_eq!(made.runs(), 1, "nothing was forgotten while the store was away");
        }
    }
}

#[test]
fn a_hot_key_is_computed_again_when_its_time_in_the_process_is_over() {
    for callers in Callers::both() {
        for failures in FAILURES {
            let (mut server, clock) = (RedisServer::start(), ManualClock::new());
            let breaker = Breaker::new().failures(failures).near(Duration::from_secs(10));
            let region = process(server.port()).clock(clock.clone()).breaker(breaker).build().unwrap();
            let made = Counted::default();
            server.kill();
            for expected in 1..=3 {
                for _ in 0..HERD.1 {
                    assert_eq!(callers.get_or_create(&region, "hot", || made.run()), expected);
                    clock.advance(Duration::from_millis(399));
                }
                clock.advance(Duration::from_millis(25));
            }
        }
    }
}

#[test]
fn who_comes_while_a_look_up_is_under_way_waits_no_longer_than_that() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let region = process(proxy.port()).breaker(breaker().failures(u32::MAX)).build().unwrap();
    proxy.black_hole();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(region.get_or_create_async("k", || async { 1_u64 }));
    let mut second = pin!(region.get_or_create_async("k", || async { 2_u64 }));
    assert!(first.as_mut().poll(&mut context).is_pending(), "it has asked");
    assert!(second.as_mut().poll(&mut context).is_pending(), "it came after that");
    assert_eq!(Runtime::new().unwrap().block_on(first), 1);
    assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(1), "it does not ask and wait again");
}

#[test]
fn a_computation_that_began_before_the_outage_serves_those_who_come_during_it() {
    for callers in Callers::both() {
        let mut server = RedisServer::start();
        let region = patient(process(server.port())).build().unwrap();
        until_shared(&callers, &region, &region);
        thread::scope(|scope| {
            let value = region.get_or_create("k", || {
                server.kill();
                let second = scope.spawn(|| callers.get_or_create(&region, "k", || 2));
                let waits = || waiting(&region, "k") == 1;
                poll_until("the second waits", || (waits() || second.is_finished()).then_some(()));
                assert!(waits(), "the second has computed");
                1_u64
            });
            assert_eq!(value, 1);
        });
        assert_eq!(region.get_or_create("k", || 3_u64), 1);
    }
}

#[test]
fn what_is_computed_across_the_end_of_an_outage_is_not_kept_in_the_process() {
    for callers in Callers::both() {
        let mut server = RedisServer::start();
        let process = || patient(process(server.port())).build().unwrap();
        let (one, other) = (process(), process());
        until_shared(&callers, &one, &other);
        server.kill();
        let value = one.get_or_create("k", || {
            server.restart();
            poll_until("the other process uses it", || callers.set(&other, "k", 100).ok());
            poll_until("this one does", || callers.get(&one, "k").unwrap());
            1_u64
        });
        assert_eq!(value, 1);
        assert_eq!(callers.get_or_create(&one, "k", || 2), 100);
    }
}
