//! Bugs that other caching libraries have had, each as a test that would have found it here.
//!
//! The comment of a test names the project and its report. One that needs a store outside of the process waits for one:
//!
//! | later, with the backends | whose | why |
//! |---|---|---|
//! | a renewal reads the backend first: many nodes, one computation | FusionCache #651 | several nodes |
//! | the marker of a tag that is read again invalidates nothing | FusionCache #627 | markers are kept in a backend |
//! | tags hold where values are kept in the backend only, and where nobody tells the other nodes | FusionCache #419, #573 | several nodes; in one process see below |
//! | two processes write one file; a file that cannot be read is a miss | bentocache #74, #93 | a disk |
//! | the process that holds a lease dies: one other takes over | layercache #59 | a lease; in one process see below |
//! | what another node invalidates while this one computes is not stored | none of those read | several nodes |
//!
//! Rust has no `Goexit`: a computation ends by a value, a panic or a drop. A program that ends beside one is `tests/exits.rs`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{
    CallOptions, Error, Invalidation, Job, Key, Region, RegionBuilder, Runner, Task, cache_on_arguments, regions,
};

use crate::support::{AtLast, Gate, Later, until, until_async};

const TTL: Duration = Duration::from_secs(60);

regions! {
    static REGRESSIONS = Region::builder("regressions");
}

fn region(clock: &ManualClock, settings: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Region {
    settings(Region::builder("regressions by hand").ttl(TTL).clock(clock.clone())).build().unwrap()
}

/// Polls once; `None` while pending.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// A task that computes `k` and is held at the gate.
async fn held(region: &Region, gate: &Gate, value: u64) -> u64 {
    region
        .get_or_create_async("k", || async {
            gate.wait_async().await;
            value
        })
        .await
}

async fn nobody_computes(region: &Region) -> u64 {
    region.get_or_create_async("k", || async { unreachable!("somebody else computes, or there is a value") }).await
}

/// FusionCache #218: a renewal that was cancelled kept its lock, and whoever came later hung.
#[tokio::test]
async fn a_renewal_that_is_dropped_holds_up_nobody_who_comes_later() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r);
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    for _ in 0..3 {
        let gate = Gate::new();
        let mut renewal = pin!(held(&region, &gate, 2));
        assert_eq!(poll_once(renewal.as_mut()).await, None);
        assert_eq!(nobody_computes(&region).await, 1, "the others are served the old value");
    }
    assert_eq!(region.get_or_create_async("k", || async { 3_u64 }).await, 3);
    Ok(())
}

/// FusionCache #218, in the background: whoever drops the renewal, and whenever, the next caller asks for another one.
#[tokio::test]
async fn a_renewal_in_the_background_that_is_dropped_is_asked_for_again() -> Result<(), Error> {
    regions! { static DROPPED = Region::builder("dropped renewals"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = DROPPED, background)]
    fn blocking() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }
    #[cache_on_arguments(region = DROPPED, background)]
    async fn task() -> u64 {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        run
    }

    let kept = Later::default();
    DROPPED.configure(|r| r.runner(kept.clone()))?;
    assert_eq!((blocking(), task().await), (0, 1));
    DROPPED.invalidate(Invalidation::Soft)?;
    for _ in 0..3 {
        assert_eq!((blocking(), blocking()), (0, 0));
        assert_eq!(kept.jobs().len(), 1, "one renewal at a time, here dropped");
        assert_eq!((task().await, task().await), (1, 1));
        let mut tasks = kept.tasks();
        assert_eq!(tasks.len(), 1);
        assert_eq!(poll_once(tasks[0].as_mut()).await, None, "begun, and then dropped");
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 5);
    assert_eq!((blocking(), task().await), (0, 1));
    kept.jobs().into_iter().for_each(|job| job());
    for renewal in kept.tasks() {
        renewal.await;
    }
    assert_eq!((blocking(), task().await), (5, 6));
    Ok(())
}

