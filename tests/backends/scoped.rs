//! A region whose values live as long as a session: objects without serde, the same one within a scope.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Context as Limits};
use cachekit::testing::{ManualClock, waiting};
use cachekit::{Error, Invalidation, Proxy, Region, cache_on_arguments, regions};
use cachekit_backends::scoped::{Scope, Scoped};

/// What a session of a database hands out: it is neither `Clone`, nor can it be written down.
#[derive(Debug)]
struct Row {
    number: u64,
}

/// The next row.
fn next() -> Arc<Row> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    Arc::new(Row { number: NUMBER.fetch_add(1, Ordering::SeqCst) })
}

/// Lets others run once.
async fn yield_now() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn within_a_scope_the_same_object_comes_back_and_in_another_one_another() {
    regions! { static SAME = Region::builder("same row").backend(Scoped::new()); }
    #[cache_on_arguments(region = SAME, in_memory)]
    fn row(_id: u64) -> Arc<Row> {
        next()
    }
    let (one, other) = (Scope::new(), Scope::new());
    let first = one.enter(|| row(1));
    assert!(Arc::ptr_eq(&first, &one.enter(|| row(1))));
    assert!(Arc::ptr_eq(&first, &one.enter(|| row::get(1).unwrap().unwrap())));
    let elsewhere = one.clone();
    assert!(Arc::ptr_eq(&first, &thread::spawn(move || elsewhere.enter(|| row(1))).join().unwrap()));
    assert!(!Arc::ptr_eq(&first, &one.enter(|| row(2))), "of another key");
    other.enter(|| {
        assert!(row::get(1).unwrap().is_none());
        assert!(!Arc::ptr_eq(&first, &row(1)));
        row::invalidate(1).unwrap();
    });
    assert!(Arc::ptr_eq(&first, &one.enter(|| row(1))), "an entry that is forgotten is that of its scope");
    one.enter(|| row::set(1, next()).unwrap());
    let set = one.enter(|| row(1));
    assert!(!Arc::ptr_eq(&first, &set) && other.enter(|| row(1)).number > set.number);
    one.enter(|| row::invalidate(1).unwrap());
    assert!(one.enter(|| row(1)).number > set.number);
}

#[test]
fn outside_any_scope_nothing_is_stored() {
    regions! { static OUTSIDE = Region::builder("rows outside").backend(Scoped::new()); }
    #[cache_on_arguments(region = OUTSIDE, in_memory)]
    fn row(_id: u64) -> Arc<Row> {
        next()
    }
    let first = row(1);
    let alive = Arc::downgrade(&first);
    assert!(!Arc::ptr_eq(&first, &row(1)));
    row::set(1, first).unwrap();
    assert!(row::get(1).unwrap().is_none() && alive.upgrade().is_none());
    assert!(Scope::new().enter(|| row::get(1).unwrap().is_none()));
    assert_eq!(OUTSIDE.stats().entries, 0);
}

#[test]
fn entries_by_hand_are_the_scopes_too() {
    let region = Region::builder("rows by hand").backend(Scoped::new()).build().unwrap();
    let (one, other) = (Scope::new(), Scope::new());
    one.enter(|| region.set("k", &1_u64).unwrap());
    assert_eq!(other.enter(|| region.get_or_create("k", || 2_u64)), 2);
    assert_eq!(one.enter(|| region.get_many::<u64>(["k", "none"]).unwrap()), [Some(1), None]);
    assert_eq!(region.get::<u64>("k").unwrap(), None);
    assert!(one.enter(|| region.get::<String>("k")).unwrap_err().is_type_mismatch());
}

