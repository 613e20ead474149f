//! Entries that are set by hand: one table for values of any type, seen as a table of one type.
//!
//! A value of another type than the one asked for counts as missing here; [`Region::get`](super::Region::get) tells.

use std::any::Any;
use std::sync::Arc;

use crate::freshness::{Circumstances, Stamp, Verdict};
use crate::key::Key;
use crate::key::writer::KeyWriter;
use crate::near::argkey::AnyArgKey;
use crate::near::table::Table;
use crate::near::{Added, AnyNear, Found, Made, Near, Pinned};

/// A value with the name of its type.
#[derive(Clone)]
pub(crate) struct HandValue {
    value: Arc<dyn Any + Send + Sync>,
    pub(crate) type_name: &'static str,
}

impl HandValue {
    fn new<V: Send + Sync + 'static>(value: V) -> Self {
        Self { value: Arc::new(value), type_name: std::any::type_name::<V>() }
    }

    pub(crate) fn is<V: 'static>(&self) -> bool {
        self.value.is::<V>()
    }
}

pub(crate) type HandTable = Table<HandValue, AnyArgKey>;

/// The bytes under which a text is kept.
pub(crate) fn hand_bytes(text: &str) -> KeyWriter {
    let mut bytes = KeyWriter::new();
    bytes.str(text);
    bytes
}

/// The key with these bytes.
pub(crate) fn hand_key(bytes: &[u8]) -> Key {
    // A tag, the length in LEB128, and the text.
    let length = bytes.iter().skip(1).position(|byte| *byte < 0x80).map_or(0, |last| last + 1);
    String::from_utf8_lossy(bytes.get(1 + length..).unwrap_or_default()).into()
}

/// The table as one of values `V`.
pub(crate) struct HandNear(pub(crate) Arc<HandTable>);

impl<V: Clone + Send + Sync + 'static> Near<V> for HandNear {
    fn any(&self) -> &dyn AnyNear {
        &*self.0
    }

    fn read(&self, arguments: &[u8], mark: bool) -> Option<Found<V>> {
        let found = self.0.read(arguments, mark)?;
        Some(Found {
            value: found.value.value.downcast_ref::<V>()?.clone(),
            stamp: found.stamp,
            expired: found.expired,
        })
    }

    fn pinned(&self, work: &mut dyn FnMut(&dyn Pinned<V>)) {
        self.0.pinned(&mut |table| work(&PinnedHand(table)));
    }
}

struct PinnedHand<'a>(&'a dyn Pinned<HandValue>);

impl<V: Clone + Send + Sync + 'static> Pinned<V> for PinnedHand<'_> {
    fn look(&self, arguments: &[u8], at: &Circumstances, seen: &mut dyn FnMut(&V, &Stamp, Verdict)) {
        self.0.look(arguments, at, &mut |value, stamp, verdict| {
            if let Some(value) = value.value.downcast_ref() {
                seen(value, stamp, verdict);
            }
        });
    }

    fn replace(&self, arguments: &[u8], value: &mut Option<V>, made: &Made, owed: &dyn Fn()) {
        let mut by_hand = value.take().map(HandValue::new);
        self.0.replace(arguments, &mut by_hand, made, owed);
        // Given back where there was nothing to replace; nobody else has seen it.
        *value = by_hand.and_then(|new| Arc::into_inner(new.value.downcast().ok()?));
    }

    fn insert(&self, arguments: &[u8], value: V, made: &Made, ticket: u32) -> Option<Added> {
        self.0.insert(arguments, HandValue::new(value), made, ticket)
    }
}
