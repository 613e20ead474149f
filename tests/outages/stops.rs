//! A store that stands still, or is gone: calls are answered by their functions, in time, and the store is used again
//! when it is back.

use std::time::{Duration, Instant};

use cachekit::Region;
use cachekit_test_servers::RedisServer;

use crate::support::{Callers, LONG, SLACK, process, until_shared};

#[test]
fn a_store_that_stands_still_costs_calls_their_time_limit_and_then_nothing() {
    for callers in Callers::both() {
        let server = RedisServer::start();
        let (one, other) = (process(server.port()).build().unwrap(), process(server.port()).build().unwrap());
        until_shared(&callers, &one, &other);
        server.stop();
        calls_are_answered(&callers, &one);
        server.resume();
        until_shared(&callers, &one, &other);
    }
}

#[test]
fn a_store_that_is_gone_costs_calls_next_to_nothing_and_is_found_again() {
    for callers in Callers::both() {
        let mut server = RedisServer::start();
        let (one, other) = (process(server.port()).build().unwrap(), process(server.port()).build().unwrap());
        until_shared(&callers, &one, &other);
        server.kill();
        calls_are_answered(&callers, &one);
        server.restart();
        until_shared(&callers, &one, &other);
    }
}

/// While the store answers nobody.
fn calls_are_answered(callers: &Callers, region: &Region) {
    let errors = region.stats().backend_errors;
    for number in 0..10 {
        let begun = Instant::now();
        assert_eq!(callers.get_or_create(region, format!("early {number}"), || number), number);
        assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    }
    // The breaker is open from the fifth on.
    assert!(region.stats().backend_errors >= errors + 5, "{}", region.stats());

    let alone = Region::builder("alone").ttl(LONG).build().unwrap();
    let (mut times, mut times_alone) = (Vec::new(), Vec::new());
    for number in 0..300 {
        for (region, times) in [(region, &mut times), (&alone, &mut times_alone)] {
            let begun = Instant::now();
            assert_eq!(callers.get_or_create(region, format!("late {number}"), || number), number);
            times.push(begun.elapsed());
        }
    }
    let added = median(times).saturating_sub(median(times_alone));
    assert!(added < Duration::from_millis(1), "{added:?} for each call");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
