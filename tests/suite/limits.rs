//! Limits of waiting: `wait_timeout` for those who wait, `deadline` for those who compute. Only the clock's hand moves.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{Error, Region, RegionBuilder, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, until, until_async};

const SECOND: Duration = Duration::from_secs(1);

fn region(clock: &ManualClock, settings: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Region {
    settings(Region::builder("limits").clock(clock.clone())).build().unwrap()
}

/// A computation of `k` that hangs until the gate is opened; returns when it has begun.
fn hanging<'s>(
    scope: &'s thread::Scope<'s, '_>,
    region: &'s Region,
    value: u64,
) -> (thread::ScopedJoinHandle<'s, u64>, Gate) {
    hanging_at(scope, region, "k", value)
}

fn hanging_at<'s>(
    scope: &'s thread::Scope<'s, '_>,
    region: &'s Region,
    key: &'static str,
    value: u64,
) -> (thread::ScopedJoinHandle<'s, u64>, Gate) {
    let (gate, begun) = (Gate::new(), Gate::new());
    let leader = {
        let (gate, begun) = (gate.clone(), begun.clone());
        scope.spawn(move || {
            region.get_or_create(key, || {
                begun.open();
                gate.wait();
                value
            })
        })
    };
    begun.wait();
    (leader, gate)
}

#[test]
fn who_has_waited_as_long_as_it_would_computes_for_itself() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.wait_timeout(SECOND * 2));
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        let follower = scope.spawn(|| region.get_or_create("k", || 2_u64));
        until("the other waits", || waiting(&region, "k") == 1);
        clock.advance(SECOND * 2);
        assert_eq!(follower.join().unwrap(), 2);
        assert_eq!(region.get::<u64>("k").unwrap(), Some(2), "nothing newer was there, so it is stored");
        gate.open();
        assert_eq!(leader.join().unwrap(), 1);
    });
    assert_eq!(region.get::<u64>("k")?, Some(2), "what began before is not stored over it");
    assert_eq!(region.stats().disowned, 0);
    Ok(())
}

#[tokio::test]
async fn a_task_has_waited_long_enough_when_the_clock_says_so() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.wait_timeout(SECOND * 2));
    let gate = Gate::new();
    let call = |value: u64, gate: Option<Gate>| {
        let region = region.clone();
        tokio::spawn(async move {
            region
                .get_or_create_async("k", || async move {
                    if let Some(gate) = gate {
                        gate.wait_async().await;
                    }
                    value
                })
                .await
        })
    };
    let leader = call(1, Some(gate.clone()));
    until_async("the leader computes", || region.stats().misses == 1).await;
    let follower = call(2, None);
    until_async("the other waits", || waiting(&region, "k") == 1).await;
    clock.advance(SECOND * 2);
    assert_eq!(follower.await.unwrap(), 2);
    gate.open();
    assert_eq!(leader.await.unwrap(), 1);
}

#[test]
fn who_has_waited_long_enough_takes_the_stale_value_if_there_is_one() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.ttl(SECOND * 10).stale_if_error(SECOND * 1_000).wait_timeout(SECOND));
    region.set("k", &0_u64)?;
    // Too old to be served beside a computation, and good enough where that fails.
    clock.advance(SECOND * 100);
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        let follower = scope.spawn(|| region.get_or_create("k", || -> u64 { unreachable!("there is a value") }));
        until("the other waits", || waiting(&region, "k") == 1);
        clock.advance(SECOND);
        assert_eq!(follower.join().unwrap(), 0);
        gate.open();
        assert_eq!(leader.join().unwrap(), 1);
    });
    let stats = region.stats();
    let counted = (stats.hits, stats.stale_hits, stats.misses, stats.coalesced);
    assert_eq!(counted, (0, 0, 1, 1), "each look-up counts once");
    assert_eq!(region.get::<u64>("k")?, Some(1));
    Ok(())
}

#[test]
fn a_wait_timeout_of_zero_never_waits() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.wait_timeout(Duration::ZERO));
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        assert_eq!(region.get_or_create("k", || 2_u64), 2);
        gate.open();
        assert_eq!(leader.join().unwrap(), 1);
    });
}

