//! Renewals in the background: everyone is served the old value at once, and somebody else computes.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{CallOptions, Error, Invalidation, Job, KeyPart, Region, Runner, Source, Task, Threads};
use cachekit::{cache_on_arguments, regions};

use crate::support::{AtLast, Gate, Later, until, until_async};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A region on a clock of its own whose renewals wait for the test.
fn set_up(region: &Region) -> (ManualClock, Later) {
    let (clock, later) = (ManualClock::new(), Later::default());
    region.reconfigure(|r| r.clock(clock.clone()).runner(later.clone())).unwrap();
    (clock, later)
}

/// What a future gives that waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    // Not a runtime's: nothing that it could spawn on.
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("it waits for nothing"),
    }
}

#[test]
fn past_its_ttl_everyone_is_served_the_old_value_while_it_is_renewed() {
    regions! { static REVALIDATED = Region::builder("revalidated").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = REVALIDATED, stale_while_revalidate = "2m")]
    fn load(name: &str) -> String {
        format!("{name} {}", RUNS.fetch_add(1, Ordering::SeqCst))
    }

    let (clock, later) = set_up(&REVALIDATED);
    assert_eq!(load("a"), "a 0");
    clock.advance(TTL * 2);
    clock.advance(SECOND * 59);
    for _ in 0..10 {
        let fetched = load::fetch(&String::from("a"));
        assert_eq!((fetched.value().as_str(), fetched.source()), ("a 0", Source::Stale));
    }
    assert_eq!(later.run_all(), 1, "one renewal for all of them");
    assert_eq!(load("a"), "a 1");
    let stats = REVALIDATED.stats();
    assert_eq!((stats.stale_hits, stats.renewals, stats.creations, stats.misses), (10, 1, 2, 1));

    clock.advance(TTL * 3);
    assert_eq!(load("a"), "a 2", "too old to be served");
    assert_eq!(later.len(), 0);
}

#[test]
fn an_expired_or_softly_invalidated_value_is_renewed_in_the_background() -> Result<(), Error> {
    regions! { static SOFT = Region::builder("soft in the background"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = SOFT, background)]
    fn load(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (_, later) = set_up(&SOFT);
    assert_eq!(load(10), 10);
    load::expire(10)?;
    assert_eq!((load(10), load(10), later.run_all(), load(10)), (10, 10, 1, 11));
    SOFT.invalidate(Invalidation::Soft)?;
    assert_eq!((load(10), load(10), later.run_all(), load(10)), (11, 11, 1, 12));
    SOFT.invalidate(Invalidation::Hard)?;
    assert_eq!((load(10), later.run_all()), (13, 0), "there is nothing to serve");
    Ok(())
}

#[test]
fn a_value_is_renewed_ahead_in_the_background_and_is_fresh_all_the_while() {
    regions! { static AHEAD = Region::builder("ahead in the background").ttl(TTL).refresh_ahead(0.5); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = AHEAD, background)]
    fn asked_by_the_region(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }
    #[cache_on_arguments(region = AHEAD, refresh_ahead = 0.9)]
    fn asked_by_itself(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, later) = set_up(&AHEAD);
    assert_eq!((asked_by_the_region(10), asked_by_itself(20)), (10, 21));
    clock.advance(TTL / 2);
    assert_eq!(asked_by_the_region::fetch(10).source(), Source::Fresh);
    assert_eq!((asked_by_itself(20), later.run_all()), (21, 1));
    assert_eq!(asked_by_the_region(10), 12);
    clock.advance(TTL / 10 * 4);
    assert_eq!((asked_by_itself(20), later.run_all(), asked_by_itself(20)), (21, 1, 23));
    assert_eq!(AHEAD.stats().stale_hits, 0);
}

#[test]
fn where_only_the_region_asks_one_caller_renews_unless_the_function_says_background() {
    regions! { static ASKED = Region::builder("asked by the region").ttl(TTL).stale_while_revalidate(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = ASKED)]
    fn load(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, later) = set_up(&ASKED);
    assert_eq!(load(10), 10);
    clock.advance(TTL);
    assert_eq!((load(10), later.len()), (11, 0));
}

