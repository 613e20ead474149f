//! Model checks of the flight: shuttle runs the threads of a test one step at a time and explores their schedules.
//!
//! The tests drive the whole read path through a region; steps are taken at the primitives below, which is wherever two
//! callers can meet. The invariants are those that catch both a double and a lost computation: with a function that
//! returns how often it ran, *a value seen by a caller who came after an invalidation is from a computation that began
//! after it*, and *the number of computations is the smallest that allows that*.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::{check_pct, check_random, future, thread};

use crate::{Invalidation, Region};

/// Schedules per test and strategy.
const SCHEDULES: usize = 1_500;

fn explore(test: impl Fn() + Send + Sync + Clone + 'static) {
    check_random(test.clone(), SCHEDULES);
    check_pct(test, SCHEDULES, 4);
}

#[derive(Clone)]
struct Subject {
    region: Region,
    runs: Arc<AtomicUsize>,
}

impl Subject {
    fn new() -> Self {
        Self { region: Region::builder("model").build().unwrap(), runs: Arc::default() }
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

    /// Nothing is left of any flight.
    fn assert_settled(&self) {
        assert!(!self.region.core().flights.is_computing(&self.region.hand_key("k")));
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

/// The primitives of `super::sync`, made of shuttle's.
pub(super) mod primitives {
    use std::collections::{HashMap, VecDeque};
    use std::hash::Hash;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use shuttle::sync::{Arc, Condvar};
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

        pub(in crate::flight) fn contains(&self, key: &K) -> bool {
            self.0.lock().unwrap().contains_key(key)
        }
    }

    /// As `event_listener::Event`: a notification reaches those who listen, not those who come later.
    pub(in crate::flight) struct Event(Arc<Mutex<VecDeque<Arc<Slot>>>>);

    #[derive(Default)]
    struct Slot {
        state: Mutex<(bool, Option<Waker>)>,
        told: Condvar,
    }

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
                    let mut state = slot.state.lock().unwrap();
                    state.0 = true;
                    state.1.take()
                };
                slot.told.notify_all();
                waker.into_iter().for_each(Waker::wake);
            }
        }
    }

    pub(in crate::flight) struct Listener(Arc<Slot>);

    impl Listener {
        pub(in crate::flight) fn wait(self) {
            let mut state = self.0.state.lock().unwrap();
            while !state.0 {
                state = self.0.told.wait(state).unwrap();
            }
        }
    }

    impl Future for Listener {
        type Output = ();

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let mut state = self.0.state.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        }
    }
}
