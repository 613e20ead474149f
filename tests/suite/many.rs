use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{Region, cache_multi_on_arguments, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, until, until_async};

regions! {
    static MANY = Region::builder("many keys");
    static TIMED = Region::builder("many keys, timed").ttl(Duration::from_secs(10)).clock(clock());
}

fn clock() -> ManualClock {
    static CLOCK: std::sync::LazyLock<ManualClock> = std::sync::LazyLock::new(ManualClock::new);
    CLOCK.clone()
}

/// What functions were asked for, call by call.
#[derive(Default)]
struct Asked(Mutex<Vec<Vec<u64>>>);

impl Asked {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn note(&self, ids: &[u64]) {
        self.0.lock().unwrap().push(ids.to_vec());
    }

    fn take(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn squares(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, id * id)).collect()
}

#[test]
fn only_what_is_missing_is_computed_in_one_call_and_each_key_once() {
    static ASKED: Asked = Asked::new();

    #[cache_multi_on_arguments(region = MANY)]
    fn load(ids: &[u64]) -> HashMap<u64, u64> {
        ASKED.note(ids);
        squares(ids)
    }

    assert_eq!(load(&[3, 1, 3, 2]), squares(&[1, 2, 3]));
    assert_eq!(ASKED.take(), [[3, 1, 2]]);
    assert_eq!(load(&[5, 1, 4, 2, 5]), squares(&[1, 2, 4, 5]));
    assert_eq!(ASKED.take(), [[5, 4]]);
    assert_eq!(load(&[]), HashMap::new());
    assert_eq!(load(&[1, 2, 3, 4, 5]), squares(&[1, 2, 3, 4, 5]));
    assert_eq!(ASKED.take(), Vec::<Vec<u64>>::new());
}

#[test]
fn a_vec_is_in_the_order_of_the_keys_and_a_map_has_what_the_function_returns() {
    static ASKED: Asked = Asked::new();

    #[cache_multi_on_arguments(region = MANY)]
    fn lengths(names: &[&str]) -> Vec<usize> {
        names.iter().map(|name| name.len()).collect()
    }

    #[cache_multi_on_arguments(region = "many keys")]
    fn even(ids: &[u64]) -> BTreeMap<u64, String> {
        ASKED.note(ids);
        ids.iter().filter(|id| **id % 2 == 0).map(|id| (*id, id.to_string())).collect()
    }

    assert_eq!(lengths(&["a", "ccc", "bb", "a"]), [1, 3, 2, 1]);
    assert_eq!(lengths(&["bb", "dddd", "a"]), [2, 4, 1]);
    assert_eq!(even(&[1, 2, 3, 4]).into_keys().collect::<Vec<_>>(), [2, 4]);
    assert_eq!(even(&[4, 3, 2, 1]).into_values().collect::<Vec<_>>(), ["2", "4"]);
    assert_eq!(ASKED.take(), [vec![1, 2, 3, 4], vec![3, 1]], "what is absent is asked for again");
}

#[test]
fn other_arguments_are_part_of_every_key_unless_they_are_skipped() {
    static ASKED: Asked = Asked::new();
    struct Db;

    #[cache_multi_on_arguments(region = MANY, skip(_db))]
    fn load(_db: &Db, tenant: &str, ids: &[u64], scale: u64) -> Vec<String> {
        ASKED.note(ids);
        ids.iter().map(|id| format!("{tenant}{}", id * scale)).collect()
    }

    assert_eq!(load(&Db, "a", &[1, 2], 1), ["a1", "a2"]);
    assert_eq!(load(&Db, "b", &[1, 2], 1), ["b1", "b2"]);
    assert_eq!(load(&Db, "a", &[2, 1], 10), ["a20", "a10"]);
    assert_eq!(load(&Db, "a", &[2, 3], 1), ["a2", "a3"]);
    assert_eq!(ASKED.take(), [vec![1, 2], vec![1, 2], vec![2, 1], vec![3]]);
    assert_eq!(load::get("a", &[1, 7], 1).unwrap(), HashMap::from([(1, "a1".to_owned())]));
    load::set("a", 1, [(1, "other".to_owned()), (7, "seven".to_owned())]).unwrap();
    assert_eq!(load(&Db, "a", &[7, 1], 1), ["seven", "other"]);
    load::invalidate("a", &[7, 2], 1).unwrap();
    assert_eq!(load::get("a", &[1, 2, 7], 1).unwrap().len(), 1);
    assert_eq!(load::refresh(&Db, "a", &[1], 1), ["a1"]);
    assert_eq!(load(&Db, "a", &[1], 1), ["a1"]);
    assert_eq!(load::original(&Db, "x", &[9, 9], 1), ["x9", "x9"]);
}

