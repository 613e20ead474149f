//! What a call costs in round trips, as `docs/backends.md` says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use cachekit::{Invalidation, Key, Proxy, Region, RegionBuilder};
use cachekit_backends::scoped::{Scope, Scoped};

use crate::support::{Processes, TTL};

/// Counts what a server is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trips(Arc<AtomicU64>);

macro_rules! counts {
    ($($name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        impl Proxy for Trips {$(
            fn $name<'a>(&'a self, next: &'a dyn Backend, $($argument: $type,)* context: Context) -> Answer<'a, $output> {
                self.0.fetch_add(1, Ordering::SeqCst);
                next.$name($($argument,)* context)
            }
        )*}
    };
}

counts! {
    get(key: &'a str) -> Option<Content>;
    set(put: Put<'a>) -> ();
    delete(key: &'a str) -> ();
    get_many(keys: &'a [&'a str]) -> Vec<Option<Content>>;
    set_many(puts: &'a [Put<'a>]) -> ();
    delete_many(keys: &'a [&'a str]) -> ();
    add(put: Put<'a>) -> Content;
    patch(key: &'a str, patch: Patch) -> bool;
    acquire(key: &'a str, lease: Lease, claim: Claim<'a>) -> Acquired;
    commit(put: Put<'a>, token: Token) -> bool;
    renew(key: &'a str, lease: Lease) -> bool;
    abandon(key: &'a str, token: Token) -> ();
    add_many(puts: &'a [Put<'a>]) -> Vec<Content>;
    acquire_many(leases: &'a [(&'a str, Lease, Claim<'a>)]) -> Vec<Acquired>;
    commit_many(puts: &'a [(Put<'a>, Token)]) -> Vec<bool>;
    abandon_many(leases: &'a [(&'a str, Token)]) -> ();
    ping() -> ();
}

impl Trips {
    /// How many it takes.
    pub(crate) fn of(&self, work: impl FnOnce()) -> u64 {
        let before = self.count();
        work();
        self.count() - before
    }

    /// How many it were so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn counted(processes: &Processes, settings: impl FnOnce(RegionBuilder) -> RegionBuilder) -> (Region, Trips) {
    let trips = Trips::default();
    let region = processes.with(|region| settings(region.wrap(trips.clone())));
    // The first call finds no epoch of the region, and creates one.
    assert_eq!(trips.of(|| assert_eq!(region.get::<u64>("nothing").unwrap(), None)), 2);
    (region, trips)
}

#[test]
fn each_call_takes_as_many_round_trips_as_the_documentation_says() {
    let processes = Processes::new();
    let (region, trips) = counted(&processes, |region| region);
    let other = processes.region();
    let call = || assert_eq!(region.get_or_create("k", || 5), 5);
    assert_eq!(trips.of(call), 3, "a cold miss");
    assert_eq!(trips.of(call), 1, "a hit");
    assert_eq!(trips.of(|| assert_eq!(region.get::<i32>("k").unwrap(), Some(5))), 1, "get");
    assert_eq!(trips.of(|| assert_eq!(region.get_many::<i32>(["k", "a", "b"]).unwrap().len(), 3)), 1, "get_many");
    processes.clock.advance(TTL);
    assert_eq!(trips.of(call), 3, "a value past its ttl");
    processes.clock.advance(TTL);
    other.get_or_create("k", || {
        assert_eq!(trips.of(call), 2, "an old value while another process computes");
        5
    });
    processes.clock.advance(TTL);
    region.get_or_create("k", || {
        let old = std::thread::scope(|threads| threads.spawn(|| trips.of(call)).join().unwrap());
        assert_eq!(old, 1, "an old value while another caller of this process computes");
        5
    });
    assert_eq!(trips.of(|| region.set("k", &6).unwrap()), 2, "set");
    assert_eq!(trips.of(|| region.set_many([("a", &1), ("b", &2), ("c", &3)]).unwrap()), 2, "set_many");
    assert_eq!(trips.of(|| region.delete("k").unwrap()), 1, "delete");
    assert_eq!(trips.of(|| region.delete_many(["a", "b", "c"]).unwrap()), 1, "delete_many");
    assert_eq!(trips.of(|| region.invalidate(Invalidation::Soft).unwrap()), 1, "a soft invalidation");
    assert_eq!(trips.of(|| region.invalidate(Invalidation::Hard).unwrap()), 1, "a hard invalidation");
    assert_eq!(trips.of(call), 4, "a cold miss after it, which creates the epoch");
}

#[test]
fn tags_take_a_round_trip_each_where_a_process_stores_them_first() {
    let processes = Processes::new();
    let (region, trips) = counted(&processes, |region| region);
    let call = |key: &str| {
        let key = Key::from(key).tagged(["one", "other"]);
        trips.of(|| assert_eq!(region.get_or_create(key, || 5), 5))
    };
    assert_eq!(call("first"), 3 + 2 + 2, "created, and kept long enough");
    assert_eq!((call("first"), call("second"), call("second")), (1, 3, 1));
    let many = || assert_eq!(region.get_many::<i32>(["first", "second"]).unwrap(), [Some(5), Some(5)]);
    assert_eq!(trips.of(many), 2, "the tags of those that were found are asked for together");
    assert_eq!(trips.of(|| region.invalidate_tag("one").unwrap()), 1);
    assert_eq!(trips.of(|| region.invalidate_tags(["one", "other"]).unwrap()), 1);
}

#[test]
fn the_near_tier_takes_none_and_a_region_without_leases_one_less() {
    let processes = Processes::new();
    let (near, trips) = counted(&processes, |region| region.near(Duration::from_secs(5)));
    let call = || assert_eq!(near.get_or_create("k", || 5), 5);
    assert_eq!((trips.of(call), trips.of(call)), (3, 0));
    processes.clock.advance(Duration::from_secs(5));
    assert_eq!((trips.of(call), trips.of(call)), (1, 0), "read again, and kept again");

    let trips = Trips::default();
    let region = processes.with(|region| region.lock(false).wrap(trips.clone()));
    assert_eq!(trips.of(|| assert_eq!(region.get_or_create("l", || 5), 5)), 2);

    let trips = Trips::default();
    let region = Region::builder("scoped trips").backend(Scoped::new()).wrap(trips.clone()).build().unwrap();
    let call = || assert_eq!(region.get_or_create("k", || 5), 5);
    Scope::new().enter(|| assert_eq!((trips.of(call), trips.of(call)), (3, 1), "and the epoch of the region"));
    Scope::new().enter(|| assert_eq!((trips.of(call), trips.of(call)), (2, 1)));
}
