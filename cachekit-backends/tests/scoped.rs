//! What is peculiar to sessions: that an object stays the same one, and in the session that it is of.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context as Polled, Poll, Waker};
use std::thread;
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Content, Context, Live, Patch, Put};
use cachekit::record::{Envelope, NEVER};
use cachekit_backends::scoped::{Scope, Scoped};
use pollster::block_on;

type Row = Arc<str>;

fn context() -> Context {
    Context::task(Duration::from_secs(1))
}

fn answer<T>(answer: Answer<'_, T>) -> T {
    block_on(answer).unwrap()
}

fn row(text: &str) -> Row {
    Arc::from(text)
}

/// A value as it is.
fn live<V: Send + Sync + 'static>(value: V) -> Content {
    let envelope = Envelope {
        expired: false,
        created: 0,
        fresh_until: NEVER,
        keep_until: NEVER,
        cost: 0,
        region: [0; 2],
        codec: 0,
        tags: Vec::new(),
    };
    Content::Live(Live::new(envelope, value))
}

fn set(store: &Scoped, key: &str, row: &Row) {
    let content = live(Arc::clone(row));
    answer(store.set(Put { key, content: &content, keep: Some(Duration::ZERO) }, context()));
}

fn get(store: &Scoped, key: &str) -> Option<Row> {
    match answer(store.get(key, context()))? {
        Content::Live(live) => live.value::<Row>().cloned(),
        Content::Bytes(_) | Content::Unknown(_) => panic!("a live object was stored"),
    }
}

fn is(store: &Scoped, key: &str, row: &Row) -> bool {
    get(store, key).is_some_and(|found| Arc::ptr_eq(&found, row))
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

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Polled::from_waker(Waker::noop()))
}

#[test]
fn within_a_scope_the_same_object_comes_back() {
    let (store, scope, tea) = (Scoped::new(), Scope::new(), row("tea"));
    scope.enter(|| set(&store, "k", &tea));
    scope.clone().enter(|| assert!(is(&store.clone(), "k", &tea)));
    let elsewhere = thread::spawn({
        let (store, scope, tea) = (store.clone(), scope.clone(), Arc::clone(&tea));
        move || scope.enter(|| is(&store, "k", &tea))
    });
    assert!(elsewhere.join().unwrap(), "another thread of the session");
    scope.enter(|| {
        let many = answer(store.get_many(&["k", "none"], context()));
        assert!(many[0].is_some() && many[1].is_none());
        answer(store.delete("k", context()));
        assert_eq!(get(&store, "k"), None);
    });
}

#[test]
fn outside_any_scope_nothing_is_stored_and_nothing_found() {
    let (store, scope) = (Scoped::new(), Scope::new());
    set(&store, "k", &row("tea"));
    assert_eq!(get(&store, "k"), None);
    scope.enter(|| assert_eq!(get(&store, "k"), None));
    scope.enter(|| set(&store, "k", &row("tea")));
    assert_eq!(get(&store, "k"), None);
    let tea = live(row("tea"));
    let added = answer(store.add(Put { key: "k", content: &tea, keep: None }, context()));
    assert!(matches!(added, Content::Live(_)) && get(&store, "k").is_none());
}

#[test]
fn what_is_added_as_bytes_holds_for_all_scopes() {
    let (store, scopes) = (Scoped::new(), [Scope::new(), Scope::new()]);
    let add = |bytes: &[u8]| {
        let content = Content::from(bytes.to_vec());
        answer(store.add(Put { key: "epoch", content: &content, keep: None }, context()))
    };
    let find = || {
        let many = answer(store.get_many(&["epoch", "epoch"], context()));
        let one = answer(store.get("epoch", context()));
        let bytes = |content: &Option<Content>| content.as_ref().map(|content| content.as_bytes().unwrap().to_vec());
        assert!(bytes(&many[0]) == bytes(&one) && bytes(&many[1]) == bytes(&one));
        bytes(&one)
    };
    let everywhere = |expected: Option<&[u8]>| {
        assert_eq!(find().as_deref(), expected);
        assert!(scopes.iter().all(|scope| scope.enter(find).as_deref() == expected));
    };
    let [first, second] = &scopes;
    first.enter(|| assert_eq!(add(&[1, 1]).as_bytes(), Some([1, 1].as_slice())));
    second.enter(|| assert_eq!(add(&[2, 2]).as_bytes(), Some([1, 1].as_slice())));
    everywhere(Some(&[1, 1]));
    assert!(second.enter(|| answer(store.patch("epoch", Patch::new(1, &[3]), context()))));
    everywhere(Some(&[1, 3]));
    first.enter(|| answer(store.delete("epoch", context())));
    everywhere(None);
    assert_eq!(add(&[4]).as_bytes(), Some([4].as_slice()), "outside any scope");
    everywhere(Some(&[4]));
    assert!(!answer(store.patch("epoch", Patch::new(1, &[3]), context())), "what cannot be patched is deleted");
    everywhere(None);
    add(&[5]);
    second.enter(|| set(&store, "epoch", &row("tea")));
    assert_eq!((find(), first.enter(find)), (None, None));
    let other = Scoped::new();
    add(&[6]);
    assert!(answer(other.get("epoch", context())).is_none(), "another store has its own");
}

#[test]
fn nothing_passes_between_scopes_or_stores() {
    let (store, other) = (Scoped::new(), Scoped::new());
    let (first, second) = (Scope::new(), Scope::new());
    let (tea, milk) = (row("tea"), row("milk"));
    first.enter(|| set(&store, "k", &tea));
    second.enter(|| assert_eq!(get(&store, "k"), None));
    second.enter(|| set(&store, "k", &milk));
    first.enter(|| {
        assert!(is(&store, "k", &tea));
        assert_eq!(get(&other, "k"), None);
    });
    // A store that comes in the place of one that is gone has nothing of it.
    drop((store, other));
    let new: Vec<_> = (0..100).map(|_| Scoped::new()).collect();
    first.enter(|| assert!(new.iter().all(|store| get(store, "k").is_none())));
}

