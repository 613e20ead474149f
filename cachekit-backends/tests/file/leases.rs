//! Who computes, where processes die, pause, and change what others compute.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cachekit::backend::{Acquired, Backend, Claim, Content, Lease, Patch, Put, Token};
use cachekit::testing::ManualClock;
use cachekit_backends::file::FileStore;

use super::process::{Process, count};
use super::{SECOND, answer, context, files, get, set};

const HOUR: u32 = 3600;

fn lease(token: u128) -> Lease {
    Lease { token: Token(token), length: SECOND * HOUR }
}

fn acquire(store: &FileStore, token: u128) -> Acquired {
    answer(store.acquire("k", lease(token), Claim::Unseen(&[]), context()))
}

fn is_granted(store: &FileStore, token: u128) -> bool {
    matches!(acquire(store, token), Acquired::Granted)
}

fn commit(store: &FileStore, value: &str, token: u128) -> bool {
    let content = Content::from(value.as_bytes().to_vec());
    answer(store.commit(Put { key: "k", content: &content, keep: None }, Token(token), context()))
}

fn holders(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder.join("holders")).unwrap().map(|file| file.unwrap().path()).collect()
}

fn with_a_process(test: impl FnOnce(&FileStore, Process, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    test(&FileStore::new(folder.path()), Process::start(folder.path()), folder.path());
}

#[test]
fn a_holder_that_is_killed_is_taken_over_at_once_and_by_one() {
    with_a_process(|store, mut holder, folder| {
        assert_eq!(holder.ask("acquire k 1"), "Granted");
        let mut third = Process::start(folder);
        assert!(matches!(acquire(store, 2), Acquired::Busy(left) if left > SECOND));
        assert!(third.ask("acquire k 3").starts_with("Busy"));
        holder.kill();
        assert_eq!(third.ask("acquire k 3"), "Granted");
        assert!(!is_granted(store, 2));
        third.kill();
        assert!(is_granted(store, 2));
        assert!(commit(store, "second", 2));
        assert!(!commit(store, "once more", 2), "a lease is for one content");
    });
}

#[test]
fn whoever_was_overtaken_by_a_deletion_stores_nothing() {
    with_a_process(|store, mut other, _| {
        assert_eq!(other.ask("acquire k 1"), "Granted");
        answer(store.delete("k", context()));
        assert_eq!(other.ask("commit k old 1"), "false", "nobody computes");
        assert_eq!(other.ask("acquire k 1"), "Granted");
        answer(store.delete("k", context()));
        assert!(is_granted(store, 2), "at once, while the other computes");
        assert_eq!(other.ask("commit k old 1"), "false", "somebody else does");
        assert!(commit(store, "new", 2));
        assert_eq!(other.ask("commit k old 1"), "false", "somebody else has");
        assert_eq!(other.ask("get k"), "new");
    });
}

#[test]
fn whoever_was_overtaken_by_a_content_or_a_mark_stores_nothing() {
    with_a_process(|store, mut other, _| {
        assert_eq!(other.ask("acquire k 1"), "Granted");
        set(store, "k", b"set meanwhile");
        assert_eq!(other.ask("commit k old 1"), "false");
        assert_eq!(other.ask("acquire k 1"), format!("{:?}", acquire(store, 2)));
        let seen = Claim::Unseen(Claim::seen(b"set meanwhile"));
        assert!(matches!(answer(store.acquire("k", lease(2), seen, context())), Acquired::Granted));
        other.ask("set k theirs");
        assert!(!commit(store, "old", 2));
        assert!(matches!(answer(store.acquire("k", lease(2), Claim::Always, context())), Acquired::Granted));
        assert!(answer(store.patch("k", Patch::new(0, b"T"), context())));
        assert!(!commit(store, "old", 2));
        assert_eq!(other.ask("get k"), "Theirs");
    });
}

#[test]
fn two_stores_of_one_process_are_two() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = (FileStore::new(folder.path()), FileStore::new(folder.path()));
    assert!(is_granted(&store, 1));
    assert!(matches!(acquire(&other, 2), Acquired::Busy(_)));
    assert!(matches!(acquire(&store.clone(), 2), Acquired::Busy(_)));
    drop(store);
    assert!(is_granted(&other, 2), "with a store its leases end");
    drop(other);
    assert_eq!(holders(folder.path()).len(), 0);
}

