//! What an operation told, and what is wrong with that.

use std::fmt;
use std::sync::Arc;

use super::drive::Caller;
use crate::backend::{Acquired, Content};

/// The rules by their numbers, from 1.
pub(super) const RULES: [&str; 15] = [
    "what was stored is found",
    "who has written reads",
    "whole or not at all",
    "dropping early is no fault",
    "many as one",
    "`add` stores only where nothing is stored",
    "`patch` overwrites bytes of what is stored",
    "one lease per key",
    "newer content ends the search",
    "`commit` stores only while the lease is the token's own",
    "`set`, `delete` and `patch` end the lease of the key",
    "`renew` and `abandon` touch the token's own lease only",
    "threads and tasks",
    "time limits",
    "errors are told",
];

pub(super) type Outcome<T = ()> = Result<T, Fault>;

/// A rule that is broken, and how that was seen.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) rule: usize,
    pub(super) operation: &'static str,
    pub(super) caller: Caller,
    pub(super) when: String,
    pub(super) expected: String,
    pub(super) came: String,
    /// No answer came, and others may not come either.
    pub(super) hangs: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, caller, when, expected, came, .. } = self;
        let name = if operation.contains(' ') { (*operation).to_owned() } else { format!("`{operation}`") };
        write!(f, "{name} of {caller}, {when}: expected {expected}, came {came}")
    }
}

/// What an operation told.
#[derive(Clone, Debug)]
pub(super) struct Told<T> {
    pub(super) rule: usize,
    pub(super) operation: &'static str,
    pub(super) caller: Caller,
    pub(super) value: T,
}

impl<T> Told<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Told<U> {
        Told { rule: self.rule, operation: self.operation, caller: self.caller, value: change(self.value) }
    }
}

impl<T: PartialEq + fmt::Debug> Told<T> {
    pub(super) fn is(self, expected: T, when: impl fmt::Display) -> Outcome {
        self.one_of(&[expected], when)
    }

    pub(super) fn one_of(self, expected: &[T], when: impl fmt::Display) -> Outcome {
        if expected.contains(&self.value) {
            return Ok(());
        }
        let expected: Vec<String> = expected.iter().map(|one| format!("{one:?}")).collect();
        Err(Fault {
            rule: self.rule,
            operation: self.operation,
            caller: self.caller,
            when: when.to_string(),
            expected: expected.join(" or "),
            came: format!("{:?}", self.value),
            hangs: false,
        })
    }
}

/// A content that can be compared and shown.
#[derive(Clone, PartialEq)]
pub(super) enum Kept {
    Bytes(Vec<u8>),
    /// Where the object is, and whether somebody expired it.
    Live(usize, bool),
    Unknown(String),
}

impl Kept {
    /// The same content with the mark that somebody expired it.
    pub(super) fn expired(&self) -> Self {
        match self {
            Self::Bytes(bytes) => {
                let mut content = Content::Bytes(bytes.clone());
                content.patch(crate::backend::Patch::expired());
                Self::from(&content)
            }
            Self::Live(place, _) => Self::Live(*place, true),
            Self::Unknown(why) => Self::Unknown(why.clone()),
        }
    }
}

impl From<&Content> for Kept {
    fn from(content: &Content) -> Self {
        match content {
            Content::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Content::Live(live) => Self::Live(Arc::as_ptr(&live.value).addr(), live.envelope.expired),
            Content::Unknown(why) => Self::Unknown(why.to_string()),
        }
    }
}

/// The first bytes, and of long contents a checksum, so that two of them are told apart.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        match self {
            Self::Bytes(bytes) if bytes.len() <= SHOWN => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Bytes(bytes) => {
                let (head, sum) = (bytes[..SHOWN].escape_ascii(), crc32fast::hash(bytes));
                write!(f, "b\"{head}…\" ({} bytes, crc32 {sum:08x})", bytes.len())
            }
            Self::Live(place, expired) => {
                write!(f, "the live object at {place:#x}{}", if *expired { ", expired" } else { "" })
            }
            Self::Unknown(why) => write!(f, "what nobody knows, since {why}"),
        }
    }
}

/// What became of a request for a lease, without the time that somebody else's has left.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lent {
    Granted,
    Busy,
    Stored(Kept),
}

impl From<&Acquired> for Lent {
    fn from(acquired: &Acquired) -> Self {
        match acquired {
            Acquired::Granted => Self::Granted,
            Acquired::Busy(_) => Self::Busy,
            Acquired::Stored(content) => Self::Stored(content.into()),
        }
    }
}
