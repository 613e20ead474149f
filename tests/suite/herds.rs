use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{Clock, Region, cache_on_arguments, regions};

use crate::support::{Gate, until, until_async};

const THREADS: usize = 1_000;
const TASKS: usize = 10_000;

regions! {
    static HERDS = Region::builder("herds");
}

/// An error that can be given to everyone.
#[derive(Clone, Debug, PartialEq)]
struct Refused(u64);

/// An error of which there is one.
#[derive(Debug, PartialEq)]
struct Unique(usize);

/// Runs `caller` in as many threads, opens the gate when all but `leaders` of them wait for `key`, and gives the results.
fn herd<T: Send>(
    callers: usize,
    key: &cachekit::Key,
    gate: &Gate,
    caller: impl Fn(usize) -> T + Sync,
) -> Vec<thread::Result<T>> {
    let caller = &caller;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|number| {
                let builder = thread::Builder::new().stack_size(128 * 1024);
                builder.spawn_scoped(scope, move || catch_unwind(AssertUnwindSafe(|| caller(number)))).unwrap()
            })
            .collect();
        until("all but the leader wait", || waiting(&HERDS, key) == callers - 1);
        gate.open();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_thousand_threads_on_a_cold_key_compute_once() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", key(id))]
    fn load(id: u64, gate: &Gate) -> String {
        CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait();
        format!("value {id}")
    }

    let gate = Gate::new();
    let values = herd(THREADS, &load::key(5), &gate, |_| load(5, &gate));
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    assert_eq!(values.len(), THREADS);
    assert!(values.into_iter().all(|value| value.unwrap() == "value 5"));
    assert!(!load::entry(5).is_computing());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_thousand_tasks_on_a_cold_key_compute_once() {
    const MANY: usize = 100_000;
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> u64 {
        CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait_async().await;
        id
    }

    let gate = Gate::new();
    let tasks: Vec<_> = (0..MANY).map(|_| tokio::spawn(load(6, gate.clone()))).collect();
    until_async("all but the leader wait", || waiting(&HERDS, load::key(6)) == MANY - 1).await;
    gate.open();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 6);
    }
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_tasks_that_wait_for_a_computation_that_fails_late_are_all_answered_by_it() {
    const MANY: usize = 1_000;
    const SLOW: Duration = Duration::from_millis(500);
    regions! { static FAILING = Region::builder("failing herds"); }
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = FAILING, skip(gate))]
    async fn load(id: u64, gate: Gate) -> Result<u64, Refused> {
        CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait_async().await;
        Err(Refused(id))
    }

    let clock = ManualClock::new();
    FAILING.configure(|r| r.clock(clock.clone())).unwrap();
    let gate = Gate::new();
    let tasks: Vec<_> = (0..=MANY).map(|_| tokio::spawn(load(9, gate.clone()))).collect();
    until_async("all but the leader wait", || waiting(&FAILING, load::key(9)) == MANY).await;
    clock.advance(SLOW);
    gate.open();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Err(Refused(9)));
    }
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    assert_eq!(clock.now(), SLOW, "nobody waited longer than the computation took");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tasks_on_a_cold_key_compute_once() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> String {
        CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait_async().await;
        format!("value {id}")
    }

    let gate = Gate::new();
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(load(5, gate.clone()))).collect();
    until_async("all but the leader wait", || waiting(&HERDS, load::key(5)) == TASKS - 1).await;
    gate.open();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "value 5");
    }
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
}

#[test]
fn a_thousand_threads_on_a_failing_key_compute_once_and_all_get_the_error() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    fn load(id: u64, gate: &Gate) -> Result<String, Refused> {
        CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait();
        Err(Refused(id))
    }

    let gate = Gate::new();
    let results = herd(THREADS, &load::key(7), &gate, |_| load(7, &gate));
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    assert!(results.into_iter().all(|result| result.unwrap() == Err(Refused(7))));
    assert_eq!(load::get(7).unwrap(), None, "an error is not stored");
    load(7, &gate).unwrap_err();
    assert_eq!(CALLS.load(Ordering::SeqCst), 2, "and the next caller tries again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tasks_on_a_failing_key_compute_once_and_all_get_the_error() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> Result<String, Refused> {
        CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait_async().await;
        Err(Refused(id))
    }

    let gate = Gate::new();
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(load(7, gate.clone()))).collect();
    until_async("all but the leader wait", || waiting(&HERDS, load::key(7)) == TASKS - 1).await;
    gate.open();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Err(Refused(7)));
    }
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
}

