//! What identifies an entry.
//!
//! A key is either the call of an annotated function, its name and its arguments as canonical bytes, or a text that
//! somebody made by hand. Both have one text form, and from text comes the same key again, so a program may log a key,
//! store it, and hand it back to [`Region::delete`](crate::Region::delete).

mod display;
pub mod generate;
pub(crate) mod generator;
pub mod mangle;
pub(crate) mod part;
pub(crate) mod text;
pub(crate) mod writer;

use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use smallvec::SmallVec;

use crate::companion::AnyFunction;
use crate::tags::TagNames;

pub(crate) type Arguments = SmallVec<[u8; 36]>;

/// What identifies one entry of a region.
///
/// [`Display`](fmt::Display) gives the text that a backend sees before prefix and mangler, and
/// [`FromStr`] gives the key back:
///
/// ```text
/// users:app::load_user[v1]@3|5,"ann"
/// ```
///
/// names the region `users`, the function `load_user` of the module `app` with `namespace = "v1"` and `version = 3`,
/// and its arguments.
/// Every text is a key: one that no function has is a key set by hand. So is the text of arguments that are nested more
/// than 256 deep.
///
/// ```
/// use cachekit::Key;
///
/// let key: Key = "greeting".into();
/// assert_eq!(key.to_string(), "greeting");
/// assert_eq!(key, key.to_string().parse().unwrap());
/// ```
#[derive(Clone)]
pub struct Key {
    form: Form,
    /// The function that made the key; no part of what the key is, but it finds the function's table even where another
    /// function has the same name.
    origin: Option<&'static dyn AnyFunction>,
    /// The tags of what is stored under the key; no part of what the key is either.
    tags: TagNames,
}

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Form {
    /// A text that is not that of a call.
    Hand(Box<str>),
    /// The function with its region, namespace and version, and the arguments.
    Call { function: Box<str>, arguments: Arguments },
}

impl Key {
    pub(crate) fn call(function: String, arguments: &[u8]) -> Self {
        Self {
            form: Form::Call { function: function.into(), arguments: Arguments::from_slice(arguments) },
            origin: None,
            tags: TagNames::default(),
        }
    }

    pub(crate) fn made_by(mut self, origin: &'static dyn AnyFunction, tags: TagNames) -> Self {
        self.origin = Some(origin);
        self.tags = tags;
        self
    }

    /// Gives these tags to what is stored under the key by this call; they are no part of the key.
    ///
    /// An entry has the tags of its last value: to store without any takes them away. The entry of a function keeps those of
    /// the function's attribute beside these, which the key from its companion `key` brings along; the text of such a key
    /// does not, and is refused.
    ///
    /// ```
    /// use cachekit::{Key, Region};
    ///
    /// let region = Region::builder("tagged by hand").build()?;
    /// region.set(Key::from("cart").tagged(["user:5", "carts"]), &3_u32)?;
    /// region.invalidate_tag("user:5")?;
    /// assert_eq!(region.get::<u32>("cart")?, None);
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    #[must_use]
    pub fn tagged(mut self, tags: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.tags.extend(tags);
        self
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    pub(crate) fn tags(&self) -> &TagNames {
        &self.tags
    }

    pub(crate) fn origin(&self) -> Option<&'static dyn AnyFunction> {
        self.origin
    }
}

/// The text before the arguments of a call.
///
/// The characters that the form needs for itself are escaped in names that a user chooses freely.
pub(crate) fn write_function(
    region: &str,
    [module, name]: [&str; 2],
    namespace: Option<&str>,
    version: Option<u64>,
    out: &mut String,
) {
    escape(region, out);
    out.push(':');
    write_path(module, name, namespace, version, out);
}

/// Module, name, namespace and version of a function, as they stand in every form of its keys.
pub(crate) fn write_path(module: &str, name: &str, namespace: Option<&str>, version: Option<u64>, out: &mut String) {
    out.extend([module, "::", name]);
    if let Some(namespace) = namespace {
        out.push('[');
        escape(namespace, out);
        out.push(']');
    }
    if let Some(version) = version {
        // Writing to a string does not fail.
        let _ = write!(out, "@{version}");
    }
}

/// Appends the arguments of a call to its function.
pub(crate) fn write_arguments(arguments: &[u8], out: &mut String) {
    out.push('|');
    text::write(arguments, out);
}

/// What the form of a key needs for itself.
const ESCAPED: [char; 5] = [':', '|', '[', ']', '%'];

/// The name of a region as every key of the region begins with it; no region's is the beginning of another's.
pub(crate) fn region_text(region: &str) -> String {
    let mut text = String::with_capacity(region.len() + 1);
    escape(region, &mut text);
    text.push(':');
    text
}

fn escape(name: &str, out: &mut String) {
    if !name.contains(ESCAPED) {
        out.push_str(name);
        return;
    }
    for character in name.chars() {
        if ESCAPED.contains(&character) {
            // Writing to a string does not fail.
            let _ = write!(out, "%{:02X}", u32::from(character));
        } else {
            out.push(character);
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Hand(text) => f.write_str(text),
            Form::Call { function, arguments } => {
                let mut text = String::with_capacity(32);
                write_arguments(arguments, &mut text);
                f.write_str(function)?;
                f.write_str(&text)
            }
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.form.hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.form.cmp(&other.form)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.to_string()).finish()
    }
}

impl FromStr for Key {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        // Arguments may hold the bar, names may not: the first one ends the name.
        let call = text.split_once('|').and_then(|(function, arguments)| {
            function.contains("::").then_some(())?;
            Some(Self::call(function.to_owned(), &text::read(arguments)?.to_bytes()))
        });
        call.unwrap_or_else(|| Self { form: Form::Hand(text.into()), origin: None, tags: TagNames::default() })
    }
}

macro_rules! from_text {
    ($($text:ty),*) => {$(
        impl From<$text> for Key {
            fn from(text: $text) -> Self {
                let text: &str = text.as_ref();
                text.into()
            }
        }
    )*};
}

from_text!(String, &String, &&str, &&String, std::borrow::Cow<'_, str>);

impl From<&Key> for Key {
    fn from(key: &Key) -> Self {
        key.clone()
    }
}