#[test]
fn sessions_are_told_apart() {
    let (store, first, second) = (Scoped::new(), Scope::new(), Scope::new());
    let session = |scope: &Scope| scope.enter(|| store.session());
    assert_eq!(session(&first), session(&first.clone()));
    assert_ne!(session(&first), session(&second));
    assert!(store.session().is_some(), "whoever is in none shares nothing with those who are in one");
    assert!(![session(&first), session(&second)].contains(&store.session()));
    let known: std::collections::HashSet<_> = (0..1_000).map(|_| session(&Scope::new())).collect();
    assert_eq!(known.len(), 1_000, "nor has one the number of another that is gone");
}

#[test]
fn scopes_nest_and_a_panic_leaves_them() {
    let (outer, inner) = (Scope::new(), Scope::new());
    let is_in = |scope: &Scope| Scope::current().is_some_and(|current| current.is(scope));
    outer.enter(|| {
        inner.enter(|| assert!(is_in(&inner)));
        assert!(is_in(&outer));
        let panicked = catch_unwind(AssertUnwindSafe(|| inner.enter(|| panic!("in the inner scope"))));
        assert!(panicked.is_err() && is_in(&outer));
        outer.enter(|| assert!(is_in(&outer)));
        assert!(is_in(&outer));
    });
    assert!(Scope::current().is_none());
}

#[test]
fn with_the_last_handle_the_objects_are_gone() {
    let (store, scope, tea) = (Scoped::new(), Scope::new(), row("tea"));
    let alive: Weak<str> = Arc::downgrade(&tea);
    scope.enter(|| set(&store, "k", &tea));
    drop(tea);
    let other = scope.clone();
    drop(scope);
    assert!(alive.upgrade().is_some());
    other.enter(|| drop(other.clone()));
    assert!(alive.upgrade().is_some());
    drop(other);
    assert!(alive.upgrade().is_none());
}

#[test]
fn a_task_takes_its_scope_from_thread_to_thread() {
    let (store, scope, tea) = (Scoped::new(), Scope::new(), row("tea"));
    let task = scope.run({
        let (store, tea) = (store.clone(), Arc::clone(&tea));
        async move {
            set(&store, "k", &tea);
            yield_now().await;
            let found = is(&store, "k", &tea);
            yield_now().await;
            found && is(&store, "k", &tea)
        }
    });
    let mut task: Pin<Box<dyn Future<Output = bool> + Send>> = Box::pin(task);
    assert!(poll(task.as_mut()).is_pending());
    assert_eq!((get(&store, "k"), Scope::current().is_none()), (None, true), "between two polls");
    let elsewhere = thread::spawn(move || {
        assert!(poll(task.as_mut()).is_pending());
        task
    });
    let mut task = elsewhere.join().unwrap();
    assert_eq!(poll(task.as_mut()), Poll::Ready(true));
    drop(task);
    assert!(scope.enter(|| is(&store, "k", &tea)), "the session goes on");
}

#[test]
fn tasks_that_take_turns_in_one_thread_stay_in_their_scopes() {
    let store = Scoped::new();
    let task = |text: &'static str| {
        let store = &store;
        Scope::new().run(async move {
            let row = row(text);
            set(store, "k", &row);
            for _ in 0..3 {
                yield_now().await;
                assert!(is(store, "k", &row));
            }
        })
    };
    let (mut first, mut second) = (pin!(task("first")), pin!(task("second")));
    for _ in 0..3 {
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    }
    assert!(poll(first).is_ready() && poll(second).is_ready());
}

#[test]
fn a_task_that_is_given_up_is_dropped_in_its_scope() {
    struct Leaves(Scoped);

    impl Drop for Leaves {
        fn drop(&mut self) {
            answer(self.0.delete("k", context()));
        }
    }

    let (store, scope) = (Scoped::new(), Scope::new());
    scope.enter(|| set(&store, "k", &row("tea")));
    let leaves = Leaves(store.clone());
    let mut task = Box::pin(scope.run(async move {
        let _leaves = leaves;
        yield_now().await;
    }));
    assert!(poll(task.as_mut()).is_pending());
    drop(task);
    assert_eq!(scope.enter(|| get(&store, "k")), None);
}

#[test]
fn an_object_whose_drop_uses_the_store_locks_nobody_out() {
    struct Row(Scoped);

    impl Drop for Row {
        fn drop(&mut self) {
            set(&self.0, "dropped", &row("yes"));
        }
    }

    let (store, scope) = (Scoped::new(), Scope::new());
    scope.enter(|| {
        for _ in 0..2 {
            let content = live(Row(store.clone()));
            answer(store.set(Put { key: "k", content: &content, keep: None }, context()));
        }
        assert!(get(&store, "dropped").is_some());
        answer(store.delete("dropped", context()));
        answer(store.patch("k", Patch::new(usize::MAX, &[1]), context()));
        assert!(get(&store, "dropped").is_some(), "what cannot be patched is deleted");
        assert!(answer(store.get("k", context())).is_none());
    });
}

#[test]
fn an_object_is_marked_in_its_place() {
    let (store, scope, tea) = (Scoped::new(), Scope::new(), row("tea"));
    scope.enter(|| {
        set(&store, "k", &tea);
        assert!(answer(store.patch("k", Patch::expired(), context())));
        let Some(Content::Live(live)) = answer(store.get("k", context())) else { panic!("it is there") };
        assert!(live.envelope().expired);
        assert!(is(&store, "k", &tea));
    });
}
