//! Functions of many keys whose values are renewed in the background: all that are due in one call.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{
    Error, Job, KeyPart, Region, Runner, StaticRegion, Task, cache_multi_on_arguments, cache_on_arguments, regions,
};

use crate::support::{AtLast, Gate, Later, until, until_async};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A region on a clock of its own whose renewals wait for the test.
fn set_up(region: &StaticRegion) -> (ManualClock, Later) {
    let (clock, later) = (ManualClock::new(), Later::default());
    region.reconfigure(|r| r.clock(clock.clone()).runner(later.clone())).unwrap();
    (clock, later)
}

/// What a function was asked for, call by call.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<String>>);

impl Asked {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Notes the keys, and says which call this is.
    fn note(&self, ids: impl std::fmt::Debug) -> usize {
        let mut asked = self.0.lock().unwrap();
        asked.push(format!("{ids:?}"));
        asked.len()
    }

    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn all_keys_of_a_call_that_are_due_are_served_at_once_and_renewed_in_one_call() {
    regions! { static REVALIDATED = Region::builder("many revalidated").ttl(TTL); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = REVALIDATED, stale_while_revalidate = "2m", skip(_db))]
    fn load(_db: &str, ids: &[u64]) -> HashMap<u64, usize> {
        let call = ASKED.note(ids);
        ids.iter().map(|id| (*id, call)).collect()
    }

    let (clock, later) = set_up(&REVALIDATED);
    assert_eq!(load("db", &[1, 2, 3]).len(), 3);
    clock.advance(TTL + SECOND);
    assert_eq!(load("db", &[3, 4, 1, 3]), HashMap::from([(3, 1), (4, 2), (1, 1)]), "what is missing is computed");
    assert_eq!(later.len(), 1);
    assert_eq!(load("db", &[1, 2, 3]), HashMap::from([(1, 1), (2, 1), (3, 1)]));
    assert_eq!(later.len(), 2, "what is on its way is not asked for again");
    assert_eq!(later.run_all(), 2);
    assert_eq!(ASKED.seen(), ["[1, 2, 3]", "[4]", "[3, 1]", "[2]"]);
    assert_eq!(load("db", &[1, 2, 3, 4]), HashMap::from([(1, 3), (2, 4), (3, 3), (4, 2)]));
    let stats = REVALIDATED.stats();
    assert_eq!((stats.stale_hits, stats.renewals, stats.creations, stats.misses), (5, 3, 7, 4));

    clock.advance(TTL * 4);
    assert_eq!(load("db", &[1]), HashMap::from([(1, 5)]), "too old to be served");
    assert_eq!(later.len(), 0);
}

#[test]
fn an_attribute_that_says_nothing_renews_in_a_call_of_the_first_who_comes() {
    regions! { static SILENT = Region::builder("many silent").ttl(TTL).stale_while_revalidate(TTL); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = SILENT)]
    fn load(ids: &[u64]) -> Vec<usize> {
        vec![ASKED.note(ids); ids.len()]
    }

    let (clock, later) = set_up(&SILENT);
    load(&[1, 2]);
    clock.advance(TTL);
    assert_eq!((load(&[1, 2]), later.len()), (vec![2, 2], 0));
}

