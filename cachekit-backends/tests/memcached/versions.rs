//! What was overtaken is not stored, whatever has become of the lease meanwhile.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use cachekit::backend::{Backend, Claim, Lease, Patch, Token};
use cachekit_test_servers::MemcachedServer;

use crate::support::{acquire, callers, commit, connect, get, is_granted, set, wait};

const MINUTE: Duration = Duration::from_secs(60);
const LEASE: Lease = Lease { token: Token(1), length: MINUTE };
const OTHER: Lease = Lease { token: Token(2), length: MINUTE };

/// Takes the lease out of the server, as its memory does when it is short.
fn evict(server: &MemcachedServer, name: &str) {
    assert_eq!(server.command(&format!("md {name}\r\n")), "HD\r\n");
}

#[test]
fn who_has_the_lease_after_one_that_was_evicted_has_it_alone() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        for old in [None, Some("old")] {
            if let Some(old) = old {
                set(&memcached, "k", old, caller).unwrap();
            }
            let claim = Claim::Unseen(old.unwrap_or_default().as_bytes());
            assert!(is_granted(&wait(memcached.acquire("k", LEASE, claim, caller)).unwrap()));
            evict(&server, "ck%l:k");
            assert!(is_granted(&wait(memcached.acquire("k", OTHER, claim, caller)).unwrap()));
            assert!(!commit(&memcached, "k", "of the first", Token(1), caller).unwrap());
            assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), old);
            assert!(commit(&memcached, "k", "of the second", Token(2), caller).unwrap());
            assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), Some("of the second"));
            wait(memcached.delete("k", caller)).unwrap();
        }
    }
}

#[test]
fn who_computes_while_the_value_is_evicted_stores_nothing() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)));
        evict(&server, "k");
        assert!(!commit(&memcached, "k", "computed", Token(1), caller).unwrap());
        assert_eq!(get(&memcached, "k", caller).unwrap(), None);
        assert!(is_granted(&acquire(&memcached, "k", Token(2), MINUTE, caller)), "the lease has ended");
        wait(memcached.delete("k", caller)).unwrap();
    }
}

#[test]
fn writes_prevent_a_commit_even_where_the_lease_is_gone_already() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        for (number, expected) in [(0, None), (1, Some("set")), (2, Some("pld")), (3, Some("old"))] {
            set(&memcached, "k", "old", caller).unwrap();
            assert!(is_granted(&wait(memcached.acquire("k", LEASE, Claim::Unseen(b"old"), caller)).unwrap()));
            evict(&server, "ck%l:k");
            match number {
                0 => wait(memcached.delete("k", caller)).unwrap(),
                1 => set(&memcached, "k", "set", caller).unwrap(),
                2 => assert!(wait(memcached.patch("k", Patch::new(0, b"p"), caller)).unwrap()),
                _ => assert!(!wait(memcached.patch("k", Patch::new(9, b"p"), caller)).unwrap()),
            }
            assert!(!commit(&memcached, "k", "computed", Token(1), caller).unwrap(), "{number}");
            assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), expected);
        }
        wait(memcached.delete("k", caller)).unwrap();
    }
}

#[test]
fn a_lease_whose_version_is_another_is_renewed_and_ended_as_ones_own() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        // As if the answer to a renewal had been lost.
        let touch = || server.command("ms ck%l:k 32 T60\r\n00000000000000000000000000000001\r\n");
        assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)));
        touch();
        assert!(wait(memcached.renew("k", LEASE, caller)).unwrap());
        touch();
        assert!(commit(&memcached, "k", "computed", Token(1), caller).unwrap());
        assert!(
            is_granted(&wait(memcached.acquire("k", OTHER, Claim::Always, caller)).unwrap()),
            "the lease has ended"
        );
        wait(memcached.delete("k", caller)).unwrap();
        assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)));
        touch();
        wait(memcached.abandon("k", Token(1), caller)).unwrap();
        assert!(is_granted(&acquire(&memcached, "k", Token(2), MINUTE, caller)), "the lease has ended");
        wait(memcached.delete("k", caller)).unwrap();
    }
}

#[test]
fn of_those_who_take_a_lease_in_any_case_at_once_all_are_granted_it_and_one_commits() {
    const THREADS: u128 = 6;
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        for round in 0..20 {
            set(&memcached, "k", "old", caller).unwrap();
            let begin = Barrier::new(THREADS as usize);
            let take = &|number: u128| {
                let token = Token(round * THREADS + number);
                begin.wait();
                let lease = Lease { token, length: MINUTE };
                assert!(is_granted(&wait(memcached.acquire("k", lease, Claim::Always, caller)).unwrap()));
                // Everybody has been granted it by then.
                begin.wait();
                commit(&memcached, "k", "new", token, caller).unwrap()
            };
            let committed = thread::scope(|scope| {
                let all: Vec<_> = (1..=THREADS).map(|number| scope.spawn(move || take(number))).collect();
                all.into_iter().filter_map(|taken| taken.join().unwrap().then_some(())).count()
            });
            assert_eq!(committed, 1);
        }
    }
}

#[test]
fn what_is_flushed_is_gone_and_so_are_the_leases() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        set(&memcached, "v", "old", caller).unwrap();
        assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)));
        assert_eq!(server.command("flush_all\r\n"), "OK\r\n");
        assert_eq!(get(&memcached, "v", caller).unwrap(), None);
        assert!(!wait(memcached.renew("k", LEASE, caller)).unwrap());
        assert!(!commit(&memcached, "k", "computed", Token(1), caller).unwrap());
        assert_eq!(get(&memcached, "k", caller).unwrap(), None);
        assert!(is_granted(&acquire(&memcached, "k", Token(2), MINUTE, caller)));
        assert!(commit(&memcached, "k", "computed anew", Token(2), caller).unwrap());
        assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), Some("computed anew"));
        wait(memcached.delete("k", caller)).unwrap();
    }
}

#[test]
fn what_was_lent_before_a_restart_commits_nothing_after_it() {
    let mut server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        for others in [false, true] {
            assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)));
            server.restart();
            if others {
                // Versions are counted anew: this one has the same.
                assert!(is_granted(&acquire(&memcached, "k", Token(2), MINUTE, caller)));
            }
            assert!(!commit(&memcached, "k", "computed", Token(1), caller).unwrap());
            assert_eq!(get(&memcached, "k", caller).unwrap(), None);
        }
        server.restart();
    }
}
