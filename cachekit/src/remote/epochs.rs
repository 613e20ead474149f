//! What is read of an entry, with the epochs that decide whether it still counts; and how epochs move.
//!
//! A region's epoch is 16 random bytes, for hard and for soft invalidations, a tag's are 8. An entry carries those that
//! stood before its computation. To invalidate is to delete the epoch, softly to overwrite its second half: whoever reads
//! next finds none and creates one, at random, where nobody else has. What a store loses of them makes entries missing,
//! never stale.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::lease::random;
use super::{Caller, Kind, Remote};
use crate::backend::{Content, Patch, Put};
use crate::clock::{Nanos, nanos};
use crate::error::Error;
use crate::record::UnixMillis;

/// How long at least the epoch of a tag is kept after somebody has looked at it.
const TAG_KEPT: Duration = Duration::from_secs(86_400);

/// Tags of which it is known how long their epochs are kept.
const MOST_LENGTHENED: usize = 10_000;

/// What a backend said of a key and of the epochs that concern it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) content: Option<Content>,
    pub(crate) region: [u64; 2],
    pub(crate) tags: Vec<(String, u64)>,
    /// When it was asked, by the region's clock and by the time of the day.
    pub(crate) at: Nanos,
    pub(crate) unix: UnixMillis,
}

impl Seen {
    /// The epoch of a tag, if it was asked for.
    pub(crate) fn tag(&self, name: &str) -> Option<u64> {
        self.tags.iter().find(|(known, _)| known == name).map(|(_, epoch)| *epoch)
    }
}

