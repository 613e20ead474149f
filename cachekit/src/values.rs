//! What the runtime knows of values without their type.
//!
//! The path of a call is compiled once, in this crate, and not in each that has cached functions: values go along it as
//! [`Shared`], and who has made one, or is handed one, knows its type.

use std::any::{Any, type_name};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::Codec;
use crate::companion::{Storable, Value};
use crate::error::Error;

/// A value, whatever its type is.
pub(crate) type Shared = Arc<dyn Any + Send + Sync>;

/// A type of values, and what a function says of them.
pub(crate) trait Values: Send + Sync {
    /// Whether a value is of the type.
    fn is(&self, value: &dyn Any) -> bool;
    fn type_name(&self) -> &'static str;
    /// Whether a value is to be stored.
    fn should_cache(&self, value: &Shared) -> bool;
    /// The ttl of a value, where it has one of its own.
    fn ttl_of(&self, value: &Shared) -> Option<Duration>;
    fn encode(&self, value: &Shared, codec: &dyn Codec) -> Result<Vec<u8>, Error>;
    fn decode(&self, bytes: &[u8], codec: &dyn Codec) -> Result<Shared, Error>;
}

/// Values that somebody stores by hand.
pub(crate) struct ByHand<V>(PhantomData<fn() -> V>);

impl<V: Value + Storable> ByHand<V> {
    pub(crate) const VALUES: &'static dyn Values = &Self(PhantomData);
}

impl<V: Value + Storable> Values for ByHand<V> {
    fn is(&self, value: &dyn Any) -> bool {
        value.is::<V>()
    }

    fn type_name(&self) -> &'static str {
        type_name::<V>()
    }

    fn should_cache(&self, _: &Shared) -> bool {
        true
    }

    fn ttl_of(&self, _: &Shared) -> Option<Duration> {
        None
    }

    fn encode(&self, value: &Shared, codec: &dyn Codec) -> Result<Vec<u8>, Error> {
        typed::<V>(value).encode(codec)
    }

    fn decode(&self, bytes: &[u8], codec: &dyn Codec) -> Result<Shared, Error> {
        Ok(Arc::new(V::decode(bytes, codec)?))
    }
}

/// That values which stay in memory were to be stored elsewhere.
pub(crate) fn never_bytes() -> Error {
    Error::codec("values of this type are never bytes")
}

/// A value of a call, by its type.
pub(crate) fn typed<V: Value>(value: &Shared) -> &V {
    value.downcast_ref().expect(OF_THE_TYPE)
}

/// The same, as the caller's own: a copy, where others have it too.
pub(crate) fn owned<V: Value>(value: Shared) -> V {
    Arc::unwrap_or_clone(value.downcast().expect(OF_THE_TYPE))
}

const OF_THE_TYPE: &str = "the values of a call are of its type";
