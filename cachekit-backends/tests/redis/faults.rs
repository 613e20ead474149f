//! Servers that stop, vanish and come back.

use std::thread;
use std::time::{Duration, Instant};

use cachekit::backend::{Acquired, Backend, Token};
use cachekit_test_servers::{Proxy, RedisServer, poll_until};

use crate::support::{LIMIT, acquire, callers, commit, connect, get, is_granted, set, task, thread, through, wait};

const SHORT: Duration = Duration::from_millis(100);

/// Far more than a limit, and far less than what a system waits for.
const BOUND: Duration = Duration::from_secs(5);

#[test]
fn a_server_that_stands_still_costs_a_caller_its_limit_and_recovers() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in [thread(SHORT), task(SHORT)] {
        poll_until("the server answers", || set(&redis, "k", "v", caller).ok());
        server.stop();
        for round in 0..4 {
            let begun = Instant::now();
            let error = get(&redis, "k", caller).unwrap_err();
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
            assert!(error.is_backend() && !error.is_refused(), "{error}");
            assert!(round > 0 || error.is_timeout(), "{error}");
        }
        server.resume();
        poll_until("the server answers again", || get(&redis, "k", caller).ok());
    }
}

#[test]
fn a_server_that_was_replaced_is_found_without_an_error() {
    let mut server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in callers() {
        set(&redis, "k", "v", caller).unwrap();
    }
    server.restart();
    for caller in callers() {
        assert_eq!(get(&redis, "k", caller).unwrap(), None, "connections of old are not reported");
        assert!(is_granted(&acquire(&redis, "k", Token(1), LIMIT, caller)), "scripts are sent again");
    }
}

#[test]
fn a_server_that_is_gone_is_told_at_once_and_found_when_it_is_back() {
    let mut server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in callers() {
        set(&redis, "k", "v", caller).unwrap();
        server.kill();
        let begun = Instant::now();
        for _ in 0..20 {
            let error = get(&redis, "k", caller).unwrap_err();
            assert!(error.is_backend() && !error.is_refused(), "{error}");
        }
        assert!(begun.elapsed() < BOUND);
        server.restart();
        poll_until("the server is found", || set(&redis, "k", "v", caller).ok());
    }
}

#[test]
fn a_server_that_refuses_is_not_asked_by_everybody() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = through(proxy.port());
    proxy.refuse();
    let begun = Instant::now();
    for caller in callers() {
        for _ in 0..500 {
            get(&redis, "k", caller).unwrap_err();
        }
    }
    // One at once, then one per pause, none of which is shorter than this.
    let most = 2 + begun.elapsed().as_millis() / 20;
    assert!(u128::from(proxy.connections()) <= most, "{} connections, at most {most}", proxy.connections());
    proxy.forward();
    for caller in callers() {
        poll_until("the server is found", || get(&redis, "k", caller).ok());
    }
}

#[test]
fn a_connection_that_answers_nobody_is_replaced() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = through(proxy.port());
    set(&redis, "k", "v", task(LIMIT)).unwrap();
    proxy.black_hole();
    assert!(get(&redis, "k", task(SHORT)).unwrap_err().is_timeout());
    // Given up by the caller, at its limit.
    let error = get(&redis, "k", task(SHORT)).unwrap_err();
    assert!(error.is_backend(), "{error}");
    assert_eq!(proxy.connections(), 2, "the second asked for another connection");
    proxy.forward();
    poll_until("the server answers again", || get(&redis, "k", task(LIMIT)).ok());
}

#[test]
fn who_gives_up_early_leaves_the_connection_to_others() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = through(proxy.port());
    set(&redis, "k", "v", task(LIMIT)).unwrap();
    proxy.delay(SHORT / 2);
    let mut patient = redis.get("k", task(LIMIT));
    assert!(futures::FutureExt::now_or_never(&mut patient).is_none());
    for _ in 0..10 {
        let mut hasty = redis.get("k", task(LIMIT));
        assert!(futures::FutureExt::now_or_never(&mut hasty).is_none());
    }
    assert!(wait(patient).unwrap().is_some());
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_commit_whose_answer_is_lost_is_told_as_it_was_carried_out() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = through(proxy.port());
    // The server learns the script.
    commit(&redis, "k", "v", Token(0), thread(LIMIT)).unwrap();
    for (number, caller) in (1..).zip(callers()) {
        let (key, token) = (format!("k{number}"), Token(number));
        assert!(is_granted(&acquire(&redis, &key, token, LIMIT, caller)));
        proxy.delay(Duration::from_secs(3600));
        let committed = thread::scope(|scope| {
            let committing = scope.spawn(|| commit(&redis, &key, "v", token, caller));
            poll_until("the value is stored", || (server.command(&["GET", &key]) == "$1\r\nv\r\n").then_some(()));
            proxy.cut();
            proxy.forward();
            committing.join().unwrap()
        });
        assert!(committed.unwrap());
        assert!(!commit(&redis, &key, "v", token, caller).unwrap(), "the lease has ended");
    }
}

#[test]
fn leases_outlive_connections() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = through(proxy.port());
    for (number, caller) in (1..).zip(callers()) {
        let key = format!("k{number}");
        assert!(is_granted(&acquire(&redis, &key, Token(1), LIMIT, caller)));
        proxy.cut();
        assert!(matches!(acquire(&redis, &key, Token(2), LIMIT, caller), Acquired::Busy(_)));
        proxy.cut();
        assert!(commit(&redis, &key, "v", Token(1), caller).unwrap());
    }
}

#[test]
fn a_server_that_takes_no_writes_is_a_failure_that_passes() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    for caller in callers() {
        let error = set(&redis, "k", "v", caller).unwrap_err();
        assert!(error.is_backend() && !error.is_refused() && error.to_string().contains("READONLY"), "{error}");
    }
    server.command(&["REPLICAOF", "NO", "ONE"]);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    for caller in callers() {
        let error = set(&redis, "k", "v", caller).unwrap_err();
        assert!(error.is_backend() && !error.is_refused() && error.to_string().contains("OOM"), "{error}");
    }
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    for caller in callers() {
        set(&redis, "k", "v", caller).unwrap();
    }
}
