//! A store of which only some operations work, or that panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Put, Token};
use cachekit::testing::ManualClock;
use cachekit::{Breaker, Error, Proxy, Region, cache_on_arguments, regions};
use cachekit_backends::memory::Memory;
use serde::{Deserialize, Serialize, Serializer};

use crate::support::{Counted, TTL, until};

/// Fails where it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faulty(pub(crate) Arc<Faults>);

#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) reads: AtomicBool,
    pub(crate) writes: AtomicBool,
    pub(crate) removals: AtomicBool,
    panics: AtomicBool,
    asked: AtomicU64,
    /// How many keys are removed at once, and how often more were to be.
    pub(crate) most: AtomicUsize,
    pub(crate) refused: AtomicUsize,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            reads: AtomicBool::new(false),
            writes: AtomicBool::new(false),
            removals: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            most: AtomicUsize::new(usize::MAX),
            refused: AtomicUsize::new(0),
        }
    }
}

impl Faulty {
    fn fail<'a, T: Send + 'a>(&self, fault: &AtomicBool, answer: impl FnOnce() -> Answer<'a, T>) -> Answer<'a, T> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if fault.load(Ordering::SeqCst) { Err(Error::backend("told to fail")).into() } else { answer() }
    }

    pub(crate) fn set(fault: &AtomicBool, fails: bool) {
        fault.store(fails, Ordering::SeqCst);
    }

    fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl Proxy for Faulty {
    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        assert!(!self.0.panics.load(Ordering::SeqCst), "a mistake of the backend's author");
        self.fail(&self.0.reads, || next.get_many(keys, context))
    }

    fn acquire<'a>(
        &'a self,
        next: &'a dyn Backend,
        key: &'a str,
        lease: Lease,
        claim: Claim<'a>,
        context: Context,
    ) -> Answer<'a, Acquired> {
        self.fail(&self.0.writes, || next.acquire(key, lease, claim, context))
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.fail(&self.0.writes, || next.commit(put, token, context))
    }

    fn delete<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.fail(&self.0.removals, || next.delete(key, context))
    }

    fn delete_many<'a>(&'a self, next: &'a dyn Backend, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        if keys.len() > self.0.most.load(Ordering::SeqCst) {
            self.0.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Error::timeout("there are too many")).into();
        }
        self.fail(&self.0.removals, || next.delete_many(keys, context))
    }
}

/// A region over a store that works so far, whose epochs are there.
fn region(faulty: &Faulty) -> Region {
    let breaker = Breaker::new().pause(Duration::from_millis(5));
    let region = Region::builder("faulty").ttl(TTL).backend(Memory::new()).wrap(faulty.clone()).breaker(breaker);
    let region = region.build().unwrap();
    assert_eq!(region.get::<u64>("warm").unwrap(), None);
    region
}

#[test]
fn where_a_ping_is_answered_and_no_read_the_function_is_spared_all_the_same() {
    let (faulty, made) = (Faulty::default(), Counted::default());
    let region = region(&faulty);
    Faulty::set(&faulty.0.reads, true);
    for _ in 0..100 {
        region.get_or_create("hot", || made.run());
        std::thread::yield_now();
    }
    assert_eq!(made.runs(), 1);
}

#[test]
fn where_values_are_taken_and_no_lease_is_lent_the_function_is_spared_all_the_same() {
    let (faulty, made) = (Faulty::default(), Counted::default());
    let region = region(&faulty);
    Faulty::set(&faulty.0.writes, true);
    for _ in 0..100 {
        region.get_or_create("hot", || made.run());
        std::thread::yield_now();
    }
    assert_eq!(made.runs(), 1);
}

#[test]
fn what_stands_in_stays_as_long_as_anything_fails() {
    let (faulty, made) = (Faulty::default(), Counted::default());
    let region = region(&faulty);
    Faulty::set(&faulty.0.writes, true);
    for _ in 0..20 {
        region.get_or_create("hot", || made.run());
        Faulty::set(&faulty.0.reads, true);
        assert_eq!(region.get::<u64>("other").unwrap(), None);
        Faulty::set(&faulty.0.reads, false);
        assert_eq!(region.get::<u64>("other").unwrap(), None);
    }
    assert_eq!(made.runs(), 1);
}