#[test]
fn entries_can_be_those_of_a_function_of_one_key() {
    static ASKED: Asked = Asked::new();

    #[cache_on_arguments(region = MANY, ttl = "1h", tags = ["square {id}"])]
    fn square(id: u64) -> u64 {
        ASKED.note(&[id]);
        id * id
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = square)]
    fn all_squares(ids: &[u64]) -> HashMap<u64, u64> {
        ASKED.note(ids);
        squares(ids)
    }

    assert_eq!(square(2), 4);
    assert_eq!(all_squares(&[1, 2, 3]), squares(&[1, 2, 3]));
    assert_eq!((square(1), square(3)), (1, 9));
    assert_eq!(ASKED.take(), [vec![2], vec![1, 3]]);
    square::invalidate(1).unwrap();
    MANY.invalidate_tag("square 3").unwrap();
    assert_eq!(all_squares(&[1, 2, 3]), squares(&[1, 2, 3]));
    assert_eq!(ASKED.take(), [vec![1, 3]]);
    all_squares::set([(7, 0)]).unwrap();
    assert_eq!(square(7), 0);
    all_squares::expire(&[7]).unwrap();
    assert_eq!(square::entry(7).peek().unwrap().map(|peek| peek.is_fresh()), Some(false));
}

#[test]
fn what_a_refresh_does_not_return_is_gone() {
    static KNOWN: Mutex<Vec<u64>> = Mutex::new(Vec::new());

    #[cache_multi_on_arguments(region = MANY)]
    fn known(ids: &[u64]) -> HashMap<u64, u64> {
        let known = KNOWN.lock().unwrap();
        ids.iter().filter(|id| known.contains(id)).map(|id| (*id, *id)).collect()
    }

    KNOWN.lock().unwrap().extend([1, 2]);
    assert_eq!(known(&[1, 2, 3]).len(), 2);
    KNOWN.lock().unwrap().retain(|id| *id == 1);
    assert_eq!(known::get(&[1, 2, 3]).unwrap().len(), 2, "from the cache");
    assert_eq!(known::refresh(&[1, 2, 3]), HashMap::from([(1, 1)]));
    assert_eq!(known::get(&[1, 2, 3]).unwrap(), HashMap::from([(1, 1)]));
}

