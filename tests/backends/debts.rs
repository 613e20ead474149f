//! What a process could not have invalidated: it serves nothing of it before that is made up for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Breaker, Region, cache_on_arguments, regions};
use cachekit_backends::memory::Memory;

use crate::failing::Faulty;
use crate::support::{Counted, TTL, until};

#[test]
fn what_a_refresh_could_not_store_is_not_followed_by_the_old_value() {
    regions! { static REFRESHED = Region::builder("refreshed"); }
    static RUNS: Counted = Counted::new();
    #[cache_on_arguments(region = REFRESHED)]
    fn load(id: u64) -> u64 {
        id + RUNS.run()
    }

    let faulty = Faulty::default();
    let breaker = Breaker::new().pause(Duration::from_millis(5));
    REFRESHED.configure(|r| r.backend(Memory::new()).wrap(faulty.clone()).breaker(breaker)).unwrap();
    assert_eq!(load(0), 1);
    Faulty::set(&faulty.0.writes, true);
    assert_eq!((load::refresh(0), load(0)), (2, 2));
    Faulty::set(&faulty.0.writes, false);
    until("the backend works again", || load::fetch(0).source() != cachekit::Source::Fresh || RUNS.runs() > 2);
    assert!(load(0) >= 2);
}

#[test]
fn what_a_refresh_could_store_nowhere_is_not_followed_by_the_old_value() {
    regions! { static UNKEPT = Region::builder("unkept").near(TTL).breaker(Breaker::new().near(Duration::ZERO)); }
    static RUNS: Counted = Counted::new();
    #[cache_on_arguments(region = UNKEPT)]
    fn load(id: u64) -> u64 {
        id + RUNS.run()
    }

    let faulty = Faulty::default();
    UNKEPT.configure(|r| r.backend(Memory::new()).wrap(faulty.clone())).unwrap();
    assert_eq!((load(0), load(0)), (1, 1));
    Faulty::set(&faulty.0.writes, true);
    assert_eq!((load::refresh(0), load(0)), (2, 3));
}

#[test]
fn invalidations_that_are_owed_outlive_new_settings() {
    let faulty = Faulty::default();
    let store = Memory::new();
    let region = Region::builder("indebted").build().unwrap();
    let set = |ttl| region.reconfigure(|r| r.backend(store.clone()).wrap(faulty.clone()).ttl(ttl)).unwrap();
    set(TTL);
    region.set("k", &1_u64).unwrap();
    Faulty::set(&faulty.0.removals, true);
    assert!(region.delete("k").unwrap_err().is_backend());
    assert_eq!(region.get::<u64>("k").unwrap(), None);
    Faulty::set(&faulty.0.removals, false);
    set(2 * TTL);
    assert_eq!(region.get::<u64>("k").unwrap(), None);
}

/// The regions of two processes over one store, one of which cannot forget what it is told to.
fn two_of_which_one_fails(clock: &ManualClock, faulty: &Faulty) -> (Region, Region) {
    let (store, region) = (Memory::new(), || Region::builder("debts").clock(clock.clone()));
    let one = region().backend(store.clone()).wrap(faulty.clone()).build().unwrap();
    (one, region().backend(store).build().unwrap())
}

#[test]
fn what_is_owed_is_made_up_for_though_others_have_found_before_that_removals_work() {
    let (clock, faulty) = (ManualClock::new(), Faulty::default());
    let (region, other) = two_of_which_one_fails(&clock, &faulty);
    region.set("k", &1_u64).unwrap();
    Faulty::set(&faulty.0.removals, true);
    assert!(region.delete("k").unwrap_err().is_backend());
    until("it was tried again at once", || region.stats().backend_errors == 2);
    Faulty::set(&faulty.0.removals, false);
    region.delete("j").unwrap();
    until("it is gone without anybody who calls", || {
        clock.advance(Duration::from_secs(1));
        other.get::<u64>("k").unwrap().is_none()
    });
}

#[test]
fn what_cannot_be_made_up_for_is_tried_at_intervals() {
    let (clock, faulty) = (ManualClock::new(), Faulty::default());
    let (region, other) = two_of_which_one_fails(&clock, &faulty);
    let keys = || (0..1_000).map(|number| number.to_string());
    region.set_many(keys().map(|key| (key, &1_u64))).unwrap();
    // Of single keys each is removed, as by a probe, and of many so few that there is time for them.
    faulty.0.most.store(0, Ordering::SeqCst);
    assert!(region.delete_many(keys()).unwrap_err().is_backend());
    until("it was tried again at once", || faulty.0.refused.load(Ordering::SeqCst) >= 2);
    for _ in 0..10_000 {
        std::thread::yield_now();
    }
    assert_eq!(faulty.0.refused.load(Ordering::SeqCst), 2, "no time has passed");
    faulty.0.most.store(200, Ordering::SeqCst);
    until("all are gone", || {
        clock.advance(Duration::from_secs(1));
        other.get_many::<u64>(keys()).unwrap().iter().all(Option::is_none)
    });
}

#[test]
fn what_is_set_since_is_not_removed_for_what_is_owed() {
    let (clock, faulty) = (ManualClock::new(), Faulty::default());
    let (region, _) = two_of_which_one_fails(&clock, &faulty);
    let keys = || (0..1_000).map(|number| number.to_string());
    faulty.0.most.store(0, Ordering::SeqCst);
    assert!(region.delete_many(keys()).unwrap_err().is_backend());
    until("it was tried again at once", || faulty.0.refused.load(Ordering::SeqCst) >= 2);
    faulty.0.most.store(200, Ordering::SeqCst);
    region.set("500", &1_u64).unwrap();
    region.set_many([("600", &1_u64), ("700", &1)]).unwrap();
    assert_eq!(region.get_many::<u64>(["500", "600", "700"]).unwrap(), [Some(1); 3]);
}