#[test]
fn tasks_are_renewed_on_copies_of_borrowed_keys() {
    regions! { static AHEAD = Region::builder("many ahead").ttl(TTL); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = AHEAD, refresh_ahead = 0.5, tags = ["{names}"])]
    async fn load<'n>(names: &'n [&'n str], (page, _): (u8, u8), suffix: &str) -> Vec<String> {
        let call = ASKED.note(names);
        std::future::ready(()).await;
        names.iter().map(|name| format!("{name}{page}{suffix}{call}")).collect()
    }

    let (clock, later) = set_up(&AHEAD);
    pollster::block_on(async {
        let name = String::from("a");
        assert_eq!(load(&[&name, "b"], (1, 2), "-").await, ["a1-1", "b1-1"]);
        drop(name);
        clock.advance(TTL / 2);
        let name = String::from("a");
        assert_eq!(load(&["b", &name], (1, 2), &String::from("-")).await, ["b1-1", "a1-1"]);
        drop(name);
        assert_eq!(load(&["b", "a"], (1, 2), "-").await, ["b1-1", "a1-1"]);
    });
    assert_eq!((later.run_all(), ASKED.seen()[1].as_str()), (1, r#"["b", "a"]"#));
    pollster::block_on(async {
        assert_eq!(load(&["a", "b"], (1, 2), "-").await, ["a1-2", "b1-2"]);
        AHEAD.invalidate_tag("a").unwrap();
        assert_eq!(load::get(&["a", "b"], (1, 2), "-").await.unwrap().len(), 1);
    });
    assert_eq!(AHEAD.stats().stale_hits, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_runner_of_ones_own_the_current_runtime_renews_and_nobody_waits() {
    regions! { static TASKS = Region::builder("many renewed as tasks").ttl(TTL); }
    static ASKED: Asked = Asked::new();
    static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);
    #[cache_multi_on_arguments(region = TASKS, background)]
    async fn load(ids: &[u64]) -> Vec<usize> {
        let call = ASKED.note(ids);
        if call > 1 {
            GATE.wait_async().await;
        }
        vec![call; ids.len()]
    }

    let _opened = AtLast(&GATE);
    assert_eq!(load(&[1, 2, 3]).await, [1, 1, 1]);
    load::expire(&[1, 2]).await.unwrap();
    assert_eq!(load(&[1, 2, 3]).await, [1, 1, 1]);
    until_async("the renewal runs", || ASKED.seen().len() == 2).await;
    assert_eq!(load(&[3, 2, 1]).await, [1, 1, 1]);
    GATE.open();
    until_async("both are renewed", || TASKS.stats().creations == 5).await;
    assert_eq!(load(&[1, 2, 3]).await, [2, 2, 1]);
    assert_eq!(ASKED.seen(), ["[1, 2, 3]", "[1, 2]"]);
}

#[test]
fn without_a_runner_of_ones_own_threads_of_the_region_renew_and_nobody_waits() {
    regions! { static THREADS = Region::builder("many renewed by threads"); }
    static ASKED: Asked = Asked::new();
    static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);
    #[cache_multi_on_arguments(region = THREADS, background)]
    fn load(ids: &[u64]) -> Vec<usize> {
        let call = ASKED.note(ids);
        if call > 1 {
            GATE.wait();
        }
        vec![call; ids.len()]
    }

    let _opened = AtLast(&GATE);
    assert_eq!(load(&[1, 2, 3]), [1, 1, 1]);
    load::expire(&[1, 2]).unwrap();
    assert_eq!(load(&[1, 2, 3]), [1, 1, 1]);
    until("the renewal runs", || ASKED.seen().len() == 2);
    assert_eq!(load(&[3, 2, 1]), [1, 1, 1]);
    GATE.open();
    until("both are renewed", || THREADS.stats().creations == 5);
    assert_eq!(load(&[1, 2, 3]), [2, 2, 1]);
    assert_eq!(ASKED.seen(), ["[1, 2, 3]", "[1, 2]"]);
}

#[test]
fn a_renewal_that_fails_or_panics_keeps_all_old_values_and_is_tried_again_after_a_pause() {
    regions! { static FAILING = Region::builder("many failing").ttl(TTL).retry_after(SECOND * 10, SECOND * 10); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = FAILING, stale_while_revalidate = "1h")]
    fn load(ids: &[u64]) -> Result<Vec<usize>, String> {
        match ASKED.note(ids) {
            2 => Err("down".to_owned()),
            3 => panic!("worse"),
            call => Ok(vec![call; ids.len()]),
        }
    }

    let (clock, later) = set_up(&FAILING);
    assert_eq!(load(&[1, 2]), Ok(vec![1, 1]));
    clock.advance(TTL);
    for failures in [2, 4] {
        assert_eq!((load(&[1, 2]), later.run_all()), (Ok(vec![1, 1]), 1));
        assert_eq!((load(&[1, 2]), later.run_all()), (Ok(vec![1, 1]), 0), "not so soon");
        assert_eq!(FAILING.stats().creation_failures, failures);
        clock.advance(SECOND * 10);
    }
    assert_eq!((load(&[2, 1]), later.run_all(), load(&[2, 1])), (Ok(vec![1, 1]), 1, Ok(vec![4, 4])));
}