#[derive(Clone, Debug, PartialEq)]
struct Failed(&'static str);

#[test]
fn an_error_is_the_callers_and_nothing_is_stored() {
    static ASKED: Asked = Asked::new();

    #[cache_multi_on_arguments(region = MANY)]
    fn load(ids: &[u64]) -> Result<Vec<u64>, Failed> {
        ASKED.note(ids);
        if ids.contains(&13) { Err(Failed("13")) } else { Ok(ids.to_vec()) }
    }

    assert_eq!(load(&[1, 2]), Ok(vec![1, 2]));
    assert_eq!(load(&[1, 13, 3]), Err(Failed("13")));
    assert_eq!(load(&[3, 1]), Ok(vec![3, 1]));
    assert_eq!(ASKED.take(), [vec![1, 2], vec![13, 3], vec![3]]);
    assert_eq!(load::get(&[1, 13]).unwrap(), HashMap::from([(1, 1)]));
}

#[test]
fn an_error_is_covered_by_old_values_and_remembered_where_there_are_none() {
    regions! { static FAILING = Region::builder("many keys, failing").ttl(Duration::from_secs(10)); }
    static ASKED: Asked = Asked::new();
    static IS_DOWN: AtomicBool = AtomicBool::new(false);

    #[cache_multi_on_arguments(region = FAILING, stale_if_error = "1h", error_ttl = "5s")]
    fn load(ids: &[u64]) -> Result<Vec<u64>, Failed> {
        ASKED.note(ids);
        if IS_DOWN.load(Ordering::SeqCst) { Err(Failed("down")) } else { Ok(ids.to_vec()) }
    }

    let clock = ManualClock::new();
    FAILING.configure(|r| r.ttl(Duration::from_secs(10)).clock(clock.clone())).unwrap();
    assert_eq!(load(&[1, 2]), Ok(vec![1, 2]));
    clock.advance(Duration::from_secs(11));
    IS_DOWN.store(true, Ordering::SeqCst);
    assert_eq!(load(&[1, 2]), Ok(vec![1, 2]));
    assert_eq!(load(&[1, 2, 3]), Err(Failed("down")));
    assert_eq!(load(&[3]), Err(Failed("down")));
    assert_eq!(ASKED.take(), [vec![1, 2], vec![1, 2], vec![3]], "those that failed are left alone for a while");
}

#[test]
#[should_panic(expected = "`wrong` has returned 1 values for 2 keys: a `Vec` has one for each, in their order")]
fn a_vec_of_another_length_is_a_clear_panic() {
    #[cache_multi_on_arguments(region = MANY)]
    fn wrong(ids: &[u64]) -> Vec<u64> {
        ids[1..].to_vec()
    }

    wrong(&[1, 2]);
}

#[test]
fn values_are_judged_one_by_one() {
    #[cache_multi_on_arguments(region = TIMED, should_cache = |value| *value != 0, ttl_of = |value: &u64| (*value > 100).then_some(Duration::from_secs(100)), tags = ["all", "id {ids}"])]
    fn load(ids: &[u64], runs: &'static AtomicRuns) -> Vec<u64> {
        runs.0.fetch_add(ids.len(), Ordering::SeqCst);
        ids.to_vec()
    }

    static RUNS: AtomicRuns = AtomicRuns(AtomicUsize::new(0));
    let taken = || RUNS.0.swap(0, Ordering::SeqCst);
    assert_eq!(load(&[0, 1, 200], &RUNS), [0, 1, 200]);
    assert_eq!(load(&[0, 1, 200], &RUNS), [0, 1, 200]);
    assert_eq!(taken(), 4, "zero is never kept");
    clock().advance(Duration::from_secs(50));
    load(&[1, 200], &RUNS);
    assert_eq!(taken(), 1, "one has a ttl of its own");
    TIMED.invalidate_tag("id 200").unwrap();
    load(&[1, 200], &RUNS);
    assert_eq!(taken(), 1);
    TIMED.invalidate_tag("all").unwrap();
    load(&[1, 200], &RUNS);
    assert_eq!(taken(), 2);
}

struct AtomicRuns(AtomicUsize);

impl cachekit::KeyPart for AtomicRuns {
    fn write_key(&self, writer: &mut cachekit::KeyWriter) {
        writer.bool(true);
    }
}

#[test]
fn keys_that_others_compute_are_waited_for_and_ones_own_are_computed_first() {
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static ASKED: Asked = Asked::new();

    #[cache_on_arguments(region = MANY)]
    fn held(id: u64) -> u64 {
        GATE.wait();
        id
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = held)]
    fn load(ids: &[u64]) -> HashMap<u64, u64> {
        ASKED.note(ids);
        ids.iter().map(|id| (*id, *id)).collect()
    }

    let _opened = AtLast(&GATE);
    std::thread::scope(|scope| {
        scope.spawn(|| held(1));
        until("the key is computed", || held::entry(1).is_computing());
        let many = scope.spawn(|| load(&[1, 2, 3]));
        until("the others are stored", || held::get(3).unwrap() == Some(3));
        assert_eq!(ASKED.take(), [[2, 3]]);
        GATE.open();
        assert_eq!(many.join().unwrap(), HashMap::from([(1, 1), (2, 2), (3, 3)]));
    });
    assert_eq!(ASKED.take(), Vec::<Vec<u64>>::new());
}