#[test]
fn callers_of_one_scope_share_a_computation_and_those_of_two_do_not() {
    regions! { static HELD = Region::builder("held rows").backend(Scoped::new()); }
    #[cache_on_arguments(region = HELD, in_memory, skip(make))]
    fn row(_id: u64, make: &dyn Fn() -> Arc<Row>) -> Arc<Row> {
        make()
    }
    let (one, other) = (Scope::new(), Scope::new());
    let (begun, has_begun) = channel();
    let (let_go, goes_on) = channel::<()>();
    thread::scope(|threads| {
        let leader = threads.spawn(|| {
            one.enter(move || {
                row(1, &move || {
                    begun.send(()).unwrap();
                    // It goes on when the test ends in the middle, too.
                    let _ = goes_on.recv();
                    next()
                })
            })
        });
        has_begun.recv().unwrap();
        let follower = threads.spawn(|| one.enter(|| row(1, &|| panic!("somebody else in the scope computes it"))));
        while one.enter(|| waiting(&HELD, row::key(1))) == 0 {
            thread::yield_now();
        }
        let others = other.enter(|| row(1, &next));
        let nobodys = row(1, &next);
        drop(let_go);
        let (leader, follower) = (leader.join().unwrap(), follower.join().unwrap());
        assert!(Arc::ptr_eq(&leader, &follower));
        assert!(leader.number > nobodys.number && nobodys.number > others.number);
        assert!(Arc::ptr_eq(&others, &other.enter(|| row(1, &next))));
    });
    assert_eq!(HELD.stats().coalesced, 1);
}

#[test]
fn a_computation_may_ask_for_its_own_key_in_another_scope() {
    regions! { static NESTED = Region::builder("nested rows").backend(Scoped::new()); }
    #[cache_on_arguments(region = NESTED, in_memory, skip(inner))]
    fn row(_id: u64, inner: Option<&Scope>) -> Arc<Row> {
        inner.map_or_else(next, |scope| scope.enter(|| row(1, None)))
    }
    let (request, transaction) = (Scope::new(), Scope::new());
    let first = request.enter(|| row(1, Some(&transaction)));
    assert!(Arc::ptr_eq(&first, &request.enter(|| row(1, None))));
    assert!(Arc::ptr_eq(&first, &transaction.enter(|| row(1, None))));
}

#[test]
fn tasks_that_take_turns_in_one_thread_keep_to_their_scopes() {
    regions! { static TURNS = Region::builder("rows in turns").backend(Scoped::new()); }
    #[cache_on_arguments(region = TURNS, in_memory)]
    async fn row(_id: u64) -> Arc<Row> {
        yield_now().await;
        next()
    }
    // They are made outside, and run within.
    let task = || {
        Scope::new().run(async {
            let first = row(1).await;
            for _ in 0..3 {
                yield_now().await;
                assert!(Arc::ptr_eq(&first, &row(1).await));
            }
            first
        })
    };
    let (mut one, mut other) = (pin!(task()), pin!(task()));
    let mut context = Context::from_waker(Waker::noop());
    let mut done = (None, None);
    while done.0.is_none() || done.1.is_none() {
        for (task, row) in [(&mut one, &mut done.0), (&mut other, &mut done.1)] {
            if row.is_none()
                && let Poll::Ready(found) = task.as_mut().poll(&mut context)
            {
                *row = Some(found);
            }
        }
    }
    assert_ne!(done.0.unwrap().number, done.1.unwrap().number);
    assert_eq!((TURNS.stats().creations, TURNS.stats().hits), (2, 6));
}

#[test]
fn with_its_scope_a_value_is_dropped() {
    regions! { static DROPPED = Region::builder("dropped rows").near(Duration::from_secs(60)).backend(Scoped::new()); }
    #[cache_on_arguments(region = DROPPED, in_memory, ttl = "1h")]
    fn row(_id: u64) -> Arc<Row> {
        next()
    }
    let scope = Scope::new();
    let alive: Weak<Row> = scope.enter(|| Arc::downgrade(&row(1)));
    assert!(alive.upgrade().is_some());
    drop(scope);
    assert!(alive.upgrade().is_none());
}

