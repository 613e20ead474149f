//! What dogpile.cache promises of functions of many keys, under the numbers of `docs/dogpile.md`, as far as cachekit
//! promises it too, or something else in its place.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{
    Error, Invalidation, KeyContext, Region, cache_multi_on_arguments, cache_on_arguments, generate, regions,
};

use crate::support::{AtLast, Gate, until};

const TTL: Duration = Duration::from_secs(60);

regions! {
    static MANY = Region::builder("dogpile, many keys");
}

/// What a function was asked for, call by call.
#[derive(Debug, Default)]
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

    fn nothing(&self) -> bool {
        self.take().is_empty()
    }
}

#[test]
fn d29_d93_only_missing_keys_reach_the_function_as_they_came_and_values_are_in_that_order() -> Result<(), Error> {
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = MANY)]
    fn load(ids: &[u64]) -> Vec<String> {
        ASKED.note(ids);
        ids.iter().map(|id| format!("value {id}")).collect()
    }

    assert_eq!(load(&[8, 2, 10]), ["value 8", "value 2", "value 10"]);
    assert_eq!(load(&[10, 9, 8, 4, 10]), ["value 10", "value 9", "value 8", "value 4", "value 10"]);
    assert_eq!(ASKED.take(), [vec![8, 2, 10], vec![9, 4]]);
    load::invalidate(&[4, 10, 77])?;
    load::set([(4, "another".to_owned())])?;
    assert_eq!(load(&[2, 4, 10]), ["value 2", "another", "value 10"]);
    assert_eq!(ASKED.take(), [[10]]);
    assert_eq!(load(&[]), Vec::<String>::new());
    assert!(ASKED.nothing(), "nor is it called for no keys");
    Ok(())
}

#[test]
fn d32_past_the_ttl_get_gives_nothing_of_many_keys_and_those_are_created() -> Result<(), Error> {
    regions! { static PAST = Region::builder("dogpile 32").ttl(TTL); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = PAST)]
    fn load(ids: &[u64]) -> Vec<u64> {
        ASKED.note(ids);
        ids.to_vec()
    }

    let clock = ManualClock::new();
    PAST.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    load(&[5, 3]);
    clock.advance(TTL / 2);
    load(&[4, 1]);
    assert_eq!(load::get(&[5, 4, 3, 2, 1])?.len(), 4);
    clock.advance(TTL / 2);
    assert_eq!(load::get(&[5, 4, 3, 2, 1])?, HashMap::from([(4, 4), (1, 1)]));
    ASKED.take();
    assert_eq!(load(&[5, 4, 3, 2, 1]), [5, 4, 3, 2, 1]);
    assert_eq!(ASKED.take(), [[5, 3, 2]], "in the order of the call, not sorted");
    Ok(())
}

#[test]
fn d39_after_a_hard_invalidation_many_values_are_created_once_and_so_after_the_next() -> Result<(), Error> {
    regions! { static HARD = Region::builder("dogpile 39"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_multi_on_arguments(region = HARD)]
    fn load(ids: &[u64]) -> Vec<(u64, u64)> {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        ids.iter().map(|id| (*id, run)).collect()
    }

    for run in 0..3 {
        for _ in 0..2 {
            assert_eq!(load(&[1, 2]), [(1, run), (2, run)]);
        }
        HARD.invalidate(Invalidation::Hard)?;
        assert_eq!(load::get(&[1, 2])?, HashMap::new());
    }
    Ok(())
}

#[test]
fn d42_after_a_soft_invalidation_who_comes_alone_creates_many_and_the_others_are_served_the_old_values()
-> Result<(), Error> {
    regions! { static SOFT = Region::builder("dogpile 42").ttl(TTL); }
    static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);
    static HOLDS: AtomicBool = AtomicBool::new(false);
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_multi_on_arguments(region = SOFT)]
    fn load(ids: &[u64]) -> Vec<u64> {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        if HOLDS.load(Ordering::SeqCst) {
            GATE.wait();
        }
        vec![run; ids.len()]
    }

    let _opened = AtLast(&GATE);
    assert_eq!(load(&[1, 2]), [0, 0]);
    SOFT.invalidate(Invalidation::Soft)?;
    assert_eq!(load(&[2, 1]), [1, 1], "nobody else is there");
    SOFT.invalidate(Invalidation::Soft)?;
    HOLDS.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let renews = scope.spawn(|| load(&[1, 2]));
        until("the function runs", || RUNS.load(Ordering::SeqCst) == 3);
        assert_eq!(load(&[2, 1]), [1, 1]);
        GATE.open();
        assert_eq!(renews.join().unwrap(), [2, 2]);
    });
    assert_eq!(load(&[1, 2]), [2, 2]);
    Ok(())
}

#[test]
fn d45_d46_a_soft_invalidation_of_many_keys_needs_no_ttl() -> Result<(), Error> {
    regions! { static ENDLESS = Region::builder("dogpile 45"); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = ENDLESS)]
    fn load(ids: &[u64]) -> Vec<u64> {
        ASKED.note(ids);
        ids.to_vec()
    }

    ENDLESS.invalidate(Invalidation::Soft)?;
    assert_eq!(load(&[1, 2]), [1, 2], "missing");
    ENDLESS.invalidate(Invalidation::Soft)?;
    assert_eq!(load(&[3, 2, 1]), [3, 2, 1], "there");
    assert_eq!(ASKED.take(), [vec![1, 2], vec![3, 2, 1]]);
    Ok(())
}