#[test]
fn in_one_process_a_probabilistic_renewal_is_one_per_expiry_however_many_ask() {
    regions! { static XFETCH = Region::builder("xfetch in the background").ttl(TTL); }
    static CLOCK: Mutex<Option<ManualClock>> = Mutex::new(None);
    #[cache_on_arguments(region = XFETCH, refresh_ahead = "xfetch")]
    fn load(id: u64) -> u64 {
        // The cost of a computation decides how early it is renewed.
        CLOCK.lock().unwrap().as_ref().unwrap().advance(SECOND);
        id
    }

    let (clock, later) = set_up(&XFETCH);
    *CLOCK.lock().unwrap() = Some(clock.clone());
    load(1);
    for _ in 0..50 {
        // Asked for a hundred times a second, until somebody draws a renewal; then the others ask on.
        while later.len() == 0 {
            clock.advance(SECOND / 100);
            load(1);
        }
        (0..1_000).for_each(|_| assert_eq!(load(1), 1));
        assert_eq!(later.run_all(), 1);
    }
    let stats = XFETCH.stats();
    assert_eq!((stats.renewals, stats.stale_hits, stats.misses), (50, 0, 1));
}

#[test]
fn a_renewal_that_fails_or_panics_keeps_the_old_value_and_is_tried_again_after_a_pause() {
    regions! { static FAILING = Region::builder("failing in the background").ttl(TTL).stale_while_revalidate(TTL * 60); }
    static MODE: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = FAILING, background)]
    fn load(id: u64) -> Result<u64, &'static str> {
        match MODE.load(Ordering::SeqCst) {
            0 => Ok(id),
            1 => Err("down"),
            2 => std::panic::resume_unwind(Box::new("broken")),
            _ => Ok(id + 1),
        }
    }

    let (clock, later) = set_up(&FAILING);
    assert_eq!(load(1), Ok(1));
    clock.advance(TTL);
    for (mode, pause) in [(1, 5), (2, 10), (1, 20)] {
        MODE.store(mode, Ordering::SeqCst);
        assert_eq!((load(1), later.run_all()), (Ok(1), 1));
        for _ in 0..pause {
            assert_eq!((load(1), later.len()), (Ok(1), 0), "nobody tries again so soon");
            clock.advance(SECOND);
        }
    }
    assert_eq!(FAILING.stats().creation_failures, 3);
    MODE.store(3, Ordering::SeqCst);
    assert_eq!((load(1), later.run_all(), load(1)), (Ok(1), 1, Ok(2)));
}

#[test]
fn a_renewal_that_an_invalidation_overtakes_is_not_stored() -> Result<(), Error> {
    regions! { static OVERTAKEN = Region::builder("overtaken in the background").ttl(TTL).refresh_ahead(0.5); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = OVERTAKEN, background, tags = ["user:{id}"])]
    fn load(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, later) = set_up(&OVERTAKEN);
    let forget: [fn() -> Result<(), Error>; 3] =
        [|| load::invalidate(100), || OVERTAKEN.invalidate(Invalidation::Hard), || load::set(100, 1)];
    for forget in forget {
        let before = load(100);
        clock.advance(TTL / 2);
        assert_eq!((load(100), later.len()), (before, 1));
        forget()?;
        let stored = load::get(100)?;
        later.run_all();
        assert_eq!(load::get(100)?, stored);
        load::invalidate(100)?;
    }
    Ok(())
}

#[test]
fn a_renewal_that_a_runner_drops_is_asked_for_again() {
    regions! { static DROPPED = Region::builder("dropped in the background").ttl(TTL).refresh_ahead(0.5); }
    #[cache_on_arguments(region = DROPPED, background)]
    fn load(id: u64) -> u64 {
        id
    }

    let (clock, later) = set_up(&DROPPED);
    load(1);
    clock.advance(TTL / 2);
    load(1);
    drop(later.jobs());
    assert!(!load::entry(1).is_computing());
    load(1);
    assert_eq!(later.run_all(), 1);
}