/// FusionCache #647: a function that failed before it gave a task to wait for kept its lock.
#[test]
fn an_async_function_that_panics_before_its_first_await_strands_nobody() {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r);
    let (gate, begun) = (Gate::new(), Gate::new());
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let leader = scope.spawn(|| {
            runtime().block_on(region.get_or_create_async("k", || {
                begun.open();
                gate.wait();
                if region.name().is_empty() {
                    return std::future::ready(0_u64);
                }
                panic!("there is no future yet");
            }))
        });
        begun.wait();
        let follower = scope.spawn(|| runtime().block_on(region.get_or_create_async("k", || async { 2_u64 })));
        until("the other waits", || waiting(&region, "k") == 1);
        gate.open();
        assert!(leader.join().is_err());
        assert_eq!(follower.join().unwrap(), 2);
    });
}

/// FusionCache #647, where the failure is an error.
#[tokio::test]
async fn an_async_function_that_fails_before_its_first_await_holds_up_nobody() {
    #[cache_on_arguments(region = "regressions", skip(fails))]
    async fn load(id: u64, fails: bool) -> Result<u64, &'static str> {
        if fails {
            return Err("down");
        }
        tokio::task::yield_now().await;
        Ok(id)
    }

    assert_eq!(load(1, true).await, Err("down"));
    assert!(!load::entry(1).is_computing());
    assert_eq!(load(1, false).await, Ok(1));
}

/// FusionCache #644: a function that asked not to store its value kept its lock.
#[test]
fn a_value_that_is_not_stored_reaches_those_who_wait_and_releases_the_key() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "regressions", skip(gate), should_cache = |value: &u64| *value > 1)]
    fn load(id: u64, gate: &Gate) -> u64 {
        gate.wait();
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let gate = Gate::new();
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let callers = [(); 3].map(|()| scope.spawn(|| load(0, &gate)));
        until("all but the leader wait", || waiting(&REGRESSIONS, load::key(0)) == 2);
        gate.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 0));
    });
    assert!(!load::entry(0).is_computing());
    assert_eq!((load(0, &gate), load(0, &gate), load(0, &gate)), (1, 2, 2), "the first value to keep is kept");
}

/// A value whose clone panics once, at the count.
#[derive(Debug)]
struct Fragile {
    id: u64,
    clones_left: Arc<AtomicI64>,
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(self.clones_left.fetch_sub(1, Ordering::SeqCst) != 1, "broken while it was cloned");
        Self { id: self.id, clones_left: Arc::clone(&self.clones_left) }
    }
}

/// FusionCache #646: where the store failed after the computation, the lock was kept.
#[test]
fn a_clone_that_panics_on_its_way_to_the_store_or_to_those_who_wait_strands_nobody() {
    #[cache_on_arguments(region = "regressions", in_memory, skip(gate, clones_left))]
    fn load(id: u64, gate: &Gate, clones_left: &Arc<AtomicI64>) -> Fragile {
        gate.wait();
        Fragile { id, clones_left: Arc::clone(clones_left) }
    }

    for (id, clones) in [(1, 1), (2, 2)] {
        let (gate, clones_left) = (Gate::new(), Arc::new(AtomicI64::new(clones)));
        let panicked = thread::scope(|scope| {
            let _end = AtLast(&gate);
            let callers = [(); 5].map(|()| scope.spawn(|| load(id, &gate, &clones_left)));
            until("all but the leader wait", || waiting(&REGRESSIONS, load::key(id)) == 4);
            gate.open();
            callers.into_iter().filter_map(|caller| caller.join().err()).count()
        });
        assert_eq!(panicked, 1, "the panic goes on in one caller only");
        assert!(!load::entry(id).is_computing());
        assert_eq!(load(id, &gate, &clones_left).id, id, "nothing is poisoned");
    }
}

