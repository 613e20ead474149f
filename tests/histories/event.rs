//! What happened, and when.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds of a clock that all processes of the machine share.
pub(crate) type Nanos = u64;

/// A value is a number that no other has.
pub(crate) type Value = u64;

pub(crate) fn now() -> Nanos {
    let now = clock_gettime(ClockId::Monotonic);
    let parts = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    let (Ok(seconds), Ok(nanos)) = parts else { unreachable!("the monotonic clock begins at zero") };
    seconds * 1_000_000_000 + nanos
}

/// Something that somebody did, from before it began until after it returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) node: u8,
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    /// The value was computed: the function's own time.
    Computed { value: Value, tags: Tags },
    /// The value was set; where that was an error it may have been, or will be.
    Set { key: u8, value: Value, tags: Tags, is_certain: bool },
    /// The value was returned; fresh values only, or an old one too while somebody renews it.
    Read { key: u8, value: Option<Value>, takes_stale: bool },
    /// An invalidation has returned, and was no error.
    Forgotten { scope: Scope, softly: bool },
}

/// What an invalidation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Scope {
    Key(u8),
    Tag(Tag),
    Region,
}

pub(crate) type Tag = char;

/// The tags of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tags {
    pub(crate) a: bool,
    pub(crate) b: bool,
}

impl Tags {
    pub(crate) fn of(names: &[Tag]) -> Self {
        Self { a: names.contains(&'a'), b: names.contains(&'b') }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Tag> {
        [('a', self.a), ('b', self.b)].into_iter().filter_map(|(name, has)| has.then_some(name))
    }

    pub(crate) fn names(self) -> Vec<String> {
        self.iter().map(String::from).collect()
    }
}
