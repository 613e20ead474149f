//! One answer of a server.

use super::parser::Malformed;

/// What a server has answered to one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::memcached) struct Response {
    pub(in crate::memcached) status: Status,
    /// The value, where it was asked for.
    pub(in crate::memcached) value: Vec<u8>,
    /// What whoever stored the value has noted beside it.
    pub(in crate::memcached) mark: u32,
    /// Which version of an item this is: no other has its number.
    pub(in crate::memcached) version: u64,
    /// For how many seconds it is kept; for ever, if that is not said.
    pub(in crate::memcached) left: Option<u64>,
    /// The item is new, or stale, and this is the first to be told so.
    pub(in crate::memcached) won: bool,
    pub(in crate::memcached) stale: bool,
    /// The number of the command.
    pub(in crate::memcached) number: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::memcached) enum Status {
    /// `HD`: it is done, or there is an item.
    #[default]
    Done,
    /// `VA`: there is an item, and this is its value.
    Value,
    /// `EN`: there is no item.
    Missing,
    /// `NS`: not stored, since there is an item.
    NotStored,
    /// `EX`: not stored, since the item is another.
    Exists,
    /// `NF`: there is no item, so nothing is done.
    NotFound,
    /// `MN`.
    Noop,
    /// What cannot be carried out.
    Error(String),
    /// What `stats` tells, by its names.
    Stats(Vec<(String, String)>),
}

impl Response {
    pub(super) fn of(status: Status) -> Self {
        Self { status, ..Self::default() }
    }

    pub(in crate::memcached) fn is_error(&self) -> bool {
        matches!(self.status, Status::Error(_))
    }

    /// The same with flags as they stand behind a status; those that nobody asked for are passed over.
    pub(super) fn with<'a>(mut self, flags: impl Iterator<Item = &'a str>) -> Result<Self, Malformed> {
        for flag in flags {
            let mut rest = flag.chars();
            let letter = rest.next();
            let rest = rest.as_str();
            match letter {
                Some('f') => self.mark = number(rest)?,
                Some('c') => self.version = number(rest)?,
                Some('t') => self.left = if rest == "-1" { None } else { Some(number(rest)?) },
                Some('O') => self.number = Some(number(rest)?),
                Some('W') => self.won = true,
                Some('X') => self.stale = true,
                _ => {}
            }
        }
        Ok(self)
    }
}

pub(super) fn number<N: std::str::FromStr>(text: &str) -> Result<N, Malformed> {
    text.parse().map_err(|_| Malformed("a number"))
}