/// FusionCache #332: a function that reported its failure in the value had it cached when it ran in the background.
#[test]
fn a_failure_in_the_background_is_not_cached_whether_an_error_or_a_value_tells_it() -> Result<(), Error> {
    regions! { static REPORTED = Region::builder("reported failures"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = REPORTED, background)]
    fn by_error() -> Result<u64, String> {
        if RUNS.fetch_add(1, Ordering::SeqCst) == 0 { Ok(1) } else { Err("down".to_owned()) }
    }
    #[cache_on_arguments(region = REPORTED, background, should_cache = |value: &Option<u64>| value.is_some())]
    fn by_value() -> Option<u64> {
        (RUNS.fetch_add(1, Ordering::SeqCst) == 1).then_some(1)
    }

    let (clock, kept) = (ManualClock::new(), Later::default());
    REPORTED.configure(|r| r.clock(clock.clone()).runner(kept.clone()))?;
    assert_eq!((by_error(), by_value()), (Ok(1), Some(1)));
    for runs in [4, 6] {
        REPORTED.invalidate(Invalidation::Soft)?;
        assert_eq!((by_error(), by_value()), (Ok(1), Some(1)));
        kept.jobs().into_iter().for_each(|job| job());
        assert_eq!(RUNS.load(Ordering::SeqCst), runs);
        assert_eq!((by_error::get()?, by_value::get()?), (None, None), "what is there is no newer");
        assert_eq!(by_error::entry().peek()?.map(|peek| *peek.value()), Some(1));
        assert_eq!(by_value::entry().peek()?.map(|peek| *peek.value()), Some(Some(1)));
        // The pause after a failure is over.
        clock.advance(TTL);
    }
    Ok(())
}

/// FusionCache #646, where it is the user's part of storing that fails.
#[test]
fn a_ttl_of_or_a_should_cache_that_panics_strands_nobody() {
    static BREAKS: AtomicBool = AtomicBool::new(false);
    fn breaks_once() {
        assert!(!BREAKS.swap(false, Ordering::SeqCst), "broken while it was judged");
    }
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "that is the signature")]
    fn timed(_: &u64) -> Duration {
        breaks_once();
        TTL
    }
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "that is the signature")]
    fn judged(_: &u64) -> bool {
        breaks_once();
        true
    }
    #[cache_on_arguments(region = "regressions", ttl_of = timed, skip(gate))]
    fn with_ttl_of(id: u64, gate: &Gate) -> u64 {
        gate.wait();
        id
    }
    #[cache_on_arguments(region = "regressions", should_cache = judged, skip(gate))]
    fn with_should_cache(id: u64, gate: &Gate) -> u64 {
        gate.wait();
        id
    }

    let strands_nobody = |key: Key, call: &(dyn Fn(&Gate) -> u64 + Sync)| {
        let gate = Gate::new();
        BREAKS.store(true, Ordering::SeqCst);
        let results = thread::scope(|scope| {
            let _end = AtLast(&gate);
            let callers = [(); 5].map(|()| scope.spawn(|| call(&gate)));
            until("all but the leader wait", || waiting(&REGRESSIONS, &key) == 4);
            gate.open();
            callers.map(|caller| caller.join().ok())
        });
        assert_eq!(results.iter().filter(|result| result.is_none()).count(), 1);
        assert_eq!(REGRESSIONS.get::<u64>(&key).unwrap(), Some(1), "another caller's value is stored");
    };
    strands_nobody(with_ttl_of::key(1), &|gate| with_ttl_of(1, gate));
    strands_nobody(with_should_cache::key(1), &|gate| with_should_cache(1, gate));
}

/// FusionCache #426: the first caller who met the time of renewal ahead cleared it for all, also where it then failed.
#[test]
fn a_renewal_ahead_that_comes_to_nothing_is_asked_for_again() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.refresh_ahead(0.5));
    region.set("k", &1_u64)?;
    clock.advance(TTL / 2);
    // Each of these leaves the value as it was.
    assert_eq!(region.try_get_or_create("k", || Err::<u64, _>("down")), Ok(1), "still fresh, so it covers the failure");
    clock.advance(Duration::from_secs(5));
    let region = &region;
    let broken =
        thread::scope(|scope| scope.spawn(|| region.get_or_create("k", || -> u64 { panic!("broken") })).join());
    assert!(broken.is_err());
    clock.advance(Duration::from_secs(10));
    assert_eq!(region.get_or_create("k", || 2_u64), 2);
    Ok(())
}

