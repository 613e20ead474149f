//! The files of a store: where they are, how they are replaced, and how processes take turns.
//!
//! ```text
//! ab/cd/abcd…        an entry, by the hash of its key
//! ab/cd/abcd….lease  who computes it
//! holders/…          processes that hold leases
//! locks/00 … 3f      one step at a time for each key; the key's hash tells which
//! new/…              files that are being written, and are moved to their place when they are whole
//! cleaning           who cleans
//! ```
//!
//! Nothing is written through to the disk: after a loss of power a file may be torn, which its checksum tells.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use cachekit::Error;
use sha1::{Digest, Sha1};

use super::holder::HolderId;

/// How many keys can be changed at a time.
const LOCKS: u128 = 64;

/// The first pause before a lock is asked for again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(20), Duration::from_millis(2));

#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

/// The files of one key.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) entry: PathBuf,
    pub(super) lease: PathBuf,
    pub(super) lock: PathBuf,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn place(&self, key: &str) -> Place {
        let hash = Sha1::digest(key.as_bytes());
        let hash = hash.iter().take(16).fold(0, |hash, byte| hash << 8 | u128::from(*byte));
        self.place_of(hash)
    }

    pub(super) fn place_of(&self, hash: u128) -> Place {
        let name = format!("{hash:032x}");
        let folder = self.root.join(&name[..2]).join(&name[2..4]);
        Place {
            lease: folder.join(format!("{name}{LEASE}")),
            lock: self.root.join("locks").join(format!("{:02x}", hash % LOCKS)),
            entry: folder.join(name),
        }
    }

    pub(super) fn holders(&self) -> PathBuf {
        self.root.join("holders")
    }

    pub(super) fn holder(&self, id: HolderId) -> PathBuf {
        self.holders().join(id.to_string())
    }

    /// Where files are written.
    pub(super) fn news(&self) -> PathBuf {
        self.root.join("new")
    }

    pub(super) fn cleaning(&self) -> PathBuf {
        self.root.join("cleaning")
    }

    /// A file with these bytes, which nobody sees yet.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<New, Error> {
        let path = self.news().join(format!("{:032x}", fastrand::u128(..)));
        let open = || OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = in_its_folder(&path, open).map_err(|error| failed(&path, &error))?;
        let new = New { path };
        file.write_all(bytes).map_err(|error| failed(&new.path, &error))?;
        Ok(new)
    }
}

/// What the name of a lease ends in.
pub(super) const LEASE: &str = ".lease";

/// A file that has not come to its place yet; dropped, it is gone.
pub(super) struct New {
    path: PathBuf,
}

impl New {
    /// Moves it to its place, over what is there.
    pub(super) fn rename(self, to: &Path) -> Result<(), Error> {
        in_its_folder(to, || fs::rename(&self.path, to)).map_err(|error| failed(to, &error))?;
        std::mem::forget(self);
        Ok(())
    }

    /// Locks it, which moves with it.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        lock(&self.path, Duration::ZERO)
    }
}

impl Drop for New {
    fn drop(&mut self) {
        // What is left behind is found by cleaning.
        let _ = fs::remove_file(&self.path);
    }
}

/// An exclusive lock of a file, against other processes and against others in this one.
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file has another name from now on.
    pub(super) fn moved(&mut self, path: PathBuf) {
        self.path = path;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // To close it would do, were it not for processes that are just being started and still have it open, too.
        let _ = fs4::FileExt::unlock(&self.file);
    }
}

/// Locks a file, which is made if it is not there; waits for others no longer than this.
///
/// Those who die leave it unlocked, and the file is never removed while it is used, so that all lock the same.
pub(super) fn lock(path: &Path, limit: Duration) -> Result<Lock, Error> {
    let file = open(path).map_err(|error| failed(path, &error))?;
    let (began, mut pause) = (Instant::now(), PAUSES.0);
    loop {
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => return Ok(Lock { path: path.to_owned(), file }),
            Err(fs4::TryLockError::Error(error)) => return Err(failed(path, &error)),
            Err(fs4::TryLockError::WouldBlock) => {}
        }
        let Some(left) = limit.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) else {
            return Err(Error::timeout(format_args!("{} is locked by another", path.display())));
        };
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// The bytes of a file, if it is there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

/// Overwrites a file in place; only those who have the lock of its key read it.
///
/// It is not made empty before: some file systems take that for a replacement, and hasten to write it to the disk.
pub(super) fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let length = bytes.len() as u64;
    let write = |mut file: File| {
        file.write_all(bytes)?;
        if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
    };
    open(path).and_then(write).map_err(|error| failed(path, &error))
}

/// Opens a file to write in it; it is made if it is not there.
fn open(path: &Path) -> io::Result<File> {
    in_its_folder(path, || OpenOptions::new().write(true).create(true).truncate(false).open(path))
}

/// Does something to a file, and makes its folder if that is what is missing.
fn in_its_folder<T>(path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match (work(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            work()
        }
        (done, _) => done,
    }
}

/// What went wrong with a file; what the rights of the process or the kind of the folder rule out can never succeed.
pub(super) fn failed(path: &Path, error: &io::Error) -> Error {
    let reason = format_args!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::NotADirectory
        | ErrorKind::Unsupported => Error::refused(reason),
        _ => Error::backend(reason),
    }
}
