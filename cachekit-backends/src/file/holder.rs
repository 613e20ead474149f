//! Who holds leases: one file for each store of each process, locked for as long as that lives.
//!
//! The kernel frees the lock when the process ends, however it ends, and so whoever meets a lease finds out whether its
//! holder is alive: by a shared lock, which nobody gets from a living one. The names are random and never used again.
//! One file for all leases of a store, rather than one for each, costs no descriptor per computation, and leases can be
//! read while they are held, on systems too whose locks keep readers out.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cachekit::Error;

use super::folder::{Folder, Lock, failed};

/// The name of a holder's file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct HolderId(pub(super) u128);

impl fmt::Display for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HolderId({self})")
    }
}

/// This store as a holder, from its first lease on.
#[derive(Default)]
pub(super) struct Holder(Mutex<Option<Alive>>);

struct Alive {
    id: HolderId,
    file: Lock,
}

impl Drop for Alive {
    fn drop(&mut self) {
        // Left behind, it is one that died.
        let _ = std::fs::remove_file(self.file.path());
    }
}

impl Holder {
    /// The name of the store's file; it is made if it is not there, or not any more.
    pub(super) fn id(&self, folder: &Folder) -> Result<HolderId, Error> {
        let mut alive = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(alive) = alive.as_ref().filter(|alive| alive.file.path().try_exists().unwrap_or(true)) {
            return Ok(alive.id);
        }
        let id = HolderId(fastrand::u128(..));
        // Locked before it has its name: nobody sees it and takes it for one that died.
        let new = folder.write(&[])?;
        let mut file = new.lock()?;
        let path = folder.holder(id);
        new.rename(&path)?;
        file.moved(path);
        *alive = Some(Alive { id, file });
        Ok(id)
    }
}

/// Whether the process of a holder lives, and its store with it.
pub(super) fn is_alive(path: &Path) -> Result<bool, Error> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(path, &error)),
    };
    match fs4::FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(fs4::TryLockError::WouldBlock) => Ok(true),
        Err(fs4::TryLockError::Error(error)) => Err(failed(path, &error)),
    }
}