/// FusionCache #426, in the background: neither a failure nor a runner without room is the last attempt.
#[test]
fn a_renewal_ahead_in_the_background_that_comes_to_nothing_is_asked_for_again() -> Result<(), Error> {
    regions! { static AHEAD = Region::builder("renewed ahead"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = AHEAD, refresh_ahead = 0.5)]
    fn load() -> Result<u64, String> {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        if run == 1 { Err("down".to_owned()) } else { Ok(run) }
    }
    /// Has room once it is told.
    #[derive(Clone, Debug, Default)]
    struct Crowded(Arc<AtomicBool>);
    impl Runner for Crowded {
        fn run(&self, job: Job) -> bool {
            let has_room = self.0.load(Ordering::SeqCst);
            if has_room {
                job();
            }
            has_room
        }
        fn spawn(&self, _: Task) -> bool {
            false
        }
    }

    let (clock, crowded) = (ManualClock::new(), Crowded::default());
    AHEAD.configure(|r| r.ttl(TTL).clock(clock.clone()).runner(crowded.clone()))?;
    assert_eq!(load(), Ok(0));
    clock.advance(TTL / 2);
    assert_eq!((load(), load()), (Ok(0), Ok(0)));
    assert_eq!((AHEAD.stats().renewals_skipped, RUNS.load(Ordering::SeqCst)), (2, 1));
    crowded.0.store(true, Ordering::SeqCst);
    assert_eq!((load(), load()), (Ok(0), Ok(0)));
    assert_eq!(RUNS.load(Ordering::SeqCst), 2, "it failed, and the next attempt comes after a pause");
    clock.advance(Duration::from_secs(5));
    assert_eq!((load(), load()), (Ok(0), Ok(2)));
    Ok(())
}

/// FusionCache #419: tags had no effect on calls that passed the store by.
#[test]
fn tags_hold_for_calls_that_do_not_store() -> Result<(), Error> {
    regions! { static UNSTORED = Region::builder("tags without a store"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = UNSTORED, tags = ["tag"], skip(gate))]
    fn load(gate: &Gate) -> u64 {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        if run == 2 {
            gate.wait();
        }
        run
    }

    let gate = Gate::new();
    let unstored = || load::with(CallOptions::no_store, &gate);
    assert_eq!((load(&gate), unstored()), (0, 0));
    UNSTORED.invalidate_tag("tag")?;
    assert_eq!((unstored(), load::get()?), (1, None), "what the tag invalidates is not served");
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let leader = scope.spawn(unstored);
        until("somebody computes", || RUNS.load(Ordering::SeqCst) == 3);
        let before = scope.spawn(unstored);
        until("another waits", || waiting(&UNSTORED, load::key()) == 1);
        UNSTORED.invalidate_tag("tag").unwrap();
        let after = gate.clone();
        let after = thread::spawn(move || load::with(CallOptions::no_store, &after));
        until("who comes after the invalidation does not join", || after.is_finished());
        assert_eq!(after.join().unwrap(), 3);
        gate.open();
        assert_eq!((leader.join().unwrap(), before.join().unwrap()), (2, 2));
    });
    assert_eq!(load::get()?, None);
    Ok(())
}

/// A way to invalidate.
type Way = fn(&Region) -> Result<(), Error>;

