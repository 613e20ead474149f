//! What stands beside an annotated function: its description, its table, and handles for its entries.
//!
//! The attribute writes a type of the function's name, implements [`CachedFn`] for it, and forwards each companion to
//! `__private`, one line each; the logic is here and in `region`.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::codec::Codec;
use crate::error::Error;
use crate::generic::Generic;
use crate::info::FnInfo;
use crate::key::writer::KeyWriter;
use crate::key::{Arguments, Key};
use crate::near::Near;
use crate::near::argkey::ArgKey;
use crate::near::table::Table;
use crate::options::CallOptions;
use crate::region::Region;
use crate::region::call::{Call, Policy};
use crate::region::core::Core;
use crate::region::stats::Event;
use crate::tags::TagNames;
use crate::values::{Shared, Values, never_bytes, typed};

/// A value that a cache can keep: `Clone + Send + Sync + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached",
    note = "a cached value is cloned for each caller and shared between threads: `Clone + Send + Sync + 'static`"
)]
pub trait Value: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Value for T {}

/// A value that a backend can keep: `Serialize + DeserializeOwned`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a backend",
    label = "not `Serialize + DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` (an `Arc` has them with serde's feature `rc`); or write `in_memory` in the attribute of the function: its values then never leave the process"
)]
pub trait Storable {
    #[doc(hidden)]
    fn encode(&self, codec: &dyn Codec) -> Result<Vec<u8>, Error>;

    #[doc(hidden)]
    fn decode(bytes: &[u8], codec: &dyn Codec) -> Result<Self, Error>
    where
        Self: Sized;
}

#[diagnostic::do_not_recommend]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Storable for T {
    fn encode(&self, codec: &dyn Codec) -> Result<Vec<u8>, Error> {
        codec.to_bytes(self)
    }

    fn decode(bytes: &[u8], codec: &dyn Codec) -> Result<Self, Error> {
        codec.from_bytes(bytes)
    }
}

/// An annotated function, as the type that carries its companions.
///
/// [`cache_on_arguments`](crate::cache_on_arguments) implements it; code that is generic over cached functions uses it.
///
/// ```
/// use cachekit::{CachedFn, cache_on_arguments, regions};
///
/// regions! { static SQUARES = cachekit::Region::builder("squares"); }
///
/// #[cache_on_arguments(region = SQUARES)]
/// fn square(n: u64) -> u64 { n * n }
///
/// fn describe<F: CachedFn>() -> String {
///     format!("{} in region {}", F::info().name(), F::region().unwrap().name())
/// }
/// assert_eq!(describe::<square>(), "square in region squares");
/// ```
#[diagnostic::on_unimplemented(
    message = "this is no function with `#[cache_on_arguments]`",
    label = "has no companions",
    note = "write `#[cache_on_arguments(region = \"…\")]` above the function, or name another one"
)]
pub trait CachedFn {
    /// What is cached.
    type Value: Value;

    #[doc(hidden)]
    type ArgKey: ArgKey;

    /// Name, place and settings of the function.
    #[must_use]
    fn info() -> &'static FnInfo {
        Self::function().info()
    }

    #[doc(hidden)]
    fn function() -> &'static Function<Self::Value, Self::ArgKey>;

    /// The region of the function.
    ///
    /// # Errors
    ///
    /// If no linked crate declares a region of the name in the attribute.
    fn region() -> Result<&'static Region, Error> {
        Self::info().region()
    }
}

/// How values become bytes, and bytes values.
struct Storage<V> {
    encode: fn(&V, &dyn Codec) -> Result<Vec<u8>, Error>,
    decode: fn(&[u8], &dyn Codec) -> Result<V, Error>,
}

impl<V: Value, K: ArgKey> Values for Function<V, K> {
    fn is(&self, value: &dyn Any) -> bool {
        value.is::<V>()
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<V>()
    }

    fn should_cache(&self, value: &Shared) -> bool {
        self.should_cache.is_none_or(|should_cache| should_cache(typed(value)))
    }