#[test]
fn a_full_queue_skips_renewals_and_counts_them() {
    regions! {
        static FULL = Region::builder("full").ttl(TTL).refresh_ahead(0.5).runner(Threads::new(1).queue(1));
    }
    static HANGS: AtomicBool = AtomicBool::new(false);
    #[cache_on_arguments(region = FULL, background, skip(begun, gate))]
    fn load(id: u64, begun: Gate, gate: Gate) -> u64 {
        if HANGS.load(Ordering::SeqCst) {
            begun.open();
            gate.wait();
        }
        id
    }

    let clock = ManualClock::new();
    FULL.reconfigure(|r| r.clock(clock.clone())).unwrap();
    let (begun, gate) = (Gate::new(), Gate::new());
    let call = |id| load(id, begun.clone(), gate.clone());
    (1..=3).for_each(|id| assert_eq!(call(id), id));
    clock.advance(TTL / 2);
    HANGS.store(true, Ordering::SeqCst);
    call(1);
    begun.wait();
    // The thread is busy with the first; the second waits; for the third there is no room.
    assert_eq!((call(2), call(3)), (2, 3));
    let stats = FULL.stats();
    assert_eq!((stats.renewals, stats.renewals_skipped), (2, 1));
    assert!(!load::entry(3).is_computing());
    gate.open();
    until("both are renewed", || FULL.stats().creations == 5);
}

#[test]
fn without_a_runner_of_ones_own_threads_of_the_region_renew() {
    regions! { static THREADED = Region::builder("threaded").ttl(TTL).refresh_ahead(0.5); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = THREADED, background)]
    fn load(names: &[String], also: Option<u8>) -> (u64, Option<String>) {
        let thread = std::thread::current().name().map(str::to_owned);
        (names.len() as u64 + u64::from(also.unwrap_or(0)) + RUNS.fetch_add(1, Ordering::SeqCst), thread)
    }

    let clock = ManualClock::new();
    THREADED.reconfigure(|r| r.clock(clock.clone())).unwrap();
    assert_eq!(load(&["a".into()], None).0, 1);
    clock.advance(TTL / 2);
    assert_eq!(load(&["a".into()], None).0, 1);
    until("it is renewed", || load(&["a".into()], None).0 == 2);
    assert_eq!(load(&["a".into()], None).1.as_deref(), Some("cachekit"));
}

#[tokio::test]
async fn async_functions_are_renewed_on_the_current_runtime() {
    regions! { static TASKS = Region::builder("renewed as tasks").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = TASKS, stale_while_revalidate = "1h", skip(gate))]
    async fn load(name: &str, gate: &Gate) -> Result<String, &'static str> {
        gate.wait_async().await;
        Ok(format!("{name} {}", RUNS.fetch_add(1, Ordering::SeqCst)))
    }

    let clock = ManualClock::new();
    TASKS.reconfigure(|r| r.clock(clock.clone())).unwrap();
    let open = Gate::new();
    open.open();
    assert_eq!(load("a", &open).await.unwrap(), "a 0");
    clock.advance(TTL);
    let gate = Gate::new();
    assert_eq!(load("a", &gate).await.unwrap(), "a 0");
    assert_eq!(load("a", &gate).await.unwrap(), "a 0");
    assert_eq!(TASKS.stats().renewals, 1);
    gate.open();
    until_async("it is renewed", || TASKS.stats().creations == 2).await;
    assert_eq!(load("a", &gate).await.unwrap(), "a 1");
}

#[test]
fn where_nobody_drives_tasks_one_caller_renews() {
    regions! { static UNDRIVEN = Region::builder("undriven").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = UNDRIVEN, stale_while_revalidate = "1h")]
    async fn load(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let clock = ManualClock::new();
    UNDRIVEN.reconfigure(|r| r.clock(clock.clone())).unwrap();
    assert_eq!(at_once(load(10)), 10);
    clock.advance(TTL);
    assert_eq!(at_once(load(10)), 11);
    assert_eq!(UNDRIVEN.stats().renewals, 0);
}

