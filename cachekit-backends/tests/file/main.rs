//! What is peculiar to files in a folder: other processes, files that are torn or somebody else's, and room on the disk.

mod cleaning;
mod leases;
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cachekit::Error;
use cachekit::backend::{Answer, Backend, Content, Context, Put};
use cachekit::testing::ManualClock;
use cachekit_backends::file::FileStore;
use pollster::block_on;

use self::process::Process;

const SECOND: Duration = Duration::from_secs(1);

fn context() -> Context {
    Context::blocking(SECOND * 60)
}

fn answer<T>(answer: Answer<'_, T>) -> T {
    block_on(answer).unwrap()
}

fn set(store: &FileStore, key: &str, value: &[u8]) {
    answer(store.set(Put { key, content: &Content::from(value.to_vec()), keep: None }, context()));
}

fn get(store: &FileStore, key: &str) -> Option<Vec<u8>> {
    let found = answer(store.get(key, context()));
    found.map(|found| found.as_bytes().expect("a file holds bytes").to_vec())
}

/// The files of entries and leases.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut files = Vec::new();
    while let Some((folder, depth)) = folders.pop() {
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            match depth {
                0 | 1 if file.is_dir() => folders.push((file, depth + 1)),
                2 => files.push(file),
                _ => {}
            }
        }
    }
    files
}

#[test]
fn what_one_process_has_stored_others_find_and_so_does_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut other) = (FileStore::new(folder.path()), Process::start(folder.path()));
    set(&store, "k", b"ours");
    assert_eq!(other.ask("get k"), "ours");
    other.ask("set k theirs");
    other.kill();
    assert_eq!(get(&store, "k").as_deref(), Some(b"theirs".as_slice()));
    drop(store);
    assert_eq!(get(&FileStore::new(folder.path()), "k").as_deref(), Some(b"theirs".as_slice()));
}

#[test]
fn torn_and_foreign_files_are_misses_that_are_counted_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    set(&store, "k", b"value");
    let file = files(folder.path()).pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let foreign = b"somebody else's file, which is longer than a head".as_slice();
    for (number, bytes) in [&whole[..whole.len() - 1], &whole[..7], b"", foreign].into_iter().enumerate() {
        fs::write(&file, bytes).unwrap();
        assert_eq!((get(&store, "k"), store.unreadable()), (None, number as u64 + 1));
    }
    set(&store, "k", b"new");
    assert_eq!((get(&store, "k").as_deref(), store.unreadable()), (Some(b"new".as_slice()), 4));
}

#[test]
fn a_key_with_the_hash_of_another_is_missing_and_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    set(&store, "a", b"of a");
    let of_a = files(folder.path()).pop().unwrap();
    set(&store, "b", b"of b");
    let of_b = files(folder.path()).into_iter().find(|file| *file != of_a).unwrap();
    fs::copy(of_a, of_b).unwrap();
    assert_eq!((get(&store, "b"), store.unreadable()), (None, 0));
    set(&store, "b", b"of b");
    assert_eq!(get(&store, "b").as_deref(), Some(b"of b".as_slice()));
}

#[test]
fn readers_never_see_halves_while_processes_replace_what_they_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    let mut writers = [(); 2].map(|()| Process::start(folder.path()));
    for writer in &mut writers {
        writer.tell("replace k 300");
    }
    let mut seen = std::collections::BTreeSet::new();
    let reading = std::thread::scope(|scope| {
        let written = scope.spawn(|| writers.iter_mut().for_each(|writer| assert_eq!(writer.answer(), "replaced")));
        while !written.is_finished() {
            if let Some(value) = get(&store, "k") {
                assert!(value.len() == 100_000 && value.iter().all(|byte| *byte == value[0]));
                seen.insert(value[0]);
            }
        }
        written.join()
    });
    reading.unwrap();
    assert_eq!((get(&store, "k").map(|value| value.len()), store.unreadable()), (Some(100_000), 0), "{seen:?}");
}

#[test]
fn contents_end_by_the_time_of_the_day_and_their_files_with_the_next_reading() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let store = FileStore::new(folder.path()).clock(clock.clone());
    let content = Content::from(b"value".to_vec());
    let put = |keep| Put { key: "k", content: &content, keep: Some(keep) };
    answer(store.set(put(SECOND), context()));
    answer(store.add(put(SECOND * 3), context()));
    clock.advance(SECOND * 2);
    assert!(get(&store, "k").is_some(), "added later, to be kept for longer");
    clock.advance(SECOND);
    assert_eq!((get(&store, "k"), files(folder.path()).len()), (None, 0));
}

#[test]
fn a_folder_is_made_when_something_is_stored_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("down");
    let store = FileStore::new(&path);
    assert_eq!(get(&store, "k"), None);
    answer(store.delete("k", context()));
    store.clean().unwrap();
    assert!(!path.exists());
    answer(store.ping(context()));
    set(&store, "k", b"value");
    fs::remove_dir_all(&path).unwrap();
    set(&store, "k", b"again");
    assert_eq!(get(&store, "k").as_deref(), Some(b"again".as_slice()));
}

#[test]
fn a_folder_that_cannot_be_is_refused_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a file");
    fs::write(&path, "not a folder").unwrap();
    let store = FileStore::new(&path);
    let content = Content::from(b"value".to_vec());
    let told = [
        block_on(store.get("k", context())).map(drop),
        block_on(store.set(Put { key: "k", content: &content, keep: None }, context())),
        block_on(store.ping(context())),
    ];
    for told in told {
        let error = told.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("a file"), "{error}");
    }
}

#[test]
fn a_process_that_stops_in_the_middle_makes_others_wait_no_longer_than_their_limit() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    set(&store, "k", b"value");
    let lock = fs::read_dir(folder.path().join("locks")).unwrap().next().unwrap().unwrap().path();
    let lock = fs::File::open(lock).unwrap();
    fs4::FileExt::lock(&lock).unwrap();
    let content = Content::from(b"new".to_vec());
    let put = Put { key: "k", content: &content, keep: None };
    let late = block_on(store.set(put, Context::blocking(SECOND / 50)));
    assert!(late.as_ref().is_err_and(Error::is_timeout), "{late:?}");
    assert_eq!(get(&store, "k").as_deref(), Some(b"value".as_slice()), "reading goes on");
    drop(lock);
    answer(store.set(put, context()));
    assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 0, "what was not stored is gone");
}
