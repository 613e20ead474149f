//! Model checks of the flight: shuttle runs the threads of a test one step at a time and explores their schedules.
//!
//! The tests drive the whole read path through a region; steps are taken at the primitives below, which is wherever two
//! callers can meet. The invariants are those that catch both a double and a lost computation: with a function that
//! returns how often it ran, *a value seen by a caller who came after an invalidation is from a computation that began
//! after it*, and *the number of computations is the smallest that allows that*.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::{Config, Runner, future, thread};

use crate::region::call::Policy;
use crate::region::share::Share;
use crate::region::work::{Owned, Work};
use crate::testing::ManualClock;
use crate::{CallOptions, Invalidation, Job, Key, Region, RegionBuilder, Task};

/// Schedules per test and strategy.
const SCHEDULES: usize = 1_500;

pub(crate) fn explore(test: impl Fn() + Send + Sync + Clone + 'static) {
    let config = || {
        let mut config = Config::new();
        // Frames of a build without optimisation are large.
        config.stack_size = 1 << 18;
        config
    };
    Runner::new(RandomScheduler::new(SCHEDULES), config()).run(test.clone());
    Runner::new(PctScheduler::new(4, SCHEDULES), config()).run(test);
}

/// How long a value is fresh, and how long a computation may take.
const TTL: Duration = Duration::from_secs(1_000);
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Subject {
    region: Region,
    clock: ManualClock,
    runs: Arc<AtomicUsize>,
}

impl Subject {
    fn new() -> Self {
        Self::with(|region| region)
    }

    fn with(settings: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Self {
        let clock = ManualClock::new();
        let region = Region::builder("model").ttl(TTL).deadline(DEADLINE).clock(clock.clone());
        Self { region: settings(region).build().unwrap(), clock, runs: Arc::default() }
    }

    /// How often the function ran, which is what it returns.
    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    fn run(&self) -> usize {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        thread::yield_now();
        run
    }

    fn call(&self) -> usize {
        self.region.get_or_create("k", || self.run())
    }

    fn call_as_a_task(&self) -> usize {
        future::block_on(self.region.get_or_create_async("k", || async {
            let run = self.run();
            future::yield_now().await;
            run
        }))
    }

    fn call_with_a_tag(&self) -> usize {
        self.region.get_or_create(Key::from("k").tagged(["tag"]), || self.run())
    }

    /// Fails, and has the error remembered.
    fn fail(&self) -> usize {
        let policy = Policy { error_ttl: Some(|| TTL), ..Policy::by_hand::<usize>() };
        let call = self.region.entry_by_hand("k", policy);
        let work: Work<usize, usize, _, _, ()> = Work::new((), |()| Err(self.run()));
        call.run(Some(Share::by_clone()), work).map(|served| served.value).unwrap_err()
    }

    /// Takes no old value.
    fn call_for_a_fresh_value(&self) -> usize {
        let mut call = self.region.entry_by_hand("k", Policy::by_hand::<usize>());
        call.options = CallOptions::default().must_be_fresh();
        let work: Work<usize, Infallible, _, _, ()> = Work::new((), |()| Ok(self.run()));
        call.run(None, work).map(|served| served.value).unwrap()
    }

    /// Renews in a thread of its own.
    fn call_renewing_in_background(&self) -> usize {
        let call = self.region.entry_by_hand("k", Policy::by_hand::<usize>());
        let work = Work::new((self.clone(),), |(subject,): (Self,)| Ok::<_, Infallible>(subject.run()));
        let own: fn(&(Self,)) -> Owned<usize, Infallible> = |(subject,)| {
            let subject = subject.clone();
            Box::new(move || Ok(subject.run()))
        };
        call.run(None, work.renewed(own)).map(|served| served.value).unwrap()
    }

    fn stored(&self) -> Option<usize> {
        self.region.get("k").unwrap()
    }

    /// Nothing is left of any flight.
    fn assert_settled(&self) {
        let flights = &self.region.core().flights;
        assert!(!flights.knows(&self.region.hand_key("k")));
        assert_eq!(flights.disowned_now(), 0);
    }
}

/// Lets the others get somewhere, at random.
fn meanwhile() {
    use shuttle::rand::Rng as _;
    for _ in 0..shuttle::rand::thread_rng().gen_range(0..30) {
        thread::yield_now();
    }
}

fn spawn<T: Send + 'static>(
    subject: &Subject,
    work: impl FnOnce(&Subject) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let subject = subject.clone();
    thread::spawn(move || work(&subject))
}

