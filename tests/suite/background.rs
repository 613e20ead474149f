//! Renewals in the background: everyone is served the old value at once, and somebody else computes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Error, Invalidation, Region, Source, Threads, cache_on_arguments, regions};

use crate::support::{Gate, Later, until, until_async};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A region on a clock of its own whose renewals wait for the test.
fn set_up(region: &Region) -> (ManualClock, Later) {
    let (clock, later) = (ManualClock::new(), Later::default());
    region.reconfigure(|r| r.clock(clock.clone()).runner(later.clone())).unwrap();
    (clock, later)
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
    let run = |id| {
        // Not a runtime's: nothing that it could spawn on.
        let mut future = std::pin::pin!(load(id));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => unreachable!("it waits for nothing"),
        }
    };
    assert_eq!(run(10), 10);
    clock.advance(TTL);
    assert_eq!(run(10), 11);
    assert_eq!(UNDRIVEN.stats().renewals, 0);
}
