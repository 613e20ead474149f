//! Model checks of many keys in one call: whatever the order in which callers ask for overlapping sets, nobody waits for
//! ever, no key is computed twice at once, and each caller gets its own.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;

use super::many::Many;
use crate::Region;
use crate::flight::block_on;
use crate::flight::model::explore;
use crate::region::call::{Call, Policy};
use crate::region::share::Share;
use crate::remote::Caller;

/// A region, and what is computed there by keys.
#[derive(Clone)]
struct Subject {
    region: Region,
    running: Arc<[AtomicUsize; 4]>,
    runs: Arc<[AtomicUsize; 4]>,
}

impl Subject {
    fn new() -> Self {
        let region = Region::builder("many model").build().unwrap();
        Self { region, running: Arc::default(), runs: Arc::default() }
    }

    fn calls(&self, keys: &[usize]) -> Vec<Call> {
        keys.iter().map(|key| self.region.entry_by_hand(&key.to_string(), Policy::by_hand::<usize>())).collect()
    }

    /// Ten times each key, and never one of them twice at once.
    fn compute(&self, keys: &[usize]) -> Vec<Option<usize>> {
        for key in keys {
            assert_eq!(self.running[*key].fetch_add(1, Ordering::SeqCst), 0, "{key} is computed twice at once");
            self.runs[*key].fetch_add(1, Ordering::SeqCst);
        }
        thread::yield_now();
        for key in keys {
            self.running[*key].fetch_sub(1, Ordering::SeqCst);
        }
        keys.iter().map(|key| Some(key * 10)).collect()
    }

    fn call(&self, keys: &[usize]) -> Vec<Option<usize>> {
        let compute = |places: Vec<usize>| {
            let wanted: Vec<_> = places.iter().map(|place| keys[*place]).collect();
            std::future::ready(Ok::<_, Infallible>(self.compute(&wanted)))
        };
        let many = Many { compute, share: None, refusal: None, refreshes: false, background: () };
        block_on(many.run(Caller::Thread, &self.calls(keys))).unwrap()
    }

    /// The call of a single key, as any other caller makes it.
    fn call_one(&self, key: usize) -> usize {
        self.region.get_or_create(key.to_string(), || self.compute(&[key])[0].unwrap())
    }

    fn runs(&self) -> [usize; 4] {
        std::array::from_fn(|key| self.runs[key].load(Ordering::SeqCst))
    }
}

fn ten_times(keys: &[usize]) -> Vec<Option<usize>> {
    keys.iter().map(|key| Some(key * 10)).collect()
}

fn spawn<T: Send + 'static>(
    subject: &Subject,
    work: impl FnOnce(&Subject) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let subject = subject.clone();
    thread::spawn(move || work(&subject))
}

#[test]
fn two_callers_of_overlapping_keys_in_different_order_compute_each_once() {
    explore(|| {
        let subject = Subject::new();
        let other = spawn(&subject, |subject| subject.call(&[3, 2, 1]));
        let single = spawn(&subject, |subject| subject.call_one(2));
        assert_eq!(subject.call(&[1, 2]), ten_times(&[1, 2]));
        assert_eq!(other.join().unwrap(), ten_times(&[3, 2, 1]));
        assert_eq!(single.join().unwrap(), 20);
        assert_eq!(subject.runs(), [0, 1, 1, 1]);
    });
}

#[test]
fn who_comes_after_an_invalidation_gets_what_began_after_it() {
    explore(|| {
        let subject = Subject::new();
        // The number of the computation is the value.
        let numbered = |subject: &Subject, keys: &[usize]| {
            let compute = |places: Vec<usize>| {
                let run = subject.runs[0].fetch_add(1, Ordering::SeqCst) + 1;
                thread::yield_now();
                std::future::ready(Ok::<_, Infallible>(vec![Some(run); places.len()]))
            };
            let many = Many { compute, share: None, refusal: None, refreshes: false, background: () };
            block_on(many.run(Caller::Thread, &subject.calls(keys))).unwrap()
        };
        let other = spawn(&subject, move |subject| numbered(subject, &[2, 1, 3]));
        let begun = subject.runs()[0];
        subject.region.delete("1").unwrap();
        let values = numbered(&subject, &[1, 2]);
        assert!(values[0] > Some(begun), "{values:?} after {begun}");
        assert!(other.join().unwrap().iter().all(Option::is_some));
    });
}

#[test]
fn when_a_call_is_given_up_somebody_else_computes_what_it_had_won() {
    explore(|| {
        let subject = Subject::new();
        let given_up = spawn(&subject, |subject| {
            let calls = subject.calls(&[1, 2, 3]);
            let compute = |_: Vec<usize>| std::future::pending::<Result<Vec<Option<usize>>, Infallible>>();
            let many = Many { compute, share: None, refusal: None, refreshes: false, background: () };
            let mut call = Box::pin(many.run(Caller::Task, &calls));
            let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            thread::yield_now();
            matches!(polled, Poll::Ready(_))
        });
        let other = spawn(&subject, |subject| subject.call(&[3, 1]));
        assert_eq!(subject.call(&[1, 2]), ten_times(&[1, 2]));
        assert_eq!(other.join().unwrap(), ten_times(&[3, 1]));
        given_up.join().unwrap();
        assert_eq!(subject.runs(), [0, 1, 1, 1]);
    });
}

#[test]
fn a_failure_reaches_everyone_and_leaves_nothing_behind() {
    explore(|| {
        let subject = Subject::new();
        let fail = |subject: &Subject, keys: &[usize]| {
            let compute = |_: Vec<usize>| {
                subject.runs[0].fetch_add(1, Ordering::SeqCst);
                thread::yield_now();
                std::future::ready(Err::<Vec<Option<usize>>, _>("failed"))
            };
            let many =
                Many { compute, share: Some(Share::by_clone()), refusal: None, refreshes: false, background: () };
            block_on(many.run(Caller::Thread, &subject.calls(keys)))
        };
        let other = spawn(&subject, move |subject| fail(subject, &[3, 2, 1]));
        assert_eq!(fail(&subject, &[1, 2]), Err("failed"));
        assert_eq!(other.join().unwrap(), Err("failed"));
        assert!((1..=2).contains(&subject.runs()[0]));
        assert_eq!(subject.call(&[1, 2, 3]), ten_times(&[1, 2, 3]));
    });
}

#[test]
fn a_panic_reaches_its_own_caller_and_at_most_one_other() {
    explore(|| {
        let subject = Subject::new();
        let panics = spawn(&subject, |subject| {
            let compute = |_: Vec<usize>| -> std::future::Ready<Result<Vec<Option<usize>>, Infallible>> {
                thread::yield_now();
                panic!("on purpose")
            };
            let many = Many { compute, share: None, refusal: None, refreshes: false, background: () };
            let calls = subject.calls(&[1, 2, 3]);
            catch_unwind(AssertUnwindSafe(|| block_on(many.run(Caller::Thread, &calls)))).is_err()
        });
        assert_eq!(subject.call(&[3, 1]), ten_times(&[3, 1]));
        // It may have found what the other has stored.
        panics.join().unwrap();
        assert_eq!(subject.call(&[1, 2, 3]), ten_times(&[1, 2, 3]));
    });
}
