//! What each operation does to the files of its key.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use cachekit::Error;
use cachekit::backend::{Acquired, Claim, Content, Lease, Patch, Put, Token};
use cachekit::record::{NEVER, UnixMillis};

use super::entry::{self, Entry, Read};
use super::folder::{self, Lock, New, Place};
use super::lease::Held;
use super::{FileStore, cleaning, holder, millis};

impl FileStore {
    pub(super) fn get(&self, key: &str) -> Result<Option<Content>, Error> {
        let place = self.folder.place(key);
        let found = self.find(&place, key)?;
        if found.as_ref().is_some_and(|entry| entry.is_over(self.now())) {
            self.drop_expired(&place, key)?;
            return Ok(None);
        }
        Ok(found.map(|entry| entry.content.into()))
    }

    pub(super) fn set(&self, put: &Put<'_>, limit: Duration) -> Result<(), Error> {
        let (place, new) = (self.folder.place(put.key), self.value(put)?);
        let _turn = place.turn(limit)?;
        place.end_lease()?;
        place.replace(new)
    }

    pub(super) fn delete(&self, key: &str, limit: Duration) -> Result<(), Error> {
        let place = self.folder.place(key);
        if place.is_empty() {
            return Ok(());
        }
        let _turn = place.turn(limit)?;
        place.end_lease()?;
        place.replace(None)
    }

    pub(super) fn add(&self, put: &Put<'_>, limit: Duration) -> Result<Content, Error> {
        let (place, content, end) = (self.folder.place(put.key), crate::bytes::of(put)?, self.end(put));
        let is_kept = |entry: &Entry| entry.until >= end;
        if let Some(found) = self.entry(&place, put.key)?.filter(is_kept) {
            return Ok(found.content.into());
        }
        let _turn = place.turn(limit)?;
        let Some(found) = self.entry(&place, put.key)? else {
            place.replace(Some(self.write(put.key, content, true, end)?))?;
            return Ok(put.content.clone());
        };
        if !is_kept(&found) {
            place.replace(Some(self.write(put.key, &found.content, found.added, end)?))?;
        }
        Ok(found.content.into())
    }

    pub(super) fn patch(&self, key: &str, patch: Patch, limit: Duration) -> Result<bool, Error> {
        let place = self.folder.place(key);
        if place.is_empty() {
            return Ok(false);
        }
        let _turn = place.turn(limit)?;
        place.end_lease()?;
        let Some(Entry { added, until, content }) = self.entry(&place, key)? else { return Ok(false) };
        let mut content = Content::Bytes(content);
        let patched = content.patch(patch);
        let new = match content.as_bytes() {
            Some(bytes) if patched => Some(self.write(key, bytes, added, until)?),
            _ => None,
        };
        place.replace(new)?;
        Ok(patched)
    }

    pub(super) fn acquire(
        &self,
        key: &str,
        lease: Lease,
        claim: Claim<'_>,
        limit: Duration,
    ) -> Result<Acquired, Error> {
        let place = self.folder.place(key);
        let _turn = place.turn(limit)?;
        let stored = self.entry(&place, key)?.map(|entry| entry.content);
        if claim.is_met_by(stored.as_deref()) {
            return Ok(Acquired::Stored(stored.unwrap_or_default().into()));
        }
        if claim != Claim::Always
            && let Some(held) = place.held()?.filter(|held| held.token != lease.token)
            && let Some(left) = held.left(self.now())
            && holder::is_alive(&self.folder.holder(held.holder))?
        {
            return Ok(Acquired::Busy(left));
        }
        self.lend(&place, lease)?;
        Ok(Acquired::Granted)
    }

    pub(super) fn commit(&self, put: &Put<'_>, token: Token, limit: Duration) -> Result<bool, Error> {
        let (place, new) = (self.folder.place(put.key), self.value(put)?);
        let _turn = place.turn(limit)?;
        let own = place.is_own(token, self.now())?;
        if own {
            place.end_lease()?;
            place.replace(new)?;
        }
        Ok(own)
    }

    pub(super) fn renew(&self, key: &str, lease: Lease, limit: Duration) -> Result<bool, Error> {
        let place = self.folder.place(key);
        let _turn = place.turn(limit)?;
        let own = place.is_own(lease.token, self.now())?;
        if own {
            self.lend(&place, lease)?;
        }
        Ok(own)
    }