#[test]
fn a_renewal_ahead_that_fails_past_the_ttl_hides_no_value_and_is_tried_again_after_a_pause() {
    regions! { static LATE = Region::builder("late in the background").ttl(TTL); }
    static FAILS: AtomicBool = AtomicBool::new(false);
    fn answer() -> Result<u64, &'static str> {
        if FAILS.load(Ordering::SeqCst) { Err("down") } else { Ok(1) }
    }
    #[cache_on_arguments(region = LATE, refresh_ahead = 0.5, stale_while_revalidate = "1h")]
    fn forgetful() -> Result<u64, &'static str> {
        answer()
    }
    #[cache_on_arguments(region = LATE, refresh_ahead = 0.5, stale_while_revalidate = "1h", error_ttl = "30s")]
    fn remembering() -> Result<u64, &'static str> {
        answer()
    }

    let (clock, later) = set_up(&LATE);
    assert_eq!((forgetful(), remembering()), (Ok(1), Ok(1)));
    clock.advance(TTL / 2);
    assert_eq!((forgetful(), remembering()), (Ok(1), Ok(1)));
    clock.advance(TTL / 2);
    FAILS.store(true, Ordering::SeqCst);
    assert_eq!(later.run_all(), 2);
    assert_eq!((forgetful(), remembering(), later.len()), (Ok(1), Ok(1), 0));
    clock.advance(SECOND * 5);
    assert_eq!((forgetful(), remembering(), later.len()), (Ok(1), Ok(1), 2));
}

#[test]
fn a_renewal_whose_value_is_not_stored_is_tried_again_after_a_pause() {
    regions! { static UNSTORED = Region::builder("not stored in the background").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = UNSTORED, refresh_ahead = 0.5, ttl_of = |value| (*value > 0).then_some(Duration::ZERO))]
    fn short(_id: u64) -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }
    #[cache_on_arguments(region = UNSTORED, refresh_ahead = 0.5, should_cache = |value: &u64| *value == 0)]
    fn rejected(id: u64) -> u64 {
        short::original(id)
    }

    for load in [short, rejected] {
        let (clock, later) = set_up(&UNSTORED);
        RUNS.store(0, Ordering::SeqCst);
        assert_eq!(load(1), 0);
        clock.advance(TTL / 2);
        for pause in [5, 10] {
            assert_eq!((load(1), later.run_all()), (0, 1));
            for _ in 0..pause {
                assert_eq!((load(1), later.len()), (0, 0));
                clock.advance(SECOND);
            }
        }
    }
}

#[test]
fn threads_survive_whatever_a_renewal_panics_with() {
    regions! { static SURVIVING = Region::builder("surviving").ttl(TTL).runner(Threads::new(1)); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    /// Panics when it is copied in a thread of the region's.
    #[derive(Debug, PartialEq)]
    struct Fragile(u64);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            let in_background = std::thread::current().name() == Some("cachekit");
            if in_background && RUNS.load(Ordering::SeqCst) == 2 {
                resume_unwind(Box::new("a clone"));
            }
            Self(self.0)
        }
    }
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("what a panic carries"));
        }
    }
    #[cache_on_arguments(region = SURVIVING, stale_while_revalidate = "1h", in_memory)]
    fn load() -> Fragile {
        match RUNS.fetch_add(1, Ordering::SeqCst) {
            2 => resume_unwind(Box::new(Bomb)),
            run => Fragile(run),
        }
    }

    let clock = ManualClock::new();
    SURVIVING.reconfigure(|r| r.clock(clock.clone())).unwrap();
    assert_eq!(load(), Fragile(0));
    clock.advance(TTL);
    for failures in 1..=2 {
        assert_eq!(load(), Fragile(0));
        until("a renewal has failed", || SURVIVING.stats().creation_failures == failures);
        until("it is over", || !load::entry().is_computing());
        clock.advance(SECOND * 10);
    }
    assert_eq!(load(), Fragile(0));
    until("it is renewed", || SURVIVING.stats().creations == 2);
    assert_eq!(load(), Fragile(3));
}