impl Remote {
    /// What the backend has under a key, and the epochs of the region and of these tags: one round trip, as long as the epochs
    /// are there.
    pub(crate) fn look_up<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        key: Option<String>,
        tags: Vec<String>,
    ) -> BoxFuture<'a, Result<Seen, Error>> {
        Box::pin(async move {
            let mut seen = self.look_up_many(caller, Vec::from_iter(key), tags).await?;
            let seen = seen.pop().expect("there is an answer for the epochs alone, too");
            match seen.content {
                Some(Content::Unknown(error)) => Err(error),
                _ => Ok(seen),
            }
        })
    }

    /// As [`look_up`](Self::look_up), for many keys at once; without any, the epochs alone.
    pub(crate) fn look_up_many<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        mut keys: Vec<String>,
        tags: Vec<String>,
    ) -> BoxFuture<'a, Result<Vec<Seen>, Error>> {
        Box::pin(async move {
            let entries = keys.len();
            keys.push(self.names.region_epoch());
            keys.extend(tags.iter().map(|tag| self.names.tag_epoch(tag)));
            // What is rare is boxed: the future of a hit is small.
            let paid = if self.owed.any() { Box::pin(self.pay(caller, &keys)).await } else { Ok(()) };
            let (at, unix) = (nanos(self.clock.now()), self.unix_now());
            let owed = match paid {
                // What the others have is served.
                Err(error) if error.is_partial() && !self.owed.concerns(&keys[entries..]) => {
                    Some((error, self.owed.among(&keys[..entries])))
                }
                Err(error) if self.owed.concerns(&keys) => return Err(error),
                Ok(()) | Err(_) => None,
            };
            let mut contents = self
                .ask(Kind::Read, caller, |backend, context| async move {
                    let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
                    let found = backend.get_many(&asked, context).await?;
                    if found.len() == asked.len() {
                        Ok(found)
                    } else {
                        Err(Error::backend("it answered for other keys"))
                    }
                })
                .await?
                .into_iter();
            let mut found: Vec<_> =
                contents.by_ref().take(entries).inspect(|content| self.miss(content.as_ref())).collect();
            if let Some((error, places)) = owed {
                for place in places {
                    found[place] = Some(Content::Unknown(error.clone()));
                }
            }
            let name = self.names.region_epoch();
            let region = match self.epoch(&name, contents.next().flatten(), at)?.as_ref().and_then(halves) {
                Some(region) => region,
                None => Box::pin(self.new_region_epoch(caller)).await?,
            };
            let mut epochs = Vec::with_capacity(tags.len());
            for (tag, content) in tags.into_iter().zip(contents) {
                let epoch = match self.epoch(&self.names.tag_epoch(&tag), content, at)?.as_ref().and_then(whole) {
                    Some(epoch) => epoch,
                    None => Box::pin(self.tag_epoch(caller, &tag, Some(TAG_KEPT))).await?,
                };
                epochs.push((tag, epoch));
            }
            let seen = |content| Seen { content, region, tags: epochs.clone(), at, unix };
            Ok(if entries == 0 { vec![seen(None)] } else { found.into_iter().map(seen).collect() })
        })
    }

    /// What is stored as an epoch, or was before the server was lost that has it.
    fn epoch(&self, name: &str, found: Option<Content>, at: Nanos) -> Result<Option<Content>, Error> {
        self.miss(found.as_ref());
        if let Some(Content::Unknown(error)) = &found {
            let stands_in = self.known.stands_in(name, at, nanos(self.settings.breaker.near));
            return stands_in.map(Some).ok_or_else(|| error.clone());
        }
        self.known.note(name, found.as_ref(), at);
        Ok(found)
    }

    /// Tells what could not be reached of an answer.
    fn miss(&self, found: Option<&Content>) {
        if let Some(Content::Unknown(error)) = found {
            self.partly_failed(error);
        }
    }

    /// The epochs of some tags, which are created where they are missing.
    pub(crate) async fn tags(
        self: &Arc<Self>,
        caller: Caller<'_>,
        tags: Vec<String>,
    ) -> Result<Vec<(String, u64)>, Error> {
        Ok(self.look_up(caller, None, tags).await?.tags)
    }

    /// Sees to it that the epochs of these tags are kept as long as an entry that carries them; whether they still stand.
    pub(crate) fn keep_tags<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        tags: &'a [(String, u64)],
        keep: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let now = self.unix_now();
            let until = keep.map_or(UnixMillis::MAX, |keep| now.saturating_add(millis(keep)));
            for (tag, epoch) in tags {
                if self.lengthened.is_kept(tag, *epoch, until) {
                    continue;
                }
                let longer = keep.map(|keep| keep.saturating_mul(2).max(TAG_KEPT));
                if self.tag_epoch(caller, tag, longer).await? != *epoch {
                    return Ok(false);
                }
                let kept = longer.map_or(UnixMillis::MAX, |keep| now.saturating_add(millis(keep)));
                self.lengthened.note(tag, *epoch, kept);
            }
            Ok(true)
        })
    }

    async fn new_region_epoch(self: &Arc<Self>, caller: Caller<'_>) -> Result<[u64; 2], Error> {
        let content = [random().to_le_bytes(), random().to_le_bytes()].concat();
        let found = self.add(caller, self.names.region_epoch(), content, None).await?;
        halves(&found).ok_or_else(|| self.foreign_epoch())
    }

    async fn tag_epoch(self: &Arc<Self>, caller: Caller<'_>, tag: &str, keep: Option<Duration>) -> Result<u64, Error> {
        let (content, name) = (random().to_le_bytes().to_vec(), self.names.tag_epoch(tag));
        let at = nanos(self.clock.now());
        let found = self.add(caller, name.clone(), content, keep).await?;
        self.known.note(&name, Some(&found), at);
        whole(&found).ok_or_else(|| self.foreign_epoch())
    }

    fn foreign_epoch(&self) -> Error {
        Error::backend(format_args!(
            "somebody else stores under `{}` or the names of its tags: choose another `key_prefix`",
            self.names.region_epoch()
        ))
    }

    async fn add(
        self: &Arc<Self>,
        caller: Caller<'_>,
        key: String,
        content: Vec<u8>,
        keep: Option<Duration>,
    ) -> Result<Content, Error> {
        self.ask(Kind::Write, caller, |backend, context| async move {
            let content = Content::Bytes(content);
            backend.add(Put { key: &key, content: &content, keep }, context).await
        })
        .await
    }

    /// Forgets some entries for everyone.
    pub(crate) fn delete<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        keys: Vec<String>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let owed = keys.clone();
            let _writing = self.writing(&keys).await;
            self.remove(caller, keys).await.inspect_err(|_| self.owe(owed))
        })
    }

    pub(super) async fn remove(self: &Arc<Self>, caller: Caller<'_>, keys: Vec<String>) -> Result<(), Error> {
        let _moved = Moved::among(self, &keys);
        self.ask(Kind::Removal, caller, |backend, context| async move {
            match &keys[..] {
                [key] => backend.delete(key, context).await,
                keys => {
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    backend.delete_many(&keys, context).await
                }
            }
        })
        .await
    }

    /// Marks an entry as expired for everyone.
    pub(crate) fn expire<'a>(self: &'a Arc<Self>, caller: Caller<'a>, key: String) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.patch(caller, key, Patch::expired()).await })
    }

    /// Invalidates every entry of the region for everyone.
    pub(crate) async fn invalidate_region(self: &Arc<Self>, caller: Caller<'_>, softly: bool) -> Result<(), Error> {
        let key = self.names.region_epoch();
        if softly {
            self.patch(caller, key, Patch::new(8, &random().to_le_bytes())).await
        } else {
            self.delete(caller, vec![key]).await
        }
    }

    /// Invalidates every entry that has one of the tags, for everyone.
    pub(crate) async fn invalidate_tags(self: &Arc<Self>, caller: Caller<'_>, tags: &[String]) -> Result<(), Error> {
        self.delete(caller, tags.iter().map(|tag| self.names.tag_epoch(tag)).collect()).await
    }

    async fn patch(self: &Arc<Self>, caller: Caller<'_>, key: String, patch: Patch) -> Result<(), Error> {
        let owed = key.clone();
        let _writing = self.writing(std::slice::from_ref(&key)).await;
        let _moved = Moved::among(self, std::slice::from_ref(&key));
        let patched = self
            .ask(Kind::Write, caller, |backend, context| async move { backend.patch(&key, patch, context).await })
            .await;
        patched.map(drop).inspect_err(|_| self.owe(vec![owed]))
    }

    pub(crate) fn unix_now(&self) -> UnixMillis {
        millis(self.clock.unix_time())
    }
}

