use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Error, Invalidation, Region, cache_on_arguments, regions};

regions! {
    static SMALL = Region::builder("small").capacity(1_000);
    static ENDLESS = Region::builder("endless").capacity(usize::MAX);
}

/// Values that are alive.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Tracked(u64);

impl Tracked {
    fn new(value: u64) -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self(value)
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Self {
        Self::new(self.0)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_region_never_holds_more_than_its_capacity_over_all_its_functions() {
    #[cache_on_arguments(region = "small")]
    fn one(id: u64) -> u64 {
        id
    }
    #[cache_on_arguments(region = "small", in_memory)]
    fn two(id: u64) -> Tracked {
        Tracked::new(id)
    }
    #[cache_on_arguments(region = "small")]
    fn three(text: &str) -> usize {
        text.len()
    }

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..2_u64)
            .map(|caller| {
                scope.spawn(move || {
                    for id in (caller * 166_667)..(caller + 1) * 166_667 {
                        assert_eq!(one(id), id);
                        assert_eq!(two(id).0, id);
                        assert_eq!(three(&id.to_string()), id.to_string().len());
                    }
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                most = most.max(SMALL.stats().entries);
                thread::yield_now();
            }
            most
        });
        for caller in callers {
            caller.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        assert!(watcher.join().unwrap() <= 1_000);
    });
    let stats = SMALL.stats();
    assert!((900..=1_000).contains(&stats.entries), "{stats}");
    assert_eq!(stats.creations - stats.evictions, stats.entries);
    // Evicted values are dropped in time; some wait for their thread to come by again.
    assert!(ALIVE.load(Ordering::SeqCst) <= 2_000, "{} values are alive", ALIVE.load(Ordering::SeqCst));
}

#[test]
fn entries_that_are_used_stay_while_others_pass_by() -> Result<(), Error> {
    let region = Region::builder("scanned").capacity(100).build()?;
    for round in 0..100_u64 {
        for hot in 0..20_u64 {
            region.get_or_create(format!("hot {hot}"), || hot);
        }
        for cold in 0..20_u64 {
            region.get_or_create(format!("cold {round} {cold}"), || cold);
        }
    }
    let kept = (0..20_u64).filter(|hot| region.get::<u64>(format!("hot {hot}")).unwrap().is_some()).count();
    assert_eq!(kept, 20);
    Ok(())
}

#[test]
fn a_part_of_a_loop_that_is_longer_than_the_region_stays() -> Result<(), Error> {
    let region = Region::builder("looped").capacity(100).build()?;
    for _ in 0..10 {
        for id in 0..300_u64 {
            region.get_or_create(format!("{id}"), || id);
        }
    }
    let stats = region.stats();
    // A queue by age alone drops each just before it comes again; what could be kept for ever is 900 hits.
    assert!(stats.hits > 450, "{stats:?}");
    Ok(())
}

#[test]
fn entries_that_have_gone_leave_free_room_to_those_that_come() -> Result<(), Error> {
    let region = Region::builder("emptied").capacity(100).build()?;
    for round in ["first", "second", "third"] {
        for id in 0..100_u64 {
            region.set(format!("{round} {id}"), &id)?;
        }
        let stored = (0..100).filter(|id| region.get::<u64>(format!("{round} {id}")).unwrap().is_some()).count();
        assert_eq!((stored, region.stats().evictions), (100, 0));
        region.invalidate(Invalidation::Hard)?;
    }
    Ok(())
}

#[test]
fn a_region_without_limit_evicts_nothing() {
    #[cache_on_arguments(region = "endless")]
    fn load(id: u64) -> u64 {
        id
    }

    for id in 0..50_000 {
        load(id);
    }
    assert_eq!((ENDLESS.stats().entries, ENDLESS.stats().evictions), (50_000, 0));
}

#[test]
fn invalidated_and_replaced_entries_give_their_room_back() -> Result<(), Error> {
    let region = Region::builder("churn").capacity(10).build()?;
    for round in 0..10_000_u64 {
        region.set("same", &round)?;
        region.set(format!("{}", round % 5), &round)?;
        region.delete(format!("{}", round % 5))?;
    }
    assert_eq!((region.stats().entries, region.stats().evictions), (1, 0));
    for other in 0..9_u64 {
        region.set(format!("other {other}"), &other)?;
    }
    assert_eq!((region.stats().entries, region.stats().evictions), (10, 0));
    Ok(())
}

#[test]
fn a_smaller_capacity_takes_hold_with_the_next_entry() -> Result<(), Error> {
    let region = Region::builder("shrunk").capacity(100).build()?;
    for key in 0..100_u64 {
        region.set(key.to_string(), &key)?;
    }
    region.reconfigure(|r| r.capacity(10))?;
    region.set("one more", &1_u64)?;
    assert_eq!(region.stats().entries, 10);
    Ok(())
}

#[test]
fn every_entry_can_be_evicted_after_many_threads_have_stored_at_once() -> Result<(), Error> {
    for capacity in [4, 100, 1_000] {
        let region = Region::builder("churned").capacity(capacity).build()?;
        thread::scope(|scope| {
            for caller in 0..8 {
                let region = &region;
                scope.spawn(move || {
                    for id in 0..5_000_u64 {
                        region.get_or_create(format!("{caller}/{id}"), || id);
                    }
                });
            }
        });
        let newest = capacity as u64 * 20;
        for id in 0..=newest {
            // Twice, since what is met once displaces nothing that has its place.
            for _ in 0..2 {
                region.get_or_create(format!("new {id}"), || id);
            }
        }
        assert_eq!(region.get::<u64>(format!("new {newest}"))?, Some(newest));
        let old = (0..8).flat_map(|caller| (0..5_000).map(move |id| format!("{caller}/{id}")));
        let left = old.filter(|key| region.get::<u64>(key).unwrap().is_some()).count();
        assert_eq!(left, 0, "of {capacity}");
    }
    Ok(())
}

#[test]
fn a_value_that_asks_for_the_key_that_is_being_stored_when_it_is_dropped_does_no_harm() {
    regions! { static ASKING = Region::builder("asking").capacity(8); }
    static CURRENT: AtomicUsize = AtomicUsize::new(0);
    #[derive(Clone)]
    struct Asking;
    impl Drop for Asking {
        fn drop(&mut self) {
            number(CURRENT.load(Ordering::SeqCst));
        }
    }
    #[cache_on_arguments(region = ASKING)]
    fn number(n: usize) -> usize {
        n
    }
    #[cache_on_arguments(region = ASKING, in_memory)]
    fn asking(_n: usize) -> Asking {
        Asking
    }

    for n in 0..10_000 {
        // Only what the region holds is dropped.
        std::mem::forget(asking(2 * n));
        std::mem::forget(asking(2 * n + 1));
        CURRENT.store(n, Ordering::SeqCst);
        assert_eq!(number(n), n);
    }
}

#[test]
fn a_value_that_uses_the_cache_when_it_is_dropped_does_no_harm() -> Result<(), Error> {
    #[derive(Clone)]
    struct Nosy(Region);
    impl Drop for Nosy {
        fn drop(&mut self) {
            self.0.get_or_create("seen by a drop", || 1_u64);
        }
    }
    regions! { static NOSY = Region::builder("nosy").capacity(2); }
    #[cache_on_arguments(region = "nosy", in_memory)]
    fn load(_id: u64) -> Nosy {
        Nosy(NOSY.clone())
    }

    for id in 0..1_000 {
        drop(load(id));
        load::invalidate(id / 2)?;
        drop(load::refresh(id / 3));
    }
    Ok(())
}

#[test]
fn an_old_value_that_asks_for_its_key_when_it_is_dropped_does_no_harm() {
    static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    const TTL: Duration = Duration::from_secs(10);
    regions! { static AGING = Region::builder("aging").ttl(TTL).stale_if_error(20 * TTL).clock(CLOCK.clone()); }
    thread_local! {
        static ASKS: Cell<bool> = const { Cell::new(false) };
    }
    #[derive(Clone)]
    struct Asking;
    impl Drop for Asking {
        fn drop(&mut self) {
            if ASKS.take() {
                load(1);
            }
        }
    }
    #[cache_on_arguments(region = AGING, in_memory)]
    fn load(_id: u64) -> Asking {
        Asking
    }

    load(1);
    // Whoever asks now waits for a computation, and the old value is there for the case that it fails.
    CLOCK.advance(10 * TTL);
    ASKS.set(true);
    load(1);
    assert!(!ASKS.get());
}

#[test]
fn functions_that_call_one_another_nest_deeply() {
    #[cache_on_arguments(region = "endless")]
    fn depth(n: u64) -> u64 {
        if n == 0 { 0 } else { depth(n - 1) + 1 }
    }

    // 8 KiB a level, without optimisation.
    let deep = thread::Builder::new().stack_size(8 << 20).spawn(|| depth(1_000)).unwrap();
    assert_eq!(deep.join().unwrap(), 1_000);
}