#[test]
fn threads_and_tasks_on_a_cold_key_compute_once() {
    explore(|| {
        let subject = Subject::new();
        let callers =
            [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task), spawn(&subject, Subject::call)];
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 1);
        }
        assert_eq!(subject.runs(), 1);
        assert_eq!(subject.region.get::<usize>("k").unwrap(), Some(1));
        subject.assert_settled();
    });
}

#[test]
fn a_caller_after_an_invalidation_gets_a_computation_that_began_after_it() {
    let hard: [fn(&Region); 2] =
        [|region| region.delete("k").unwrap(), |region| region.invalidate(Invalidation::Hard).unwrap()];
    for forget in hard {
        explore(move || {
            let subject = Subject::new();
            let before = [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task)];
            meanwhile();
            let begun = subject.runs();
            forget(&subject.region);
            let seen = subject.call();
            assert!(seen > begun, "saw {seen}, and {begun} had begun before the invalidation");
            for caller in before {
                caller.join().unwrap();
            }
            let stored = subject.region.get::<usize>("k").unwrap().expect("the last to compute stored its value");
            assert!(stored > begun, "stored {stored}, and {begun} had begun before the invalidation");
            assert!(subject.runs() <= 2, "{} computations", subject.runs());
            subject.assert_settled();
        });
    }
}

#[test]
fn a_soft_invalidation_leaves_nothing_that_began_before_it() {
    explore(|| {
        let subject = Subject::new();
        let before = [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task)];
        meanwhile();
        let begun = subject.runs();
        subject.region.invalidate(Invalidation::Soft).unwrap();
        let seen = subject.call();
        // The old value is served only while somebody renews it.
        assert!(seen > begun || subject.runs() > begun || subject.region.core().stats().stale_hits > 0);
        for caller in before {
            caller.join().unwrap();
        }
        let stored = subject.region.get::<usize>("k").unwrap().expect("the last to compute stored its value");
        assert!(stored > begun, "stored {stored}, and {begun} had begun before the invalidation");
        assert!(subject.runs() <= 2, "{} computations", subject.runs());
        subject.assert_settled();
    });
}

#[test]
fn a_set_value_is_never_replaced_by_a_computation_that_began_before() {
    explore(|| {
        let subject = Subject::new();
        let callers = [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task)];
        meanwhile();
        subject.region.set("k", &100_usize).unwrap();
        assert_eq!(subject.call(), 100);
        for caller in callers {
            // One may have begun before the set, and one in the middle of it.
            assert!([1, 2, 100].contains(&caller.join().unwrap()));
        }
        assert_eq!(subject.region.get::<usize>("k").unwrap(), Some(100));
        assert!(subject.runs() <= 2);
        subject.assert_settled();
    });
}

#[test]
fn when_the_first_computation_panics_exactly_one_more_runs() {
    explore(|| {
        let subject = Subject::new();
        let call = |subject: &Subject| {
            let breaks_first = || {
                let run = subject.run();
                if run == 1 {
                    // Without the message of a panic, which shuttle would print for every schedule.
                    std::panic::resume_unwind(Box::new("broken"));
                }
                run
            };
            catch_unwind(AssertUnwindSafe(|| subject.region.get_or_create("k", breaks_first))).ok()
        };
        let callers = [spawn(&subject, call), spawn(&subject, call), spawn(&subject, call)];
        let mut seen: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [None, Some(2), Some(2)]);
        assert_eq!(subject.runs(), 2);
        subject.assert_settled();
    });
}

#[test]
fn when_a_leaders_future_is_dropped_one_other_computes() {
    explore(|| {
        let subject = Subject::new();
        let dropped = spawn(&subject, |subject| {
            let mut call = Box::pin(subject.region.get_or_create_async("k", || async {
                let run = subject.run();
                // Long enough for the others to come.
                future::yield_now().await;
                future::yield_now().await;
                run
            }));
            future::block_on(std::future::poll_fn(|context| {
                // Polled once and dropped, wherever it is by then.
                std::task::Poll::Ready(call.as_mut().poll(context).is_ready())
            }))
        });
        let callers = [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task)];
        let finished = dropped.join().unwrap();
        let seen: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert_eq!(seen[0], seen[1]);
        assert!(subject.runs() <= 2 && (!finished || subject.runs() == 1), "{} computations", subject.runs());
        assert_eq!(subject.region.get::<usize>("k").unwrap(), Some(seen[0]));
        subject.assert_settled();
    });
}

