//! A memcached that dies, hangs, returns or is flushed: callers notice nothing but time limits.

use std::time::Instant;

use cachekit::{Invalidation, Region, RegionBuilder};
use cachekit_backends::memcached::Memcached;
use cachekit_test_servers::MemcachedServer;

use crate::support::{Callers, LONG, SLACK, breaker, patient, until_shared};

fn process(server: &MemcachedServer) -> RegionBuilder {
    Region::builder("shared").ttl(LONG).backend(Memcached::connect(&server.url()).unwrap()).breaker(breaker())
}

/// Loses the server, and gets it back.
fn calls_are_answered_while(lose: fn(&mut MemcachedServer), get_back: fn(&mut MemcachedServer)) {
    for callers in Callers::both() {
        let mut server = MemcachedServer::start();
        let (one, other) = (process(&server).build().unwrap(), process(&server).build().unwrap());
        until_shared(&callers, &one, &other);
        callers.set(&one, "k", 1).unwrap();
        lose(&mut server);
        for number in 0..20 {
            let begun = Instant::now();
            assert_eq!(callers.get_or_create(&one, format!("early {number}"), || number), number);
            assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
        }
        assert!(one.stats().backend_errors > 0, "{}", one.stats());
        // Another process knows nothing of it, and says so.
        assert!(callers.invalidate(&one, Invalidation::Hard).unwrap_err().is_backend());
        get_back(&mut server);
        until_shared(&callers, &one, &other);
        assert_eq!(callers.get(&other, "k").unwrap(), None, "the invalidation was made up for");
    }
}

#[test]
fn a_server_that_dies_is_done_without_until_it_is_back() {
    calls_are_answered_while(MemcachedServer::kill, MemcachedServer::restart);
}

#[test]
fn a_server_that_stands_still_is_done_without_until_it_goes_on() {
    calls_are_answered_while(|server| server.stop(), |server| server.resume());
}

#[test]
fn what_is_flushed_is_computed_again_and_nothing_that_was_before_comes_back() {
    for callers in Callers::both() {
        let server = MemcachedServer::start();
        let (one, other) = (patient(process(&server)).build().unwrap(), patient(process(&server)).build().unwrap());
        for value in [1, 2] {
            // The computation of the second begins before the flush, and ends after it.
            let made = callers.get_or_create(&one, "k", || {
                if value == 2 {
                    server.command("flush_all\r\n");
                }
                value
            });
            assert_eq!(made, value);
            if value == 1 {
                assert_eq!(callers.get(&other, "k").unwrap(), Some(1));
                callers.delete(&other, "k").unwrap();
            }
        }
        assert_eq!(callers.get(&other, "k").unwrap(), None, "it was overtaken");
        assert_eq!(callers.get_or_create(&other, "k", || 3), 3);
        assert_eq!(callers.get_or_create(&one, "k", || 4), 3);
    }
}