/// Epochs that somebody moves: whatever becomes of that, what was known of them counts no more.
struct Moved<'a> {
    remote: &'a Remote,
    names: Vec<String>,
}

impl<'a> Moved<'a> {
    /// Those among some keys.
    fn among(remote: &'a Remote, keys: &[String]) -> Self {
        Self { remote, names: keys.iter().filter(|key| remote.names.may_be_epoch(key)).cloned().collect() }
    }
}

impl Drop for Moved<'_> {
    fn drop(&mut self) {
        if !self.names.is_empty() {
            self.remote.known.forget(&self.names, nanos(self.remote.clock.now()));
        }
    }
}

pub(crate) fn millis(span: Duration) -> UnixMillis {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn halves(content: &Content) -> Option<[u64; 2]> {
    let bytes: &[u8; 16] = content.as_bytes()?.try_into().ok()?;
    let (hard, soft) = bytes.split_at(8);
    Some([u64::from_le_bytes(hard.try_into().ok()?), u64::from_le_bytes(soft.try_into().ok()?)])
}

fn whole(content: &Content) -> Option<u64> {
    content.as_bytes()?.try_into().ok().map(u64::from_le_bytes)
}

/// Until when the epochs of tags are kept, as far as this process has seen to it.
#[derive(Default)]
pub(super) struct Lengthened(Mutex<HashMap<String, (u64, UnixMillis)>>);

impl Lengthened {
    fn is_kept(&self, tag: &str, epoch: u64, until: UnixMillis) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(tag).is_some_and(|(known, kept)| *known == epoch && *kept >= until)
    }

    fn note(&self, tag: &str, epoch: u64, until: UnixMillis) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_LENGTHENED {
            known.clear();
        }
        known.insert(tag.to_owned(), (epoch, until));
    }
}