#[test]
fn failures_that_cannot_be_shared_end_for_everyone() {
    explore(|| {
        let subject = Subject::new();
        let call = |subject: &Subject| subject.region.try_get_or_create("k", || Err::<usize, _>(subject.run()));
        let callers = [spawn(&subject, call), spawn(&subject, call), spawn(&subject, call)];
        let mut errors: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap().unwrap_err()).collect();
        errors.sort_unstable();
        assert_eq!(errors, [1, 2, 3], "everyone has an error of their own");
        subject.assert_settled();
    });
}

#[test]
fn a_caller_after_the_invalidation_of_a_tag_gets_a_computation_that_began_after_it() {
    explore(|| {
        let subject = Subject::new();
        let before = [spawn(&subject, Subject::call_with_a_tag), spawn(&subject, Subject::call_with_a_tag)];
        meanwhile();
        let begun = subject.runs();
        subject.region.invalidate_tag("tag").unwrap();
        let seen = subject.call_with_a_tag();
        assert!(seen > begun, "saw {seen}, and {begun} had begun before the invalidation");
        for caller in before {
            caller.join().unwrap();
        }
        let stored = subject.stored().expect("the last to compute stored its value");
        assert!(stored > begun, "stored {stored}, and {begun} had begun before the invalidation");
        assert!(subject.runs() <= 2, "{} computations", subject.runs());
        subject.assert_settled();
    });
}

#[test]
fn a_remembered_error_is_never_from_before_an_invalidation() {
    let forget: [fn(&Region); 3] = [
        |region| region.delete("k").unwrap(),
        |region| region.invalidate(Invalidation::Hard).unwrap(),
        |region| region.invalidate(Invalidation::Soft).unwrap(),
    ];
    for forget in forget {
        explore(move || {
            let subject = Subject::new();
            let before = [spawn(&subject, Subject::fail), spawn(&subject, Subject::fail)];
            meanwhile();
            let begun = subject.runs();
            forget(&subject.region);
            let seen = subject.fail();
            assert!(seen > begun, "saw {seen}, and {begun} had begun before the invalidation");
            for caller in before {
                caller.join().unwrap();
            }
            let seen = subject.fail();
            assert!(seen > begun, "remembered {seen}, and {begun} had begun before the invalidation");
            assert!(subject.runs() <= 2, "{} computations", subject.runs());
            subject.assert_settled();
        });
    }
}

#[test]
fn a_deadline_that_passes_at_any_point_costs_one_computation_at_most() {
    explore(|| {
        let subject = Subject::new();
        let callers =
            [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task), spawn(&subject, Subject::call)];
        meanwhile();
        subject.clock.advance(DEADLINE);
        let seen: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert!(subject.runs() <= 2, "{} computations", subject.runs());
        assert!(subject.stored().is_some_and(|stored| seen.contains(&stored)));
        assert!(subject.region.stats().disowned <= 1);
        subject.assert_settled();
    });
}

#[test]
fn a_leader_that_hangs_is_replaced_and_what_it_brings_late_is_not_stored_over_a_newer_value() {
    explore(|| {
        let subject = Subject::new();
        let (hang, begun) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let leader = {
            let (hang, begun) = (Arc::clone(&hang), Arc::clone(&begun));
            spawn(&subject, move |subject| {
                subject.region.get_or_create("k", || {
                    begun.open();
                    hang.wait();
                    subject.run()
                })
            })
        };
        begun.wait();
        let followers = [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task)];
        while subject.region.waiting(&"k".into()) < 2 {
            thread::yield_now();
        }
        subject.clock.advance(DEADLINE);
        for follower in followers {
            assert_eq!(follower.join().unwrap(), 1);
        }
        assert_eq!(subject.region.stats().disowned, 1);
        hang.open();
        assert_eq!(leader.join().unwrap(), 2, "its own caller gets what it computed");
        assert_eq!(subject.stored(), Some(1));
        subject.assert_settled();
    });
}