#[test]
fn what_would_be_served_for_ever_is_renewed_by_a_caller_where_the_runner_refuses() -> Result<(), Error> {
    #[derive(Debug)]
    struct Refusing;
    impl Runner for Refusing {
        fn run(&self, _: Job) -> bool {
            false
        }
        fn spawn(&self, _: Task) -> bool {
            false
        }
    }
    regions! { static REFUSED = Region::builder("refused").runner(Refusing); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = REFUSED, background)]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }
    #[cache_on_arguments(region = REFUSED, background)]
    async fn load_async() -> u64 {
        load::original()
    }

    assert_eq!((load(), at_once(load_async())), (0, 1));
    REFUSED.invalidate(Invalidation::Soft)?;
    assert_eq!((load(), at_once(load_async())), (2, 3));
    load::expire()?;
    assert_eq!((load(), load()), (4, 4));
    assert_eq!((REFUSED.stats().renewals, REFUSED.stats().renewals_skipped), (0, 3));
    Ok(())
}

#[test]
fn nobody_waits_for_a_renewal_that_has_not_begun() {
    regions! { static QUEUED = Region::builder("queued in the background").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = QUEUED, stale_while_revalidate = "2m")]
    async fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, later) = set_up(&QUEUED);
    assert_eq!(at_once(load()), 0);
    clock.advance(TTL);
    assert_eq!((at_once(load()), later.len()), (0, 1));
    assert_eq!(at_once(load::with(CallOptions::must_be_fresh)), 1);
    clock.advance(TTL);
    assert_eq!((at_once(load()), later.len()), (1, 2));
    clock.advance(TTL * 2);
    assert_eq!(at_once(load()), 2, "too old to be served");
    assert_eq!((later.run_all(), at_once(load())), (2, 2), "what comes to its turn is not wanted any more");
}

#[test]
fn a_thread_of_the_region_does_not_wait_for_what_is_queued_behind_it() {
    regions! {
        static BEHIND = Region::builder("queued behind").ttl(TTL).deadline(TTL * 60).runner(Threads::new(1));
    }
    static HANGS: AtomicBool = AtomicBool::new(false);
    #[cache_on_arguments(region = BEHIND, stale_while_revalidate = "1m")]
    fn inner() -> u64 {
        1
    }
    #[cache_on_arguments(region = BEHIND, stale_while_revalidate = "1h", skip(begun, gate))]
    fn outer(begun: Gate, gate: Gate) -> u64 {
        if HANGS.load(Ordering::SeqCst) {
            begun.open();
            gate.wait();
        }
        inner()
    }

    let clock = ManualClock::new();
    BEHIND.reconfigure(|r| r.clock(clock.clone())).unwrap();
    let (begun, gate) = (Gate::new(), Gate::new());
    let _at_last = AtLast(&gate);
    outer(begun.clone(), gate.clone());
    clock.advance(TTL);
    HANGS.store(true, Ordering::SeqCst);
    outer(begun.clone(), gate.clone());
    begun.wait();
    inner();
    assert_eq!(BEHIND.stats().renewals, 2);
    // Too old now to be served beside a computation.
    clock.advance(TTL);
    gate.open();
    until("both are renewed", || BEHIND.stats().creations == 4);
}

#[test]
fn a_renewal_that_has_not_begun_is_not_past_its_deadline() {
    regions! { static UNBEGUN = Region::builder("not begun").ttl(TTL).deadline(SECOND * 30).max_disowned(2); }
    #[cache_on_arguments(region = UNBEGUN, stale_while_revalidate = "1h")]
    fn load(id: u64) -> u64 {
        id
    }

    let (clock, later) = set_up(&UNBEGUN);
    let ask = || (0..3).for_each(|id| assert_eq!(load(id), id));
    ask();
    for asked in [3, 6] {
        clock.advance(TTL);
        ask();
        assert_eq!((later.len(), UNBEGUN.stats().disowned), (asked, 0));
    }
    later.run_all();
    assert_eq!(UNBEGUN.stats().creations, 6, "each is computed once");
}

