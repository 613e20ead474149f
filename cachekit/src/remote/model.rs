//! Model checks of regions that share a backend: two regions stand for two processes, and shuttle explores the schedules of
//! their threads, with a step before and after each operation of the store.
//!
//! The invariants are those of `flight::model`, across processes: *a value seen by a caller who came after an
//! invalidation of any process is from a computation that began after it*, and *the number of computations is the smallest
//! that allows that*.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::{Config, Runner, future, thread};

use crate::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use crate::{Alarm, Clock, Invalidation, Key, Region, RegionBuilder};

/// Schedules per test and strategy.
const SCHEDULES: usize = 1_000;

fn explore(test: impl Fn() + Send + Sync + Clone + 'static) {
    let config = || {
        let mut config = Config::new();
        config.stack_size = 1 << 18;
        config
    };
    Runner::new(RandomScheduler::new(SCHEDULES), config()).run(test.clone());
    Runner::new(PctScheduler::new(3, SCHEDULES), config()).run(test);
}

/// A store with leases, each operation a step of its own.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    contents: HashMap<String, Content>,
    leases: HashMap<String, Token>,
}

impl Store {
    fn step<T>(&self, work: impl FnOnce(&mut Shelf) -> T) -> Answer<'static, T> {
        thread::yield_now();
        let result = work(&mut self.0.lock().unwrap());
        thread::yield_now();
        Ok(result).into()
    }

    fn leases(&self) -> usize {
        self.0.lock().unwrap().leases.len()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Backend for Store {
    fn has_leases(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
        self.step(|shelf| shelf.contents.get(key).cloned())
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], _: Context) -> Answer<'a, Vec<Option<Content>>> {
        self.step(|shelf| keys.iter().map(|key| shelf.contents.get(*key).cloned()).collect())
    }

    fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
        self.step(|shelf| {
            shelf.contents.insert(put.key.to_owned(), put.content.clone());
            shelf.leases.remove(put.key);
        })
    }

    fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
        self.step(|shelf| {
            shelf.contents.remove(key);
            shelf.leases.remove(key);
        })
    }

    fn add<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, Content> {
        self.step(|shelf| shelf.contents.entry(put.key.to_owned()).or_insert_with(|| put.content.clone()).clone())
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, _: Context) -> Answer<'a, bool> {
        self.step(|shelf| {
            shelf.leases.remove(key);
            shelf.contents.get_mut(key).is_some_and(|content| content.patch(patch))
        })
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, _: Context) -> Answer<'a, Acquired> {
        self.step(|shelf| {
            let stored = shelf.contents.get(key);
            if let Some(stored) = stored.filter(|stored| claim.is_met_by(stored.as_bytes())) {
                return Acquired::Stored(stored.clone());
            }
            let holder = shelf.leases.get(key).copied();
            if claim != Claim::Always && holder.is_some_and(|holder| holder != lease.token) {
                return Acquired::Busy(Duration::ZERO);
            }
            shelf.leases.insert(key.to_owned(), lease.token);
            Acquired::Granted
        })
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, _: Context) -> Answer<'a, bool> {
        self.step(|shelf| {
            let stands = shelf.leases.get(put.key) == Some(&token);
            if stands {
                shelf.leases.remove(put.key);
                shelf.contents.insert(put.key.to_owned(), put.content.clone());
            }
            stands
        })
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, _: Context) -> Answer<'a, bool> {
        self.step(|shelf| shelf.leases.get(key) == Some(&lease.token))
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, _: Context) -> Answer<'a, ()> {
        self.step(|shelf| {
            if shelf.leases.get(key) == Some(&token) {
                shelf.leases.remove(key);
            }
        })
    }
}

/// Time that passes as soon as somebody pauses, and never as far as a limit of waiting.
#[derive(Clone, Default)]
struct Passing(Arc<AtomicU64>);

impl fmt::Debug for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passing")
    }
}

impl Clock for Passing {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn unix_time(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + self.now()
    }

    fn wake_at(&self, at: Duration, waker: &std::task::Waker) -> Alarm {
        if at.saturating_sub(self.now()) < Duration::from_secs(1) {
            thread::yield_now();
            self.0.fetch_max(u64::try_from(at.as_nanos()).unwrap(), Ordering::SeqCst);
            waker.wake_by_ref();
        }
        Alarm::new(())
    }
}

/// Two processes and a function that returns how often it ran.
#[derive(Clone)]
struct Subject {
    store: Store,
    processes: [Region; 2],
    runs: Arc<AtomicUsize>,
}

impl Subject {
    fn new() -> Self {
        Self::with(|region| region)
    }

    fn with(settings: impl Fn(RegionBuilder) -> RegionBuilder) -> Self {
        let (store, clock) = (Store::default(), Passing::default());
        let ages = Duration::from_secs(100_000);
        let process = || {
            let region = Region::builder("model").ttl(ages).deadline(ages).lease(ages).read_timeout(ages);
            let region = region.write_timeout(ages).clock(clock.clone()).backend(store.clone());
            settings(region).build().unwrap()
        };
        Self { processes: [process(), process()], store, runs: Arc::default() }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    fn run(&self) -> usize {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        thread::yield_now();
        run
    }

    fn call(&self, process: usize) -> usize {
        self.processes[process].get_or_create(Key::from("k").tagged(["tag"]), || self.run())
    }

    fn call_as_a_task(&self, process: usize) -> usize {
        future::block_on(self.processes[process].get_or_create_async(Key::from("k").tagged(["tag"]), || async {
            let run = self.run();
            future::yield_now().await;
            run
        }))
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> thread::JoinHandle<T> {
        let subject = self.clone();
        thread::spawn(move || work(&subject))
    }

    /// What is stored began after `begun` others had, and no lease is left.
    fn assert_settled(&self, begun: usize) {
        for process in &self.processes {
            let stored = process.get::<usize>("k").unwrap();
            assert!(stored.is_none_or(|stored| stored > begun), "{stored:?} is stored, and {begun} had begun before");
        }
        assert_eq!(self.store.leases(), 0);
    }
}

/// Lets the others get somewhere, at random.
fn meanwhile() {
    use shuttle::rand::Rng as _;
    for _ in 0..shuttle::rand::thread_rng().gen_range(0..60) {
        thread::yield_now();
    }
}

#[test]
fn callers_of_two_processes_on_a_cold_key_compute_once() {
    explore(|| {
        let subject = Subject::new();
        let callers = [
            subject.spawn(|subject| subject.call(0)),
            subject.spawn(|subject| subject.call_as_a_task(0)),
            subject.spawn(|subject| subject.call(1)),
            subject.spawn(|subject| subject.call_as_a_task(1)),
        ];
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 1);
        }
        assert_eq!(subject.runs(), 1);
        subject.assert_settled(0);
    });
}

