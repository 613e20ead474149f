//! Single values: how a file writes what the builder has as a type.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde_json::Value;

use super::fault::Fault;
use super::node::Node;
use crate::codec::{Codec, MessagePack};
use crate::region::OnBackendError;
use crate::timing::RefreshAhead;

/// Reads a [`Duration`], or an `Option` of one, from words such as `"10m"`, `"1h 30s"` or `"250ms"`.
///
/// They are those of `humantime`, as in the attribute. For the settings of a backend of one's own.
///
/// # Errors
///
/// If it is no text, or one that is no duration.
///
/// ```
/// use std::time::Duration;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Settings {
///     #[serde(deserialize_with = "cachekit::config::duration")]
///     pause: Duration,
///     #[serde(default, deserialize_with = "cachekit::config::duration")]
///     limit: Option<Duration>,
/// }
///
/// let settings: Settings = serde_json::from_str(r#"{ "pause": "1m 30s" }"#)?;
/// assert_eq!((settings.pause, settings.limit), (Duration::from_secs(90), None));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn duration<'de, T, D>(format: D) -> Result<T, D::Error>
where
    T: From<Duration>,
    D: Deserializer<'de>,
{
    format.deserialize_str(Words).map(T::from)
}

struct Words;

impl Visitor<'_> for Words {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"10m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text).map_err(|reason| {
            let example = "write for example \"10m\", \"1h 30s\" or \"250ms\"";
            if may_be_secret(text) {
                return E::custom(format_args!("this text is no duration: {example}"));
            }
            E::custom(format_args!("`{text}` is no duration ({reason}): {example}"))
        })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Duration, E> {
        Err(E::custom(format_args!("a duration has a unit: write \"{number}s\" for seconds, or for example \"10m\"")))
    }
}

pub(super) fn span(node: &Node<'_>) -> Result<Duration, Fault> {
    duration(node.clone())
}

/// A duration, or none.
pub(super) fn limit(node: &Node<'_>) -> Result<Duration, Fault> {
    if is_unlimited(node) { Ok(Duration::MAX) } else { span(node) }
}

/// A number of entries, or no limit to it.
pub(super) fn capacity(node: &Node<'_>) -> Result<usize, Fault> {
    if is_unlimited(node) {
        return Ok(usize::MAX);
    }
    let entries: NonZeroUsize = one(node, "a number of entries from 1, or \"unlimited\"")?;
    Ok(entries.get())
}

fn is_unlimited(node: &Node<'_>) -> bool {
    node.value.as_str() == Some("unlimited")
}

/// When a value that is fresh is renewed.
pub(super) fn refresh_ahead(node: &Node<'_>) -> Result<RefreshAhead, Fault> {
    match node.entries("").as_deref() {
        Ok([("xfetch", factor)]) => one(factor, "a positive number, usually 1").map(RefreshAhead::XFetch),
        _ if node.value.as_str() == Some("xfetch") => Ok(RefreshAhead::XFetch(1.0)),
        _ => one(node, "a fraction of the ttl such as 0.9, or { xfetch = 1.0 }").map(RefreshAhead::Fraction),
    }
}

pub(super) fn truth(node: &Node<'_>) -> Result<bool, Fault> {
    one(node, "true or false")
}

pub(super) fn whole<N: DeserializeOwned>(node: &Node<'_>) -> Result<N, Fault> {
    one(node, "a whole number")
}

pub(super) fn fraction(node: &Node<'_>) -> Result<f64, Fault> {
    one(node, "a number from 0 to 1")
}

pub(super) fn text(node: &Node<'_>) -> Result<String, Fault> {
    one(node, "a text")
}

pub(super) fn on_backend_error(node: &Node<'_>) -> Result<OnBackendError, Fault> {
    one(node, "\"degrade\" or \"propagate\"")
}

/// A single value; where it is another than the `expected`, that is told in words that a file is written in.
fn one<T: DeserializeOwned>(node: &Node<'_>, expected: &str) -> Result<T, Fault> {
    node.read().map_err(|_| {
        let found = match node.value {
            Value::Null => "nothing".to_owned(),
            Value::String(text) => Shown(text).to_string(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a table".to_owned(),
            one @ (Value::Bool(_) | Value::Number(_)) => format!("`{one}`"),
        };
        node.fault(format!("expected {expected}, found {found}"))
    })
}

/// The codec of a name.
pub(super) fn codec(node: &Node<'_>) -> Result<Arc<dyn Codec>, Fault> {
    let name = text(node)?;
    let known = CODECS.iter().find(|(known, _)| *known == name);
    known.map(|(_, codec)| codec()).ok_or_else(|| {
        node.fault(format!(
            "{} is no codec: write \"messagepack\", or, with the feature `json` of cachekit, \"json\"",
            Shown(&name)
        ))
    })
}

type Make = fn() -> Arc<dyn Codec>;

const CODECS: &[(&str, Make)] = &[
    ("messagepack", || Arc::new(MessagePack)),
    #[cfg(feature = "json")]
    ("json", || Arc::new(crate::codec::Json)),
];

/// Whether a text may hold a password, so that nobody is shown it: it looks like an address.
pub(super) fn may_be_secret(text: &str) -> bool {
    text.contains("://") || text.contains('@')
}

/// A text that somebody wrote, unless it may be a secret.
pub(super) struct Shown<'t>(pub(super) &'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if may_be_secret(self.0) { f.write_str("this text") } else { write!(f, "`{}`", self.0) }
    }
}
