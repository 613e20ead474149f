//! How often a region asks its store, once scripts and epochs are there.

use std::collections::HashMap;
use std::thread;

use cachekit::{Invalidation, Key, Region, cache_multi_on_arguments, cache_on_arguments, regions};
use cachekit_test_servers::{Proxy, RedisServer};

use crate::support::{Callers, Counted, patient, process, redis};

regions! {
    static TAGGED = Region::builder("tagged");
    static MANY = Region::builder("many");
}

#[cache_multi_on_arguments(region = MANY)]
fn twofold(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, id * 2)).collect()
}

#[cache_multi_on_arguments(region = MANY)]
async fn twofold_async(ids: &[u64]) -> HashMap<u64, u64> {
    twofold::original(ids)
}

#[cache_multi_on_arguments(region = MANY, tags = ["number:{ids}", "numbers"])]
fn tagged_many(ids: &[u64]) -> Result<Vec<u64>, String> {
    if ids.contains(&1313) { Err("unlucky".to_owned()) } else { Ok(ids.to_vec()) }
}

#[cache_on_arguments(region = TAGGED, tags = ["number:{n}", "numbers"])]
fn tenfold(n: u64) -> u64 {
    n * 10
}

#[cache_on_arguments(region = TAGGED, tags = ["number:{n}", "numbers"])]
async fn tenfold_async(n: u64) -> u64 {
    n * 10
}

/// A process whose round trips are counted.
struct Observed {
    callers: Callers,
    proxy: Proxy,
    region: Region,
    other: Region,
    _server: RedisServer,
}

impl Observed {
    fn both() -> [Self; 2] {
        Callers::both().map(|callers| {
            let server = RedisServer::start();
            let proxy = Proxy::before(server.port());
            let [region, other] = [proxy.port(), server.port()].map(|port| patient(process(port)).build().unwrap());
            let observed = Self { callers, proxy, region, other, _server: server };
            observed.warm();
            observed
        })
    }

    /// The connection, the scripts and the epochs are there from here on.
    fn warm(&self) {
        let Self { callers, region, .. } = self;
        callers.get_or_create(region, Key::from("warm").tagged(["tag"]), || 1);
        callers.set(region, "warm", 1).unwrap();
        callers.invalidate(region, Invalidation::Soft).unwrap();
        callers.get_or_create(region, "warm", || 1);
    }

    fn count<T>(&self, of: impl FnOnce() -> T) -> (T, u64) {
        let before = self.proxy.round_trips();
        let value = of();
        (value, self.proxy.round_trips() - before)
    }
}

#[test]
fn a_hit_is_one_and_a_miss_three() {
    for observed in Observed::both() {
        let Observed { callers, region, .. } = &observed;
        let call = |expected| observed.count(|| assert_eq!(callers.get_or_create(region, "k", || 1), expected)).1;
        assert_eq!((call(1), call(1)), (3, 1));
        assert_eq!(observed.count(|| callers.get(region, "k").unwrap()), (Some(1), 1));
    }
}

#[test]
fn a_set_is_two_and_an_invalidation_one() {
    for observed in Observed::both() {
        let Observed { callers, region, other, .. } = &observed;
        assert_eq!(observed.count(|| callers.set(region, "k", 1).unwrap()).1, 2);
        assert_eq!(callers.get(other, "k").unwrap(), Some(1));
        assert_eq!(observed.count(|| callers.delete(region, "k").unwrap()).1, 1);
        assert_eq!(observed.count(|| callers.invalidate(region, Invalidation::Hard).unwrap()).1, 1);
        assert_eq!(observed.count(|| callers.invalidate(region, Invalidation::Soft).unwrap()).1, 1);
        assert_eq!(observed.count(|| callers.invalidate_tag(region, "tag").unwrap()).1, 1);
        assert_eq!(callers.get(other, "k").unwrap(), None);
    }
}

#[test]
fn many_keys_are_one() {
    for observed in Observed::both() {
        let Observed { callers, region, other, .. } = &observed;
        let keys: Vec<String> = (0..100).map(|number| format!("k{number}")).collect();
        for (number, key) in (0..).zip(&keys).filter(|(number, _)| number % 3 > 0) {
            callers.set(other, key, number).unwrap();
        }
        let (found, round_trips) = observed.count(|| callers.get_many(region, &keys).unwrap());
        assert_eq!(found, (0..100).map(|number| (number % 3 > 0).then_some(number)).collect::<Vec<_>>());
        assert_eq!(round_trips, 1);
    }
}

