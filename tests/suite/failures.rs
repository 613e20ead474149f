//! After a failure: how long nobody tries again, which error is remembered meanwhile, and what ends either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{CallOptions, Error, Invalidation, Region, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, Later, until};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// What a function gives that is asked for it.
type Answer = Result<u64, &'static str>;

const DOWN: Answer = Err("down");

/// A computation that nobody is to begin.
fn unwanted() -> Answer {
    unreachable!("nobody tries again so soon")
}

/// Holds a call that fails until `meanwhile` is done, and gives what its caller got.
fn overtaken(call: impl FnOnce(&dyn Fn() -> Answer) -> Answer + Send, meanwhile: impl FnOnce()) -> Answer {
    let (begun, gate) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let _at_last = AtLast(&gate);
        let caller = scope.spawn(|| {
            call(&|| {
                begun.open();
                gate.wait();
                DOWN
            })
        });
        begun.wait();
        meanwhile();
        gate.open();
        caller.join().unwrap()
    })
}

#[test]
fn an_error_hides_no_value_that_is_served_while_it_is_renewed() -> Result<(), Error> {
    regions! { static HIDDEN = Region::builder("hidden by an error").ttl(TTL); }
    #[cache_on_arguments(region = HIDDEN, error_ttl = "30s", stale_while_revalidate = "1h", skip(answer))]
    fn load(answer: Answer) -> Result<u64, &'static str> {
        answer
    }

    let clock = ManualClock::new();
    HIDDEN.reconfigure(|r| r.clock(clock.clone()).runner(Later::default()))?;
    load(Ok(1)).unwrap();
    clock.advance(TTL);
    assert_eq!((load::with(CallOptions::must_be_fresh, DOWN), load(DOWN)), (DOWN, Ok(1)));
    assert_eq!((load::refresh(DOWN), load(DOWN)), (DOWN, Ok(1)));
    Ok(())
}

#[test]
fn one_failure_answers_those_who_must_have_a_fresh_value_and_those_who_take_an_old_one() -> Result<(), Error> {
    regions! { static SHARED = Region::builder("one failure").ttl(TTL).stale_if_error(TTL * 60); }
    #[cache_on_arguments(region = SHARED, skip(compute))]
    fn load(compute: &dyn Fn() -> Answer) -> Result<u64, &'static str> {
        compute()
    }

    let (clock, gate, attempts) = (ManualClock::new(), Gate::new(), AtomicU64::new(0));
    SHARED.reconfigure(|r| r.clock(clock.clone()))?;
    load::set(1)?;
    clock.advance(TTL * 3);
    let attempt = || {
        attempts.fetch_add(1, Ordering::SeqCst);
        gate.wait();
        DOWN
    };
    thread::scope(|scope| {
        let _at_last = AtLast(&gate);
        let strict: Vec<_> = (0..5).map(|_| scope.spawn(|| load::with(CallOptions::must_be_fresh, &attempt))).collect();
        let lenient: Vec<_> = (0..5).map(|_| scope.spawn(|| load(&attempt))).collect();
        until("all but the leader wait", || waiting(&SHARED, load::key()) == 9);
        gate.open();
        assert!(strict.into_iter().all(|caller| caller.join().unwrap() == DOWN));
        assert!(lenient.into_iter().all(|caller| caller.join().unwrap() == Ok(1)));
    });
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    Ok(())
}

#[test]
fn a_failure_that_something_newer_has_overtaken_makes_nobody_pause() -> Result<(), Error> {
    regions! {
        static NEWER = Region::builder("newer").ttl(TTL).stale_if_error(TTL * 100).retry_after(TTL * 50, TTL * 50);
    }
    #[cache_on_arguments(region = NEWER, skip(compute))]
    fn load(compute: &dyn Fn() -> Answer) -> Result<u64, &'static str> {
        compute()
    }

    let clock = ManualClock::new();
    NEWER.reconfigure(|r| r.clock(clock.clone()))?;
    load::set(1)?;
    clock.advance(TTL);
    assert_eq!(overtaken(|compute| load(compute), || load::expire().unwrap()), Ok(1));
    assert_eq!(load(&|| Ok(2)), Ok(2), "who comes after `expire` renews");
    load::invalidate()?;
    overtaken(|compute| load(compute), || load::set(3).unwrap()).ok();
    clock.advance(TTL);
    assert_eq!(load(&|| Ok(4)), Ok(4), "nothing has failed since the value was set");
    Ok(())
}

#[test]
fn computations_that_fail_past_their_deadline_make_one_pause_no_longer() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("one pause").ttl(TTL).stale_if_error(TTL * 60).deadline(SECOND * 2);
    let region = region.clock(clock.clone()).build()?;
    region.set("k", &1_u64)?;
    clock.advance(TTL * 3);
    let (gate, attempts) = (Gate::new(), AtomicU64::new(0));
    let call = || {
        region.try_get_or_create("k", || {
            attempts.fetch_add(1, Ordering::SeqCst);
            gate.wait();
            DOWN
        })
    };
    thread::scope(|scope| {
        let _at_last = AtLast(&gate);
        for count in 1..=6 {
            scope.spawn(call);
            until("one more computes", || attempts.load(Ordering::SeqCst) == count);
            clock.advance(SECOND * 2);
        }
    });
    assert_eq!(region.try_get_or_create("k", unwanted), Ok(1));
    clock.advance(SECOND * 5);
    assert_eq!(region.try_get_or_create("k", || -> Answer { Ok(2) }), Ok(2));
    Ok(())
}