#[test]
fn past_the_ttl_one_caller_computes_and_the_others_are_served_the_old_values() {
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache_multi_on_arguments(region = TIMED)]
    fn load(ids: &[u64]) -> Vec<(u64, usize)> {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        if run == 1 {
            GATE.wait();
        }
        ids.iter().map(|id| (*id, run)).collect()
    }

    let _opened = AtLast(&GATE);
    assert_eq!(load(&[1, 2]), [(1, 0), (2, 0)]);
    clock().advance(Duration::from_secs(11));
    std::thread::scope(|scope| {
        let renews = scope.spawn(|| load(&[2, 1]));
        until("the function runs", || RUNS.load(Ordering::SeqCst) == 2);
        assert_eq!(load(&[1, 2]), [(1, 0), (2, 0)]);
        GATE.open();
        assert_eq!(renews.join().unwrap(), [(2, 1), (1, 1)]);
    });
    assert_eq!(load(&[1, 2]), [(1, 1), (2, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_tasks_with_overlapping_keys_compute_none_twice_at_once() {
    static RUNNING: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache_multi_on_arguments(region = MANY)]
    async fn load(ids: &[u64]) -> Vec<u64> {
        {
            let mut running = RUNNING.lock().unwrap();
            assert!(ids.iter().all(|id| !running.contains(id)), "{ids:?} beside {running:?}");
            running.extend(ids);
        }
        RUNS.fetch_add(1, Ordering::SeqCst);
        GATE.wait_async().await;
        RUNNING.lock().unwrap().retain(|id| !ids.contains(id));
        ids.iter().map(|id| id * 2).collect()
    }

    let _opened = AtLast(&GATE);
    let mut random = fastrand::Rng::with_seed(7);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let mut ids: Vec<u64> = (0..60).collect();
            random.shuffle(&mut ids);
            ids.truncate(random.usize(1..30));
            tokio::spawn(async move {
                let values = load(&ids).await;
                assert_eq!(values, ids.iter().map(|id| id * 2).collect::<Vec<_>>());
            })
        })
        .collect();
    until_async("somebody computes", || RUNS.load(Ordering::SeqCst) > 0).await;
    GATE.open();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn tasks_have_the_same_companions() {
    #[cache_multi_on_arguments(region = MANY)]
    async fn load(ids: &[Arc<str>], page: u32) -> Result<HashMap<Arc<str>, String>, Failed> {
        Ok(ids.iter().map(|id| (Arc::clone(id), format!("{id}{page}"))).collect())
    }

    let [a, b] = ["a", "b"].map(Arc::<str>::from);
    let both = [Arc::clone(&a), Arc::clone(&b)];
    assert_eq!(load(&both, 1).await.unwrap()[&a], "a1");
    assert_eq!(load::get(&both, 1).await.unwrap().len(), 2);
    load::invalidate(&both[..1], 1).await.unwrap();
    assert_eq!(load::get(&both, 1).await.unwrap(), HashMap::from([(b, "b1".to_owned())]));
    load::set(1, [(Arc::clone(&a), "set".to_owned())]).await.unwrap();
    load::expire(&both, 2).await.unwrap();
    assert_eq!(load(&both, 1).await.unwrap()[&a], "set");
    assert_eq!(load::refresh(&both, 1).await.unwrap()[&a], "a1");
    assert_eq!(load::original(&both, 7).await.unwrap()[&a], "a7");
}

#[test]
fn one_of_those_who_wait_for_an_absent_key_computes_it() {
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache_on_arguments(region = MANY)]
    fn one(id: u64) -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        id
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = one)]
    fn none(_ids: &[u64]) -> HashMap<u64, u64> {
        GATE.wait();
        HashMap::new()
    }

    let _opened = AtLast(&GATE);
    std::thread::scope(|scope| {
        let absent = scope.spawn(|| none(&[1]));
        until("the key is computed", || one::entry(1).is_computing());
        let singles: Vec<_> = (0..8).map(|_| scope.spawn(|| one(1))).collect();
        until("all wait", || waiting(&MANY, one::key(1)) == 8);
        GATE.open();
        assert_eq!(absent.join().unwrap(), HashMap::new());
        for single in singles {
            assert_eq!(single.join().unwrap(), 1);
        }
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    assert_eq!(one::get(1).unwrap(), Some(1), "it is kept");
}

#[test]
fn one_of_those_who_wait_for_a_failure_of_another_type_computes() {
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache_on_arguments(region = MANY)]
    fn one(id: u64) -> Result<u64, String> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        if id == 1 { Ok(id) } else { Err("another".to_owned()) }
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = one)]
    fn fails(_ids: &[u64]) -> Result<Vec<u64>, Failed> {
        GATE.wait();
        Err(Failed("on purpose"))
    }

    let _opened = AtLast(&GATE);
    std::thread::scope(|scope| {
        let failing = scope.spawn(|| fails(&[1]));
        until("the key is computed", || one::entry(1).is_computing());
        let singles: Vec<_> = (0..8).map(|_| scope.spawn(|| one(1))).collect();
        until("all wait", || waiting(&MANY, one::key(1)) == 8);
        GATE.open();
        assert_eq!(failing.join().unwrap(), Err(Failed("on purpose")));
        for single in singles {
            assert_eq!(single.join().unwrap(), Ok(1));
        }
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    assert_eq!(one::get(1).unwrap(), Some(1), "it is kept");
}

#[test]
fn a_remembered_failure_of_another_type_is_no_reason_to_keep_nothing() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache_on_arguments(region = MANY, error_ttl = "1h")]
    fn one(id: u64) -> Result<u64, String> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        if id == 1 { Ok(id) } else { Err("another".to_owned()) }
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = one)]
    fn fails(_ids: &[u64]) -> Result<Vec<u64>, Failed> {
        Err(Failed("on purpose"))
    }

    assert_eq!(fails(&[1]), Err(Failed("on purpose")));
    assert_eq!((one(1), one(1)), (Ok(1), Ok(1)));
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[test]
fn a_function_that_asks_for_a_key_that_it_computes_panics_and_names_it() {
    #[cache_on_arguments(region = MANY)]
    fn one(id: u64) -> u64 {
        id
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = one)]
    fn own(ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, one(*id) + one(7))).collect()
    }

    let payload = std::panic::catch_unwind(|| own(&[1, 2])).unwrap_err();
    let message = payload.downcast_ref::<String>().unwrap();
    assert!(message.contains("one|1` waits for itself"), "{message}");
    assert!(!one::entry(1).is_computing() && !one::entry(2).is_computing());
    assert_eq!((one(1), one(2)), (1, 2));
    assert_eq!(own(&[1, 2]), HashMap::from([(1, 1), (2, 2)]));
}

