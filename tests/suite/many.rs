use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachekit::testing::ManualClock;
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
