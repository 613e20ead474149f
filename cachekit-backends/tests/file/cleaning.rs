//! What is removed, and what is not.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cachekit::Clock;
use cachekit::backend::{Acquired, Backend, Claim, Content, Lease, Put, Token};
use cachekit::testing::ManualClock;
use cachekit_backends::file::FileStore;

use super::process::Process;
use super::{SECOND, answer, context, files, get, set};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn size(folder: &Path) -> u64 {
    files(folder).iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len().div_ceil(4096) * 4096).sum()
}

/// Dates the entry that was just stored; the system's clock ticks too coarsely for a test.
fn date(folder: &Path, seconds: u64) {
    let is_new = |file: &&std::path::PathBuf| fs::metadata(file).unwrap().modified().unwrap() > UNIX_EPOCH + YEAR;
    let file = files(folder).iter().find(is_new).cloned().unwrap();
    let file = File::options().write(true).open(file).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn the_oldest_entries_go_where_there_is_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    let epoch = Content::from(b"12345678".to_vec());
    answer(store.add(Put { key: "epoch", content: &epoch, keep: None }, context()));
    date(folder.path(), 0);
    for number in 1..=40 {
        set(&store, &number.to_string(), &[7; 4000]);
        date(folder.path(), number);
    }
    assert_eq!(size(folder.path()), 41 * 4096);
    store.limit(32 * 4096).clean().unwrap();
    let store = FileStore::new(folder.path());
    let left: Vec<_> = (1..=40).filter(|number| get(&store, &number.to_string()).is_some()).collect();
    assert_eq!(left, (12..=40).collect::<Vec<_>>(), "30 blocks, and one is the epoch's");
    assert!(get(&store, "epoch").is_some(), "though it is the oldest");
}

#[test]
fn whoever_stores_much_cleans_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 64 * 4096;
    let store = FileStore::new(folder.path()).limit(limit);
    for number in 0..200 {
        set(&store, &number.to_string(), &[7; 4000]);
    }
    let patience = Instant::now() + SECOND * 60;
    // A cleaning that ran while all this was stored may have missed the last; each further one that is stored calls for more.
    while size(folder.path()) > limit {
        assert!(Instant::now() < patience, "{} bytes", size(folder.path()));
        set(&store, "one more", &[7; 4000]);
    }
}

#[test]
fn what_is_larger_than_the_room_is_not_stored_and_what_it_replaces_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path()).limit(8192);
    set(&store, "k", b"old");
    set(&store, "k", &[7; 8193]);
    assert_eq!((get(&store, "k"), files(folder.path()).len()), (None, 0));
}

#[test]
fn what_has_expired_or_was_left_behind_is_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let store = FileStore::new(folder.path()).clock(clock.clone());
    let content = Content::from(b"value".to_vec());
    let put = |key, keep| Put { key, content: &content, keep };
    answer(store.set(put("short", Some(SECOND)), context()));
    answer(store.set(put("long", Some(YEAR * 20)), context()));
    answer(store.set(put("for ever", None), context()));
    let lease = Lease { token: Token(1), length: YEAR * 20 };
    answer(store.acquire("ours", lease, Claim::Always, context()));
    let mut other = Process::start(folder.path());
    other.ask("acquire theirs 2");
    other.kill();
    let foreign = [folder.path().join("README"), folder.path().join("ab"), folder.path().join("cd/ef/notes.txt")];
    fs::create_dir_all(folder.path().join("cd/ef")).unwrap();
    for path in &foreign {
        fs::write(path, "not ours").unwrap();
    }
    let orphan = folder.path().join("new").join("orphan");
    fs::write(&orphan, "half of a").unwrap();
    let names = |inner: &str| fs::read_dir(folder.path().join(inner)).unwrap().count();
    assert_eq!((files(folder.path()).len(), names("holders"), names("new")), (6, 2, 1));

    // It may be that somebody is still writing it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    clock.advance(now.saturating_sub(clock.unix_time()));
    store.clean().unwrap();
    assert_eq!((files(folder.path()).len(), names("holders"), names("new")), (4, 1, 1), "short and theirs are gone");
    clock.advance(SECOND * 2 * 60 * 60);
    store.clean().unwrap();
    assert_eq!((files(folder.path()).len(), names("holders"), names("new")), (4, 1, 0));

    assert!(get(&store, "long").is_some() && get(&store, "for ever").is_some());
    let other = Lease { token: Token(3), ..lease };
    assert!(matches!(answer(store.acquire("ours", other, Claim::Always, context())), Acquired::Granted));
    assert!(foreign.iter().all(|path| path.exists()));
}

#[test]
fn files_that_cannot_be_read_are_left_until_room_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    set(&store, "k", b"value");
    let file = files(folder.path()).pop().unwrap();
    fs::write(&file, b"ckf\x02, of a later version").unwrap();
    store.clean().unwrap();
    assert!(file.exists());
    store.limit(100).clean().unwrap();
    assert!(!file.exists());
}

#[test]
fn while_one_cleans_there_is_nothing_to_do_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    set(&store, "k", b"");
    let store = store.limit(0);
    let cleaning = File::create(folder.path().join("cleaning")).unwrap();
    fs4::FileExt::lock(&cleaning).unwrap();
    store.clean().unwrap();
    assert!(get(&store, "k").is_some());
    drop(cleaning);
    store.clean().unwrap();
    assert_eq!(get(&store, "k"), None);
}
