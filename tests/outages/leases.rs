//! Leases that are lost while their holder computes, and those that are kept.

use std::thread;
use std::time::Duration;

use cachekit_test_servers::{Proxy, RedisServer, poll_until};

use crate::support::{Callers, Counted, lease, patient, process, until_shared};

#[test]
fn a_lease_that_is_lost_is_no_error() {
    for callers in Callers::both() {
        let server = RedisServer::start();
        let process = || patient(process(server.port())).build().unwrap();
        let (one, other) = (process(), process());
        let made = Counted::default();
        let value = callers.get_or_create(&one, "k", || {
            assert_eq!(server.command(&["DEL", &lease(&one, "k")]), ":1\r\n");
            made.run()
        });
        assert_eq!(value, 1);
        assert_eq!(one.stats().backend_errors, 0);
        assert_eq!(callers.get_or_create(&other, "k", || made.run()), 2, "what may be overtaken is not stored");
        assert_eq!(callers.get_or_create(&one, "k", || made.run()), 2);
    }
}

#[test]
fn a_lease_that_lapses_while_nothing_passes_is_no_error() {
    for callers in Callers::both() {
        let server = RedisServer::start();
        let proxy = Proxy::before(server.port());
        let one = process(proxy.port()).lease(Duration::from_millis(200)).build().unwrap();
        let other = process(server.port()).build().unwrap();
        until_shared(&callers, &one, &other);
        let value = one.get_or_create("k", || {
            proxy.black_hole();
            poll_until("the lease lapses", || {
                (server.command(&["EXISTS", &lease(&one, "k")]) == ":0\r\n").then_some(())
            });
            assert_eq!(callers.get_or_create(&other, "k", || 2), 2);
            proxy.forward();
            1_u64
        });
        assert_eq!(value, 1);
        poll_until("the other's value is seen", || (callers.get_or_create(&one, "k", || 3) == 2).then_some(()));
    }
}

#[test]
fn the_lease_of_a_long_computation_is_renewed() {
    const LEASE: Duration = Duration::from_secs(1);
    // As many as three lengths of the lease have.
    const RENEWALS: usize = 9;

    let server = RedisServer::start();
    let process = || patient(process(server.port())).lease(LEASE).build().unwrap();
    let (one, other) = (process(), process());
    let made = Counted::default();
    thread::scope(|scope| {
        let value = one.get_or_create("k", || {
            let waiting = scope.spawn(|| other.get_or_create("k", || made.run()));
            let (mut left, mut renewals) = (0, 0);
            poll_until("the lease is renewed again and again", || {
                let answer = server.command(&["PTTL", &lease(&one, "k")]);
                let now: i64 = answer.trim_start_matches(':').trim().parse().unwrap();
                assert!(now >= 0, "the lease has lapsed");
                renewals += usize::from(now > std::mem::replace(&mut left, now));
                (renewals > RENEWALS).then_some(())
            });
            assert!(!waiting.is_finished());
            made.run()
        });
        assert_eq!(value, 1);
    });
    assert_eq!(other.get_or_create("k", || made.run()), 1);
    assert_eq!(made.runs(), 1, "the other process has waited");
}