    pub(super) fn abandon(&self, key: &str, token: Token, limit: Duration) -> Result<(), Error> {
        let place = self.folder.place(key);
        let _turn = place.turn(limit)?;
        if place.is_own(token, self.now())? { place.end_lease() } else { Ok(()) }
    }

    /// Finds out whether something can be stored.
    pub(super) fn try_out(&self, limit: Duration) -> Result<(), Error> {
        let _turn = self.folder.place("").turn(limit)?;
        self.folder.write(&[]).map(drop)
    }

    fn now(&self) -> UnixMillis {
        millis(self.clock.unix_time())
    }

    /// When a content that is stored now ends.
    fn end(&self, put: &Put<'_>) -> UnixMillis {
        put.keep.map_or(NEVER, |keep| self.now().saturating_add(millis(keep)))
    }

    /// What is stored, if it is of use to anybody.
    fn entry(&self, place: &Place, key: &str) -> Result<Option<Entry>, Error> {
        Ok(self.find(place, key)?.filter(|entry| !entry.is_over(self.now())))
    }

    fn find(&self, place: &Place, key: &str) -> Result<Option<Entry>, Error> {
        let Some(bytes) = folder::read(&place.entry)? else { return Ok(None) };
        match entry::read(bytes, key) {
            Read::Entry(entry) => return Ok(Some(entry)),
            Read::Other => {}
            Read::Unreadable => _ = self.shared.unreadable.fetch_add(1, Ordering::Relaxed),
        }
        Ok(None)
    }

    /// Removes what has expired, unless somebody is changing it: then that is as good.
    fn drop_expired(&self, place: &Place, key: &str) -> Result<(), Error> {
        match place.turn(Duration::ZERO) {
            Ok(_turn) if self.entry(place, key)?.is_none() => place.replace(None),
            _ => Ok(()),
        }
    }

    /// Writes a value aside; `None` if there is no room for one of its size.
    fn value(&self, put: &Put<'_>) -> Result<Option<New>, Error> {
        let bytes = crate::bytes::of(put)?;
        if self.limit.is_some_and(|limit| bytes.len() as u64 > limit) {
            return Ok(None);
        }
        self.write(put.key, bytes, false, self.end(put)).map(Some)
    }

    fn write(&self, key: &str, content: &[u8], added: bool, until: UnixMillis) -> Result<New, Error> {
        let bytes = entry::write(key, content, added, until);
        let new = self.folder.write(&bytes)?;
        if self.shared.pace.wrote(bytes.len() as u64) {
            self.clean_aside();
        }
        Ok(new)
    }

    /// Cleans in a thread of its own: whoever stores something does not wait for that.
    fn clean_aside(&self) {
        let store = self.clone();
        let clean = move || {
            // What fails is tried again when as much has been stored once more.
            let entries = cleaning::clean(&store.folder, store.limit, store.clock.unix_time());
            store.shared.pace.rest(store.limit, entries.ok().flatten());
        };
        if thread::Builder::new().name("cachekit files".to_owned()).spawn(clean).is_err() {
            self.shared.pace.rest(self.limit, None);
        }
    }

    /// Writes that the lease of a key is this token's, and this store its holder.
    fn lend(&self, place: &Place, lease: Lease) -> Result<(), Error> {
        let holder = self.shared.holder.id(&self.folder)?;
        folder::overwrite(&place.lease, &Held::new(lease, holder, self.now()).write())
    }
}

impl Place {
    /// Waits for one's turn to change something of the key.
    pub(super) fn turn(&self, limit: Duration) -> Result<Lock, Error> {
        folder::lock(&self.lock, limit)
    }

    /// Whether there can be nothing to delete, since not even the folder is there.
    fn is_empty(&self) -> bool {
        self.entry.parent().is_some_and(|folder| matches!(folder.try_exists(), Ok(false)))
    }

    pub(super) fn held(&self) -> Result<Option<Held>, Error> {
        Ok(folder::read(&self.lease)?.as_deref().and_then(Held::read))
    }

    /// Whether the lease is the token's, and stands.
    fn is_own(&self, token: Token, now: UnixMillis) -> Result<bool, Error> {
        Ok(self.held()?.is_some_and(|held| held.token == token && held.left(now).is_some()))
    }

    fn end_lease(&self) -> Result<(), Error> {
        folder::remove(&self.lease)
    }

    /// Puts a new entry, or none, in the place of the old one.
    fn replace(&self, new: Option<New>) -> Result<(), Error> {
        match new {
            Some(new) => new.rename(&self.entry),
            None => folder::remove(&self.entry),
        }
    }
}
