//! A task that nobody polls any more, and that has not ended: it holds nobody up for ever.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Polled, Poll, Waker};
use std::thread;
use std::time::Duration;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Put};
use cachekit::testing::ManualClock;
use cachekit::{Proxy, Region, RegionBuilder};
use cachekit_backends::memory::Memory;

use crate::support::until;

/// What is asked for once it is armed, and is not answered when its task is polled for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Read,
    Lease,
    Write,
}

#[derive(Clone, Debug)]
struct Once(Slow, Arc<AtomicBool>);

impl Once {
    /// Carries an operation out, with the second poll if it is the one.
    fn answer<'a, T: Send + 'a>(&'a self, slow: Slow, answer: Answer<'a, T>) -> Answer<'a, T> {
        let mut is_slow = slow == self.0 && self.1.swap(false, Ordering::SeqCst);
        Answer::later(async move {
            poll_fn(|_| if std::mem::take(&mut is_slow) { Poll::Pending } else { Poll::Ready(()) }).await;
            answer.await
        })
    }
}

impl Proxy for Once {
    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        self.answer(Slow::Read, Answer::later(async move { next.get_many(keys, context).await }))
    }

    fn acquire<'a>(
        &'a self,
        next: &'a dyn Backend,
        key: &'a str,
        lease: Lease,
        claim: Claim<'a>,
        context: Context,
    ) -> Answer<'a, Acquired> {
        self.answer(Slow::Lease, Answer::later(async move { next.acquire(key, lease, claim, context).await }))
    }

    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.answer(Slow::Write, Answer::later(async move { next.set(put, context).await }))
    }
}

/// Has a task begin to make 1 and leaves it alone at the operation; what becomes of it when it is polled again, after
/// somebody else has done something while the time passed, and what is found then.
fn left_alone(
    slow: Slow,
    settings: impl FnOnce(RegionBuilder) -> RegionBuilder,
    then: impl FnOnce(&Region) + Send,
) -> (u64, Option<u64>) {
    let (clock, armed) = (ManualClock::new(), Arc::new(AtomicBool::new(false)));
    let store = Memory::new().clock(clock.clone());
    let region = Region::builder("idle").clock(clock.clone()).backend(store).wrap(Once(slow, Arc::clone(&armed)));
    let region = settings(region).build().unwrap();
    assert_eq!(region.get::<u64>("k").unwrap(), None);
    armed.store(true, Ordering::SeqCst);
    let mut idle = Box::pin(region.get_or_create_async("k", || async { 1_u64 }));
    let mut poll = || idle.as_mut().poll(&mut Polled::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    thread::scope(|scope| {
        let other = scope.spawn(|| then(&region));
        until("nobody waits for ever", || {
            // Not so fast that a lease lapses while a busy machine does something else.
            thread::park_timeout(Duration::from_millis(1));
            clock.advance(Duration::from_millis(100));
            other.is_finished()
        });
        other.join().unwrap();
    });
    let Poll::Ready(value) = poll() else { panic!("it goes on where it was") };
    (value, region.get("k").unwrap())
}

#[test]
fn who_waits_for_its_look_up_asks_at_last() {
    let others = |region: &Region| assert_eq!(region.get_or_create("k", || 2_u64), 2);
    assert_eq!(left_alone(Slow::Read, |region| region, others), (2, Some(2)));
}

#[test]
fn who_takes_the_lead_while_it_asks_for_the_lease_computes_at_last() {
    let others = |region: &Region| assert_eq!(region.get_or_create("k", || 2_u64), 2);
    assert_eq!(left_alone(Slow::Lease, |region| region, others), (2, Some(2)));
}

#[test]
fn who_invalidates_without_leases_passes_it_over_and_is_not_undone() {
    let others = |region: &Region| {
        region.delete("k").unwrap();
        assert_eq!(region.get::<u64>("k").unwrap(), None);
    };
    assert_eq!(left_alone(Slow::Write, |region| region.lock(false), others), (1, None));
}