#[tokio::test]
async fn a_task_that_asks_for_a_key_that_it_computes_panics_and_other_keys_nest() {
    #[cache_on_arguments(region = MANY)]
    async fn one(id: u64) -> u64 {
        tokio::task::yield_now().await;
        id
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = one)]
    async fn own(ids: &[u64]) -> HashMap<u64, u64> {
        let mut values = HashMap::new();
        for id in ids {
            tokio::task::yield_now().await;
            values.insert(*id, one(*id + 100).await + if *id > 10 { one(*id).await } else { 0 });
        }
        values
    }

    assert_eq!(own(&[1, 2]).await, HashMap::from([(1, 101), (2, 102)]));
    let panic = tokio::spawn(async { own(&[11, 12]).await }).await.unwrap_err().into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("one|11` waits for itself"), "{message}");
    assert!(!one::entry(11).is_computing() && !one::entry(12).is_computing());
}

#[test]
fn who_waits_for_a_key_of_a_call_that_panics_computes_it_and_the_other_way_round() {
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static OTHER: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache_on_arguments(region = MANY)]
    fn one(id: u64) -> u64 {
        if id == 5 && RUNS.fetch_add(1, Ordering::SeqCst) == 0 {
            OTHER.wait();
            panic!("on purpose");
        }
        id
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = one)]
    fn many(ids: &[u64]) -> HashMap<u64, u64> {
        if ids.contains(&1) {
            GATE.wait();
            panic!("on purpose");
        }
        ids.iter().map(|id| (*id, id + 10)).collect()
    }

    let (_opened, _other) = (AtLast(&GATE), AtLast(&OTHER));
    std::thread::scope(|scope| {
        let panics = scope.spawn(|| std::panic::catch_unwind(|| many(&[1, 2, 3])).is_err());
        until("the keys are computed", || one::entry(3).is_computing());
        let single = scope.spawn(|| one(1));
        let other = scope.spawn(|| many(&[3, 2]));
        until("both wait", || [1, 2, 3].iter().all(|id| waiting(&MANY, one::key(*id)) == 1));
        GATE.open();
        assert!(panics.join().unwrap());
        assert_eq!(single.join().unwrap(), 1);
        assert_eq!(other.join().unwrap(), HashMap::from([(2, 12), (3, 13)]));

        let panics = scope.spawn(|| std::panic::catch_unwind(|| one(5)).is_err());
        until("the key is computed", || one::entry(5).is_computing());
        let many = scope.spawn(|| many(&[4, 5]));
        until("it waits", || waiting(&MANY, one::key(5)) == 1);
        OTHER.open();
        assert!(panics.join().unwrap());
        assert_eq!(many.join().unwrap(), HashMap::from([(4, 14), (5, 15)]));
    });
}

