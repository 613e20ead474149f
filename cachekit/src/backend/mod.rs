//! Where the values of a region are kept, beside this process: the contract.
//!
//! A backend keeps opaque [`Content`] under a text key. It never judges whether a value is fresh and never decodes one;
//! what a region needs beyond that, that one caller among all processes computes and that nothing overtaken is stored,
//! rests on a lease, which a backend that can do so lends out per key.
//!
//! # Rules
//!
//! The conformance suite ([`testing::conformance`](crate::testing)) tests each by its number, as far as it shows from
//! outside.
//!
//! 1. **What was stored is found**: `get` finds under a key what was last stored under exactly that key, byte for byte,
//!    or nothing. Any text is a key, the empty one and those of every length and character among them; any bytes are content.
//! 2. **Who has written reads**: an operation that has returned is seen by every later one, of every process.
//! 3. **Whole or not at all**: nobody sees a content that is half written.
//! 4. **Dropping early is no fault**: `keep` is how long the content is of use to anybody, `None` is for ever. It may be
//!    dropped at any time before that, and is dropped at some time after it.
//! 5. **Many as one**: the `_many` operations do what the single ones would, in the order of their keys.
//! 6. **`add` stores only where nothing is stored**, and says what is stored then; where something is stored, that is
//!    kept at least as long as the call asks for. A backend with leases does all of this in one step; of others, those who
//!    add at once may be told different contents, and what is stored may be kept no longer.
//! 7. **`patch` overwrites bytes of what is stored** and nothing else: it changes neither the other bytes nor how long it is
//!    kept. Where nothing is stored, or the new bytes do not all lie within what is, it stores nothing and says false. A
//!    backend that cannot deletes instead, and says false too.
//! 8. **One lease per key**: while one is lent out, `acquire` says [`Busy`](Acquired::Busy) to other tokens, and grants it
//!    again to the same token. A lease that is neither renewed nor ended lapses after its length, or when its process dies.
//! 9. **Newer content ends the search**: `acquire` grants nothing where something is stored that the caller has not seen,
//!    and returns that; unless the caller [takes the lease in any case](Claim::Always), which ends a running one.
//! 10. **`commit` stores only while the lease is the token's own**, and ends it; else it stores nothing and says so.
//! 11. **`set`, `delete` and `patch` end the lease of the key**, in the same step: who computed meanwhile stores nothing.
//! 12. **`renew` and `abandon` touch the token's own lease only**; an abandoned one can be acquired at once.
//! 13. **Threads and tasks**: an answer is polled from any thread, with or without a runtime around it; a backend whose
//!     client needs a runtime brings one. An answer that blocks does so only where [`may_block`](Context::may_block)
//!     allows it, or where the backend says [`is_blocking`](Backend::is_blocking).
//! 14. **Time limits**: an answer that blocks comes within about [`limit`](Context::limit); one that does not is dropped by
//!     whoever waits when that has passed, and may have been carried out, may be yet, or never is, and harms no other. Any
//!     limit will do, one of no time among them.
//! 15. **Errors are told**: what cannot be carried out is an error, never silence, and holds no secrets: one that can never
//!     succeed is [`Error::refused`], one that is late [`Error::timeout`], one that concerns some keys only, since one of several
//!     servers cannot be reached, [`Error::partial`], all others are [`Error::backend`]. None is a panic.

mod answer;
mod content;
#[cfg(test)]
mod forwarding;
mod proxy;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::answer::Answer;
pub use self::content::{Content, Live, Patch};
pub use self::proxy::Proxy;
pub(crate) use self::proxy::wrap;
#[cfg(doc)]
use crate::error::Error;

/// How the caller waits, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    limit: Duration,
    may_block: bool,
}

impl Context {
    /// A caller who waits as a thread: an answer may block it.
    #[must_use]
    pub fn blocking(limit: Duration) -> Self {
        Self { limit, may_block: true }
    }

    /// A caller who waits as a task: an answer must not block its thread.
    #[must_use]
    pub fn task(limit: Duration) -> Self {
        Self { limit, may_block: false }
    }

    /// How long the caller waits for the answer.
    #[must_use]
    pub fn limit(self) -> Duration {
        self.limit
    }

    /// Whether an answer may block the thread that polls it.
    #[must_use]
    pub fn may_block(self) -> bool {
        self.may_block
    }
}