#[test]
fn a_computation_that_hangs_gives_way_after_its_deadline() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(SECOND * 30));
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        clock.advance(SECOND * 30);
        assert_eq!(region.get_or_create("k", || 2_u64), 2, "the next caller computes");
        assert_eq!(region.stats().disowned, 1);
        gate.open();
        assert_eq!(leader.join().unwrap(), 1, "its own caller has what it computed");
    });
    assert_eq!(region.get::<u64>("k")?, Some(2), "which is not stored over the newer value");
    Ok(())
}

#[test]
fn those_who_wait_go_on_when_the_deadline_passes_and_one_of_them_computes() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r);
    let runs = AtomicU64::new(0);
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        let call = || region.get_or_create("k", || 10 + runs.fetch_add(1, Ordering::SeqCst));
        let followers: Vec<_> = (0..10).map(|_| scope.spawn(call)).collect();
        until("all of them wait", || waiting(&region, "k") == 10);
        // The default.
        clock.advance(SECOND * 60);
        assert!(followers.into_iter().all(|follower| follower.join().unwrap() == 10));
        gate.open();
        leader.join().unwrap();
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn what_comes_late_is_stored_where_nothing_newer_has_happened_and_answers_those_who_wait() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(SECOND * 30));
    thread::scope(|scope| {
        let (late, late_gate) = hanging(scope, &region, 1);
        clock.advance(SECOND * 30);
        let (second, second_gate) = hanging(scope, &region, 2);
        let follower = scope.spawn(|| region.get_or_create("k", || -> u64 { unreachable!("somebody computes") }));
        until("somebody waits", || waiting(&region, "k") == 1);
        late_gate.open();
        assert_eq!(late.join().unwrap(), 1);
        assert_eq!(follower.join().unwrap(), 1);
        assert_eq!(region.get::<u64>("k").unwrap(), Some(1));
        second_gate.open();
        assert_eq!(second.join().unwrap(), 2);
    });
}

#[test]
fn what_comes_late_is_not_stored_after_an_invalidation() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(SECOND * 30));
    thread::scope(|scope| {
        let (late, late_gate) = hanging(scope, &region, 1);
        clock.advance(SECOND * 30);
        let (second, second_gate) = hanging(scope, &region, 2);
        region.delete("k").unwrap();
        late_gate.open();
        second_gate.open();
        assert_eq!((late.join().unwrap(), second.join().unwrap()), (1, 2));
    });
    assert_eq!(region.get::<u64>("k")?, None);
    Ok(())
}

#[test]
fn a_region_puts_up_with_so_many_computations_past_their_deadline() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(SECOND * 30).max_disowned(1).wait_timeout(SECOND * 10));
    thread::scope(|scope| {
        let (first, first_gate) = hanging(scope, &region, 1);
        clock.advance(SECOND * 30);
        let (second, second_gate) = hanging(scope, &region, 2);
        assert_eq!(region.stats().disowned, 1);
        clock.advance(SECOND * 30);
        let third = scope.spawn(|| region.get_or_create("k", || 3_u64));
        until("no third is begun", || waiting(&region, "k") == 1);
        clock.advance(SECOND * 10);
        assert_eq!(third.join().unwrap(), 3, "it has waited as long as it would");
        assert_eq!(region.stats().disowned, 1);
        first_gate.open();
        second_gate.open();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 2));
    });
}

#[test]
fn once_a_computation_past_its_deadline_has_ended_another_may_be_begun() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(SECOND * 30).max_disowned(1));
    for _ in 0..3 {
        thread::scope(|scope| {
            let (leader, gate) = hanging(scope, &region, 1);
            clock.advance(SECOND * 30);
            assert_eq!(region.get_or_create("k", || 2_u64), 2);
            gate.open();
            leader.join().unwrap();
        });
        region.delete("k").unwrap();
    }
    assert_eq!(region.stats().disowned, 3);
}

#[test]
fn a_computation_gives_way_soon_after_one_past_its_deadline_has_ended() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(SECOND * 30).max_disowned(1));
    thread::scope(|scope| {
        let (first, first_gate) = hanging(scope, &region, 1);
        let _first = AtLast(&first_gate);
        clock.advance(SECOND * 30);
        let (_, second_gate) = hanging(scope, &region, 2);
        let _second = AtLast(&second_gate);
        let (_, other_gate) = hanging_at(scope, &region, "other", 3);
        let _other = AtLast(&other_gate);
        clock.advance(SECOND * 30);
        let follower = scope.spawn(|| region.get_or_create("other", || 4_u64));
        until("no other is begun", || waiting(&region, "other") == 1);
        first_gate.open();
        first.join().unwrap();
        clock.advance(SECOND * 4);
        until("it is", || follower.is_finished());
        assert_eq!(follower.join().unwrap(), 4);
    });
}

