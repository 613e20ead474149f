//! Objects as they are, for as long as a session lasts.
//!
//! A request, a unit of work or a task carries a [`Scope`]; within it each key has one object, the same to all who ask, and
//! with the scope they are gone. It is for what must not outlive a session or be shared between two: rows of a database
//! session, what a user may see. No entry passes from one scope to another, nor from one store to another.
//! What all scopes of a store have in common are the epochs of regions and tags, which come by [`add`](Backend::add): an
//! invalidation of a region or a tag, inside any scope or outside all of them, holds for every scope. To forget or expire a
//! single entry is a matter of the caller's own.
//!
//! Outside any scope no entry is stored and none found: functions compute. There is no bound and no expiry but the
//! end of the scope; whether an object is fresh the region judges. There are no leases, since nobody else can compute for
//! the session. Renewals in the background, which belong to no session, are stored nowhere.
//! In a configuration: `backend = "scoped"`, without settings.

mod epochs;
mod scope;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cachekit::backend::{Answer, Backend, Content, Context, Patch, Put};

use self::epochs::Epochs;
pub use self::scope::{Scope, Within};

/// Keeps objects as they are, in the [`Scope`] that the caller is in; clones are one store.
///
/// ```
/// use cachekit::Region;
/// use cachekit_backends::scoped::{Scope, Scoped};
///
/// let region = Region::builder("rows of a session").backend(Scoped::new()).build()?;
/// let request = Scope::new();
/// request.enter(|| {
///     // Functions and entries of the region live as long as `request`.
///     # let _ = &region;
/// });
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Scoped(Arc<Epochs>);

cachekit::backend_factory! { "scoped" => |settings| crate::config::none(settings).map(|()| Scoped::new()) }

impl Scoped {
    /// A store that has nothing in any scope.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Does something with what there is in the scope of the caller, if it is in one.
    fn shelf<T>(&self, work: impl FnOnce(&mut HashMap<String, Content>) -> T) -> Option<T> {
        Scope::current().map(|scope| scope.shelf(&self.0, work))
    }

    fn find(&self, key: &str) -> Option<Content> {
        self.shelf(|contents| contents.get(key).cloned()).flatten().or_else(|| self.0.find(key))
    }
}

impl Backend for Scoped {
    fn keeps_live(&self) -> bool {
        true
    }

    /// Whoever is in no scope is in a session with all others who are in none: nothing is stored there.
    fn session(&self) -> Option<u64> {
        Some(Scope::current().map_or(0, |scope| scope.id()))
    }

    fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
        Ok(self.find(key)).into()
    }

    fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
        let (key, content) = (put.key.to_owned(), put.content.clone());
        // What was there, or could not be stored, is the user's, and is dropped without the lock.
        drop(self.shelf(|contents| contents.insert(key, content)));
        self.0.remove(put.key);
        Ok(()).into()
    }

    fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
        drop(self.shelf(|contents| contents.remove(key)));
        self.0.remove(key);
        Ok(()).into()
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], _: Context) -> Answer<'a, Vec<Option<Content>>> {
        Ok(keys.iter().map(|key| self.find(key)).collect()).into()
    }

    /// Bytes are an epoch, which all scopes share; an object is the scope's.
    fn add<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, Content> {
        let stored = match put.content {
            Content::Bytes(bytes) => self
                .shelf(|contents| contents.get(put.key).cloned())
                .flatten()
                .unwrap_or_else(|| self.0.add(put.key, bytes)),
            Content::Live(_) | Content::Unknown(_) => self.0.find(put.key).unwrap_or_else(|| {
                let add = |contents: &mut HashMap<String, Content>| {
                    contents.entry(put.key.to_owned()).or_insert_with(|| put.content.clone()).clone()
                };
                self.shelf(add).unwrap_or_else(|| put.content.clone())
            }),
        };
        Ok(stored).into()
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, _: Context) -> Answer<'a, bool> {
        let patched = self.shelf(|contents| match contents.get_mut(key).map(|content| content.patch(patch)) {
            Some(true) => Some(Ok(())),
            Some(false) => Some(Err(contents.remove(key))),
            None => None,
        });
        Ok(match patched.flatten() {
            Some(patched) => patched.is_ok(),
            None => self.0.patch(key, patch),
        })
        .into()
    }
}

impl fmt::Debug for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scoped")
    }
}