/// FusionCache #534: an invalidation took part in the locking, and waited for as long as a computation took.
#[test]
fn an_invalidation_waits_for_nobody() {
    let region = Region::builder("invalidated in no time").build().unwrap();
    let key = || Key::from("k").tagged(["tag"]);
    let ways: [Way; 7] = [
        |region| region.delete("k"),
        |region| region.delete_many(["k", "other"]),
        |region| region.set("k", &0_u64),
        |region| region.invalidate(Invalidation::Soft),
        |region| region.invalidate(Invalidation::Hard),
        |region| region.invalidate_tag("tag"),
        |region| region.invalidate_tags(["tag", "other"]),
    ];
    for way in ways {
        let gate = Gate::new();
        // Threads that outlive the test if it fails, rather than hold it up.
        let call = || {
            let (region, gate) = (region.clone(), gate.clone());
            thread::spawn(move || {
                region.get_or_create(key(), || {
                    gate.wait();
                    1_u64
                })
            })
        };
        let callers = [call(), call()];
        until("one computes and one waits", || waiting(&region, "k") == 1);
        let invalidation = thread::spawn({
            let region = region.clone();
            move || way(&region)
        });
        until("it is invalidated while somebody computes", || invalidation.is_finished());
        invalidation.join().unwrap().unwrap();
        gate.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 1));
        region.delete("k").unwrap();
    }
}

/// Altinn/dialogporten #4252, #4300: a read that hung for a day held its key for a day.
#[test]
fn a_computation_that_hangs_frees_its_key_at_the_deadline() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.deadline(TTL));
    let (gate, begun) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let hung = scope.spawn(|| {
            region.get_or_create("k", || {
                begun.open();
                gate.wait();
                1_u64
            })
        });
        begun.wait();
        let waits = scope.spawn(|| region.get_or_create("k", || 2_u64));
        until("another waits", || waiting(&region, "k") == 1);
        clock.advance(TTL);
        assert_eq!(waits.join().unwrap(), 2);
        assert_eq!(region.get_or_create("k", || -> u64 { unreachable!("it is stored") }), 2);
        gate.open();
        assert_eq!(hung.join().unwrap(), 1);
    });
    assert_eq!(region.get::<u64>("k")?, Some(2));
    Ok(())
}

/// tailscale #18919: a computation that was cancelled as its last caller left was joined by the next one.
#[tokio::test]
async fn who_comes_after_the_last_caller_was_cancelled_starts_anew() {
    let region = Region::builder("cancelled").build().unwrap();
    let gate = Gate::new();
    {
        let mut leader = pin!(held(&region, &gate, 1));
        let mut follower = pin!(held(&region, &gate, 2));
        assert_eq!((poll_once(leader.as_mut()).await, poll_once(follower.as_mut()).await), (None, None));
        assert_eq!(waiting(&region, "k"), 1);
    }
    let mut next = pin!(held(&region, &gate, 3));
    assert_eq!(poll_once(next.as_mut()).await, None, "it computes, and is held");
    assert_eq!(waiting(&region, "k"), 0, "it does not wait for those who are gone");
    gate.open();
    assert_eq!(next.await, 3);
}

/// janos/singleflight #4: a caller who was cancelled took the computation of the others off the list.
#[tokio::test]
async fn a_cancelled_caller_leaves_the_computation_of_the_others_alone() {
    let region = Region::builder("cancelled, one of many").build().unwrap();
    let gate = Gate::new();
    let mut leader = pin!(held(&region, &gate, 1));
    assert_eq!(poll_once(leader.as_mut()).await, None);
    {
        let mut cancelled = pin!(nobody_computes(&region));
        assert_eq!(poll_once(cancelled.as_mut()).await, None);
    }
    let mut later = pin!(nobody_computes(&region));
    assert_eq!(poll_once(later.as_mut()).await, None);
    assert_eq!(waiting(&region, "k"), 1, "who comes later still finds it");
    gate.open();
    assert_eq!((leader.await, later.await), (1, 1));
}

