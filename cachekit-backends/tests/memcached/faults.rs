//! Servers that stop, vanish and come back.

use std::thread;
use std::time::{Duration, Instant};

use cachekit::backend::{Acquired, Backend, Token};
use cachekit_test_servers::{MemcachedServer, Proxy, poll_until};

use crate::support::{
    LIMIT, acquire, callers, commit, connect, get, is_granted, item, set, task, thread, through, wait,
};

const SHORT: Duration = Duration::from_millis(100);

/// Far more than a limit, and far less than what a system waits for.
const BOUND: Duration = Duration::from_secs(5);

#[test]
fn a_server_that_stands_still_costs_a_caller_its_limit_and_recovers() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in [thread(SHORT), task(SHORT)] {
        poll_until("the server answers", || set(&memcached, "k", "v", caller).ok());
        server.stop();
        for round in 0..4 {
            let begun = Instant::now();
            let error = get(&memcached, "k", caller).unwrap_err();
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
            assert!(error.is_backend() && !error.is_refused(), "{error}");
            assert!(round > 0 || error.is_timeout(), "{error}");
        }
        server.resume();
        poll_until("the server answers again", || get(&memcached, "k", caller).ok());
    }
}

#[test]
fn a_server_that_was_replaced_is_found_without_an_error() {
    let mut server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        set(&memcached, "k", "v", caller).unwrap();
    }
    server.restart();
    for caller in callers() {
        assert_eq!(get(&memcached, "k", caller).unwrap(), None, "connections of old are not reported");
        assert!(is_granted(&acquire(&memcached, "k", Token(1), LIMIT, caller)));
    }
}

#[test]
fn a_server_that_is_gone_is_told_at_once_and_found_when_it_is_back() {
    let mut server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        set(&memcached, "k", "v", caller).unwrap();
        server.kill();
        let begun = Instant::now();
        for _ in 0..20 {
            let error = get(&memcached, "k", caller).unwrap_err();
            assert!(error.is_backend() && !error.is_refused(), "{error}");
        }
        assert!(begun.elapsed() < BOUND);
        server.restart();
        poll_until("the server is found", || set(&memcached, "k", "v", caller).ok());
    }
}

#[test]
fn a_server_that_refuses_is_not_asked_by_everybody() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = through(proxy.port());
    proxy.refuse();
    let begun = Instant::now();
    for caller in callers() {
        for _ in 0..500 {
            get(&memcached, "k", caller).unwrap_err();
        }
    }
    // One at once, then one per pause, none of which is shorter than this.
    let most = 2 + begun.elapsed().as_millis() / 20;
    assert!(u128::from(proxy.connections()) <= most, "{} connections, at most {most}", proxy.connections());
    proxy.forward();
    for caller in callers() {
        poll_until("the server is found", || get(&memcached, "k", caller).ok());
    }
}

#[test]
fn a_connection_that_answers_nobody_is_replaced() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = through(proxy.port());
    set(&memcached, "k", "v", task(LIMIT)).unwrap();
    proxy.black_hole();
    assert!(get(&memcached, "k", task(SHORT)).unwrap_err().is_timeout());
    // Given up by the caller, at its limit.
    let error = get(&memcached, "k", task(SHORT)).unwrap_err();
    assert!(error.is_backend(), "{error}");
    assert_eq!(proxy.connections(), 2, "the second asked for another connection");
    proxy.forward();
    poll_until("the server answers again", || get(&memcached, "k", task(LIMIT)).ok());
}

#[test]
fn who_gives_up_early_leaves_the_connection_to_others() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = through(proxy.port());
    set(&memcached, "k", "v", task(LIMIT)).unwrap();
    proxy.delay(SHORT / 2);
    let mut patient = memcached.get("k", task(LIMIT));
    assert!(futures::FutureExt::now_or_never(&mut patient).is_none());
    for _ in 0..10 {
        let mut hasty = memcached.get("k", task(LIMIT));
        assert!(futures::FutureExt::now_or_never(&mut hasty).is_none());
    }
    assert!(wait(patient).unwrap().is_some());
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_commit_whose_answer_is_lost_is_told_as_it_was_carried_out() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = through(proxy.port());
    for (number, caller) in (1..).zip(callers()) {
        let (key, token) = (format!("k{number}"), Token(number));
        assert!(is_granted(&acquire(&memcached, &key, token, LIMIT, caller)));
        proxy.delay(Duration::from_secs(3600));
        let committed = thread::scope(|scope| {
            let committing = scope.spawn(|| commit(&memcached, &key, "v", token, caller));
            poll_until("the value is stored", || (item(&server, &key).as_deref() == Some("v")).then_some(()));
            proxy.cut();
            proxy.forward();
            committing.join().unwrap()
        });
        assert!(committed.unwrap());
        assert!(!commit(&memcached, &key, "v", token, caller).unwrap(), "the lease has ended");
    }
}

#[test]
fn leases_outlive_connections() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = through(proxy.port());
    for (number, caller) in (1..).zip(callers()) {
        let key = format!("k{number}");
        assert!(is_granted(&acquire(&memcached, &key, Token(1), LIMIT, caller)));
        proxy.cut();
        assert!(matches!(acquire(&memcached, &key, Token(2), LIMIT, caller), Acquired::Busy(_)));
        proxy.cut();
        assert!(commit(&memcached, &key, "v", Token(1), caller).unwrap());
    }
}
