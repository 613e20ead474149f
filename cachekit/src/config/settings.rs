//! The table of a backend, until its factory reads it.
//!
//! It may hold secrets, so nobody is shown what it holds: neither `Debug`, nor an error of whoever reads it.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Fault, Path, plain};
use super::node::Node;
use crate::error::Error;

/// The settings of a backend, as a configuration has them, for [`backend_factory!`](crate::backend_factory!).
///
/// `Debug` shows their keys only.
#[derive(Clone)]
pub struct Settings {
    path: Path,
    table: Value,
}

impl Settings {
    pub(super) fn new(path: Path, table: Value) -> Self {
        Self { path, table }
    }

    /// The settings as a type of one's own; durations by [`duration`](super::duration).
    ///
    /// Keys that the type does not read are an error in any case; with `#[serde(deny_unknown_fields)]` it also names those
    /// that there are.
    ///
    /// # Errors
    ///
    /// If a key is missing, unknown, or of another type. The error names it, by its path in the whole configuration, and does
    /// not show its value.
    ///
    /// ```
    /// use cachekit::Error;
    /// use cachekit::config::Settings;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct Shelf {
    ///     room: u64,
    /// }
    ///
    /// fn room(settings: Settings) -> Result<u64, Error> {
    ///     Ok(settings.read::<Shelf>()?.room)
    /// }
    /// # let _ = room;
    /// ```
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        let node = Node::new(self.path.clone(), &self.table);
        node.read().map_err(|fault| Fault { text: self.without_values(fault.text), ..fault }.into_error())
    }

    /// An error of the factory as a fault; one of [`read`](Self::read) has its path already, and shows nothing.
    pub(super) fn fault(&self, error: &Error) -> Fault {
        let fault = Fault::of(&self.path, error);
        match self.path.split(&fault.text) {
            Some((path, text)) => Fault { path: Some(path), text: text.to_owned(), ..fault },
            None => Fault { text: self.without_values(fault.text), ..fault },
        }
    }

    /// A text without the texts of the table.
    fn without_values(&self, text: String) -> String {
        let mut secrets = Vec::new();
        gather(&self.table, &mut secrets);
        // The longer ones first, since one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "…"))
    }
}

/// The texts of a value, as they are and as `Debug` writes them, and what addresses among them have before the `@`.
fn gather(value: &Value, secrets: &mut Vec<String>) {
    /// Texts that are shorter keep no secret, and are found in any sentence.
    const SHORTEST: usize = 4;

    match value {
        Value::String(text) => {
            let login = text
                .rsplit_once('@')
                .map_or("", |(before, _)| before.rsplit_once("//").map_or(before, |(_, login)| login));
            let quoted = format!("{text:?}");
            let escaped = quoted[1..quoted.len() - 1].to_owned();
            let password = login.split_once(':').map_or("", |(_, password)| password);
            let found = [text.as_str(), &escaped, login, password].map(str::to_owned);
            secrets.extend(found.into_iter().filter(|secret| secret.len() >= SHORTEST));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, secrets)),
        Value::Object(table) => table.values().for_each(|value| gather(value, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings ")?;
        Keys(&self.table).fmt(f)
    }
}

/// Shows a value without what it holds; of a table the keys.
pub(super) struct Keys<'v>(pub(super) &'v Value);

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Object(table) => {
                f.debug_map().entries(table.iter().map(|(key, value)| (plain(key), Keys(value)))).finish()
            }
            _ => f.write_str("…"),
        }
    }
}