/// janos/singleflight #4, where the one who is cancelled leads a computation that an invalidation has overtaken.
#[tokio::test]
async fn an_overtaken_leader_that_is_cancelled_leaves_its_successor_alone() -> Result<(), Error> {
    let region = Region::builder("cancelled, overtaken").build()?;
    let gate = Gate::new();
    let mut successor = pin!(held(&region, &gate, 2));
    {
        let mut leader = pin!(held(&region, &gate, 1));
        assert_eq!(poll_once(leader.as_mut()).await, None);
        region.delete("k")?;
        assert_eq!(poll_once(successor.as_mut()).await, None);
        assert_eq!(waiting(&region, "k"), 0, "it computes for itself");
    }
    let mut later = pin!(nobody_computes(&region));
    assert_eq!(poll_once(later.as_mut()).await, None);
    gate.open();
    assert_eq!((successor.await, later.await), (2, 2));
    assert_eq!(region.get::<u64>("k")?, Some(2));
    Ok(())
}

/// golang/go #33519, #67087: a computation that ended its goroutine left those who waited for it waiting.
#[test]
fn a_runtime_that_shuts_down_with_the_leader_on_it_strands_nobody() {
    let region = Region::builder("shut down").build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let begun = Gate::new();
    runtime.spawn({
        let (region, begun) = (region.clone(), begun.clone());
        async move {
            let forever = || async {
                begun.open();
                std::future::pending::<u64>().await
            };
            region.get_or_create_async("k", forever).await
        }
    });
    begun.wait();
    thread::scope(|scope| {
        let follower = scope.spawn(|| region.get_or_create("k", || 2_u64));
        until("the other waits", || waiting(&region, "k") == 1);
        drop(runtime);
        assert_eq!(follower.join().unwrap(), 2);
    });
}

/// golang/go #33519, #41133: a computation that panicked left those who waited for it waiting.
#[test]
fn a_panic_strands_nobody_however_often_it_happens() {
    let region = Region::builder("panics").build().unwrap();
    for _ in 0..3 {
        let gate = Gate::new();
        let attempts = AtomicUsize::new(0);
        thread::scope(|scope| {
            let _end = AtLast(&gate);
            let call = || {
                region.get_or_create("k", || -> u64 {
                    attempts.fetch_add(1, Ordering::SeqCst);
                    gate.wait();
                    panic!("broken")
                })
            };
            let callers = [(); 10].map(|()| scope.spawn(call));
            until("all but the leader wait", || waiting(&region, "k") == 9);
            gate.open();
            assert!(callers.into_iter().all(|caller| caller.join().is_err()));
        });
        assert_eq!(attempts.load(Ordering::SeqCst), 2, "one more tries, and then everyone is told");
    }
    assert_eq!(region.get_or_create("k", || 1_u64), 1);
}

/// Caffeine #287, #425: those who waited for a computation that failed tried one after the other.
#[test]
fn those_who_waited_for_a_failure_that_cannot_be_shared_try_side_by_side() {
    const CALLERS: usize = 20;
    struct Unique;
    let region = Region::builder("convoy").build().unwrap();
    let (attempts, inside) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let gate = Gate::new();
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let call = || {
            region.try_get_or_create("k", || {
                let attempt = attempts.fetch_add(1, Ordering::SeqCst);
                gate.wait();
                if attempt >= 2 {
                    // Only reached while all the others are here too.
                    inside.fetch_add(1, Ordering::SeqCst);
                    until("all of them compute", || inside.load(Ordering::SeqCst) == CALLERS - 2);
                }
                Err::<u64, _>(Unique)
            })
        };
        let callers = [(); CALLERS].map(|()| scope.spawn(call));
        until("all but the leader wait", || waiting(&region, "k") == CALLERS - 1);
        gate.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap().is_err()));
    });
    assert_eq!(attempts.load(Ordering::SeqCst), CALLERS, "each has asked once");
}

/// Caffeine #287, #425, where the failure can be shared: nobody else asks.
#[tokio::test]
async fn those_who_waited_for_a_failure_that_can_be_shared_do_not_try_again() {
    static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "regressions", skip(gate))]
    async fn load(id: u64, gate: Gate) -> Result<u64, String> {
        ATTEMPTS.fetch_add(1, Ordering::SeqCst);
        gate.wait_async().await;
        Err(format!("{id} is down"))
    }

    let gate = Gate::new();
    let callers: Vec<_> = (0..20).map(|_| tokio::spawn(load(1, gate.clone()))).collect();
    until_async("all but the leader wait", || waiting(&REGRESSIONS, load::key(1)) == 19).await;
    gate.open();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Err("1 is down".to_owned()));
    }
    assert_eq!(ATTEMPTS.load(Ordering::SeqCst), 1);
}