    fn ttl_of(&self, value: &Shared) -> Option<Duration> {
        self.ttl_of.and_then(|ttl_of| ttl_of(typed(value)))
    }

    fn encode(&self, value: &Shared, codec: &dyn Codec) -> Result<Vec<u8>, Error> {
        (self.storage.as_ref().ok_or_else(never_bytes)?.encode)(typed(value), codec)
    }

    fn decode(&self, bytes: &[u8], codec: &dyn Codec) -> Result<Shared, Error> {
        Ok(Arc::new((self.storage.as_ref().ok_or_else(never_bytes)?.decode)(bytes, codec)?))
    }
}

/// A table with its number in its region.
pub(crate) type NumberedTable = (Arc<dyn Near>, u32);

/// An annotated function, whatever its values are.
pub(crate) trait AnyFunction: Any + Send + Sync {
    /// Name, place and settings.
    fn info(&self) -> &FnInfo;
    /// Its table, which is made where the function was never called.
    fn table(&'static self) -> Result<NumberedTable, Error>;
}

impl<V: Value, K: ArgKey> AnyFunction for Function<V, K> {
    fn info(&self) -> &FnInfo {
        &self.info
    }

    fn table(&'static self) -> Result<NumberedTable, Error> {
        let attached = self.attach()?;
        Ok((attached.table.clone(), attached.number))
    }
}

/// An annotated function as the registry lists it.
#[derive(Clone, Copy)]
pub struct Annotated(Listed);

#[derive(Clone, Copy)]
enum Listed {
    Plain(fn() -> &'static dyn AnyFunction),
    State(&'static dyn AnyFunction),
    By(fn() -> Annotated),
    Generic(&'static Generic),
}

impl Annotated {
    /// The entry of `F`.
    #[must_use]
    pub const fn of<F: CachedFn>() -> Self {
        Self(Listed::Plain(|| F::function()))
    }

    /// The entry of a function without a type of companions.
    #[must_use]
    pub const fn by(listed: fn() -> Self) -> Self {
        Self(Listed::By(listed))
    }

    /// The entry of a function by its state.
    #[must_use]
    pub const fn state<V: Value, K: ArgKey>(function: &'static Function<V, K>) -> Self {
        Self(Listed::State(function))
    }

    /// The entry of a function with type parameters, one for all of its instantiations.
    #[must_use]
    pub const fn generic(generic: &'static Generic) -> Self {
        Self(Listed::Generic(generic))
    }

    pub(crate) fn info(self) -> &'static FnInfo {
        match self.0 {
            Listed::Plain(function) => function().info(),
            Listed::State(function) => function.info(),
            Listed::By(listed) => listed().info(),
            Listed::Generic(generic) => generic.info(),
        }
    }

    /// The function, or those of its instantiations that somebody has asked for.
    pub(crate) fn functions(self) -> Vec<&'static dyn AnyFunction> {
        match self.0 {
            Listed::Plain(function) => vec![function()],
            Listed::State(function) => vec![function],
            Listed::By(listed) => listed().functions(),
            Listed::Generic(generic) => generic.states(),
        }
    }
}

impl fmt::Debug for Annotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Annotated").field(&self.info().path()).finish()
    }
}

inventory::collect!(Annotated);

/// The state of an annotated function: its description, and its table once it was called.
pub struct Function<V: 'static, K: 'static> {
    info: FnInfo,
    /// How values become bytes; `None` where they never leave the process.
    storage: Option<Storage<V>>,
    should_cache: Option<fn(&V) -> bool>,
    ttl_of: Option<fn(&V) -> Option<Duration>>,
    attached: OnceCell<Attached<V, K>>,
}

struct Attached<V, K> {
    region: &'static Region,
    core: Arc<Core>,
    table: Arc<Table<V, K>>,
    number: u32,
}