#[test]
fn attempts_during_a_pause_do_not_lengthen_it() -> Result<(), Error> {
    regions! { static IMPATIENT = Region::builder("impatient").ttl(TTL).stale_if_error(TTL * 60); }
    #[cache_on_arguments(region = IMPATIENT, skip(compute))]
    fn load(compute: &dyn Fn() -> Answer) -> Result<u64, &'static str> {
        compute()
    }

    let clock = ManualClock::new();
    IMPATIENT.reconfigure(|r| r.clock(clock.clone()))?;
    load::set(1)?;
    clock.advance(TTL);
    assert_eq!(load(&|| DOWN), Ok(1));
    for _ in 0..5 {
        assert_eq!(load::refresh(&|| DOWN), DOWN);
        assert_eq!(load::with(CallOptions::must_be_fresh, &|| DOWN), DOWN);
        assert_eq!(load(&unwanted), Ok(1));
        clock.advance(SECOND);
    }
    assert_eq!(load(&|| Ok(2)), Ok(2));
    Ok(())
}

#[test]
fn a_soft_invalidation_ends_a_pause() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("pause, soft").ttl(TTL).stale_if_error(TTL * 60).clock(clock.clone()).build()?;
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    assert_eq!(region.try_get_or_create("k", || DOWN), Ok(1));
    assert_eq!(region.try_get_or_create("k", unwanted), Ok(1));
    region.invalidate(Invalidation::Soft)?;
    assert_eq!(region.try_get_or_create("k", || -> Answer { Ok(2) }), Ok(2));
    Ok(())
}

#[test]
fn callers_who_come_together_share_one_attempt_also_where_it_has_failed_already() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("together").ttl(TTL).stale_if_error(TTL * 60).clock(clock.clone()).build()?;
    // Who looked before the failure may be elected after it: any interleaving gives one attempt.
    for _ in 0..500 {
        region.set("k", &1_u64)?;
        clock.advance(TTL);
        let (attempts, together) = (AtomicU64::new(0), std::sync::Barrier::new(4));
        let call = || {
            together.wait();
            region.try_get_or_create("k", || {
                attempts.fetch_add(1, Ordering::SeqCst);
                DOWN
            })
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(call))));
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
    }
    Ok(())
}

#[test]
fn a_success_forgets_a_remembered_error_also_where_the_value_is_not_stored() {
    regions! { static REJECTED = Region::builder("rejected successes"); }
    #[cache_on_arguments(region = REJECTED, error_ttl = "1h", should_cache = |_: &u64| false, skip(compute))]
    fn load(compute: &dyn Fn() -> Answer) -> Result<u64, &'static str> {
        compute()
    }

    assert_eq!((load(&|| DOWN), load(&unwanted)), (DOWN, DOWN));
    assert_eq!(load::refresh(&|| Ok(1)), Ok(1));
    assert_eq!(load(&|| Ok(2)), Ok(2));
}

#[test]
fn a_call_that_stores_nothing_leaves_no_error_behind() {
    regions! { static UNSTORED = Region::builder("errors not stored"); }
    #[cache_on_arguments(region = UNSTORED, error_ttl = "1h", skip(answer))]
    fn load(answer: Answer) -> Result<u64, &'static str> {
        answer
    }

    assert_eq!(load::with(CallOptions::no_store, DOWN), DOWN);
    assert_eq!(load(Ok(1)), Ok(1));
}

#[test]
fn a_pause_that_begins_with_nothing_is_refused() {
    let error = Region::builder("r").retry_after(Duration::ZERO, SECOND).build().unwrap_err();
    assert!(error.is_settings() && error.to_string().contains("retry_after"), "{error}");
}

#[test]
fn a_soft_invalidation_during_a_computation_that_fails_ends_the_pause_before_it_begins() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("soft meanwhile").ttl(TTL).stale_if_error(TTL * 100).clock(clock.clone()).build()?;
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    let fails = || {
        region.invalidate(Invalidation::Soft).unwrap();
        DOWN
    };
    assert_eq!(region.try_get_or_create("k", fails), Ok(1));
    assert_eq!(region.try_get_or_create("k", || Ok::<_, &str>(2_u64)), Ok(2));
    Ok(())
}

#[test]
fn a_call_that_stores_nothing_and_succeeds_is_no_failure() {
    regions! { static DUE = Region::builder("due").ttl(TTL).refresh_ahead(0.5).stale_if_error(TTL * 100); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = DUE)]
    fn load(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let clock = ManualClock::new();
    DUE.reconfigure(|r| r.clock(clock.clone())).unwrap();
    assert_eq!(load(10), 10);
    clock.advance(TTL / 2);
    assert_eq!(load::with(CallOptions::no_store, 10), 11);
    clock.advance(TTL / 2);
    assert_eq!(load(10), 12, "nobody pauses");
}
