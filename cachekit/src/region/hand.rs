//! Entries that are set by hand: one table for values of any type.
//!
//! A value of another type than the one asked for counts as missing; [`Region::get`](super::Region::get) tells.

use std::any::{Any, TypeId};

use crate::freshness::{Circumstances, Epoch, Stamp, Verdict};
use crate::key::Key;
use crate::key::writer::KeyWriter;
use crate::near::argkey::AnyArgKey;
use crate::near::eviction::{Candidate, Queue, Ticket};
use crate::near::table::Table;
use crate::near::{Added, Found, Made, Near, Pinned};
use crate::values::{Shared, typed};

/// A value with the name of its type.
#[derive(Clone)]
struct HandValue {
    value: Shared,
    type_name: &'static str,
}

/// The entries by hand of a region.
pub(crate) struct Hand(Table<HandValue, AnyArgKey>);

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

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Table::new())
    }

    /// The entry, and the name of its type.
    pub(crate) fn named(&self, arguments: &[u8]) -> Option<(Found, &'static str)> {
        let found = self.0.read(arguments, false)?;
        let HandValue { value, type_name } = typed::<HandValue>(&found.value).clone();
        Some((Found { value, ..found }, type_name))
    }
}

impl Near for Hand {
    fn purge(&self, keep: Option<Epoch>, gone: &mut dyn FnMut()) {
        self.0.purge(keep, gone);
    }

    fn sweep(&self, candidate: Candidate, at: &Circumstances, gone: &mut dyn FnMut()) {
        self.0.sweep(candidate, at, gone);
    }

    fn holds(&self, candidate: Candidate) -> bool {
        self.0.holds(candidate)
    }

    fn evict_unless_used(&self, candidate: Candidate, queue: Queue, gone: &mut dyn FnMut()) -> bool {
        self.0.evict_unless_used(candidate, queue, gone)
    }

    fn hash(&self, arguments: &[u8]) -> Option<u64> {
        self.0.hash(arguments)
    }

    fn is_of(&self, _: TypeId) -> bool {
        true
    }

    fn value_type(&self) -> &'static str {
        "value of any type"
    }

    fn read(&self, arguments: &[u8], mark: bool) -> Option<Found> {
        let found = self.0.read(arguments, mark)?;
        Some(Found { value: typed::<HandValue>(&found.value).value.clone(), ..found })
    }

    fn with_own(&self, value: Shared, type_name: &'static str, work: &mut dyn FnMut(&mut dyn Any)) {
        work(&mut Some(HandValue { value, type_name }));
    }

    fn pinned(&self, work: &mut dyn FnMut(&dyn Pinned)) {
        self.0.pinned(&mut |table| work(&PinnedHand(table)));
    }
}

struct PinnedHand<'a>(&'a dyn Pinned);

impl Pinned for PinnedHand<'_> {
    fn remove(&self, arguments: &[u8]) -> bool {
        self.0.remove(arguments)
    }

    fn has(&self, arguments: &[u8]) -> bool {
        self.0.has(arguments)
    }

    fn expire(&self, arguments: &[u8]) {
        self.0.expire(arguments);
    }

    fn look(&self, arguments: &[u8], at: &Circumstances, seen: &mut dyn FnMut(&dyn Any, &Stamp, Verdict)) {
        self.0.look(arguments, at, &mut |value, stamp, verdict| {
            if let Some(value) = value.downcast_ref::<HandValue>() {
                seen(&*value.value, stamp, verdict);
            }
        });
    }

    fn replace(&self, arguments: &[u8], own: &mut dyn Any, made: &Made, owed: &dyn Fn()) -> bool {
        self.0.replace(arguments, own, made, owed)
    }

    fn insert(&self, arguments: &[u8], own: &mut dyn Any, made: &Made, ticket: Ticket) -> Option<Added> {
        self.0.insert(arguments, own, made, ticket)
    }
}