#[test]
fn who_has_waited_long_enough_computes_aside_and_everyone_is_answered() {
    const PATIENCE: Duration = Duration::from_secs(1);
    explore(|| {
        let subject = Subject::with(|region| region.wait_timeout(PATIENCE));
        let callers =
            [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task), spawn(&subject, Subject::call)];
        meanwhile();
        subject.clock.advance(PATIENCE);
        let seen: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert!((1..=3).contains(&subject.runs()), "{} computations", subject.runs());
        assert!(subject.stored().is_some_and(|stored| seen.contains(&stored)));
        assert_eq!(subject.region.stats().disowned, 0);
        subject.assert_settled();
    });
}

#[test]
fn an_invalidation_and_a_deadline_at_any_point_leave_nothing_that_began_before() {
    explore(|| {
        let subject = Subject::new();
        let before = [spawn(&subject, Subject::call), spawn(&subject, Subject::call_as_a_task)];
        meanwhile();
        subject.clock.advance(DEADLINE);
        meanwhile();
        let begun = subject.runs();
        subject.region.delete("k").unwrap();
        let seen = subject.call();
        assert!(seen > begun, "saw {seen}, and {begun} had begun before the invalidation");
        for caller in before {
            caller.join().unwrap();
        }
        let stored = subject.stored().expect("the last to compute stored its value");
        assert!(stored > begun, "stored {stored}, and {begun} had begun before the invalidation");
        assert!(subject.runs() <= 3, "{} computations", subject.runs());
        subject.assert_settled();
    });
}

#[test]
fn a_renewal_in_the_background_is_one_for_all_callers() {
    explore(|| {
        let subject = Subject::with(|region| region.stale_while_revalidate(TTL).runner(InThreads::default()));
        subject.region.set("k", &0_usize).unwrap();
        subject.clock.advance(TTL);
        let call = Subject::call_renewing_in_background;
        let callers = [spawn(&subject, call), spawn(&subject, call), spawn(&subject, call)];
        for caller in callers {
            assert!(caller.join().unwrap() <= 1);
        }
        let stats = subject.region.stats();
        assert_eq!((stats.renewals, stats.misses, stats.coalesced), (1, 0, 0), "{stats}");
        while subject.stored().is_none() {
            thread::yield_now();
        }
        assert_eq!((subject.stored(), subject.runs()), (Some(1), 1));
    });
}

/// Renews in threads that shuttle schedules, or never.
#[derive(Debug, Default)]
struct InThreads {
    keeps: bool,
    kept: std::sync::Mutex<Vec<Kept>>,
}

struct Kept(Job);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

impl crate::Runner for InThreads {
    fn run(&self, job: Job) -> bool {
        if self.keeps {
            self.kept.lock().unwrap().push(Kept(job));
        } else {
            thread::spawn(job);
        }
        true
    }

    fn spawn(&self, _: Task) -> bool {
        false
    }
}

#[test]
fn those_who_take_no_old_value_never_wait_for_a_renewal_that_has_not_begun() {
    explore(|| {
        let runner = InThreads { keeps: true, ..InThreads::default() };
        let subject = Subject::with(|region| region.stale_while_revalidate(TTL).runner(runner));
        subject.region.set("k", &0_usize).unwrap();
        subject.clock.advance(TTL);
        let mut leader = Box::pin(subject.region.get_or_create_async("k", std::future::pending::<usize>));
        let first = future::block_on(std::future::poll_fn(|context| {
            std::task::Poll::Ready(leader.as_mut().poll(context).is_ready())
        }));
        assert!(!first, "it leads");
        let follower = spawn(&subject, Subject::call_for_a_fresh_value);
        while subject.region.waiting(&"k".into()) == 0 {
            thread::yield_now();
        }
        let renewing = spawn(&subject, Subject::call_renewing_in_background);
        drop(leader);
        assert_eq!(follower.join().unwrap(), 1);
        assert!(renewing.join().unwrap() <= 1);
        assert_eq!((subject.runs(), subject.stored(), subject.region.stats().disowned), (1, Some(1), 0));
    });
}

/// Runs renewals, keeps them, drops them later, or refuses them, as it comes.
#[derive(Debug, Default)]
struct AsItComes(std::sync::Arc<InThreads>);

