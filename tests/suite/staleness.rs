use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Error, Invalidation, Region};

use crate::support::{Gate, until};

const TTL: Duration = Duration::from_secs(60);

fn region(clock: &ManualClock) -> Region {
    Region::builder("staleness").ttl(TTL).clock(clock.clone()).build().unwrap()
}

/// Renews `k` in one thread and meanwhile calls `others`.
fn while_one_renews(region: &Region, others: impl FnOnce()) {
    let (gate, begun) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            region.get_or_create("k", || {
                begun.open();
                gate.wait();
                2_u64
            })
        });
        begun.wait();
        others();
        gate.open();
        assert_eq!(leader.join().unwrap(), 2);
    });
}

#[test]
fn past_the_ttl_one_caller_computes_and_the_others_are_served_the_old_value_at_once() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    while_one_renews(&region, || {
        for _ in 0..10 {
            assert_eq!(region.get_or_create("k", || -> u64 { unreachable!("only one computes") }), 1);
        }
        assert_eq!(region.get::<u64>("k").unwrap(), None, "`get` gives fresh values only");
    });
    assert_eq!(region.get::<u64>("k")?, Some(2));
    let stats = region.stats();
    assert_eq!((stats.stale_hits, stats.creations), (10, 1));
    Ok(())
}

#[test]
fn a_value_is_kept_past_its_ttl_for_as_long_again() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    region.set("k", &1_u64)?;
    clock.advance(TTL * 2);
    let calls = AtomicU64::new(0);
    let (gate, begun) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let call = || {
            region.get_or_create("k", || {
                calls.fetch_add(1, Ordering::SeqCst);
                begun.open();
                gate.wait();
                2_u64
            })
        };
        let leader = scope.spawn(call);
        begun.wait();
        let follower = scope.spawn(call);
        until("the other waits, since the old value is gone", || cachekit::testing::waiting(&region, "k") == 1);
        gate.open();
        assert_eq!((leader.join().unwrap(), follower.join().unwrap()), (2, 2));
    });
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    Ok(())
}

#[test]
fn a_soft_invalidation_serves_the_old_value_while_one_renews_also_without_a_ttl() -> Result<(), Error> {
    let region = Region::builder("staleness without ttl").build()?;
    region.set("k", &1_u64)?;
    region.invalidate(Invalidation::Soft)?;
    assert_eq!(region.get::<u64>("k")?, None);
    while_one_renews(&region, || assert_eq!(region.get_or_create("k", || -> u64 { unreachable!() }), 1));
    assert_eq!(region.get::<u64>("k")?, Some(2));
    Ok(())
}

#[test]
fn a_soft_invalidation_never_turns_a_hard_one_back() -> Result<(), Error> {
    let region = Region::builder("hard stays hard").build()?;
    region.set("k", &1_u64)?;
    region.invalidate(Invalidation::Hard)?;
    region.invalidate(Invalidation::Soft)?;
    assert_eq!(region.try_get_or_create::<u64, _>("k", || Err("computed")), Err("computed"));
    Ok(())
}

#[test]
fn a_renewal_that_fails_keeps_the_old_value_for_those_who_meet_the_next_one() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    assert_eq!(region.try_get_or_create::<u64, _>("k", || Err("down")), Err("down"));
    while_one_renews(&region, || assert_eq!(region.get_or_create("k", || -> u64 { unreachable!() }), 1));
    Ok(())
}

#[test]
fn a_fresh_value_starts_its_ttl_at_the_end_of_the_computation() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    region.get_or_create("k", || {
        clock.advance(TTL * 10);
        1_u64
    });
    clock.advance(TTL / 2);
    assert_eq!(region.get::<u64>("k")?, Some(1));
    clock.advance(TTL / 2);
    assert_eq!(region.get::<u64>("k")?, None);
    Ok(())
}

#[test]
fn a_ttl_of_zero_stores_nothing() -> Result<(), Error> {
    let region = Region::builder("zero").ttl(Duration::ZERO).build()?;
    region.get_or_create("k", || 1_u64);
    region.set("k", &2_u64)?;
    assert_eq!(region.stats().entries, 0);
    Ok(())
}