#[test]
fn what_a_renewal_does_not_return_is_gone() {
    regions! { static GONE = Region::builder("many gone").ttl(TTL); }
    static IS_GONE: AtomicBool = AtomicBool::new(false);
    #[cache_multi_on_arguments(region = GONE, stale_while_revalidate = "1h")]
    fn load(ids: &[u64]) -> HashMap<u64, u64> {
        let is_there = |id: &&u64| **id > 1 || !IS_GONE.load(Ordering::SeqCst);
        ids.iter().filter(is_there).map(|id| (*id, *id)).collect()
    }

    let (clock, later) = set_up(&GONE);
    assert_eq!(load(&[1, 2]).len(), 2);
    clock.advance(TTL);
    IS_GONE.store(true, Ordering::SeqCst);
    assert_eq!((load(&[1, 2]).len(), later.run_all()), (2, 1));
    assert_eq!(load::get(&[1, 2]).unwrap(), HashMap::from([(2, 2)]));
    assert_eq!((load(&[1, 2]), later.len()), (HashMap::from([(2, 2)]), 0));
}

#[test]
fn a_key_that_something_has_overtaken_is_left_out_of_the_renewal() {
    regions! { static OVERTAKEN = Region::builder("many overtaken"); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = OVERTAKEN, background)]
    fn load(ids: &[u64]) -> Vec<usize> {
        let call = ASKED.note(ids);
        if call == 3 {
            load::invalidate(&[3]).unwrap();
        }
        vec![call; ids.len()]
    }

    let (_, later) = set_up(&OVERTAKEN);
    load(&[1, 2, 3]);
    load::expire(&[1, 2, 3]).unwrap();
    load(&[1, 2, 3]);
    load::set([(1, 9)]).unwrap();
    load::invalidate(&[2]).unwrap();
    assert_eq!(load(&[2]), [2]);
    assert_eq!(later.run_all(), 1);
    assert_eq!(ASKED.seen(), ["[1, 2, 3]", "[2]", "[3]"]);
    assert_eq!(
        load::get(&[1, 2, 3]).unwrap(),
        HashMap::from([(1, 9), (2, 2)]),
        "nor is what was computed too late kept"
    );
}

#[test]
fn a_runner_without_room_skips_renewals_and_what_would_be_served_for_ever_is_renewed_by_the_caller() {
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

    regions! { static REFUSED = Region::builder("many refused").ttl(TTL).runner(Refusing); }
    static ASKED: Asked = Asked::new();
    #[cache_multi_on_arguments(region = REFUSED, stale_while_revalidate = "1h")]
    fn load(ids: &[u64]) -> Vec<usize> {
        vec![ASKED.note(ids); ids.len()]
    }
    #[cache_multi_on_arguments(region = REFUSED, stale_while_revalidate = "1h")]
    async fn load_later(ids: &[u64]) -> Vec<usize> {
        vec![ASKED.note(ids); ids.len()]
    }

    let clock = ManualClock::new();
    REFUSED.reconfigure(|r| r.clock(clock.clone())).unwrap();
    assert_eq!(load(&[1, 2]), [1, 1]);
    load::expire(&[1, 2]).unwrap();
    assert_eq!(load(&[1, 2]), [2, 2]);
    clock.advance(TTL);
    assert_eq!(load(&[1, 2]), [2, 2]);
    pollster::block_on(async {
        assert_eq!(load_later(&[1]).await, [3]);
        load_later::expire(&[1]).await.unwrap();
        assert_eq!(load_later(&[1]).await, [4]);
    });
    assert_eq!((ASKED.seen().len(), REFUSED.stats().renewals_skipped), (4, 5));
}