#[test]
fn share_error_gives_an_error_that_is_not_clone_to_everyone() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn again(error: &Unique) -> Unique {
        Unique(error.0)
    }
    #[cache_on_arguments(region = "herds", skip(gate), share_error = again)]
    fn load(id: u64, gate: &Gate) -> Result<u64, Unique> {
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait();
        if id == 0 { Ok(0) } else { Err(Unique(call)) }
    }

    let gate = Gate::new();
    let results = herd(100, &load::key(1), &gate, |_| load(1, &gate));
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    assert!(results.into_iter().all(|result| result.unwrap() == Err(Unique(0))));
}

#[test]
fn where_an_error_cannot_be_shared_one_caller_tries_next_and_then_all_at_once() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static SIDE_BY_SIDE: AtomicUsize = AtomicUsize::new(0);
    const CALLERS: usize = 50;
    #[cache_on_arguments(region = "herds", skip(gates))]
    fn load(id: u64, gates: &[Gate; 3]) -> Result<u64, Unique> {
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        gates[call.min(2)].wait();
        if call >= 2 {
            // Only reached while all the others are here too: never one after the other.
            SIDE_BY_SIDE.fetch_add(1, Ordering::SeqCst);
            until("all others compute", || SIDE_BY_SIDE.load(Ordering::SeqCst) == CALLERS - 2);
        }
        if id == 0 { Ok(0) } else { Err(Unique(call)) }
    }

    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let first = gates[0].clone();
    let results = thread::scope(|scope| {
        scope.spawn(|| {
            until("the second attempt runs", || CALLS.load(Ordering::SeqCst) == 2);
            assert_eq!(waiting(&HERDS, load::key(1)), CALLERS - 2, "one caller tries, the others still wait");
            gates[1].open();
            gates[2].open();
        });
        herd(CALLERS, &load::key(1), &first, |_| load(1, &gates))
    });
    assert_eq!(CALLS.load(Ordering::SeqCst), CALLERS);
    let mut errors: Vec<usize> = results.into_iter().map(|result| result.unwrap().unwrap_err().0).collect();
    errors.sort_unstable();
    assert_eq!(errors, (0..CALLERS).collect::<Vec<_>>(), "everyone has an error of one's own");
    assert!(!load::entry(1).is_computing());
}

#[test]
fn where_an_error_cannot_be_shared_the_success_of_the_second_attempt_reaches_everyone() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    fn load(id: u64, gate: &Gate) -> Result<u64, Unique> {
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait();
        if call == 0 { Err(Unique(call)) } else { Ok(id) }
    }

    let gate = Gate::new();
    let results = herd(100, &load::key(4), &gate, |_| load(4, &gate));
    let failed = results.iter().filter(|result| result.as_ref().unwrap().is_err()).count();
    assert_eq!((CALLS.load(Ordering::SeqCst), failed), (2, 1));
    assert_eq!(load::get(4).unwrap(), Some(4));
}

#[test]
fn when_the_leader_panics_one_other_computes_and_nobody_hangs() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    fn load(id: u64, gate: &Gate) -> u64 {
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait();
        assert!(call > 0, "the first computation breaks");
        id
    }

    let gate = Gate::new();
    let results = herd(THREADS, &load::key(3), &gate, |_| load(3, &gate));
    assert_eq!(CALLS.load(Ordering::SeqCst), 2);
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1, "the panic goes on in the leader only");
    assert!(results.into_iter().flatten().all(|value| value == 3));
    assert_eq!(load(3, &gate), 3, "nothing is poisoned");
}

