use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{Error, Invalidation, RefreshAhead, Region, cache_on_arguments, regions};

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
        until("the other waits, since the old value is gone", || waiting(&region, "k") == 1);
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

const SECOND: Duration = Duration::from_secs(1);

/// Asks for `k` with a function that fails.
fn fail(region: &Region) -> Result<u64, &'static str> {
    region.try_get_or_create("k", || Err("down"))
}

#[test]
fn a_value_is_served_for_as_long_as_stale_while_revalidate_says() -> Result<(), Error> {
    let clock = ManualClock::new();
    let build = || Region::builder("swr").ttl(TTL).clock(clock.clone());
    let region = build().stale_while_revalidate(TTL * 10).build()?;
    region.set("k", &1_u64)?;
    clock.advance(TTL * 10);
    while_one_renews(&region, || assert_eq!(region.get_or_create("k", || -> u64 { unreachable!() }), 1));
    Ok(())
}

#[test]
fn where_the_function_fails_an_old_value_is_served_for_as_long_as_stale_if_error_says() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("sie").ttl(TTL).stale_if_error(TTL * 10).clock(clock.clone()).build()?;
    assert_eq!(fail(&region), Err("down"), "there is nothing to serve");
    region.set("k", &1_u64)?;
    clock.advance(TTL * 10 + SECOND * 59);
    assert_eq!(fail(&region), Ok(1));
    clock.advance(SECOND);
    assert_eq!(fail(&region), Err("down"), "too old");
    Ok(())
}

#[test]
fn without_stale_if_error_a_failure_is_returned_however_fresh_the_old_value_was() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    assert_eq!(fail(&region), Err("down"));
    let timeless = Region::builder("sie without ttl").build()?;
    timeless.set("k", &1_u64)?;
    timeless.invalidate(Invalidation::Soft)?;
    assert_eq!(fail(&timeless), Err("down"));
    Ok(())
}

#[test]
fn after_a_failure_that_was_covered_nobody_tries_again_for_a_while_and_each_time_for_longer() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("back-off").ttl(TTL).stale_if_error(TTL * 100).clock(clock.clone()).build()?;
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    let attempts = AtomicU64::new(0);
    let ask = || {
        region.try_get_or_create("k", || {
            attempts.fetch_add(1, Ordering::SeqCst);
            Err::<u64, _>("down")
        })
    };
    let mut pauses = Vec::new();
    let mut since = 0;
    for second in 0..180_u64 {
        let before = attempts.load(Ordering::SeqCst);
        for _ in 0..10 {
            assert_eq!(ask(), Ok(1));
        }
        if attempts.load(Ordering::SeqCst) > before {
            pauses.push(second - since);
            since = second;
        }
        clock.advance(SECOND);
    }
    assert_eq!(pauses, [0, 5, 10, 20, 40, 60]);
    // A success forgets the failures.
    clock.advance(TTL);
    assert_eq!(region.get_or_create("k", || 2_u64), 2);
    clock.advance(TTL);
    assert_eq!(ask(), Ok(2));
    clock.advance(SECOND * 5);
    let before = attempts.load(Ordering::SeqCst);
    assert_eq!(ask(), Ok(2));
    assert_eq!(attempts.load(Ordering::SeqCst), before + 1);
    Ok(())
}

#[test]
fn those_who_wait_for_a_failure_are_served_the_old_value_too() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("sie, shared").ttl(TTL).stale_if_error(TTL * 10).clock(clock.clone()).build()?;
    region.set("k", &1_u64)?;
    clock.advance(TTL * 3);
    let gate = Gate::new();
    let attempts = AtomicU64::new(0);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    region.try_get_or_create("k", || {
                        attempts.fetch_add(1, Ordering::SeqCst);
                        gate.wait();
                        Err::<u64, _>("down")
                    })
                })
            })
            .collect();
        until("all but the leader wait", || waiting(&region, "k") == 9);
        gate.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == Ok(1)));
    });
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    Ok(())
}

#[test]
fn a_hard_invalidation_leaves_nothing_to_cover_a_failure() -> Result<(), Error> {
    let region = Region::builder("sie, hard").ttl(TTL).stale_if_error(TTL * 10).build()?;
    region.set("k", &1_u64)?;
    region.invalidate(Invalidation::Soft)?;
    assert_eq!(fail(&region), Ok(1));
    region.invalidate(Invalidation::Hard)?;
    assert_eq!(fail(&region), Err("down"));
    Ok(())
}

#[test]
fn a_value_is_renewed_ahead_of_its_ttl_by_one_caller() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("ahead").ttl(TTL).refresh_ahead(0.5).clock(clock.clone()).build()?;
    region.set("k", &1_u64)?;
    assert_eq!(region.get_or_create("k", || -> u64 { unreachable!() }), 1);
    clock.advance(TTL / 2);
    while_one_renews(&region, || {
        assert_eq!(region.get_or_create("k", || -> u64 { unreachable!() }), 1);
        assert_eq!(region.get::<u64>("k").unwrap(), Some(1), "it is fresh");
    });
    assert_eq!(region.stats().stale_hits, 0);
    assert_eq!(region.get_or_create("k", || -> u64 { unreachable!() }), 2);
    Ok(())
}

#[test]
fn a_renewal_ahead_that_fails_is_covered_and_tried_again_later() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("ahead, failing").ttl(TTL).refresh_ahead(0.5).clock(clock.clone()).build()?;
    region.set("k", &1_u64)?;
    clock.advance(TTL / 2);
    assert_eq!(fail(&region), Ok(1));
    assert_eq!(region.get_or_create("k", || -> u64 { unreachable!("too early") }), 1);
    clock.advance(SECOND * 5);
    assert_eq!(region.get_or_create("k", || 2_u64), 2);
    Ok(())
}