#[test]
fn those_who_ask_at_a_time_whether_a_holder_lives_do_not_take_each_other_for_it() {
    with_a_process(|store, mut holder, folder| {
        assert_eq!(holder.ask("acquire k 1"), "Granted");
        holder.kill();
        let asked = std::fs::File::open(&holders(folder)[0]).unwrap();
        fs4::FileExt::lock_shared(&asked).unwrap();
        assert!(is_granted(store, 2));
    });
}

#[test]
fn one_token_is_granted_again_to_any_thread_and_store() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = (FileStore::new(folder.path()), FileStore::new(folder.path()));
    std::thread::scope(|scope| {
        for store in [&store, &store, &other, &other] {
            scope.spawn(move || assert!(is_granted(store, 1)));
        }
    });
    // It is held by whoever was granted it last, or renewed it.
    assert!(answer(other.renew("k", lease(1), context())));
    drop(store);
    assert!(matches!(acquire(&FileStore::new(folder.path()), 2), Acquired::Busy(_)));
    assert!(commit(&other, "value", 1));
}

#[test]
fn a_holder_that_hangs_loses_its_lease_with_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let store = FileStore::new(folder.path()).clock(clock.clone());
    assert!(is_granted(&store, 1));
    clock.advance(SECOND * (HOUR - 1));
    assert!(matches!(acquire(&store, 2), Acquired::Busy(left) if left == SECOND));
    assert!(answer(store.renew("k", lease(1), context())));
    clock.advance(SECOND * (HOUR - 1));
    assert!(matches!(acquire(&store, 2), Acquired::Busy(left) if left == SECOND));
    clock.advance(SECOND);
    assert!(!answer(store.renew("k", lease(1), context())));
    assert!(!commit(&store, "late", 1), "nobody has it, but it has lapsed");
    assert!(is_granted(&store, 2));
    assert!(!commit(&store, "late", 1));
    answer(store.abandon("k", Token(1), context()));
    assert!(commit(&store, "value", 2));
}

#[test]
fn a_lease_that_was_torn_or_removed_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    assert!(is_granted(&store, 1));
    let file = files(folder.path()).pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    for torn in [&whole[..20], &[&whole[..], &[0]].concat()] {
        std::fs::write(&file, torn).unwrap();
        assert!(!commit(&store, "value", 1));
    }
    assert!(is_granted(&store, 2));
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert!(!commit(&store, "value", 2));
    assert!(is_granted(&store, 3), "its file as a holder is made anew");
    assert!(!is_granted(&FileStore::new(folder.path()), 4));
    assert_eq!(get(&store, "k"), None);
}

#[test]
fn of_many_processes_and_threads_one_at_a_time_computes() {
    with_a_process(|store, mut first, folder| {
        let mut second = Process::start(folder);
        first.tell("count k 100 1");
        second.tell("count k 100 2");
        std::thread::scope(|scope| {
            for token in [3, 4] {
                scope.spawn(move || count(store, "k", 100, Token(token)));
            }
        });
        assert_eq!([first.answer(), second.answer()], ["counted", "counted"]);
        let counted = u64::from_le_bytes(get(store, "k").unwrap().try_into().unwrap());
        assert_eq!(counted, 400, "nobody has overwritten what another had counted");
    });
}

#[test]
fn whoever_is_killed_in_the_middle_leaves_nothing_torn_and_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    let counted = || get(&store, "k").map_or(0, |counted| u64::from_le_bytes(counted.try_into().unwrap()));
    for round in 1..=20 {
        let before = counted();
        let mut other = Process::start(folder.path());
        other.tell("count k 1000000000 1");
        let patience = Instant::now() + SECOND * HOUR;
        // Each time somewhere else within its steps.
        while counted() < before + round {
            assert!(Instant::now() < patience);
        }
        other.kill();
        let before = counted();
        count(&store, "k", 1, Token(2));
        assert_eq!((counted(), store.unreadable()), (before + 1, 0));
    }
}