#[test]
fn d48_should_cache_judges_each_of_many_values() -> Result<(), Error> {
    regions! { static JUDGED = Region::builder("dogpile 48").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_multi_on_arguments(region = JUDGED, should_cache = |value: &u64| value % 2 == 1)]
    fn load(ids: &[u64]) -> Vec<u64> {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        ids.iter().map(|id| id + run).collect()
    }

    let clock = ManualClock::new();
    JUDGED.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    assert_eq!(load(&[10, 11]), [10, 11]);
    assert_eq!(load::get(&[10, 11])?, HashMap::from([(11, 11)]));
    assert_eq!(load(&[10, 11]), [11, 11], "what was rejected is asked for again");
    clock.advance(TTL);
    assert_eq!(load(&[10, 11]), [12, 13]);
    assert_eq!(load::get(&[10, 11])?, HashMap::from([(11, 13)]));
    Ok(())
}

#[test]
fn d75_get_of_many_keys_has_no_entry_for_what_is_missing() -> Result<(), Error> {
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = MANY)]
    fn load(ids: &[u64]) -> Vec<u64> {
        ASKED.note(ids);
        ids.to_vec()
    }

    assert_eq!(load::get(&[1, 2])?, HashMap::new());
    load(&[1, 2]);
    assert_eq!(load::get(&[3, 2, 2, 1])?, HashMap::from([(1, 1), (2, 2)]));
    assert_eq!(ASKED.take(), [[1, 2]], "nothing is computed");
    assert_eq!(load(&[3, 2, 1]), [3, 2, 1]);
    assert_eq!(ASKED.take(), [[3]]);
    Ok(())
}

#[test]
fn d76_set_of_many_keys_takes_a_map() -> Result<(), Error> {
    #[cache_multi_on_arguments(region = MANY)]
    fn load(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    load::set(HashMap::from([(1, 0), (2, 0)]))?;
    load::set(vec![(3, 7)])?;
    load::set([])?;
    assert_eq!(load(&[1, 2, 3, 4]), [0, 0, 7, 4]);
    Ok(())
}

#[test]
fn d78_refresh_of_many_keys_calls_the_function_for_all_and_replaces_the_values() {
    static ASKED: Asked = Asked::new();
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_multi_on_arguments(region = MANY)]
    fn load(ids: &[u64]) -> BTreeMap<u64, u64> {
        ASKED.note(ids);
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        ids.iter().map(|id| (*id, run)).collect()
    }

    load(&[1, 2]);
    assert_eq!(load::refresh(&[3, 2, 1, 2]), BTreeMap::from([(1, 1), (2, 1), (3, 1)]));
    assert_eq!(ASKED.take(), [vec![1, 2], vec![3, 2, 1]]);
    assert_eq!(load(&[1, 2, 3]), BTreeMap::from([(1, 1), (2, 1), (3, 1)]));
}

#[test]
fn d80_d97_a_key_generator_is_asked_for_each_key_and_sees_the_namespace() {
    static KEYS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    fn noted(context: &KeyContext<'_>) -> String {
        let key = generate::plain(context);
        KEYS.lock().unwrap().push(key.clone());
        key
    }
    #[cache_multi_on_arguments(region = MANY, key_generator = noted)]
    fn plain(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
    #[cache_multi_on_arguments(region = MANY, namespace = "mynamespace", key_generator = noted)]
    fn named(ids: &[u64], page: u32) -> Vec<u64> {
        ids.iter().map(|id| id + u64::from(page)).collect()
    }

    let keys = || std::mem::take(&mut *KEYS.lock().unwrap());
    plain(&[2, 1]);
    assert_eq!(keys(), ["plain:2", "plain:1"]);
    assert_eq!(named(&[7], 3), [10]);
    assert_eq!(keys(), ["mynamespace:7:3"]);
}

#[test]
fn d86_the_keys_of_a_function_of_many_can_be_those_of_one_of_one_key() -> Result<(), Error> {
    #[cache_on_arguments(region = MANY)]
    fn one(id: u64) -> u64 {
        id
    }
    #[cache_multi_on_arguments(entries_of = one)]
    fn many(ids: &[u64]) -> Vec<u64> {
        ids.iter().map(|id| id * 10).collect()
    }

    assert_eq!(one::key(1).to_string(), format!("dogpile, many keys:{}::one|1", module_path!()));
    assert_eq!(many(&[1, 2]), [10, 20]);
    assert_eq!((MANY.get::<u64>(one::key(1))?, one(2)), (Some(10), 20));
    Ok(())
}

#[test]
fn d94_d95_a_map_has_what_the_function_returns_and_what_it_leaves_out_is_not_stored() -> Result<(), Error> {
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = MANY)]
    fn load(ids: &[u64]) -> BTreeMap<u64, u64> {
        ASKED.note(ids);
        ids.iter().filter(|id| **id < 10).map(|id| (*id, id * 2)).collect()
    }

    assert_eq!(load(&[8, 2, 10]), BTreeMap::from([(2, 4), (8, 16)]));
    assert_eq!(load::get(&[8, 2, 10])?.len(), 2);
    assert_eq!(load(&[10, 2]), BTreeMap::from([(2, 4)]));
    assert_eq!(load::refresh(&[10, 2]), BTreeMap::from([(2, 4)]));
    assert_eq!(ASKED.take(), [vec![8, 2, 10], vec![10], vec![10, 2]]);
    Ok(())
}

#[test]
fn d96_what_should_cache_rejects_is_returned_and_created_each_time_and_what_is_left_out_is_neither() {
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = MANY, should_cache = |value: &u64| *value > 2)]
    fn load(ids: &[u64]) -> BTreeMap<u64, u64> {
        ASKED.note(ids);
        ids.iter().filter(|id| **id < 10).map(|id| (*id, *id)).collect()
    }

    for _ in 0..2 {
        assert_eq!(load(&[8, 2, 10]), BTreeMap::from([(2, 2), (8, 8)]));
    }
    assert_eq!(ASKED.take(), [vec![8, 2, 10], vec![2, 10]]);
}