#[test]
fn in_one_process_a_probabilistic_renewal_happens_once_per_expiry() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region =
        Region::builder("xfetch").ttl(TTL).refresh_ahead(RefreshAhead::XFetch(1.0)).clock(clock.clone()).build()?;
    let runs = AtomicU64::new(0);
    let ask = || {
        region.get_or_create("k", || {
            clock.advance(SECOND);
            runs.fetch_add(1, Ordering::SeqCst)
        })
    };
    ask();
    // Each value lives about a minute and is asked for every tenth of a second.
    for _ in 0..6_000 {
        clock.advance(SECOND / 10);
        ask();
    }
    let renewals = runs.load(Ordering::SeqCst) - 1;
    assert!((9..=13).contains(&renewals), "{renewals} in ten minutes");
    assert_eq!(region.stats().stale_hits, 0);
    Ok(())
}

#[test]
fn jitter_spreads_the_ends_of_ttls() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("jitter").ttl(TTL).jitter(0.5).clock(clock.clone()).build()?;
    for key in 0..1_000_u64 {
        region.set(key.to_string(), &key)?;
    }
    let fresh = || (0..1_000_u64).filter(|key| region.get::<u64>(key.to_string()).unwrap().is_some()).count();
    clock.advance(SECOND * 59);
    assert_eq!(fresh(), 1_000);
    clock.advance(SECOND + TTL / 4);
    assert!((400..600).contains(&fresh()), "{} are fresh", fresh());
    clock.advance(TTL / 4);
    assert_eq!(fresh(), 0);
    Ok(())
}

#[test]
fn staleness_that_makes_no_sense_is_refused() {
    let refused = |builder: cachekit::RegionBuilder, word: &str| {
        let error = builder.build().unwrap_err();
        assert!(error.is_settings() && error.to_string().contains(word), "{error}");
    };
    refused(Region::builder("r").refresh_ahead(1.5), "refresh_ahead");
    refused(Region::builder("r").refresh_ahead(0.0), "refresh_ahead");
    refused(Region::builder("r").refresh_ahead(f64::NAN), "refresh_ahead");
    refused(Region::builder("r").refresh_ahead(RefreshAhead::XFetch(-1.0)), "XFetch");
    refused(Region::builder("r").jitter(2.0), "jitter");
    refused(Region::builder("r").retry_after(SECOND * 2, SECOND), "retry_after");
}

#[test]
fn a_function_overrides_the_staleness_of_its_region() -> Result<(), Error> {
    regions! { static OVERRIDDEN = Region::builder("staleness overridden").ttl(TTL); }
    #[cache_on_arguments(region = OVERRIDDEN, stale_if_error = "10m", skip(fails))]
    fn forgiving(id: u64, fails: bool) -> Result<u64, &'static str> {
        if fails { Err("down") } else { Ok(id) }
    }
    #[cache_on_arguments(region = OVERRIDDEN, skip(fails))]
    fn strict(id: u64, fails: bool) -> Result<u64, &'static str> {
        if fails { Err("down") } else { Ok(id) }
    }
    #[cache_on_arguments(region = OVERRIDDEN, jitter = 1.0)]
    fn spread(id: u64) -> u64 {
        id
    }

    let clock = ManualClock::new();
    OVERRIDDEN.configure(|r| r.clock(clock.clone()))?;
    assert_eq!((forgiving(1, false), strict(1, false)), (Ok(1), Ok(1)));
    (0..100).for_each(|id| assert_eq!(spread(id), id));
    clock.advance(TTL);
    assert_eq!((forgiving(1, true), strict(1, true)), (Ok(1), Err("down")));
    assert_eq!(forgiving::refresh(1, true), Err("down"), "who asks for a new value is told that there is none");
    assert_eq!(forgiving::get(1)?, None, "what covers a failure is not fresh");
    assert!((0..100).filter(|id| spread::get(*id).unwrap().is_some()).count() > 50);
    clock.advance(TTL * 10);
    assert_eq!(forgiving(1, true), Err("down"));
    Ok(())
}

#[test]
fn a_value_may_have_a_ttl_of_its_own() -> Result<(), Error> {
    regions! { static OWN_TTL = Region::builder("ttl of values").ttl(TTL); }
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "that is the signature")]
    fn seconds(value: &u64) -> Duration {
        Duration::from_secs(*value)
    }
    #[cache_on_arguments(region = OWN_TTL, ttl_of = seconds)]
    fn by_path(id: u64) -> u64 {
        id
    }
    #[cache_on_arguments(region = OWN_TTL, ttl_of = |value| (*value > 0).then(|| Duration::from_secs(*value)))]
    async fn by_closure(id: u64) -> Result<u64, &'static str> {
        Ok(id)
    }

    let clock = ManualClock::new();
    OWN_TTL.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    assert_eq!((by_path(0), by_path(10)), (0, 10));
    assert_eq!((by_path::get(0)?, by_path::get(10)?), (None, Some(10)), "a ttl of zero stores nothing");
    by_path::set(2, 20)?;
    let left = |id| Ok::<_, Error>(by_path::entry(id).peek()?.and_then(|peek| peek.ttl_left()));
    assert_eq!((left(10)?, left(2)?), (Some(SECOND * 10), Some(SECOND * 20)));

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert_eq!((by_closure(0).await, by_closure(5).await), (Ok(0), Ok(5)));
        let left = async |id| by_closure::entry(id).peek().await.unwrap().unwrap().ttl_left().unwrap();
        assert_eq!(
            (left(0).await, left(5).await),
            (TTL, SECOND * 5),
            "`None` is the ttl of the function or its region"
        );
    });
    Ok(())
}