/// What is to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// The key.
    pub key: &'a str,
    /// What is stored under it.
    pub content: &'a Content,
    /// How long it is of use to anybody; `None` is for ever.
    pub keep: Option<Duration>,
}

/// Who holds a lease: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u128);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// The right to compute a key, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose lease it is.
    pub token: Token,
    /// After how long it lapses, unless it is renewed.
    pub length: Duration,
}

/// When a lease is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// Unless something is stored whose first bytes, [`record::HEAD`](crate::record::HEAD) of them or as many as there are,
    /// are not these; empty, where nothing was found. Of a live object there are none.
    Unseen(&'a [u8]),
    /// In any case.
    Always,
}

impl Claim<'_> {
    /// What a caller has seen of a content.
    #[must_use]
    pub fn seen(content: &[u8]) -> &[u8] {
        &content[..content.len().min(crate::record::HEAD)]
    }

    /// Whether what is stored keeps the caller from computing.
    #[must_use]
    pub fn is_met_by(self, stored: Option<&[u8]>) -> bool {
        match (self, stored) {
            (Self::Always, _) | (_, None) => false,
            (Self::Unseen(seen), Some(stored)) => Claim::seen(stored) != seen,
        }
    }
}

/// What became of a request for a lease.
#[derive(Clone, Debug)]
pub enum Acquired {
    /// The caller computes.
    Granted,
    /// Somebody else does; their lease lapses in this time at the latest, unless it is renewed. Zero where that is not known.
    Busy(Duration),
    /// Somebody has stored this meanwhile.
    Stored(Content),
}