/// An error that is not `Clone`.
#[derive(Debug, PartialEq)]
struct Sole(usize);

#[test]
fn what_fails_with_an_error_that_cannot_be_shared_is_tried_once_more_by_one() {
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);
    static ASKED: Asked = Asked::new();

    #[cache_multi_on_arguments(region = MANY)]
    fn many(ids: &[u64]) -> Result<Vec<u64>, Sole> {
        ASKED.note(ids);
        if ASKED.0.lock().unwrap().len() > 1 {
            return Ok(ids.to_vec());
        }
        GATE.wait();
        Err(Sole(ids.len()))
    }

    let _opened = AtLast(&GATE);
    std::thread::scope(|scope| {
        let fails = scope.spawn(|| many(&[1, 2, 3]));
        until("it runs", || !ASKED.0.lock().unwrap().is_empty());
        let waits = scope.spawn(|| many(&[4, 3, 1]));
        until("it waits", || {
            MANY.stats().coalesced < u64::MAX && many::get(&[4]).unwrap().len() == 1
                || ASKED.0.lock().unwrap().len() == 2
        });
        GATE.open();
        assert_eq!(fails.join().unwrap(), Err(Sole(3)));
        assert_eq!(waits.join().unwrap(), Ok(vec![4, 3, 1]));
    });
    let asked = ASKED.take();
    assert_eq!(asked[..2], [vec![1, 2, 3], vec![4]]);
    // Who waits learns of the one failure maybe before the other.
    let mut again = asked[2..].concat();
    again.sort_unstable();
    assert_eq!(again, [1, 3]);
}