#[test]
fn what_stands_in_goes_with_the_settings() {
    const LONG: Duration = Duration::from_secs(3600);
    let (faulty, store) = (Faulty::default(), Memory::new());
    let region = |breaker| Region::builder("replaced").backend(store.clone()).breaker(breaker);
    let one = region(Breaker::new().near(LONG).pause(LONG)).wrap(faulty.clone()).build().unwrap();
    assert_eq!(one.get::<u64>("warm").unwrap(), None);
    Faulty::set(&faulty.0.writes, true);
    assert_eq!((one.get_or_create("k", || 1_u64), one.get_or_create("k", || 2_u64)), (1, 1));
    one.reconfigure(|region| region.ttl(TTL)).unwrap();
    Faulty::set(&faulty.0.writes, false);
    region(Breaker::new()).build().unwrap().set("k", &3_u64).unwrap();
    assert_eq!(one.get_or_create("k", || 2_u64), 3);
}

#[test]
fn a_backend_that_panics_fails_and_is_asked_again_when_it_does_not() {
    let (faulty, made) = (Faulty::default(), Counted::default());
    let region = region(&faulty);
    Faulty::set(&faulty.0.panics, true);
    for _ in 0..10 {
        assert_eq!(region.get_or_create("k", || made.run()), 1);
    }
    assert!(region.stats().backend_errors >= 1);
    Faulty::set(&faulty.0.panics, false);
    until("the backend is asked again", || {
        let before = faulty.asked();
        assert_eq!(region.get::<u64>("other").unwrap(), None);
        faulty.asked() > before
    });
}

/// Panics where a lease is asked for, and where one is given back that may have been granted.
#[derive(Debug)]
struct Leaseless;

impl Proxy for Leaseless {
    fn acquire<'a>(
        &'a self,
        _: &'a dyn Backend,
        _: &'a str,
        _: Lease,
        _: Claim<'a>,
        _: Context,
    ) -> Answer<'a, Acquired> {
        panic!("no lease is lent")
    }

    fn abandon<'a>(&'a self, _: &'a dyn Backend, _: &'a str, _: Token, _: Context) -> Answer<'a, ()> {
        panic!("and none is taken back")
    }
}

#[test]
fn a_backend_that_panics_when_a_lease_is_given_back_is_no_panic_of_the_caller() {
    let region = Region::builder("leaseless").backend(Memory::new()).wrap(Leaseless).build().unwrap();
    assert_eq!(region.get_or_create("k", || 1_u64), 1);
}

/// A value whose writing panics.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Explosive(u64);

impl Serialize for Explosive {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("it cannot be written")
    }
}

#[test]
fn a_value_whose_writing_panics_reaches_its_caller() {
    let region = region(&Faulty::default());
    assert_eq!(region.get_or_create("k", || Explosive(1)), Explosive(1));
    assert!(region.set("k", &Explosive(1)).unwrap_err().is_codec());
}

/// A value whose writing has its own entry forgotten.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Forgetful(u64);

regions! { static FORGETFUL = Region::builder("forgetful").lock(false).backend(Memory::new()); }

impl Serialize for Forgetful {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FORGETFUL.delete("k").unwrap();
        serializer.serialize_u64(self.0)
    }
}

#[test]
fn without_leases_no_value_is_written_while_others_wait_for_its_key() {
    let setting = std::thread::spawn(|| FORGETFUL.set("k", &Forgetful(1)));
    until("it does not wait for itself", || setting.is_finished());
    setting.join().unwrap().unwrap();
    assert_eq!(FORGETFUL.get("k").unwrap(), Some(1_u64));
}

#[test]
fn each_look_up_is_counted_once_where_an_old_value_covers_a_failure() {
    let clock = ManualClock::new();
    let region = Region::builder("counted").ttl(TTL).stale_if_error(10 * TTL).clock(clock.clone());
    let region = region.backend(Memory::new().clock(clock.clone())).build().unwrap();
    region.set("k", &1_u64).unwrap();
    clock.advance(3 * TTL);
    let before = region.stats();
    let all = |stats: cachekit::Stats| stats.hits + stats.stale_hits + stats.misses + stats.coalesced;
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let value = region.try_get_or_create("k", || {
                    until("the others wait, or have been served", || {
                        let served = all(region.stats()) - all(before);
                        cachekit::testing::waiting(&region, "k") as u64 + served >= 7
                    });
                    Err::<u64, _>("down")
                });
                assert_eq!(value, Ok(1));
            });
        }
    });
    assert_eq!(all(region.stats()) - all(before), 8);
}