#[test]
fn who_takes_the_lead_is_served_what_was_set_meanwhile() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(SECOND * 30));
    thread::scope(|scope| {
        let (_, gate) = hanging(scope, &region, 1);
        let _at_last = AtLast(&gate);
        let follower = scope.spawn(|| region.get_or_create("k", || -> u64 { unreachable!("there is a value") }));
        until("the other waits", || waiting(&region, "k") == 1);
        region.set("k", &7_u64).unwrap();
        clock.advance(SECOND * 30);
        assert_eq!(follower.join().unwrap(), 7);
    });
}

type Answer = Result<u64, &'static str>;

/// A computation that hangs.
fn held(begun: &Gate, gate: &Gate, answer: Answer) -> Answer {
    begun.open();
    gate.wait();
    answer
}

#[test]
fn who_will_not_wait_and_fails_speaks_for_nobody_else() -> Result<(), Error> {
    regions! { static IMPATIENT = Region::builder("impatient errors"); }
    #[cache_on_arguments(region = IMPATIENT, error_ttl = "1h", wait_timeout = "1s", skip(compute))]
    fn impatient(compute: &dyn Fn() -> Answer) -> Result<u64, &'static str> {
        compute()
    }

    let clock = ManualClock::new();
    IMPATIENT.reconfigure(|r| r.clock(clock.clone()))?;
    let (begun, gate) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let _at_last = AtLast(&gate);
        let leader = scope.spawn(|| impatient(&|| held(&begun, &gate, Ok(1))));
        begun.wait();
        let other = scope.spawn(|| impatient(&|| Err("aside")));
        until("the other waits", || waiting(&IMPATIENT, impatient::key()) == 1);
        clock.advance(SECOND);
        assert_eq!(other.join().unwrap(), Err("aside"));
        gate.open();
        assert_eq!(leader.join().unwrap(), Ok(1));
    });
    assert_eq!(impatient::get()?, Some(1), "what the leader computed is stored");
    assert_eq!(impatient(&|| unreachable!("there is a value")), Ok(1), "and no error is remembered");
    Ok(())
}

#[test]
fn who_fails_past_its_deadline_speaks_for_nobody_else() -> Result<(), Error> {
    regions! { static OVERDUE = Region::builder("overdue errors"); }
    #[cache_on_arguments(region = OVERDUE, error_ttl = "1h", deadline = "30s", skip(compute))]
    fn overdue(compute: &dyn Fn() -> Answer) -> Result<u64, &'static str> {
        compute()
    }

    let clock = ManualClock::new();
    OVERDUE.reconfigure(|r| r.clock(clock.clone()))?;
    let gates: [Gate; 4] = std::array::from_fn(|_| Gate::new());
    let [late_begun, late, begun, gate] = &gates;
    thread::scope(|scope| {
        let _at_last = (AtLast(late), AtLast(gate));
        let old = scope.spawn(|| overdue(&|| held(late_begun, late, Err("late"))));
        late_begun.wait();
        clock.advance(SECOND * 30);
        let new = scope.spawn(|| overdue(&|| held(begun, gate, Ok(2))));
        begun.wait();
        let follower = scope.spawn(|| overdue(&|| unreachable!("somebody computes")));
        until("somebody waits", || waiting(&OVERDUE, overdue::key()) == 1);
        late.open();
        assert_eq!(old.join().unwrap(), Err("late"));
        gate.open();
        assert_eq!((new.join().unwrap(), follower.join().unwrap()), (Ok(2), Ok(2)));
    });
    assert_eq!(overdue::get()?, Some(2));
    Ok(())
}

#[test]
fn without_a_deadline_everyone_waits() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(Duration::MAX));
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        clock.advance(SECOND * 1_000_000);
        let follower = scope.spawn(|| region.get_or_create("k", || -> u64 { unreachable!("it waits") }));
        until("the other waits", || waiting(&region, "k") == 1);
        clock.advance(SECOND * 1_000_000);
        gate.open();
        assert_eq!((leader.join().unwrap(), follower.join().unwrap()), (1, 1));
    });
}