#[test]
fn when_two_leaders_panic_so_does_everyone_who_waited() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    fn load(id: u64, gate: &Gate) -> u64 {
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait();
        assert!(call > 1, "broken {id}");
        id
    }

    let gate = Gate::new();
    let results = herd(100, &load::key(3), &gate, |_| load(3, &gate));
    assert_eq!(CALLS.load(Ordering::SeqCst), 2);
    for result in results {
        let payload = result.unwrap_err();
        let message = payload.downcast_ref::<String>().unwrap();
        assert!(message.contains("broken 3"), "{message}");
    }
    assert_eq!(load(3, &gate), 3, "the next caller computes anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_leaders_task_panics_one_other_computes() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> u64 {
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait_async().await;
        assert!(call > 0, "the first computation breaks");
        id
    }

    let gate = Gate::new();
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(load(3, gate.clone()))).collect();
    until_async("all but the leader wait", || waiting(&HERDS, load::key(3)) == TASKS - 1).await;
    gate.open();
    let mut panics = 0;
    for task in tasks {
        match task.await {
            Ok(value) => assert_eq!(value, 3),
            Err(_) => panics += 1,
        }
    }
    assert_eq!((CALLS.load(Ordering::SeqCst), panics), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_leaders_future_is_dropped_one_other_computes_and_nobody_hangs() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> u64 {
        CALLS.fetch_add(1, Ordering::SeqCst);
        gate.wait_async().await;
        id
    }

    let gate = Gate::new();
    let leader = tokio::spawn(load(8, gate.clone()));
    until_async("the leader computes", || load::entry(8).is_computing()).await;
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(load(8, gate.clone()))).collect();
    until_async("everyone waits", || waiting(&HERDS, load::key(8)) == TASKS).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    until_async("another computes", || CALLS.load(Ordering::SeqCst) == 2).await;
    gate.open();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 8);
    }
    assert_eq!(CALLS.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn when_every_future_is_dropped_the_next_caller_starts_anew() {
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> u64 {
        gate.wait_async().await;
        id
    }

    let gate = Gate::new();
    let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(load(9, gate.clone()))).collect();
    until_async("everyone waits", || waiting(&HERDS, load::key(9)) == 9).await;
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert!(!load::entry(9).is_computing());
    gate.open();
    assert_eq!(load(9, gate).await, 9);
}

#[test]
fn a_follower_that_is_promoted_and_dropped_hands_on() {
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> u64 {
        gate.wait_async().await;
        id
    }

    // Polled by hand, so that each step is one of the test's.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let gate = Gate::new();
        let mut calls: Vec<_> = (0..3).map(|_| Box::pin(load(1, gate.clone()))).collect();
        for call in &mut calls {
            assert!(poll_once(call).await.is_none());
        }
        let last = calls.pop().unwrap();
        let promoted = calls.pop().unwrap();
        drop(calls.pop());
        // Told that it may lead, and dropped before it could.
        drop(promoted);
        gate.open();
        assert_eq!(last.await, 1);
    });
}

/// Polls once; `None` while pending.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_follower_that_nobody_polls_does_not_hold_up_the_others() {
    #[cache_on_arguments(region = "herds", skip(gate))]
    async fn load(id: u64, gate: Gate) -> u64 {
        gate.wait_async().await;
        id
    }

    let gate = Gate::new();
    let mut leader = Box::pin(load(2, gate.clone()));
    assert!(poll_once(&mut leader).await.is_none());
    let mut idle = Box::pin(load(2, gate.clone()));
    assert!(poll_once(&mut idle).await.is_none());
    let eager = tokio::spawn(load(2, gate.clone()));
    until_async("both wait", || waiting(&HERDS, load::key(2)) == 2).await;
    drop(leader);
    gate.open();
    // `idle` came first, and is alive, and nobody polls it.
    assert_eq!(eager.await.unwrap(), 2);
    assert_eq!(idle.await, 2);
}

#[test]
fn one_slow_key_does_not_hold_up_another() {
    #[cache_on_arguments(region = "herds", skip(gate))]
    fn load(id: u64, gate: &Gate) -> u64 {
        if id == 0 {
            gate.wait();
        }
        id
    }

    let gate = Gate::new();
    thread::scope(|scope| {
        let slow = scope.spawn(|| load(0, &gate));
        until("the slow key computes", || load::entry(0).is_computing());
        for id in 1..100 {
            assert_eq!(load(id, &gate), id);
        }
        gate.open();
        assert_eq!(slow.join().unwrap(), 0);
    });
}

#[test]
fn threads_and_tasks_share_a_creation_by_hand() {
    let gate = Gate::new();
    let calls = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            HERDS.get_or_create("mixed", || {
                calls.fetch_add(1, Ordering::SeqCst);
                gate.wait();
                1_u64
            })
        });
        until("the thread computes", || calls.load(Ordering::SeqCst) == 1);
        let task = runtime.spawn(HERDS.get_or_create_async("mixed", || async { 2_u64 }));
        until("the task waits", || waiting(&HERDS, "mixed") == 1);
        gate.open();
        assert_eq!(thread.join().unwrap(), 1);
        assert_eq!(runtime.block_on(task).unwrap(), 1);
    });
}