#[test]
fn a_caller_after_an_invalidation_of_another_process_gets_a_computation_that_began_after_it() {
    let hard: [fn(&Region); 3] = [
        |region| region.delete("k").unwrap(),
        |region| region.invalidate(Invalidation::Hard).unwrap(),
        |region| region.invalidate_tag("tag").unwrap(),
    ];
    for forget in hard {
        explore(move || {
            let subject = Subject::new();
            let before = [
                subject.spawn(|subject| subject.call(0)),
                subject.spawn(|subject| subject.call_as_a_task(0)),
                subject.spawn(|subject| subject.call(1)),
            ];
            meanwhile();
            let begun = subject.runs();
            forget(&subject.processes[1]);
            let after = [subject.spawn(|subject| subject.call(0)), subject.spawn(|subject| subject.call(1))];
            for caller in after {
                let seen = caller.join().unwrap();
                assert!(seen > begun, "saw {seen}, and {begun} had begun before the invalidation");
            }
            for caller in before {
                caller.join().unwrap();
            }
            assert!(subject.runs() <= 3, "{} computations", subject.runs());
            subject.assert_settled(begun);
        });
    }
}

#[test]
fn what_a_process_keeps_itself_is_never_older_than_its_own_invalidation() {
    let hard: [fn(&Region); 3] = [
        |region| region.delete("k").unwrap(),
        |region| region.invalidate(Invalidation::Hard).unwrap(),
        |region| region.invalidate_tag("tag").unwrap(),
    ];
    for forget in hard {
        explore(move || {
            let subject = Subject::with(|region| region.near(Duration::from_secs(90_000)));
            let before = [
                subject.spawn(|subject| subject.call(0)),
                subject.spawn(|subject| subject.call_as_a_task(0)),
                subject.spawn(|subject| subject.call(1)),
            ];
            meanwhile();
            let begun = subject.runs();
            forget(&subject.processes[0]);
            let seen = subject.call(0);
            assert!(seen > begun, "saw {seen}, and {begun} had begun before the invalidation");
            for caller in before {
                caller.join().unwrap();
            }
            let seen = subject.call(0);
            assert!(seen > begun, "saw {seen} later, and {begun} had begun before the invalidation");
        });
    }
}

#[test]
fn a_set_value_is_never_replaced_by_a_computation_that_began_before() {
    explore(|| {
        let subject = Subject::new();
        let callers = [subject.spawn(|subject| subject.call(0)), subject.spawn(|subject| subject.call_as_a_task(1))];
        meanwhile();
        subject.processes[1].set("k", &100_usize).unwrap();
        assert_eq!((subject.call(0), subject.call(1)), (100, 100));
        for caller in callers {
            assert!([1, 2, 100].contains(&caller.join().unwrap()));
        }
        assert_eq!(subject.processes[0].get::<usize>("k").unwrap(), Some(100));
        assert_eq!(subject.store.leases(), 0);
    });
}

#[test]
fn when_a_leaders_future_is_dropped_at_any_point_another_computes() {
    explore(|| {
        let subject = Subject::new();
        let dropped = subject.spawn(|subject| {
            let mut call =
                Box::pin(subject.processes[0].get_or_create_async(Key::from("k").tagged(["tag"]), || async {
                    let run = subject.run();
                    future::yield_now().await;
                    future::yield_now().await;
                    run
                }));
            let polls = shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 1..4);
            for _ in 0..polls {
                let poll =
                    std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context).is_ready()));
                if future::block_on(poll) {
                    break;
                }
                thread::yield_now();
            }
        });
        let callers = [subject.spawn(|subject| subject.call(0)), subject.spawn(|subject| subject.call_as_a_task(1))];
        for caller in callers {
            assert!(caller.join().unwrap() <= 2);
        }
        dropped.join().unwrap();
        assert!(subject.runs() <= 2, "{} computations", subject.runs());
        subject.assert_settled(0);
    });
}

#[test]
fn a_failure_is_everyones_who_waited_and_leaves_no_lease() {
    explore(|| {
        let subject = Subject::new();
        let fail = |process: usize| {
            move |subject: &Subject| {
                subject.processes[process].try_get_or_create("k", || match subject.run() {
                    1 => Err(()),
                    run => Ok(run),
                })
            }
        };
        let callers = [subject.spawn(fail(0)), subject.spawn(fail(0)), subject.spawn(fail(1))];
        let failed = callers.into_iter().map(|caller| caller.join().unwrap()).filter(Result::is_err);
        assert_eq!(failed.count(), 1);
        assert_eq!(subject.runs(), 2);
        subject.assert_settled(1);
    });
}