#[test]
fn a_renewal_that_is_overtaken_before_it_begins_is_not_computed() -> Result<(), Error> {
    regions! { static OUTDATED = Region::builder("outdated in the background").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = OUTDATED, stale_while_revalidate = "1h")]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, later) = set_up(&OUTDATED);
    let overtake: [fn() -> Result<(), Error>; 4] =
        [|| load::set(1), load::invalidate, load::expire, || OUTDATED.invalidate(Invalidation::Soft)];
    for overtake in overtake {
        load::set(0)?;
        clock.advance(TTL);
        assert_eq!((load(), later.len()), (0, 1));
        overtake()?;
        assert_eq!((later.run_all(), RUNS.load(Ordering::SeqCst)), (1, 0));
    }
    Ok(())
}

#[test]
fn what_panics_while_a_renewal_is_prepared_is_a_failure_of_it() {
    static BROKEN: AtomicBool = AtomicBool::new(false);
    static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
    fn attempt() {
        if BROKEN.load(Ordering::SeqCst) {
            ATTEMPTS.fetch_add(1, Ordering::SeqCst);
            resume_unwind(Box::new("broken"));
        }
    }
    struct Argument;
    impl Clone for Argument {
        fn clone(&self) -> Self {
            attempt();
            Self
        }
    }
    #[derive(Clone, KeyPart)]
    struct Shown(u64);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            attempt();
            write!(f, "{}", self.0)
        }
    }
    #[derive(Debug)]
    struct Panicking;
    impl Runner for Panicking {
        fn run(&self, _: Job) -> bool {
            attempt();
            false
        }
        fn spawn(&self, _: Task) -> bool {
            false
        }
    }
    regions! {
        static BY_RUNNER = Region::builder("a runner panics").ttl(TTL).runner(Panicking);
        static BY_ARGUMENT = Region::builder("an argument panics").ttl(TTL).runner(Later::default());
    }
    #[cache_on_arguments(region = BY_ARGUMENT, stale_while_revalidate = "1h", skip(_argument))]
    fn copied(_argument: Argument) -> u64 {
        1
    }
    #[cache_on_arguments(region = BY_ARGUMENT, stale_while_revalidate = "1h", tags = ["{id}"])]
    fn tagged(id: Shown) -> u64 {
        id.0
    }
    #[cache_on_arguments(region = BY_RUNNER, stale_while_revalidate = "1h")]
    fn handed_over() -> u64 {
        1
    }

    let clock = ManualClock::new();
    for region in [&BY_RUNNER, &BY_ARGUMENT] {
        region.reconfigure(|r| r.clock(clock.clone())).unwrap();
    }
    let calls: [fn() -> u64; 3] = [|| copied(Argument), || tagged(Shown(1)), || handed_over()];
    assert_eq!(calls.map(|call| call()), [1; 3]);
    clock.advance(TTL);
    BROKEN.store(true, Ordering::SeqCst);
    for (call, name) in calls.into_iter().zip(["a copy", "a tag", "a runner"]) {
        ATTEMPTS.store(0, Ordering::SeqCst);
        for attempts in 1..=2 {
            (0..5).for_each(|_| assert_eq!(call(), 1, "{name}"));
            assert_eq!(ATTEMPTS.load(Ordering::SeqCst), attempts, "{name}: nobody tries again so soon");
            clock.advance(SECOND * 5);
        }
    }
    assert!(!handed_over::entry().is_computing());
}

#[test]
fn past_its_ttl_a_value_is_not_served_for_the_sake_of_a_renewal_that_has_not_begun() {
    regions! { static QUEUED = Region::builder("queued past the ttl").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = QUEUED, refresh_ahead = 0.5)]
    fn load(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, later) = set_up(&QUEUED);
    assert_eq!(load(10), 10);
    clock.advance(TTL / 2);
    assert_eq!((load(10), later.len()), (10, 1));
    clock.advance(TTL / 2);
    assert_eq!(load::fetch(10).source(), Source::Computed);
    assert_eq!((later.run_all(), load(10)), (1, 11), "the late one is not wanted any more");
}
