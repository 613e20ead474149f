//! Regions: named groups of entries with common settings.
//!
//! A [`Region`] is the handle that users hold. Its functions attach their tables to it, and what it is told, to
//! invalidate, to be configured, to count, holds for all of them. Entries set by hand live beside those of functions.

pub(crate) mod backing;
pub(crate) mod builder;
mod by_key;
pub(crate) mod call;
pub(crate) mod configure;
pub(crate) mod core;
mod direct;
pub(crate) mod due;
pub(crate) mod failures;
pub(crate) mod hand;
pub(crate) mod handover;
pub(crate) mod invalidation;
pub(crate) mod many;
#[cfg(test)]
mod many_model;
pub(crate) mod read_through;
pub(crate) mod registry;
pub(crate) mod runner;
pub(crate) mod settle;
pub(crate) mod share;
pub(crate) mod stats;
mod step;
mod tasks;
mod through;
pub(crate) mod together;
mod whole;
pub(crate) mod work;

use std::any::TypeId;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};

pub use self::builder::RegionBuilder;
pub use self::invalidation::Invalidation;
pub use self::runner::{Job, Runner, Task, Threads};
pub use self::stats::Stats;
pub use crate::remote::{Breaker, OnBackendError};

use self::call::{Call, Policy};
use self::core::Core;
use self::hand::{Hand, hand_bytes};
use self::work::Work;
use crate::companion::{Storable, Value};
use crate::error::{Error, Kind};
use crate::flight::{FlightKey, block_on};
use crate::info::FnInfo;
use crate::key::{Form, Key, region_text};
use crate::near::Near;
use crate::options::CallOptions;
use crate::remote::Caller;
use crate::tags::TagNames;

/// A named group of entries with common settings.
///
/// Declare regions with [`regions!`](crate::regions!), and annotated functions find them by name or path; a region from
/// [`Region::builder`] is not in the registry and lives as long as its last clone.
/// Where nothing else is said, values are kept in this process.
///
/// Methods that may touch a backend have a twin with the suffix `_async`.
/// A key is anything that is [`Into<Key>`](Key): a text, or the key of an annotated function, whose entry is then meant.
///
/// ```
/// use cachekit::Region;
///
/// let region = Region::builder("greetings").build()?;
/// let greeting = region.get_or_create("en", || "hello".to_owned());
/// assert_eq!(greeting, "hello");
/// assert_eq!(region.get::<String>("en")?, Some(greeting));
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
pub struct Region(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    /// The settings that the region was built with.
    declared: RegionBuilder,
    configured: Mutex<bool>,
    hand: Arc<Hand>,
    /// The number of the table `hand`.
    hand_number: u32,
}

impl Region {
    /// Settings for a region of this name.
    pub fn builder(name: &str) -> RegionBuilder {
        RegionBuilder::new(name)
    }

    pub(crate) fn new(declared: RegionBuilder) -> Self {
        let core = Core::new(&declared.name, declared.settings.clone());
        let hand = Arc::new(Hand::new());
        let any: Arc<dyn Near> = hand.clone();
        let hand_number = core.attach(&any, None);
        Self(Arc::new(Inner { core, declared, configured: Mutex::new(false), hand, hand_number }))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// The name of the region.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.core.name
    }