/// Caffeine #672: a computation that took long held up other keys, and what was to be evicted stayed.
#[test]
fn a_slow_computation_holds_up_neither_other_keys_nor_eviction() -> Result<(), Error> {
    let region = Region::builder("slow").capacity(10).build()?;
    let (gate, begun) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let slow = scope.spawn(|| {
            region.get_or_create("slow", || {
                begun.open();
                gate.wait();
                0_u64
            })
        });
        begun.wait();
        for number in 1..=1_000_u64 {
            assert_eq!(region.get_or_create(number.to_string(), || number), number);
            region.delete("none").unwrap();
        }
        let stats = region.stats();
        assert!(stats.entries <= 10 && stats.evictions >= 990, "{stats}");
        gate.open();
        assert_eq!(slow.join().unwrap(), 0);
    });
    assert!(region.stats().entries <= 10);
    Ok(())
}

/// bentocache #103: where a time limit for waiting was set, callers waited that long before they took the old value.
#[test]
fn a_stale_value_comes_before_a_wait_timeout() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.wait_timeout(Duration::from_secs(10)));
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    let (gate, begun) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let renewal = scope.spawn(|| {
            region.get_or_create("k", || {
                begun.open();
                gate.wait();
                2_u64
            })
        });
        begun.wait();
        // The clock stands still: nobody's time to wait is over.
        let other = region.clone();
        let other = thread::spawn(move || other.get_or_create("k", || -> u64 { unreachable!("somebody renews") }));
        until("the other is served", || other.is_finished());
        assert_eq!(other.join().unwrap(), 1);
        gate.open();
        assert_eq!(renewal.join().unwrap(), 2);
    });
    assert_eq!(region.stats().coalesced, 0);
    Ok(())
}

/// bentocache 1.3.0: clearing `users` cleared `usersAbc` too.
#[test]
fn clearing_a_region_or_a_tag_leaves_those_whose_names_begin_alike() -> Result<(), Error> {
    regions! {
        static CLEARED = Region::builder("cleared");
        static LONGER = Region::builder("clearedAbc");
        static DEEPER = Region::builder("cleared:abc");
    }
    #[cache_on_arguments(region = CLEARED)]
    fn cleared(id: u64) -> u64 {
        id
    }
    #[cache_on_arguments(region = LONGER)]
    fn longer(id: u64) -> u64 {
        id
    }

    for how in [Invalidation::Hard, Invalidation::Soft] {
        for region in [&*CLEARED, &*LONGER, &*DEEPER] {
            region.set("k", &1_u64)?;
        }
        assert_eq!((cleared(1), longer(1)), (1, 1));
        CLEARED.invalidate(how)?;
        assert_eq!((CLEARED.get::<u64>("k")?, cleared::get(1)?), (None, None), "{how:?}");
        assert_eq!((LONGER.get::<u64>("k")?, longer::get(1)?), (Some(1), Some(1)), "{how:?}");
        assert_eq!(DEEPER.get::<u64>("k")?, Some(1), "{how:?}");
    }
    CLEARED.set(Key::from("one").tagged(["user:1"]), &1_u64)?;
    CLEARED.set(Key::from("ten").tagged(["user:10"]), &10_u64)?;
    CLEARED.invalidate_tag("user:1")?;
    assert_eq!(CLEARED.get_many::<u64>(["one", "ten"])?, [None, Some(10)]);
    Ok(())
}

