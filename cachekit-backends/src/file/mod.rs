//! Files in a folder, which processes of one machine share and find again after a restart.
//!
//! One file per entry, in folders by the hash of its key; the key itself and a checksum are in the file, so a hash that two
//! keys have, a torn file and a file of somebody else are misses, never wrong values. A file is written aside and renamed,
//! so readers take no lock and see an old content or a new one. Leases end when their process dies, at once, and when they
//! are not renewed, by the time of the day.
//!
//! It is for a disk of this machine; over a network, locks may mean less. Whoever may read the folder may read the values,
//! and all processes must be allowed to write in it. A cache needs no durability, so nothing waits for the disk. Leases of a
//! process that forked, and whose child goes on without `exec`, last for their length.
//!
//! In a configuration, with a limit in bytes that may be left out:
//!
//! ```toml
//! [regions.thumbnails]
//! backend = "file"
//! file = { path = "/var/cache/myapp", limit = 1_073_741_824 }
//! ```
//!
//! # Turns
//!
//! Each step that changes something of a key holds the key's lock, of the kernel's, which a process that dies gives back.
//! So what remains to be asked is what happens between steps, and when a process dies within one.
//!
//! * Acquire, delete, commit: delete removes the lease, and commit finds none. Where somebody else acquired meanwhile, it
//!   finds another token. Either way it stores nothing.
//! * Acquire, death, two who take over: the kernel frees the holder's file; the first writes a lease of its own, and the
//!   second meets that.
//! * Acquire, a pause longer than the lease, commit: the lease has lapsed, whether or not somebody took it over.
//! * A step ends the lease before it changes the entry: a process that dies between the two has lost a lease and changed
//!   nothing, rather than changed the entry and left a lease by which an older value could be stored.
//! * Death while a lease is written: its checksum is wrong, so it is none. Death while a content is written: it is still in
//!   `new`, where it is cleaned up.
//! * Who asks whether a holder is alive does so by a shared lock of its file, so that two who ask do not take each other
//!   for the holder. A holder's file gets its name when it is locked already, and no name is used twice.
//! * A process that is stopped within a step makes the others' steps for a 64th of the keys run into their time limit;
//!   reading goes on.

mod cleaning;
mod config;
mod entry;
mod folder;
mod holder;
mod lease;
mod pace;
mod steps;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use cachekit::record::NEVER;
use cachekit::{Clock, Error};

use self::folder::Folder;
use self::holder::Holder;
use self::pace::Pace;

/// Files in a folder; clones share it, and so do other stores and processes.
///
/// ```
/// use cachekit::Region;
/// use cachekit_backends::file::FileStore;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path();
/// let files = FileStore::new(path).limit(1 << 30);
/// let region = Region::builder("thumbnails").backend(files).build()?;
/// # let _ = region;
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
pub struct FileStore {
    folder: Folder,
    limit: Option<u64>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
}

cachekit::backend_factory! { "file" => config::files }

/// What clones have in common.
#[derive(Default)]
struct Shared {
    holder: Holder,
    pace: Pace,
    unreadable: AtomicU64,
}

impl FileStore {
    /// The files of a folder, which is made when something is stored.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let folder = Folder::new(path.into());
        Self { folder, limit: None, clock: Arc::new(System), shared: Arc::default() }
    }

    /// How many bytes of the disk the entries of all processes take, as whole blocks of 4 KiB each. Default: no limit.
    ///
    /// Now and then, in a thread of its own, the store [cleans](Self::clean) the folder: at the latest when it has written a
    /// 16th of the limit, by which each process may exceed it.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self.shared.pace.restart(Some(bytes));
        self
    }

    /// Where the [time of the day](Clock::unix_time) is read by which contents and leases lapse. Default: the system's.
    ///
    /// All stores on a folder should have the same.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many files were met that were torn, or not written by a store.
    ///
    /// ```
    /// assert_eq!(cachekit_backends::file::FileStore::new("never made").unreadable(), 0);
    /// ```
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.shared.unreadable.load(Ordering::Relaxed)
    }

    /// Removes what has expired, what dead processes have left behind, and, where a [limit](Self::limit) is exceeded, the
    /// oldest entries, down to 15 16ths of it; of epochs, which regions add, only while they take more than half.
    ///
    /// The store does so by itself, after every thousand or more stores. It blocks, and looks at every file. If another
    /// process is at it already, there is nothing to do.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or a file cannot be removed.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path();
    /// cachekit_backends::file::FileStore::new(path).limit(1 << 20).clean()?;
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    pub fn clean(&self) -> Result<(), Error> {
        cleaning::clean(&self.folder, self.limit, self.clock.unix_time()).map(drop)
    }
}

impl Backend for FileStore {
    fn is_blocking(&self) -> bool {
        true
    }

    fn has_leases(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
        Answer::later(async move { self.get(key) })
    }

    fn set<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        Answer::later(async move { self.set(&put, context.limit()) })
    }

    fn delete<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, ()> {
        Answer::later(async move { self.delete(key, context.limit()) })
    }

    fn add<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        Answer::later(async move { self.add(&put, context.limit()) })
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        Answer::later(async move { self.patch(key, patch, context.limit()) })
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, context: Context) -> Answer<'a, Acquired> {
        Answer::later(async move { self.acquire(key, lease, claim, context.limit()) })
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        Answer::later(async move { self.commit(&put, token, context.limit()) })
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        Answer::later(async move { self.renew(key, lease, context.limit()) })
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        Answer::later(async move { self.abandon(key, token, context.limit()) })
    }

    /// Finds out whether something can be stored.
    fn ping(&self, context: Context) -> Answer<'_, ()> {
        Answer::later(async move { self.try_out(context.limit()) })
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("path", &self.folder.root()).finish_non_exhaustive()
    }
}

/// A span in milliseconds, rounded up.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(NEVER)
}

/// The time of the day, as [`Clock`] provides it.
#[derive(Debug)]
struct System;

impl Clock for System {
    fn now(&self) -> Duration {
        self.unix_time()
    }
}