#[test]
fn an_invalidation_of_the_region_or_of_a_tag_reaches_every_scope() {
    regions! { static FAR = Region::builder("rows far and wide").backend(Scoped::new()); }
    #[cache_on_arguments(region = FAR, in_memory, tags = ["row:{id}"])]
    fn row(id: u64) -> Arc<Row> {
        let _ = id;
        next()
    }
    let (one, other) = (Scope::new(), Scope::new());
    let numbers = || [&one, &other].map(|scope| scope.enter(|| row(1).number));
    let everywhere = |what: &str, invalidate: &dyn Fn()| {
        let before = numbers();
        assert_eq!(before, numbers());
        let untouched = one.enter(|| row(2).number);
        invalidate();
        let after = numbers();
        assert!(after[0] > before[1].max(before[0]) && after[1] > after[0], "{what}: {before:?}, {after:?}");
        assert_eq!(after, numbers(), "{what}: once");
        untouched == one.enter(|| row(2).number)
    };
    assert!(!everywhere("hard, from outside", &|| FAR.invalidate(Invalidation::Hard).unwrap()));
    assert!(!everywhere("hard, from within", &|| one.enter(|| FAR.invalidate(Invalidation::Hard).unwrap())));
    assert!(!everywhere("soft, from outside", &|| FAR.invalidate(Invalidation::Soft).unwrap()));
    assert!(!everywhere("soft, from within", &|| other.enter(|| FAR.invalidate(Invalidation::Soft).unwrap())));
    assert!(everywhere("a tag, from outside", &|| FAR.invalidate_tag("row:1").unwrap()));
    assert!(everywhere("a tag, from within", &|| other.enter(|| FAR.invalidate_tag("row:1").unwrap())));
    assert!(everywhere("a tag, from a third one", &|| Scope::new().enter(|| FAR.invalidate_tag("row:1").unwrap())));
}

#[test]
fn a_computation_that_an_invalidation_elsewhere_has_overtaken_is_not_stored() {
    regions! { static OVERTAKEN = Region::builder("overtaken rows").backend(Scoped::new()); }
    #[cache_on_arguments(region = OVERTAKEN, in_memory, tags = ["rows"], skip(meanwhile))]
    fn row(_id: u64, meanwhile: &dyn Fn()) -> Arc<Row> {
        meanwhile();
        next()
    }
    let (one, other) = (Scope::new(), Scope::new());
    let invalidations: [&dyn Fn(); 3] = [
        &|| OVERTAKEN.invalidate(Invalidation::Hard).unwrap(),
        &|| other.enter(|| OVERTAKEN.invalidate(Invalidation::Soft).unwrap()),
        &|| other.enter(|| OVERTAKEN.invalidate_tag("rows").unwrap()),
    ];
    for invalidate in invalidations {
        let overtaken = one.enter(|| row(1, invalidate));
        let next = one.enter(|| row(1, &|| ()));
        assert!(next.number > overtaken.number);
        one.enter(|| row::invalidate(1).unwrap());
    }
}

#[test]
fn settings_of_the_near_tier_let_nothing_out_of_a_scope() {
    regions! {
        static NEAR = Region::builder("near rows").near(Duration::from_secs(60)).ttl(Duration::from_secs(60))
            .backend(Scoped::new());
    }
    #[cache_on_arguments(region = NEAR)]
    fn number(_id: u64) -> u64 {
        next().number
    }
    let (one, other) = (Scope::new(), Scope::new());
    let first = one.enter(|| number(1));
    assert_eq!(one.enter(|| number(1)), first);
    assert_ne!(other.enter(|| number(1)), first);
    assert_ne!(number(1), first);
    assert_eq!(number::get(1).unwrap(), None);
    assert_eq!(NEAR.stats().entries, 0, "nothing is kept beside the scopes");
}

