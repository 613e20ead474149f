//! Removing what nobody needs any more: expired entries, what dead processes left behind, and what there is no room for.
//!
//! One process does it at a time, and takes the turn of a key before it removes something, so that it never removes what
//! was stored a moment before. Files whose names are not those of a store are left alone.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cachekit::Error;
use cachekit::record::UnixMillis;

use super::entry::{self, Head};
use super::folder::{self, Folder, LEASE, Place, failed};
use super::pace::PART;
use super::{holder, millis};

/// After how long nobody is still writing a file that is not written to.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// How long cleaning waits for the turn of a key; the next one comes to it again.
const PATIENCE: Duration = Duration::from_millis(100);

/// What disks lend out: a file takes whole ones.
const BLOCK: u64 = 4096;

/// An entry, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    hash: u128,
    added: bool,
    size: u64,
    stored: SystemTime,
}

/// Cleans, unless somebody else does; how many entries there were.
pub(super) fn clean(folder: &Folder, limit: Option<u64>, now: Duration) -> Result<Option<u64>, Error> {
    if let Ok(false) = folder.root().try_exists() {
        return Ok(Some(0));
    }
    let _cleaner = match folder::lock(&folder.cleaning(), Duration::ZERO) {
        Err(error) if error.is_timeout() => return Ok(None),
        locked => locked?,
    };
    for (_, path) in list(&folder.news())? {
        if fs::metadata(&path).and_then(|file| file.modified()).is_ok_and(|at| is_abandoned(at, now)) {
            folder::remove(&path)?;
        }
    }
    for (_, path) in list(&folder.holders())? {
        if !holder::is_alive(&path)? {
            folder::remove(&path)?;
        }
    }
    let found = walk(folder, millis(now))?;
    let entries = found.len() as u64;
    for surplus in limit.map(|limit| surplus(found, limit)).unwrap_or_default() {
        let place = folder.place_of(surplus.hash);
        remove_if(&place, &place.entry, || {
            look(&place.entry, surplus.hash).is_some_and(|(found, _)| found == surplus)
        })?;
    }
    Ok(Some(entries))
}

/// Every entry that there is; those that have expired are removed on the way, and leases that do not stand.
fn walk(folder: &Folder, now: UnixMillis) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let is_short = |(name, _): &(String, PathBuf)| name.len() == 2;
    for (_, outer) in list(folder.root())?.into_iter().filter(is_short) {
        for (_, inner) in list(&outer)?.into_iter().filter(is_short) {
            for (name, path) in list(&inner)? {
                let Ok(hash) = u128::from_str_radix(name.strip_suffix(LEASE).unwrap_or(&name), 16) else { continue };
                let place = folder.place_of(hash);
                if path == place.lease {
                    remove_if(&place, &place.lease, || !stands(folder, &place, now))?;
                } else if path == place.entry
                    && let Some((entry, head)) = look(&path, hash)
                {
                    if is_over(head, now) {
                        remove_if(&place, &path, || look(&path, hash).is_some_and(|(_, head)| is_over(head, now)))?;
                    } else {
                        // What has no head that can be read is another version's, or nobody's: it goes when room is needed.
                        found.push(entry);
                    }
                }
            }
        }
    }
    Ok(found)
}

fn is_abandoned(written: SystemTime, now: Duration) -> bool {
    written.duration_since(UNIX_EPOCH).is_ok_and(|written| now.saturating_sub(written) > ABANDONED)
}

fn is_over(head: Option<Head>, now: UnixMillis) -> bool {
    head.is_some_and(|head| head.until <= now)
}

/// Whether a lease stands; where that cannot be found out it may.
fn stands(folder: &Folder, place: &Place, now: UnixMillis) -> bool {
    let Ok(held) = place.held() else { return true };
    held.filter(|held| held.left(now).is_some())
        .is_some_and(|held| holder::is_alive(&folder.holder(held.holder)).unwrap_or(true))
}

/// Removes a file of a key, if it still is what it was when one's turn has come.
fn remove_if(place: &Place, path: &Path, is_needless: impl Fn() -> bool) -> Result<(), Error> {
    if !is_needless() {
        return Ok(());
    }
    match place.turn(PATIENCE) {
        Ok(_turn) if is_needless() => folder::remove(path),
        Err(error) if !error.is_timeout() => Err(error),
        _ => Ok(()),
    }
}

/// An entry with the beginning of its file, if that is still there.
fn look(path: &Path, hash: u128) -> Option<(Found, Option<Head>)> {
    let mut file = File::open(path).ok()?;
    let about = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let mut bytes = [0; entry::HEAD];
    let head = file.read_exact(&mut bytes).ok().and_then(|()| Head::read(&bytes));
    let size = about.len().div_ceil(BLOCK) * BLOCK;
    Some((Found { hash, added: head.is_some_and(|head| head.added), size, stored: about.modified().ok()? }, head))
}

/// Those for which there is no room: the oldest first, epochs only while they take more than half of it.
fn surplus(mut found: Vec<Found>, limit: u64) -> Vec<Found> {
    let sum = |found: &[Found]| found.iter().map(|entry| entry.size).sum::<u64>();
    if sum(&found) <= limit {
        return Vec::new();
    }
    found.sort_unstable_by_key(|entry| (entry.stored, entry.hash));
    let (added, values): (Vec<_>, Vec<_>) = found.into_iter().partition(|entry| entry.added);
    let (mut epochs, mut rest) = (sum(&added), sum(&values));
    let too_many = added.into_iter().take_while(|entry| {
        let goes = epochs > limit / 2;
        epochs -= if goes { entry.size } else { 0 };
        goes
    });
    let mut surplus: Vec<_> = too_many.collect();
    surplus.extend(values.into_iter().take_while(|entry| {
        let goes = rest + epochs > limit - limit / PART;
        rest -= if goes { entry.size } else { 0 };
        goes
    }));
    surplus
}

/// What is in a folder, if it is there.
fn list(path: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let files = match fs::read_dir(path) {
        Ok(files) => files,
        // A file of somebody else is no folder.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(failed(path, &error)),
    };
    let named = |file: std::io::Result<fs::DirEntry>| {
        let file = file.map_err(|error| failed(path, &error))?;
        Ok((file.file_name().to_string_lossy().into_owned(), file.path()))
    };
    files.map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(hash: u128, added: bool, size: u64, seconds: u64) -> Found {
        Found { hash, added, size, stored: UNIX_EPOCH + Duration::from_secs(seconds) }
    }

    fn hashes(found: Vec<Found>, limit: u64) -> Vec<u128> {
        surplus(found, limit).into_iter().map(|entry| entry.hash).collect()
    }

    #[test]
    fn the_oldest_go_until_there_is_some_room() {
        let files = || (0..20).map(|at| found(u128::from(at), false, 10, 100 - at)).collect::<Vec<_>>();
        assert_eq!(hashes(files(), 200), []);
        assert_eq!(hashes(files(), 199), [19, 18], "down to 15 16ths");
        assert_eq!(hashes(files(), 0).len(), 20);
    }

    #[test]
    fn epochs_go_while_they_take_more_than_half() {
        let files = |epochs: u64| (0..20).map(|at| found(u128::from(at), at < epochs, 10, at)).collect::<Vec<_>>();
        assert_eq!(hashes(files(2), 160), [2, 3, 4, 5, 6], "values only, though epochs are older");
        assert_eq!(hashes(files(10), 160), [0, 1, 10, 11, 12]);
    }
}
