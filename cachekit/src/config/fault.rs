//! What is wrong in a configuration, and where.
//!
//! Faults are gathered rather than returned at the first, so that one look at the error repairs a file.
//! As an error of serde a fault names what was expected and what kind of value was found, never the value.

use std::fmt::{self, Write as _};

use serde::de;

use crate::error::{Error, Kind};

/// Where in a configuration, such as `regions.users.ttl`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn root() -> Self {
        Self(String::new())
    }

    /// Keys that are no words stand in quotes, as in TOML; addresses with a login are not shown.
    pub(super) fn key(&self, key: &str) -> Self {
        let key = plain(key);
        let mut path = self.0.clone();
        if !path.is_empty() {
            path.push('.');
        }
        let is_word = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if is_word {
            path.push_str(key);
        } else {
            // Writing to a string does not fail.
            let _ = write!(path, "{key:?}");
        }
        Self(path)
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The parts of a text that a fault at this place, or below it, was written as.
    pub(super) fn split<'t>(&self, text: &'t str) -> Option<(Self, &'t str)> {
        let (below, text) = text.strip_prefix(&self.0)?.split_once(": ")?;
        Some((Self(format!("{}{below}", self.0)), text))
    }
}

/// A key, unless it is an address with a login, which may hold a password.
pub(super) fn plain(key: &str) -> &str {
    if key.contains("://") && key.contains('@') { "…" } else { key }
}

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Fault {
    /// Where; until it is known, none.
    pub(super) path: Option<Path>,
    pub(super) kind: Kind,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { path: None, kind: Kind::Settings, text: text.into() }
    }

    /// What an error says, at a place.
    pub(super) fn of(path: &Path, error: &Error) -> Self {
        Self { path: Some(path.clone()), kind: error.kind(), text: error.to_string() }
    }

    /// With the place, unless a nearer one is known.
    pub(super) fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }

    pub(super) fn into_error(self) -> Error {
        Error::new(self.kind, self.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(Path(path)) => write!(f, "{path}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {}", kind_of(found)))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found another {}", kind_of(found).trim_start_matches("a ")))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {length}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected {}", one_of(expected)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("this key is not known: expected {}", one_of(expected)))
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(format!("the key `{key}` is missing"))
    }
}

/// What kind of value was found.
pub(super) fn kind_of(found: de::Unexpected<'_>) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "a truth value",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) | de::Unexpected::Float(_) => "a number",
        de::Unexpected::Char(_) | de::Unexpected::Str(_) => "a text",
        de::Unexpected::Unit | de::Unexpected::Option => "nothing",
        de::Unexpected::Seq => "a list",
        de::Unexpected::Map => "a table",
        _ => "something else",
    }
}

/// The names from which one is to be chosen.
pub(super) fn one_of(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [name] => name.clone(),
        _ => format!("one of {}", names.join(", ")),
    }
}

/// Everything that is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.0.extend(faults);
    }

    /// The result; its faults are noted.
    pub(super) fn unless<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        result.map_err(|faults| self.0.extend(faults.0)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn none(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    pub(super) fn into_error(mut self) -> Error {
        let kind = match self.0.split_first() {
            Some((first, others)) if others.iter().all(|fault| fault.kind == first.kind) => first.kind,
            _ => Kind::Settings,
        };
        self.0.sort_by(|one, other| (&one.path, &one.text).cmp(&(&other.path, &other.text)));
        let mut message = String::from("the configuration is not right, and nothing of it was applied:");
        for fault in self.0 {
            // Writing to a string does not fail.
            let _ = write!(message, "\n  {fault}");
        }
        Error::new(kind, message)
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}