#[test]
fn what_is_remembered_of_a_failure_is_the_scopes() {
    regions! { static FAILING = Region::builder("failing rows").backend(Scoped::new()); }
    #[cache_on_arguments(region = FAILING, in_memory, error_ttl = "1h")]
    fn row(_id: u64) -> Result<Arc<Row>, u64> {
        Err(next().number)
    }
    let (one, other) = (Scope::new(), Scope::new());
    let error = |scope: &Scope| scope.enter(|| row(1).unwrap_err());
    let first = error(&one);
    assert_eq!(error(&one), first);
    assert_ne!(error(&other), first);
    drop((one, other));
    let later: Vec<u64> = (0..100).map(|_| error(&Scope::new())).collect();
    assert!(later.is_sorted_by(|one, other| one < other), "a new scope knows nothing of those before");
}

#[test]
fn past_its_ttl_a_value_is_renewed_within_its_scope() {
    let clock = ManualClock::new();
    let region = Region::builder("aging rows")
        .clock(clock.clone())
        .ttl(Duration::from_secs(10))
        .backend(Scoped::new())
        .build()
        .unwrap();
    let (one, other) = (Scope::new(), Scope::new());
    let call = |scope: &Scope| scope.enter(|| region.get_or_create("k", || next().number));
    let first = [call(&one), call(&other)];
    clock.advance(Duration::from_secs(11));
    let renewed = call(&one);
    assert!(renewed > first[1] && call(&one) == renewed);
    assert_eq!(other.enter(|| region.get::<u64>("k").unwrap()), None);
    assert!(call(&other) > renewed);
}

/// Fails to remove one entry.
#[derive(Debug)]
struct Sticky(AtomicBool);

impl Proxy for Sticky {
    fn delete<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Limits) -> Answer<'a, ()> {
        if self.0.swap(false, Ordering::SeqCst) {
            Err(Error::backend("it sticks")).into()
        } else {
            next.delete(key, context)
        }
    }
}

#[test]
fn what_could_not_be_forgotten_in_a_scope_is_made_up_for_from_any_other() {
    let sticky = Sticky(AtomicBool::new(true));
    let region = Region::builder("sticky rows").backend(Scoped::new()).wrap(sticky).build().unwrap();
    let scope = Scope::new();
    scope.enter(|| region.set("k", &1_u64).unwrap());
    assert!(scope.enter(|| region.delete("k")).unwrap_err().is_backend());
    assert_eq!(region.get::<u64>("other").unwrap(), None);
    assert_eq!(scope.enter(|| region.get::<u64>("k")).unwrap(), None);
}

/// Has a store of objects keep what was written down.
#[derive(Debug)]
struct Written;

impl Proxy for Written {
    fn keeps_live(&self, _: &dyn Backend) -> bool {
        false
    }
}

#[test]
fn of_a_store_of_sessions_this_process_keeps_nothing_that_is_written_down_either() {
    let region = Region::builder("written rows").near(Duration::from_secs(60)).backend(Scoped::new()).wrap(Written);
    let region = region.build().unwrap();
    let (one, other) = (Scope::new(), Scope::new());
    let number = |scope: &Scope| scope.enter(|| region.get_or_create("k", || next().number));
    let first = number(&one);
    assert_eq!(number(&one), first);
    assert_ne!(number(&other), first);
}

#[test]
fn an_entry_is_that_of_the_session_in_which_it_is_used() {
    regions! { static HANDED = Region::builder("handed row").backend(Scoped::new()); }
    #[cache_on_arguments(region = HANDED, in_memory)]
    fn row(_id: u64) -> Arc<Row> {
        next()
    }
    let (one, other) = (Scope::new(), Scope::new());
    let handle = one.enter(|| row::entry(1));
    let (first, second) = (one.enter(|| row(1)), other.enter(|| row(1)));
    let found = |scope: &Scope| scope.enter(|| handle.get()).unwrap().expect("it was computed");
    assert!(Arc::ptr_eq(&found(&one), &first) && Arc::ptr_eq(&found(&other), &second));
    other.enter(|| handle.invalidate()).unwrap();
    assert!(other.enter(|| handle.get()).unwrap().is_none());
    assert!(Arc::ptr_eq(&found(&one), &first));
}