#[test]
fn an_old_value_while_another_process_computes_is_two() {
    for observed in Observed::both() {
        let Observed { callers, region, other, .. } = &observed;
        let made = Counted::default();
        callers.set(other, "k", 7).unwrap();
        callers.invalidate(other, Invalidation::Soft).unwrap();
        // The epoch is there, and the connection.
        callers.get_or_create(region, "warm", || 1);
        other.get_or_create("k", || {
            let (value, round_trips) = thread::scope(|scope| {
                let count = || observed.count(|| callers.get_or_create(region, "k", || made.run()));
                scope.spawn(count).join().unwrap()
            });
            assert_eq!((value, round_trips), (7, 2));
            1_u64
        });
        assert_eq!(made.runs(), 0);
    }
}

#[test]
fn a_hit_with_tags_is_one() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let backend = redis(proxy.port());
    TAGGED.configure(|region| patient(region).backend(backend)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (by_thread, by_task) = (|| tenfold(4), || runtime.block_on(tenfold_async(4)));
    for call in [&by_thread as &dyn Fn() -> u64, &by_task] {
        assert_eq!(call(), 40);
        let before = proxy.round_trips();
        assert_eq!(call(), 40);
        assert_eq!(proxy.round_trips() - before, 1);
    }
    let before = proxy.round_trips();
    assert_eq!(tenfold::get(4).unwrap(), Some(40));
    assert_eq!(runtime.block_on(tenfold_async::get(4)).unwrap(), Some(40));
    assert_eq!(proxy.round_trips() - before, 2);
}

#[test]
fn a_function_of_many_keys_takes_as_many_as_one_of_one_key() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let backend = redis(proxy.port());
    MANY.configure(|region| patient(region).backend(backend)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let by_task = |ids: &[u64]| runtime.block_on(twofold_async(ids));
    let of = |range: std::ops::Range<u64>| range.collect::<Vec<_>>();
    let count = |work: &dyn Fn()| {
        let before = proxy.round_trips();
        work();
        proxy.round_trips() - before
    };
    for call in [&twofold as &dyn Fn(&[u64]) -> HashMap<u64, u64>, &by_task] {
        // Connections, scripts and the epoch are there from here on.
        call(&[1_000]);
        let hundred = || assert_eq!(call(&of(0..100)), twofold::original(&of(0..100)));
        assert_eq!((count(&hundred), count(&hundred)), (3, 1), "cold, and warm");
        assert_eq!(count(&|| drop(call(&of(50..250)))), 3, "partly cold");
        assert_eq!(count(&|| assert_eq!(call(&of(0..250)).len(), 250)), 1);
    }
    let hundred = of(0..100);
    // The script of this is there from here on.
    twofold::set([(1_000, 1)]).unwrap();
    assert_eq!(count(&|| assert_eq!(twofold::get(&hundred).unwrap().len(), 100)), 1);
    assert_eq!(count(&|| twofold::invalidate(&hundred).unwrap()), 1);
    assert_eq!(count(&|| twofold::set((0..100).map(|id| (id, 7))).unwrap()), 2);
    assert_eq!(count(&|| assert_eq!(twofold(&hundred)[&99], 7)), 1);
    assert_eq!(count(&|| assert_eq!(twofold::refresh(&hundred)[&99], 198)), 3);
    let tagged = || assert_eq!(tagged_many(&hundred), Ok(of(0..100)));
    tagged_many(&[1_000]).unwrap();
    assert_eq!(count(&tagged), 5, "the epochs of the tags are created, and kept as long as the entries");
    assert_eq!(count(&tagged), 1);
    MANY.invalidate_tag("number:5").unwrap();
    assert_eq!(tagged_many(&[4, 5, 1313]), Err("unlucky".to_owned()));
    assert_eq!(count(&|| assert_eq!(tagged_many(&of(101..200)).unwrap().len(), 99)), 5);
    // Those whose tags are new ask for their leases after the others.
    assert_eq!(count(&|| drop(tagged_many(&[1313, 4, 5, 300, 301]))), 5, "leases are given back in one");
}