#[test]
fn an_old_value_covers_a_failure_key_by_key_and_an_absence_not_at_all() {
    static FAILS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

    #[cache_multi_on_arguments(region = TIMED, stale_if_error = "1h", error_ttl = "1s")]
    fn many(ids: &[u64]) -> Result<HashMap<u64, u64>, Failed> {
        if FAILS.load(Ordering::SeqCst) {
            return Err(Failed("on purpose"));
        }
        Ok(ids.iter().filter(|id| **id < 10).map(|id| (*id, *id)).collect())
    }

    assert_eq!(many(&[1, 2]), Ok(HashMap::from([(1, 1), (2, 2)])));
    many::set([(11, 11)]).unwrap();
    clock().advance(Duration::from_secs(11));
    assert_eq!(many(&[1, 11]), Ok(HashMap::from([(1, 1)])), "it is gone");
    clock().advance(Duration::from_secs(11));
    FAILS.store(true, Ordering::SeqCst);
    assert_eq!(many(&[1, 2]), Ok(HashMap::from([(1, 1), (2, 2)])));
    assert_eq!(many(&[1, 3]), Err(Failed("on purpose")));
    FAILS.store(false, Ordering::SeqCst);
    assert_eq!(many(&[3]), Err(Failed("on purpose")), "remembered");
    clock().advance(Duration::from_secs(2));
    assert_eq!(many(&[3]), Ok(HashMap::from([(3, 3)])));
}

#[test]
fn ten_thousand_keys_take_no_stack_and_little_time() {
    #[cache_multi_on_arguments(region = MANY)]
    fn many(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    let ids: Vec<u64> = (0..10_000).collect();
    let small = std::thread::Builder::new().stack_size(256 << 10);
    std::thread::scope(|scope| {
        let call = small.spawn_scoped(scope, || (many(&ids), many(&ids))).unwrap();
        assert_eq!(call.join().unwrap(), (ids.clone(), ids.clone()));
    });
}

#[test]
fn an_error_of_which_an_old_value_was_served_is_not_told_for_another_key() {
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::new);

    #[cache_on_arguments(region = TIMED, stale_if_error = "1h")]
    fn one(id: u64) -> Result<u64, Failed> {
        if id == 2 {
            GATE.wait();
            return Err(Failed("of the other"));
        }
        Ok(id)
    }

    #[cache_multi_on_arguments(region = TIMED, entries_of = one)]
    fn many(_ids: &[u64]) -> Result<Vec<u64>, Failed> {
        Err(Failed("covered"))
    }

    let _opened = AtLast(&GATE);
    one(1).unwrap();
    clock().advance(Duration::from_secs(11));
    std::thread::scope(|scope| {
        let single = scope.spawn(|| one(2));
        until("it computes", || one::entry(2).is_computing());
        let many = scope.spawn(|| many(&[1, 2]));
        until("it waits", || waiting(&TIMED, one::key(2)) == 1 && !one::entry(1).is_computing());
        GATE.open();
        assert_eq!(single.join().unwrap(), Err(Failed("of the other")));
        assert_eq!(many.join().unwrap(), Err(Failed("of the other")));
    });
}

#[test]
fn a_value_that_is_computed_after_an_error_of_another_type_is_kept() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache_on_arguments(region = MANY, error_ttl = "1h")]
    fn one(_id: u64) -> Result<u64, Failed> {
        Err(Failed("on purpose"))
    }

    #[cache_multi_on_arguments(region = MANY, entries_of = one)]
    fn many(ids: &[u64]) -> Vec<u64> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        ids.to_vec()
    }

    assert_eq!(one(1), Err(Failed("on purpose")));
    assert_eq!((many(&[1, 2]), many(&[2, 1])), (vec![1, 2], vec![2, 1]));
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}
