//! What a backend keeps under a key.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::record::{EXPIRED_AT, Envelope};

/// What a backend keeps under a key, and hands back as it is.
#[derive(Clone)]
pub enum Content {
    /// A [`Record`](crate::Record), or a few bytes that cachekit keeps for itself.
    Bytes(Vec<u8>),
    /// A value as it is in this process, for a backend that [keeps live objects](super::Backend::keeps_live).
    Live(Live),
    /// Nobody knows what is stored, for this reason: one of several servers has it, and cannot be reached. Part of an answer
    /// for [several keys](super::Backend::get_many), of which others are known; never stored.
    Unknown(Error),
}

impl Content {
    /// The bytes, if it is some.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Live(_) | Self::Unknown(_) => None,
        }
    }

    /// Overwrites some bytes, as [`Backend::patch`](super::Backend::patch) asks; false where there are none to overwrite.
    ///
    /// Of a live object there is only the mark that somebody expired it.
    pub fn patch(&mut self, patch: Patch) -> bool {
        match self {
            Self::Bytes(content) => {
                let bytes = patch.bytes();
                let place = content.get_mut(patch.at..).and_then(|rest| rest.get_mut(..bytes.len()));
                place.map(|place| place.copy_from_slice(bytes)).is_some()
            }
            Self::Live(live) => {
                let marks = patch.at == EXPIRED_AT;
                live.envelope.expired |= marks;
                marks
            }
            Self::Unknown(_) => false,
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// Without the value, which is the user's.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Live(live) => live.fmt(f),
            Self::Unknown(why) => f.debug_tuple("Unknown").field(why).finish(),
        }
    }
}

/// A value as it is in this process, with what a record would say of it.
#[derive(Clone)]
pub struct Live {
    pub(crate) envelope: Envelope,
    pub(crate) value: Arc<dyn Any + Send + Sync>,
    pub(crate) type_name: &'static str,
}

impl Live {
    /// A value of type `V`.
    #[must_use]
    pub fn new<V: Any + Send + Sync>(envelope: Envelope, value: V) -> Self {
        Self { envelope, value: Arc::new(value), type_name: std::any::type_name::<V>() }
    }

    /// What is known of the value.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The value, if it is one of this type.
    #[must_use]
    pub fn value<V: Any>(&self) -> Option<&V> {
        self.value.downcast_ref()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.type_name).finish()
    }
}

/// Some bytes that are overwritten in what is stored: the mark of an expired record, or part of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// How many bytes stand before them.
    pub at: usize,
    bytes: [u8; 8],
    length: usize,
}

impl Patch {
    /// At most 8 bytes; what is longer is cut off.
    #[must_use]
    pub fn new(at: usize, new: &[u8]) -> Self {
        let (mut bytes, length) = ([0; 8], new.len().min(8));
        bytes[..length].copy_from_slice(&new[..length]);
        Self { at, bytes, length }
    }

    /// Marks a record as expired.
    #[must_use]
    pub fn expired() -> Self {
        Self::new(EXPIRED_AT, &[1])
    }

    /// The new bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
