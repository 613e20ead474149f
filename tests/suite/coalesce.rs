use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Region, cache_multi_on_arguments, cache_on_arguments, regions};
use tokio::task::JoinSet;

use crate::support::until_async;

static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);

regions! {
    static LOADED = Region::builder("coalesced").clock(CLOCK.clone());
}

struct Db {
    asked: Mutex<Vec<usize>>,
    alone: AtomicUsize,
}

impl Db {
    fn new() -> Self {
        Self { asked: Mutex::new(Vec::new()), alone: AtomicUsize::new(0) }
    }
}

/// Lets those who gather go on, until all tasks have ended.
async fn driven<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut results = Vec::new();
    while !tasks.is_empty() {
        CLOCK.advance(Duration::from_millis(2));
        tokio::task::yield_now().await;
        while let Some(result) = tasks.try_join_next() {
            results.push(result.unwrap());
        }
    }
    results
}

#[cache_on_arguments(region = LOADED, skip(db))]
async fn load(db: &Db, id: u64) -> String {
    db.alone.fetch_add(1, Ordering::SeqCst);
    format!("alone {id}")
}

#[cache_multi_on_arguments(region = LOADED, entries_of = load, skip(db), coalesce = "2ms")]
async fn load_many(db: &Db, ids: &[u64]) -> HashMap<u64, String> {
    db.asked.lock().unwrap().push(ids.len());
    tokio::task::yield_now().await;
    ids.iter().filter(|id| **id % 100 != 99).map(|id| (*id, format!("many {id}"))).collect()
}

#[tokio::test]
async fn a_thousand_single_calls_are_few_calls_of_many_keys() {
    let db: &'static Db = Box::leak(Box::new(Db::new()));
    let mut tasks = JoinSet::new();
    for task in 0..1_000_u64 {
        tasks.spawn(async move {
            let id = task % 500;
            (id, load(db, id).await)
        });
    }
    let results = driven(tasks).await;
    for (id, value) in results {
        // What the function of many keys does not return is for the function itself to say.
        let wanted = if id % 100 == 99 { format!("alone {id}") } else { format!("many {id}") };
        assert_eq!(value, wanted);
    }
    assert_eq!(*db.asked.lock().unwrap(), [500]);
    assert_eq!(db.alone.load(Ordering::SeqCst), 5);
    // From the cache, and without anybody who waits for others.
    assert_eq!(load(db, 3).await, "many 3");
    assert_eq!(load_many(db, &[3, 99, 4]).await.len(), 3);
    assert_eq!(db.asked.lock().unwrap().len(), 1);
}

#[derive(Clone, Debug, PartialEq)]
struct Failed(usize);

static FAILS: AtomicUsize = AtomicUsize::new(0);

#[cache_on_arguments(region = LOADED)]
async fn fails(id: u32) -> Result<u32, Failed> {
    Err(Failed(usize::try_from(id).unwrap() + 1_000))
}

#[cache_multi_on_arguments(region = LOADED, entries_of = fails, coalesce = "2ms")]
async fn fail_many(ids: &[u32]) -> Result<HashMap<u32, u32>, Failed> {
    FAILS.fetch_add(1, Ordering::SeqCst);
    assert!(!ids.contains(&77), "on purpose");
    Err(Failed(ids.len()))
}

#[tokio::test]
async fn an_error_reaches_everyone_who_was_gathered_and_so_does_a_panic() {
    let mut tasks = JoinSet::new();
    (0..20).for_each(|id| drop(tasks.spawn(fails(id))));
    let results = driven(tasks).await;
    assert!(results.iter().all(|result| *result == Err(Failed(20))), "{results:?}");
    assert_eq!(FAILS.load(Ordering::SeqCst), 1);
    let mut tasks = JoinSet::new();
    for id in 70..80 {
        tasks.spawn(async move { tokio::spawn(fails(id)).await.is_err() });
    }
    assert_eq!(driven(tasks).await, [true; 10]);
    assert_eq!(FAILS.load(Ordering::SeqCst), 2);
}

#[cache_on_arguments(region = LOADED)]
async fn given_up(id: i8) -> i8 {
    id
}

#[cache_multi_on_arguments(region = LOADED, entries_of = given_up, coalesce = "2ms")]
async fn given_up_many(ids: &[i8]) -> Vec<i8> {
    ids.iter().map(|id| id * 2).collect()
}

#[tokio::test]
async fn where_the_one_who_gathers_is_given_up_the_others_go_on() {
    let first = tokio::spawn(given_up(1));
    until_async("the first gathers", || given_up::entry(1).is_computing()).await;
    let mut tasks = JoinSet::new();
    (2..10).for_each(|id| drop(tasks.spawn(given_up(id))));
    until_async("the others wait", || given_up::entry(9).is_computing()).await;
    first.abort();
    let mut results = driven(tasks).await;
    results.sort_unstable();
    assert_eq!(results, (2..10).map(|id| id * 2).collect::<Vec<_>>());
}