#[test]
fn the_limits_of_a_real_clock_pass_too() {
    let region = Region::builder("real limits").wait_timeout(Duration::from_millis(20)).build().unwrap();
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        assert_eq!(region.get_or_create("k", || 2_u64), 2);
        gate.open();
        leader.join().unwrap();
    });
    let region = Region::builder("real deadline").deadline(Duration::from_millis(20)).build().unwrap();
    thread::scope(|scope| {
        let (leader, gate) = hanging(scope, &region, 1);
        assert_eq!(region.get_or_create("k", || 2_u64), 2);
        gate.open();
        leader.join().unwrap();
    });
}

#[test]
fn two_callers_who_wait_for_each_other_go_on_after_the_wait_timeout() -> Result<(), Error> {
    regions! { static CIRCLE = Region::builder("circle"); }
    static BOTH_LEAD: std::sync::Barrier = std::sync::Barrier::new(2);
    static FIRST: [AtomicBool; 2] = [AtomicBool::new(true), AtomicBool::new(true)];

    #[cache_on_arguments(region = CIRCLE)]
    fn a(id: u64) -> u64 {
        if FIRST[0].swap(false, Ordering::SeqCst) {
            BOTH_LEAD.wait();
            return b(id) + 1;
        }
        id
    }
    #[cache_on_arguments(region = CIRCLE)]
    fn b(id: u64) -> u64 {
        if FIRST[1].swap(false, Ordering::SeqCst) {
            BOTH_LEAD.wait();
            return a(id) + 1;
        }
        id
    }

    let clock = ManualClock::new();
    CIRCLE.configure(|r| r.clock(clock.clone()).wait_timeout(SECOND))?;
    thread::scope(|scope| {
        let callers = [scope.spawn(|| a(5)), scope.spawn(|| b(5))];
        until("each waits for the other", || waiting(&CIRCLE, a::key(5)) == 1 && waiting(&CIRCLE, b::key(5)) == 1);
        clock.advance(SECOND);
        // One more than the other's value, or than what stands in for it.
        assert!(callers.into_iter().all(|caller| (6..=7).contains(&caller.join().unwrap())));
    });
    Ok(())
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let error = Region::builder("r").deadline(Duration::ZERO).build().unwrap_err();
    assert!(error.is_settings() && error.to_string().contains("deadline"), "{error}");
}

#[test]
fn a_clone_that_panics_past_the_deadline_leaves_nobody_waiting_for_what_hangs() {
    regions! { static BRITTLE = Region::builder("brittle").deadline(SECOND); }
    static CLONES_LEFT: AtomicU64 = AtomicU64::new(u64::MAX);
    #[derive(Debug)]
    struct Brittle(u64);
    impl Clone for Brittle {
        fn clone(&self) -> Self {
            let left = CLONES_LEFT.load(Ordering::SeqCst);
            assert!(left > 0, "no clone is left");
            CLONES_LEFT.store(left - 1, Ordering::SeqCst);
            Self(self.0)
        }
    }
    #[cache_on_arguments(region = BRITTLE, in_memory, skip(begun, gate))]
    fn load(id: u64, begun: Gate, gate: Gate) -> Brittle {
        begun.open();
        gate.wait();
        Brittle(id)
    }

    let clock = ManualClock::new();
    BRITTLE.configure(|r| r.clock(clock.clone())).unwrap();
    let gates: [Gate; 4] = Default::default();
    let [begun, gate, begun_too, gate_too] = &gates;
    thread::scope(|scope| {
        let call = |begun: &Gate, gate: &Gate| {
            let (begun, gate) = (begun.clone(), gate.clone());
            scope.spawn(move || load(1, begun, gate))
        };
        let late = call(begun, gate);
        begun.wait();
        clock.advance(SECOND);
        let hangs = call(begun_too, gate_too);
        begun_too.wait();
        let waits = call(begun_too, gate_too);
        until("somebody waits", || waiting(&BRITTLE, load::key(1)) == 1);
        // One for the store, none for those who wait.
        CLONES_LEFT.store(1, Ordering::SeqCst);
        gate.open();
        assert!(late.join().is_err() && waits.join().is_err());
        CLONES_LEFT.store(u64::MAX, Ordering::SeqCst);
        gate_too.open();
        assert_eq!(hangs.join().unwrap().0, 1);
    });
}