#[test]
fn a_copy_that_panics_is_a_failure_of_the_renewal_and_not_of_the_call() {
    #[derive(Debug, KeyPart)]
    struct Fragile(u64);

    static IS_FRAGILE: AtomicBool = AtomicBool::new(false);

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(!IS_FRAGILE.load(Ordering::SeqCst), "broken");
            Self(self.0)
        }
    }

    impl PartialEq for Fragile {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Fragile {}

    impl Hash for Fragile {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    regions! { static BROKEN = Region::builder("many broken copies").ttl(TTL); }
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[cache_multi_on_arguments(region = BROKEN, stale_while_revalidate = "1h")]
    fn load(ids: &[Fragile]) -> Vec<usize> {
        vec![RUNS.fetch_add(1, Ordering::SeqCst); ids.len()]
    }

    let (clock, later) = set_up(&BROKEN);
    load(&[Fragile(1), Fragile(2)]);
    clock.advance(TTL);
    IS_FRAGILE.store(true, Ordering::SeqCst);
    assert_eq!((load(&[Fragile(1), Fragile(2)]), later.len()), (vec![0, 0], 0));
    IS_FRAGILE.store(false, Ordering::SeqCst);
    assert_eq!((load(&[Fragile(1), Fragile(2)]), later.len()), (vec![0, 0], 0), "it is paused");
    clock.advance(SECOND * 31);
    assert_eq!((load(&[Fragile(1), Fragile(2)]), later.run_all()), (vec![0, 0], 1));
    assert_eq!(load(&[Fragile(2), Fragile(1)]), [1, 1]);
}

#[test]
fn entries_of_another_function_are_renewed_where_this_one_says_so() -> Result<(), Error> {
    regions! { static SHARED = Region::builder("many shared in the background").ttl(TTL); }
    static ASKED: Asked = Asked::new();
    #[cache_on_arguments(region = SHARED, stale_while_revalidate = "1h")]
    fn one(id: u64) -> usize {
        ASKED.note(id)
    }
    #[cache_multi_on_arguments(entries_of = one, background)]
    fn together(ids: &[u64]) -> Vec<usize> {
        vec![ASKED.note(ids); ids.len()]
    }
    #[cache_multi_on_arguments(entries_of = one)]
    fn in_turn(ids: &[u64]) -> Vec<usize> {
        vec![ASKED.note(ids); ids.len()]
    }

    let (clock, later) = set_up(&SHARED);
    assert_eq!((one(1), one(2)), (1, 2));
    clock.advance(TTL);
    assert_eq!((together(&[1, 2]), one(2), later.run_all()), (vec![1, 2], 2, 1));
    assert_eq!((one(1), one(2)), (3, 3));
    one::expire(1)?;
    assert_eq!((in_turn(&[1, 2]), later.len()), (vec![4, 3], 0));
    assert_eq!(ASKED.seen(), ["1", "2", "[1, 2]", "[1]"]);
    Ok(())
}

regions! { static METHODS = Region::builder("many methods in the background"); }

#[derive(Clone, Debug, Default)]
struct Repo<T> {
    asked: Arc<Asked>,
    of: std::marker::PhantomData<T>,
}

#[cachekit::methods]
impl<T: From<u8> + Clone + Send + Sync + 'static> Repo<T> {
    #[cache_multi_on_arguments(region = METHODS, background)]
    fn load(&self, ids: &[u8]) -> Vec<(T, usize)> {
        let call = self.asked.note(ids);
        ids.iter().map(|id| (T::from(*id), call)).collect()
    }

    #[cache_multi_on_arguments(region = METHODS, background)]
    async fn load_later<K>(self: Arc<Self>, keys: &[K]) -> Vec<usize>
    where
        K: KeyPart + Clone + Hash + Eq + std::fmt::Debug + Send + Sync + 'static,
    {
        vec![self.asked.note(keys); keys.len()]
    }
}

#[test]
fn methods_are_renewed_on_a_copy_of_self_and_instantiations_by_themselves() {
    let (_, later) = set_up(&METHODS);
    let (wide, narrow) = (Repo::<u64>::default(), Repo::<u16>::default());
    assert_eq!((wide.load(&[1, 2]), narrow.load(&[1])), (vec![(1, 1), (2, 1)], vec![(1, 1)]));
    Repo::<u64>::load_expire(&[1, 2]).unwrap();
    assert_eq!((wide.load(&[1, 2]), narrow.load(&[1]), later.run_all()), (vec![(1, 1), (2, 1)], vec![(1, 1)], 1));
    assert_eq!((wide.load(&[1, 2]), wide.asked.seen().len()), (vec![(1, 2), (2, 2)], 2));

    let shared = Arc::new(narrow);
    pollster::block_on(async {
        assert_eq!(Arc::clone(&shared).load_later(&["a", "b"]).await, [2, 2]);
        assert_eq!(Arc::clone(&shared).load_later(&['a']).await, [3]);
        Repo::<u16>::load_later_expire(&["a", "b"]).await.unwrap();
        assert_eq!(Arc::clone(&shared).load_later(&["a", "b"]).await, [2, 2]);
    });
    assert_eq!(later.run_all(), 1);
    assert_eq!(pollster::block_on(Arc::clone(&shared).load_later(&["b", "a"])), [4, 4]);
}