impl crate::Runner for AsItComes {
    fn run(&self, job: Job) -> bool {
        use shuttle::rand::Rng as _;
        match shuttle::rand::thread_rng().gen_range(0..4) {
            0 => self.0.run(job),
            1 => {
                self.0.kept.lock().unwrap().push(Kept(job));
                true
            }
            2 => {
                thread::spawn(move || drop(job));
                true
            }
            _ => false,
        }
    }

    fn spawn(&self, _: Task) -> bool {
        false
    }
}

#[test]
fn whatever_becomes_of_renewals_everyone_is_answered_and_nothing_is_left() {
    explore(|| {
        let threads = std::sync::Arc::new(InThreads::default());
        let runner = AsItComes(std::sync::Arc::clone(&threads));
        let subject = Subject::with(|region| region.stale_while_revalidate(TTL).max_disowned(1).runner(runner));
        subject.region.set("k", &0_usize).unwrap();
        subject.clock.advance(TTL);
        let callers = [
            spawn(&subject, Subject::call_renewing_in_background),
            spawn(&subject, Subject::call_for_a_fresh_value),
            spawn(&subject, Subject::call_renewing_in_background),
        ];
        meanwhile();
        subject.clock.advance(DEADLINE);
        let [_, fresh, _] = callers.map(|caller| caller.join().unwrap());
        assert!(fresh > 0);
        // Late, and not wanted any more, or just in time.
        let kept = std::mem::take(&mut *threads.kept.lock().unwrap());
        for Kept(job) in kept {
            job();
        }
        let flights = &subject.region.core().flights;
        // One past its deadline may still be at it.
        while flights.is_computing(&subject.region.hand_key("k")) || flights.disowned_now() > 0 {
            thread::yield_now();
        }
        assert!(subject.stored().is_some_and(|stored| stored > 0));
        subject.assert_settled();
    });
}

/// Closed until opened.
#[derive(Default)]
struct Gate(shuttle::sync::Mutex<bool>, shuttle::sync::Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let mut open = self.0.lock().unwrap();
        while !*open {
            open = self.1.wait(open).unwrap();
        }
    }
}

/// The primitives of `super::sync`, made of shuttle's.
pub(super) mod primitives {
    use std::collections::{HashMap, VecDeque};
    use std::hash::Hash;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    pub(crate) use shuttle::future::block_on;
    use shuttle::sync::Arc;
    pub(in crate::flight) use shuttle::sync::{Mutex, MutexGuard};
    pub(in crate::flight) use shuttle::thread_local;

    use crate::flight::sync::Change;

    pub(in crate::flight) struct Map<K, V>(Mutex<HashMap<K, V>>);

    impl<K: Eq + Hash + Clone, V> Map<K, V> {
        pub(in crate::flight) fn new() -> Self {
            Self(Mutex::new(HashMap::new()))
        }

        pub(in crate::flight) fn locked<R>(
            &self,
            key: &K,
            work: impl FnOnce(Option<&V>) -> (Change<V>, R),
        ) -> (Option<V>, R) {
            let mut map = self.0.lock().unwrap();
            let (change, result) = work(map.get(key));
            let old = match change {
                Change::Keep => None,
                Change::Insert(new) => map.insert(key.clone(), new),
                Change::Remove => map.remove(key),
            };
            (old, result)
        }
    }

    /// As `event_listener::Event`: a notification reaches those who listen, not those who come later.
    pub(in crate::flight) struct Event(Arc<Mutex<VecDeque<Arc<Slot>>>>);

    /// Whether the listener was told, and whom to wake for it.
    type Slot = Mutex<(bool, Option<Waker>)>;

    impl Event {
        pub(in crate::flight) fn new() -> Self {
            Self(Arc::default())
        }

        pub(in crate::flight) fn listen(&self) -> Listener {
            let slot = Arc::<Slot>::default();
            self.0.lock().unwrap().push_back(Arc::clone(&slot));
            Listener(slot)
        }

        /// Only ever asked to tell everyone.
        pub(in crate::flight) fn notify(&self, _everyone: usize) {
            for slot in self.0.lock().unwrap().drain(..) {
                let waker = {
                    let mut state = slot.lock().unwrap();
                    state.0 = true;
                    state.1.take()
                };
                waker.into_iter().for_each(Waker::wake);
            }
        }
    }

    pub(in crate::flight) struct Listener(Arc<Slot>);

    impl Future for Listener {
        type Output = ();

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        }
    }
}
