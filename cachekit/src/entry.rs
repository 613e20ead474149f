//! Handles for one entry of an annotated function.
//!
//! For a function [`Entry`], for an `async fn` [`AsyncEntry`]: the same methods, of which those that may touch a backend
//! are async.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{NEVER, Nanos};
use crate::companion::Value;
use crate::error::Error;
use crate::flight::block_on;
use crate::key::Key;
use crate::region::call::Call;
use crate::remote::Caller;
use crate::values::owned;

/// One entry of an annotated function, from its companion `entry`.
///
/// ```
/// use cachekit::{Region, cache_on_arguments, regions};
///
/// regions! { static DOUBLES = Region::builder("entries").ttl(std::time::Duration::from_secs(60)); }
///
/// #[cache_on_arguments(region = DOUBLES)]
/// fn double(n: u64) -> u64 { 2 * n }
///
/// let entry = double::entry(4);
/// assert_eq!(entry.get()?, None);
/// double(4);
/// let peek = entry.peek()?.expect("it was stored");
/// assert_eq!(*peek.value(), 8);
/// assert!(peek.is_fresh());
/// entry.invalidate()?;
/// # Ok::<(), cachekit::Error>(())
/// ```
pub struct Entry<V>(Call, PhantomData<fn() -> V>);

/// One entry of an annotated `async fn`, from its companion `entry`.
pub struct AsyncEntry<V>(Call, PhantomData<fn() -> V>);

impl<V> Entry<V> {
    pub(crate) fn into_call(self) -> Call {
        self.0
    }
}

impl<V> AsyncEntry<V> {
    pub(crate) fn into_call(self) -> Call {
        self.0
    }
}

impl<V: Value> Entry<V> {
    pub(crate) fn new(call: Call) -> Self {
        Self(call, PhantomData)
    }

    /// The value, if it is fresh; never computes.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub fn get(&self) -> Result<Option<V>, Error> {
        Ok(block_on(self.0.now().get(Caller::Thread))?.map(owned))
    }

    /// Stores a value. A computation that is running is not stored.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub fn set(&self, value: V) -> Result<(), Error> {
        block_on(self.0.now().set(Caller::Thread, Arc::new(value)))
    }

    /// Forgets the entry. A computation that is running is not stored.
    ///
    /// # Errors
    ///
    /// If the backend fails; this process does not serve the value any more even then.
    pub fn invalidate(&self) -> Result<(), Error> {
        block_on(self.0.now().invalidate(Caller::Thread))
    }

    /// Keeps the value, but the next caller renews it while the others are served the old one.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub fn expire(&self) -> Result<(), Error> {
        block_on(self.0.now().expire(Caller::Thread))
    }

    /// The entry as it is, fresh or stale. Nothing is counted.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub fn peek(&self) -> Result<Option<Peek<V>>, Error> {
        block_on(Peek::of(&self.0.now(), Caller::Thread))
    }

    /// The key of the entry.
    #[must_use]
    pub fn key(&self) -> Key {
        self.0.key()
    }

    /// Whether somebody in this process computes the entry just now.
    #[must_use]
    pub fn is_computing(&self) -> bool {
        self.0.now().is_computing()
    }
}

impl<V: Value> AsyncEntry<V> {
    pub(crate) fn new(call: Call) -> Self {
        Self(call, PhantomData)
    }

    /// The value, if it is fresh; never computes.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub async fn get(&self) -> Result<Option<V>, Error> {
        Ok(self.0.now().get(Caller::Task).await?.map(owned))
    }

    /// Stores a value. A computation that is running is not stored.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub async fn set(&self, value: V) -> Result<(), Error> {
        self.0.now().set(Caller::Task, Arc::new(value)).await
    }

    /// Forgets the entry. A computation that is running is not stored.
    ///
    /// # Errors
    ///
    /// If the backend fails; this process does not serve the value any more even then.
    pub async fn invalidate(&self) -> Result<(), Error> {
        self.0.now().invalidate(Caller::Task).await
    }

    /// Keeps the value, but the next caller renews it while the others are served the old one.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub async fn expire(&self) -> Result<(), Error> {
        self.0.now().expire(Caller::Task).await
    }

    /// The entry as it is, fresh or stale. Nothing is counted.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub async fn peek(&self) -> Result<Option<Peek<V>>, Error> {
        Peek::of(&self.0.now(), Caller::Task).await
    }

    /// The key of the entry.
    #[must_use]
    pub fn key(&self) -> Key {
        self.0.key()
    }

    /// Whether somebody in this process computes the entry just now.
    #[must_use]
    pub fn is_computing(&self) -> bool {
        self.0.now().is_computing()
    }
}

impl<V> fmt::Debug for Entry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.0).finish()
    }
}

impl<V> fmt::Debug for AsyncEntry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncEntry").field(&self.0).finish()
    }
}

/// An entry as it was found, from `peek`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek<V> {
    value: V,
    age: Duration,
    ttl_left: Option<Duration>,
    fresh: bool,
}

impl<V: Value> Peek<V> {
    async fn of(call: &Call, caller: Caller<'_>) -> Result<Option<Self>, Error> {
        let Some((found, verdict, now)) = call.peek(caller).await? else { return Ok(None) };
        let span = |from: Nanos, to: Nanos| Duration::from_nanos(to.saturating_sub(from));
        let fresh = verdict.is_fresh();
        Ok(Some(Self {
            age: span(found.stamp.created, now),
            ttl_left: if fresh {
                (found.stamp.ttl != NEVER).then(|| span(now, found.stamp.fresh_until()))
            } else {
                Some(Duration::ZERO)
            },
            fresh,
            value: owned(found.value),
        }))
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// The value, without the rest.
    pub fn into_value(self) -> V {
        self.value
    }

    /// The time since the end of the computation.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// The time until the value is no longer fresh; zero past it, `None` where it has no ttl.
    pub fn ttl_left(&self) -> Option<Duration> {
        self.ttl_left
    }

    /// Whether a caller would be served the value without a computation.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether the value is past its ttl, expired, or softly invalidated.
    pub fn is_stale(&self) -> bool {
        !self.fresh
    }
}
