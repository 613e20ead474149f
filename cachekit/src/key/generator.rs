//! Keys made by a function of the user's, or by one of [`generate`](super::generate).
//!
//! A generator sees what the default form is made of and returns any text.
//! Keys it makes are keys set by hand: functions whose generators return one text share one entry.

use std::fmt;

use super::{display, text};

/// What a key generator knows about a call.
///
/// ```
/// use cachekit::KeyContext;
///
/// /// Keys such as `load_user:id=5`.
/// fn query(context: &KeyContext<'_>) -> String {
///     let arguments: Vec<String> = context.arguments().map(|(name, value)| format!("{name}={value}")).collect();
///     format!("{}:{}", context.function(), arguments.join("&"))
/// }
/// # let _: fn(&KeyContext<'_>) -> String = query;
/// ```
#[derive(Clone, Copy)]
pub struct KeyContext<'a> {
    pub(crate) region: &'a str,
    pub(crate) module: &'static str,
    pub(crate) function: &'static str,
    pub(crate) namespace: Option<&'static str>,
    pub(crate) version: Option<u64>,
    pub(crate) names: &'static [&'static str],
    pub(crate) arguments: &'a [u8],
}

impl<'a> KeyContext<'a> {
    /// The name of the region.
    #[must_use]
    pub fn region(&self) -> &'a str {
        self.region
    }

    /// The path of the module that declares the function, such as `app::users`.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// The name of the function.
    #[must_use]
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// The option `namespace` of the attribute.
    #[must_use]
    pub fn namespace(&self) -> Option<&'static str> {
        self.namespace
    }

    /// The option `version` of the attribute, or else of the region.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// The parts of the key in order, each with the name of its argument (or the expression of `key(…)`) and its text:
    /// a string in quotes, a number in digits.
    ///
    /// The texts delimit themselves: parts that are joined by commas can be told apart again.
    pub fn arguments(&self) -> impl Iterator<Item = (&'static str, String)> + use<'a> {
        named(self.names, text::parts(self.arguments))
    }

    /// The same parts, with the texts that `Display` has for them: a string as it is, a float as `1` and not as `1.0`, the
    /// content of an option in its place.
    ///
    /// What has no `Display`, or writes something else into keys, has the text that it has in
    /// [`arguments`](Self::arguments): `none`, `[1,2]`, a path or bytes as `x"00ff"`, an instant as seconds and nanoseconds,
    /// a UUID as a number.
    pub fn displayed_arguments(&self) -> impl Iterator<Item = (&'static str, String)> + use<'a> {
        named(self.names, display::displayed(self.arguments))
    }
}

fn named(names: &'static [&'static str], parts: Vec<String>) -> impl Iterator<Item = (&'static str, String)> {
    names.iter().copied().zip(parts)
}

impl fmt::Debug for KeyContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyContext")
            .field("region", &self.region)
            .field("module", &self.module)
            .field("function", &self.function)
            .field("namespace", &self.namespace)
            .field("version", &self.version)
            .field("arguments", &self.arguments().collect::<Vec<_>>())
            .finish()
    }
}