#[test]
fn callers_who_store_nothing_share_a_computation_too() {
    regions! { static UNSTORED = Region::builder("unstored"); }
    static RUNS: Counted = Counted::new();
    #[expect(dead_code, reason = "only its companions are called")]
    #[cache_on_arguments(region = UNSTORED)]
    fn load(id: u64) -> u64 {
        until("the others wait", || cachekit::testing::waiting(&UNSTORED, load::key(id)) == 7);
        RUNS.run()
    }

    UNSTORED.configure(|r| r.backend(Memory::new())).unwrap();
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| assert_eq!(load::with(cachekit::CallOptions::no_store, 1), 1));
        }
    });
    assert_eq!((RUNS.runs(), load::get(1).unwrap()), (1, None));
}

#[test]
fn the_epoch_of_a_tag_is_kept_as_long_as_what_carries_it() {
    const DAY: Duration = Duration::from_secs(86_400);
    regions! { static WEEKLY = Region::builder("weekly").ttl(Duration::from_secs(7 * 86_400)); }
    static RUNS: Counted = Counted::new();
    #[cache_on_arguments(region = WEEKLY, tags = ["t"])]
    fn load(_id: u64) -> u64 {
        RUNS.run()
    }

    let clock = ManualClock::new();
    WEEKLY.configure(|r| r.clock(clock.clone()).backend(Memory::new().clock(clock.clone()))).unwrap();
    assert_eq!(load(1), 1);
    clock.advance(2 * DAY);
    WEEKLY.invalidate_tag("t").unwrap();
    assert_eq!(load(1), 2);
    clock.advance(2 * DAY);
    assert_eq!(load(1), 2, "fresh for five more days");
}

/// Holds whoever stores a value, once it is armed.
#[derive(Clone, Debug, Default)]
struct Held(Arc<(AtomicBool, AtomicBool, AtomicBool)>);

impl Proxy for Held {
    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        let (armed, came, opened) = &*self.0;
        if armed.swap(false, Ordering::SeqCst) {
            came.store(true, Ordering::SeqCst);
            until("somebody opens", || opened.load(Ordering::SeqCst));
        }
        next.set(put, context)
    }
}

#[test]
fn without_leases_too_an_invalidation_outlasts_what_this_process_is_just_storing() {
    for many in [false, true] {
        let held = Held::default();
        let region = Region::builder("unfenced").ttl(TTL).lock(false).backend(Memory::new()).wrap(held.clone());
        let region = region.build().unwrap();
        assert_eq!(region.get::<u64>("k").unwrap(), None);
        let (armed, came, opened) = &*held.0;
        armed.store(true, Ordering::SeqCst);
        std::thread::scope(|threads| {
            threads.spawn(|| region.get_or_create("k", || 1_u64));
            until("the value is on its way", || came.load(Ordering::SeqCst));
            let deleted = threads.spawn(|| if many { region.delete_many(["k", "j"]) } else { region.delete("k") });
            // Counted before it is carried out.
            until("it is being deleted", || region.stats().invalidations >= 1);
            assert!(!deleted.is_finished(), "it waits for what may come after it");
            opened.store(true, Ordering::SeqCst);
            deleted.join().unwrap().unwrap();
        });
        assert_eq!(region.get_or_create("k", || 2_u64), 2);
    }
}

#[test]
fn without_leases_too_an_invalidation_under_new_settings_outlasts_what_was_being_stored_under_the_old_ones() {
    let held = Held::default();
    let region = Region::builder("resettled").lock(false).backend(Memory::new()).wrap(held.clone()).build().unwrap();
    assert_eq!(region.get::<u64>("k").unwrap(), None);
    let (armed, came, opened) = &*held.0;
    armed.store(true, Ordering::SeqCst);
    std::thread::scope(|threads| {
        threads.spawn(|| region.get_or_create("k", || 1_u64));
        until("the value is on its way", || came.load(Ordering::SeqCst));
        region.reconfigure(|region| region.ttl(TTL)).unwrap();
        let deleted = threads.spawn(|| region.delete("k"));
        until("it is being deleted", || region.stats().invalidations >= 1);
        opened.store(true, Ordering::SeqCst);
        deleted.join().unwrap().unwrap();
    });
    assert_eq!(region.get_or_create("k", || 2_u64), 2);
}