/// layercache #59: when the holder of the lock died, everyone who waited computed.
#[tokio::test]
async fn when_the_leader_dies_exactly_one_of_those_who_wait_takes_over() {
    let region = Region::builder("one takes over").build().unwrap();
    let gate = Gate::new();
    let computing = Arc::new(AtomicUsize::new(0));
    let call = || {
        let (region, gate, computing) = (region.clone(), gate.clone(), computing.clone());
        tokio::spawn(async move {
            let create = || async {
                computing.fetch_add(1, Ordering::SeqCst);
                gate.wait_async().await;
                1_u64
            };
            region.get_or_create_async("k", create).await
        })
    };
    let leader = call();
    until_async("the leader computes", || computing.load(Ordering::SeqCst) == 1).await;
    let callers: Vec<_> = (0..10).map(|_| call()).collect();
    until_async("the others wait", || waiting(&region, "k") == 10).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    until_async("another computes", || computing.load(Ordering::SeqCst) == 2).await;
    until_async("nobody else does", || waiting(&region, "k") == 9).await;
    gate.open();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 1);
    }
    assert_eq!(computing.load(Ordering::SeqCst), 2);
}

/// None of the libraries that were read has it: what an invalidation overtakes comes back. In every way of the function's
/// companions this is `overtaken.rs`.
#[test]
fn what_is_invalidated_while_it_is_computed_does_not_come_back() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock, |r| r.stale_if_error(TTL * 10));
    let key = || Key::from("k").tagged(["tag"]);
    let ways: [Way; 4] = [
        |region| region.delete("k"),
        |region| region.invalidate(Invalidation::Soft),
        |region| region.invalidate(Invalidation::Hard),
        |region| region.invalidate_tag("tag"),
    ];
    // With nothing there, and as the renewal of an old value.
    for (way, is_renewal) in ways.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        region.delete("k")?;
        if is_renewal {
            region.set(key(), &1_u64)?;
            clock.advance(TTL);
        }
        let (gate, begun) = (Gate::new(), Gate::new());
        thread::scope(|scope| {
            let _end = AtLast(&gate);
            let leader = scope.spawn(|| {
                region.get_or_create(key(), || {
                    begun.open();
                    gate.wait();
                    2_u64
                })
            });
            begun.wait();
            way(&region).unwrap();
            gate.open();
            assert_eq!(leader.join().unwrap(), 2);
        });
        assert_eq!(region.get::<u64>("k")?, None);
        let next = region.try_get_or_create(key(), || Err::<u64, _>("asked"));
        assert_ne!(next, Ok(2), "not even where the function fails");
    }
    Ok(())
}

/// As above, where the computation runs in the background.
#[test]
fn what_is_invalidated_while_it_is_renewed_in_the_background_does_not_come_back() -> Result<(), Error> {
    regions! { static BEHIND = Region::builder("overtaken in the background"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    static WAY: Mutex<Option<Way>> = Mutex::new(None);
    #[cache_on_arguments(region = BEHIND, background, tags = ["tag"])]
    fn load() -> u64 {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        if let Some(way) = WAY.lock().unwrap().take() {
            // While the renewal runs.
            way(&BEHIND).unwrap();
        }
        run
    }

    let kept = Later::default();
    BEHIND.configure(|r| r.runner(kept.clone()))?;
    let ways: [Way; 6] = [
        |_| load::invalidate(),
        |_| load::expire(),
        |region| region.delete(load::key()),
        |region| region.invalidate(Invalidation::Soft),
        |region| region.invalidate(Invalidation::Hard),
        |region| region.invalidate_tag("tag"),
    ];
    for way in ways {
        let old = load::refresh();
        load::expire()?;
        assert_eq!(load(), old);
        *WAY.lock().unwrap() = Some(way);
        let mut renewals = kept.jobs();
        renewals.pop().unwrap()();
        assert_eq!((renewals.len(), RUNS.load(Ordering::SeqCst)), (0, old + 2), "it ran");
        assert_eq!(load::get()?, None);
        let found = load::entry().peek()?.map(|peek| *peek.value());
        assert!(found.is_none_or(|value| value == old), "{found:?} is what was overtaken");
    }
    Ok(())
}