impl<V, K> Function<V, K> {
    /// A function whose values a backend may keep.
    ///
    /// The bound stands here rather than on the block, so that a value without it is told so by its own message.
    #[must_use]
    pub const fn stored(info: FnInfo) -> Self
    where
        V: Storable,
    {
        let storage = Some(Storage { encode: V::encode, decode: V::decode });
        Self { info, storage, should_cache: None, ttl_of: None, attached: OnceCell::new() }
    }

    /// A function whose values never leave the process.
    #[must_use]
    pub const fn in_memory(info: FnInfo) -> Self {
        Self { info: info.in_memory(), storage: None, should_cache: None, ttl_of: None, attached: OnceCell::new() }
    }

    /// Stores only the values that `should_cache` accepts.
    #[must_use]
    pub const fn should_cache(mut self, should_cache: fn(&V) -> bool) -> Self {
        self.should_cache = Some(should_cache);
        self
    }

    /// Gives values a ttl of their own.
    #[must_use]
    pub const fn ttl_of(mut self, ttl_of: fn(&V) -> Option<Duration>) -> Self {
        self.ttl_of = Some(ttl_of);
        self.info = self.info.with_ttl_of_values();
        self
    }

    /// The function as one instantiation of `generic`.
    pub(crate) fn of(mut self, generic: &'static Generic) -> Self {
        self.info = self.info.of(generic);
        self
    }

    /// Name, place and settings.
    #[must_use]
    pub const fn info(&self) -> &FnInfo {
        &self.info
    }
}

impl<V: Value, K: ArgKey> Function<V, K> {
    /// The value, if it is in this process and fresh: the whole of a hit.
    #[inline]
    pub(crate) fn hit(&self, key: K::Lookup<'_>) -> Option<V> {
        let attached = self.attached.get()?;
        let core = &*attached.core;
        let value = attached.table.hit(key, core.epoch(), || core.now())?;
        core.counters.count(Event::Hit);
        Some(value)
    }

    fn attach(&'static self) -> Result<&'static Attached<V, K>, Error> {
        if let Some(attached) = self.attached.get() {
            return Ok(attached);
        }
        // Looked up before the cell is entered: the settings of some region may call this very function.
        let region = self.info.region()?;
        Ok(self.attached.get_or_init(|| {
            let core = Arc::clone(region.core());
            let table = Arc::new(Table::new());
            let any: Arc<dyn Near> = table.clone();
            let number = core.attach(&any, Some(&self.info));
            Attached { region, core, table, number }
        }))
    }

    /// The call with this key, for everything that is not a hit.
    pub(crate) fn call(&'static self, arguments: Arguments) -> Result<Call, Error> {
        let attached = self.attach()?;
        let policy = Policy {
            values: self,
            is_stored: self.storage.is_some(),
            ttl: self.info.own_ttl(),
            timing: self.info.timing(),
            error_ttl: self.info.own_error_ttl(),
        };
        if let Some(text) = self.info.generated(&attached.core, &arguments) {
            return Ok(attached.region.entry_by_hand(&text, policy));
        }
        Ok(Call {
            core: Arc::clone(&attached.core),
            near: attached.table.clone(),
            key: attached.core.flight_key(attached.number, arguments),
            policy,
            tags: TagNames::default(),
            options: CallOptions::default(),
            info: Some(&self.info),
        })
    }

    /// The call with this key, for companions that have no error to return.
    ///
    /// # Panics
    ///
    /// If the region does not exist, with everything that is needed to mend it.
    pub(crate) fn expect_call(&'static self, arguments: Arguments) -> Call {
        self.call(arguments).unwrap_or_else(|error| self.info.refuse(&error))
    }

    /// The key of a call.
    ///
    /// # Panics
    ///
    /// As [`expect_call`](Self::expect_call).
    pub(crate) fn key(&self, key: &KeyWriter) -> Key {
        let region = self.info.region().unwrap_or_else(|error| self.info.refuse(&error));
        self.info.key(region.core(), &key.to_bytes())
    }
}

impl<V, K> fmt::Debug for Function<V, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("info", &self.info).finish_non_exhaustive()
    }
}