    /// Changes the settings once, for calls that start after it; `change` starts from the declared ones.
    ///
    /// Values that are stored already stay where the new settings read them alike: another clock or version drops them. The
    /// clones of a [`ManualClock`](crate::testing::ManualClock) are one clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cachekit::{Region, regions};
    ///
    /// regions! { static USERS = Region::builder("configured"); }
    ///
    /// USERS.configure(|r| r.key_prefix("myapp:").ttl(Duration::from_secs(600)))?;
    /// assert!(USERS.configure(|r| r).unwrap_err().is_already_configured());
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the region was configured before ([`is_already_configured`](Error::is_already_configured)), or a setting makes
    /// no sense; the settings are then as they were.
    pub fn configure(&self, change: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Result<(), Error> {
        self.change_settings(false, change)
    }

    /// As [`configure`](Self::configure), as often as one likes.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense; the settings are then as they were.
    pub fn reconfigure(&self, change: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Result<(), Error> {
        self.change_settings(true, change)
    }

    fn change_settings(&self, again: bool, change: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Result<(), Error> {
        let change = self.change(change(self.declared()))?;
        configure::apply(vec![change], again).map_err(|_| {
            Error::new(
                Kind::AlreadyConfigured,
                format!("region `{}` is already configured: call `reconfigure` to replace its settings", self.name()),
            )
        })
    }

    /// The value of an entry, if it is fresh; never computes.
    ///
    /// # Errors
    ///
    /// If the entry holds a value of another type; or, with [`OnBackendError::Propagate`], the backend fails, which is a `None`
    /// otherwise.
    pub fn get<T: Value + Storable>(&self, key: impl Into<Key>) -> Result<Option<T>, Error> {
        block_on(self.get_by(Caller::Thread, key.into()))
    }

    /// Stores a value. A computation of the key that is running is not stored.
    ///
    /// As with any cache, the value may be evicted again at any time, in a region that is full at once.
    ///
    /// # Errors
    ///
    /// If the key is that of a function with values of another type, or of one with tags and made from its text, which
    /// does not tell them ([`is_untagged`](Error::is_untagged)); or the backend fails.
    pub fn set<T: Value + Storable>(&self, key: impl Into<Key>, value: &T) -> Result<(), Error> {
        block_on(self.set_by(Caller::Thread, key.into(), value))
    }

    /// Forgets an entry; it need not exist. A computation of the key that is running is not stored.
    ///
    /// # Errors
    ///
    /// If the backend fails; this process does not serve the value any more even then.
    pub fn delete(&self, key: impl Into<Key>) -> Result<(), Error> {
        block_on(self.delete_by(Caller::Thread, vec![key.into()]))
    }

    /// The value of an entry, made by `create` where there is none; one creation at a time per key.
    ///
    /// Callers who meet a creation wait for its value, or are served the old one where there is one.
    /// A value of another type under the key is replaced.
    ///
    /// # Panics
    ///
    /// If `create` panics, and if it asks for its own key.
    pub fn get_or_create<T: Value + Storable>(&self, key: impl Into<Key>, create: impl FnOnce() -> T) -> T {
        match self.try_get_or_create(key, || Ok::<T, Infallible>(create())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_create`](Self::get_or_create), for a creation that can fail. Errors are not stored and not shared:
    /// of the callers who wait for a creation that fails one tries next, and when that fails too, all others at once.
    ///
    /// # Errors
    ///
    /// If `create` fails.
    pub fn try_get_or_create<T: Value + Storable, E>(
        &self,
        key: impl Into<Key>,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.writable::<T>(&key.into()) {
            Ok(call) => {
                let work: Work<T, E, _, _, ()> = Work::new((), |()| create());
                call.run(None, work).map(|served| served.value)
            }
            // The key is that of a function with other values or with tags: the caller's value is not lost for that.
            Err(_) => create(),
        }
    }

    /// The values of some entries, in order.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_many<T: Value + Storable>(
        &self,
        keys: impl IntoIterator<Item = impl Into<Key>>,
    ) -> Result<Vec<Option<T>>, Error> {
        block_on(self.get_many_by(Caller::Thread, keys.into_iter().map(Into::into).collect()))
    }

    /// Stores some values.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set). Where a key or a value is at fault, nothing is stored.
    pub fn set_many<'v, T: Value + Storable>(
        &self,
        entries: impl IntoIterator<Item = (impl Into<Key>, &'v T)>,
    ) -> Result<(), Error> {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value.clone())).collect();
        block_on(self.set_many_by(Caller::Thread, entries))
    }

    /// Forgets some entries.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    pub fn delete_many(&self, keys: impl IntoIterator<Item = impl Into<Key>>) -> Result<(), Error> {
        block_on(self.delete_by(Caller::Thread, keys.into_iter().map(Into::into).collect()))
    }

    /// Invalidates every entry of the region, those of functions among them.
    ///
    /// A computation that is running reaches the callers who came before, and is not stored.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub fn invalidate(&self, how: Invalidation) -> Result<(), Error> {
        block_on(invalidation::all(&self.0.core, how, Caller::Thread))
    }

    /// Invalidates every entry that has the tag: of functions by their attribute, by hand by [`Key::tagged`].
    ///
    /// It takes as long for a million entries as for one; their memory is freed bit by bit as others are stored.
    /// A computation of such an entry that is running reaches the callers who came before, and is not stored.
    ///
    /// # Errors
    ///
    /// If the backend fails.
    pub fn invalidate_tag(&self, tag: impl AsRef<str>) -> Result<(), Error> {
        self.invalidate_tags([tag])
    }

    /// Invalidates every entry that has one of the tags.
    ///
    /// # Errors
    ///
    /// As [`invalidate_tag`](Self::invalidate_tag).
    pub fn invalidate_tags(&self, tags: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Error> {
        let tags: Vec<String> = tags.into_iter().map(|tag| tag.as_ref().to_owned()).collect();
        block_on(invalidation::tags(&self.0.core, &tags, Caller::Thread))
    }

    /// What the region has counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.core.stats()
    }

    /// The text that a backend is handed for a key: prefix, region and key, through the mangler.
    #[must_use]
    pub fn backend_key(&self, key: impl Into<Key>) -> String {
        self.0.core.backend_key(&key.into())
    }

    /// How many callers wait for a computation of the key.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn waiting(&self, key: &Key) -> usize {
        self.find(key).map_or(0, |found| found.iter().map(|found| self.0.core.flights.followers(&found.key)).sum())
    }

    /// The entry by hand of a text.
    pub(crate) fn entry_by_hand(&self, text: &str, policy: Policy) -> Call {
        Call {
            core: Arc::clone(&self.0.core),
            near: self.0.hand.clone(),
            key: self.hand_key(text),
            policy,
            tags: TagNames::default(),
            options: CallOptions::default(),
            info: None,
        }
    }

    pub(crate) fn hand_key(&self, text: &str) -> FlightKey {
        self.core().flight_key(self.0.hand_number, hand_bytes(text).to_bytes())
    }

    /// The entry of a key as one of values `T`.
    ///
    /// Where several instantiations of a function have the key, it is one that holds a `T`, and has the entry if one has.
    pub(crate) fn entry<T: Value + Storable>(&self, key: &Key) -> Result<Call, Error> {
        self.entry_of(key, Policy::by_hand::<T>(), TypeId::of::<T>())
    }

    fn entry_of(&self, key: &Key, policy: Policy, of_type: TypeId) -> Result<Call, Error> {
        let (mut chosen, mut holds) = (None, "");
        for place in self.find(key)? {
            let near = place.near.unwrap_or_else(|| self.0.hand.clone());
            if !near.is_of(of_type) {
                holds = near.value_type();
                continue;
            }
            if chosen.is_none() || near.read(&place.key.arguments, false).is_some() {
                chosen = Some((near, place.key, place.info));
            }
        }
        let (near, flight_key, info) = chosen.ok_or_else(|| mismatch(key, policy.values.type_name(), holds))?;
        Ok(Call {
            core: Arc::clone(&self.0.core),
            near,
            key: flight_key,
            policy: Policy {
                ttl: policy.ttl.or(info.and_then(FnInfo::own_ttl)),
                is_stored: policy.is_stored && !info.is_some_and(FnInfo::is_in_memory),
                timing: info.map_or(policy.timing, FnInfo::timing),
                ..policy
            },
            tags: key.tags().clone(),
            options: CallOptions::default(),
            info,
        })
    }

    /// The entry of a key, to store in it.
    fn writable<T: Value + Storable>(&self, key: &Key) -> Result<Call, Error> {
        let call = self.entry::<T>(key)?;
        if call.info.is_some_and(FnInfo::is_tagged) && key.origin().is_none() {
            return Err(Error::new(
                Kind::Untagged,
                format!(
                    "`{key}` is an entry of a function with tags, which its text does not tell: store it by the \
                     function's `set`, or under what its `key` returns"
                ),
            ));
        }
        Ok(call)
    }

    /// Where an entry is: in the table of a function, or in those of its instantiations, or among those made by hand.
    ///
    /// Never empty.
    fn find(&self, key: &Key) -> Result<Vec<Found>, Error> {
        let mut places = Vec::new();
        if let Form::Call { function, arguments } = key.form() {
            let functions = match key.origin() {
                Some(origin) if registry::has_keys(origin.info(), &self.0.core, function) => {
                    let mut functions = origin.info().siblings();
                    functions.insert(0, origin);
                    functions
                }
                _ => registry::functions(&self.0.core, function)?,
            };
            for function in functions {
                let (near, table) = function.table()?;
                if near.hash(arguments).is_some() {
                    let key = self.core().flight_key(table, arguments.clone());
                    places.push(Found { near: Some(near), key, info: Some(function.info()) });
                }
            }
        }
        if places.is_empty() {
            places.push(Found { near: None, key: self.hand_key(&key.to_string()), info: None });
        }
        Ok(places)
    }
}

/// Where an entry may be.
struct Found {
    /// The table of a function; `None` for an entry made by hand.
    near: Option<Arc<dyn Near>>,
    key: FlightKey,
    info: Option<&'static FnInfo>,
}

fn mismatch(key: &Key, wanted: &str, holds: &str) -> Error {
    Error::new(
        Kind::Type,
        format!("the entry `{key}` holds a `{holds}`, not a `{wanted}`: ask for the type that was stored"),
    )
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings =
            RegionBuilder { name: self.0.declared.name.clone(), settings: (*self.0.core.settings()).clone() };
        f.debug_tuple("Region").field(&settings).finish()
    }
}