/// Where the values of a region are kept: one's own kind of store.
///
/// See the [rules](self) that every backend keeps. `get`, `set` and `delete` are what a backend cannot do without; the rest
/// has a default. A store without leases is told so by [`has_leases`](Self::has_leases): one caller computes in each process.
///
/// The same methods serve threads and tasks: what is at hand is returned at once ([`Answer::from`]), what is awaited comes
/// [later](Answer::later), and one that blocks says so ([`is_blocking`](Self::is_blocking)).
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use cachekit::Region;
/// use cachekit::backend::{Answer, Backend, Content, Context, Put};
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<String, Content>>);
///
/// impl Backend for Shelf {
///     fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
///         Ok(self.0.lock().unwrap().get(key).cloned()).into()
///     }
///
///     fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
///         self.0.lock().unwrap().insert(put.key.to_owned(), put.content.clone());
///         Ok(()).into()
///     }
///
///     fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
///         self.0.lock().unwrap().remove(key);
///         Ok(()).into()
///     }
/// }
///
/// let region = Region::builder("shelved").backend(Shelf::default()).build()?;
/// region.set("k", &5_u32)?;
/// assert_eq!(region.get::<u32>("k")?, Some(5));
/// # Ok::<(), cachekit::Error>(())
/// ```
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Whether answers block the thread that polls them, so that tasks have them polled by a thread of their own.
    fn is_blocking(&self) -> bool {
        false
    }

    /// Whether values come as they are, and are handed back as they are, rather than as bytes.
    fn keeps_live(&self) -> bool {
        false
    }

    /// Whether leases are lent out; without them the lease operations are not called.
    fn has_leases(&self) -> bool {
        false
    }

    /// Which session the caller is in, for a store whose entries are a session's; as provided, all callers share them.
    ///
    /// Callers in different sessions share neither values nor computations. It is asked where the caller is: in its thread, and
    /// when its task is polled. No two sessions ever have one id, not even one after the other, since regions remember
    /// failures by it; 0 is for those who are in none.
    fn session(&self) -> Option<u64> {
        None
    }

    /// What is stored under a key.
    fn get<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, Option<Content>>;

    /// Stores a content, and ends the lease of its key.
    fn set<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, ()>;

    /// Forgets what is stored under a key, and ends its lease.
    fn delete<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, ()>;

    /// What is stored under each of the keys. As provided, one after the other.
    ///
    /// A store of several servers, of which some cannot be reached, answers with [`Content::Unknown`] for what they have, as
    /// long as it can answer for another key.
    fn get_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, Vec<Option<Content>>> {
        Answer::later(async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.push(self.get(key, context).await?);
            }
            Ok(found)
        })
    }

    /// Stores some contents. As provided, one after the other.
    fn set_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, ()> {
        Answer::later(async move {
            for put in puts {
                self.set(*put, context).await?;
            }
            Ok(())
        })
    }

    /// Forgets what is stored under some keys. As provided, one after the other.
    fn delete_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        Answer::later(async move {
            for key in keys {
                self.delete(key, context).await?;
            }
            Ok(())
        })
    }

    /// Stores a content where nothing is stored; what is stored then.
    ///
    /// As provided it is not one step: of two who add at once, each may be told something that is gone a moment later.
    fn add<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        Answer::later(async move {
            if let Some(found) = self.get(put.key, context).await? {
                return Ok(found);
            }
            self.set(put, context).await?;
            Ok(self.get(put.key, context).await?.unwrap_or_else(|| put.content.clone()))
        })
    }

    /// Overwrites bytes of what is stored, and ends the lease of the key; whether there was anything to overwrite.
    ///
    /// As provided it deletes: a soft invalidation is then a hard one.
    fn patch<'a>(&'a self, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        let _ = patch;
        Answer::later(async move { self.delete(key, context).await.map(|()| false) })
    }

    /// Asks for the lease of a key. As provided it grants everything: with `has_leases` this, `commit`, `renew` and `abandon`
    /// are all to be written.
    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, context: Context) -> Answer<'a, Acquired> {
        let _ = (key, lease, claim, context);
        Ok(Acquired::Granted).into()
    }

    /// Stores a content if the token's lease still stands, and ends the lease; whether it did. As provided it always stores.
    fn commit<'a>(&'a self, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        let _ = token;
        Answer::later(async move { self.set(put, context).await.map(|()| true) })
    }

    /// Has a lease lapse later: its length from now; whether it still stands.
    fn renew<'a>(&'a self, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        let _ = (key, lease, context);
        Ok(true).into()
    }

    /// Ends a lease without storing anything.
    fn abandon<'a>(&'a self, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        let _ = (key, token, context);
        Ok(()).into()
    }

    /// Stores some contents, each where nothing is stored; what is stored then. As provided, one after the other.
    fn add_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, Vec<Content>> {
        Answer::later(async move {
            let mut stored = Vec::with_capacity(puts.len());
            for put in puts {
                stored.push(self.add(*put, context).await?);
            }
            Ok(stored)
        })
    }

    /// Asks for the leases of some keys. As provided, one after the other.
    fn acquire_many<'a>(
        &'a self,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        Answer::later(async move {
            let mut acquired = Vec::with_capacity(leases.len());
            for (key, lease, claim) in leases {
                acquired.push(self.acquire(key, *lease, *claim, context).await?);
            }
            Ok(acquired)
        })
    }

    /// Stores some contents, each if its lease still stands; which did. As provided, one after the other.
    fn commit_many<'a>(&'a self, puts: &'a [(Put<'a>, Token)], context: Context) -> Answer<'a, Vec<bool>> {
        Answer::later(async move {
            let mut committed = Vec::with_capacity(puts.len());
            for (put, token) in puts {
                committed.push(self.commit(*put, *token, context).await?);
            }
            Ok(committed)
        })
    }

    /// Ends some leases without storing anything. As provided, one after the other.
    fn abandon_many<'a>(&'a self, leases: &'a [(&'a str, Token)], context: Context) -> Answer<'a, ()> {
        Answer::later(async move {
            for (key, token) in leases {
                self.abandon(key, *token, context).await?;
            }
            Ok(())
        })
    }

    /// Finds out whether the backend can be used at all. As provided, it asks for a key.
    fn ping(&self, context: Context) -> Answer<'_, ()> {
        Answer::later(async move { self.get("cachekit%ping", context).await.map(|_| ()) })
    }
}

/// What a region is given as its backend: a backend, or one that is shared.
pub trait IntoBackend {
    /// The backend, to be shared.
    fn into_backend(self) -> Arc<dyn Backend>;
}

impl<B: Backend> IntoBackend for B {
    fn into_backend(self) -> Arc<dyn Backend> {
        Arc::new(self)
    }
}

impl<B: Backend> IntoBackend for Arc<B> {
    fn into_backend(self) -> Arc<dyn Backend> {
        self
    }
}

impl IntoBackend for Arc<dyn Backend> {
    fn into_backend(self) -> Arc<dyn Backend> {
        self
    }
}
