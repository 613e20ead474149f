//! Several callers of one process who share a lease.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Context, Put, Token};
use cachekit::testing::waiting;
use cachekit::{Breaker, Error, Invalidation, Proxy, Region, RegionBuilder};

use crate::support::{Counted, Processes, until};

const PATIENCE: Duration = Duration::from_secs(1);

/// Has a caller compute 1, and another take over from it after [`PATIENCE`] and compute 2; in between another process
/// invalidates. What that process finds when 1 is ready, while 2 is still computed.
fn what_is_found_when_the_first_is_ready(settings: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Option<u64> {
    let processes = Processes::new();
    let (one, other): (Region, Region) = (processes.with(settings), processes.region());
    let barriers = [const { Barrier::new(2) }; 4];
    let [first_begun, first_ends, second_begun, second_ends] = barriers.each_ref();
    let create = |begun: &Barrier, ends: &Barrier, value: u64| {
        begun.wait();
        ends.wait();
        value
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| one.get_or_create("k", || create(first_begun, first_ends, 1)));
        first_begun.wait();
        let second = scope.spawn(|| one.get_or_create("k", || create(second_begun, second_ends, 2)));
        until("the second waits", || waiting(&one, "k") == 1);
        other.delete("k").unwrap();
        processes.clock.advance(PATIENCE);
        second_begun.wait();
        first_ends.wait();
        assert_eq!(first.join().unwrap(), 1);
        let found = other.get::<u64>("k").unwrap();
        second_ends.wait();
        assert_eq!(second.join().unwrap(), 2);
        assert_ne!(other.get::<u64>("k").unwrap(), Some(1));
        found
    })
}

#[test]
fn what_was_invalidated_is_not_stored_by_the_lease_of_one_who_has_waited_long_enough() {
    assert_eq!(what_is_found_when_the_first_is_ready(|region| region.wait_timeout(PATIENCE)), None);
}

#[test]
fn what_was_invalidated_is_not_stored_by_the_lease_of_one_who_has_taken_the_lead() {
    assert_eq!(what_is_found_when_the_first_is_ready(|region| region.deadline(PATIENCE)), None);
}

#[test]
fn when_the_computations_of_two_have_failed_all_others_try_at_once() {
    let (processes, runs) = (Processes::new(), Counted::default());
    let region = processes.region();
    let all = 6;
    let fail = || {
        let run = runs.run();
        match run {
            1 => until("the others wait", || waiting(&region, "k") == all - 1),
            2 => {}
            _ => until("all others compute", || runs.runs() == all as u64),
        }
        Err::<u64, _>(run)
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..all).map(|_| scope.spawn(|| region.try_get_or_create("k", fail))).collect();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap().is_err()));
    });
    assert_eq!(runs.runs(), all as u64);
}

/// Says of everything that is stored by a lease that it could not be.
#[derive(Debug)]
struct Lost;

impl Proxy for Lost {
    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        let stored = next.commit(put, token, context);
        Answer::later(async move { stored.await.and_then(|_| Err(Error::backend("the answer was lost"))) })
    }
}

#[test]
fn who_came_after_an_invalidation_is_not_told_what_may_be_older_when_the_backend_fails() {
    let (processes, made) = (Processes::new(), Counted::default());
    let nothing_stands_in = Breaker::new().near(Duration::ZERO);
    let (one, other) = (processes.with(|region| region.wrap(Lost).breaker(nothing_stands_in)), processes.region());
    let [begun, ends] = &[const { Barrier::new(2) }; 2];
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            one.get_or_create("k", || {
                begun.wait();
                ends.wait();
                made.run()
            })
        });
        begun.wait();
        other.delete("k").unwrap();
        let second = scope.spawn(|| one.get_or_create("k", || made.run()));
        until("the second waits", || waiting(&one, "k") == 1);
        ends.wait();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 2));
    });
}

#[test]
fn a_look_up_that_waits_and_looks_again_is_counted_once() {
    let processes = Processes::new();
    let (one, other) = (processes.region(), processes.region());
    let first = || {
        until("the other waits", || waiting(&one, "k") == 1);
        other.invalidate(Invalidation::Hard).unwrap();
        other.set("k", &2_u64).unwrap();
        Err::<u64, _>("down")
    };
    let begun = Barrier::new(2);
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            one.try_get_or_create("k", || {
                begun.wait();
                first()
            })
        });
        begun.wait();
        assert_eq!(one.try_get_or_create("k", || Ok::<_, &str>(1_u64)), Ok(2));
        assert_eq!(leader.join().unwrap(), Err("down"));
    });
    let stats = one.stats();
    assert_eq!(stats.hits + stats.stale_hits + stats.misses + stats.coalesced, 2, "{stats}");
}
