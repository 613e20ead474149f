//! Keys made by a function of the user's.
//!
//! A generator sees what the default form is made of and returns any text.
//! Keys it makes are keys set by hand: functions whose generators return one text share one entry.

use std::fmt;

use super::text;

/// What a key generator knows about a call.
///
/// ```
/// use cachekit::KeyContext;
///
/// /// Keys such as `load_user:id=5`.
/// fn keywords(context: &KeyContext<'_>) -> String {
///     let arguments: Vec<String> = context.arguments().map(|(name, value)| format!("{name}={value}")).collect();
///     format!("{}:{}", context.function(), arguments.join("&"))
/// }
/// # let _: fn(&KeyContext<'_>) -> String = keywords;
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
    pub fn arguments(&self) -> impl Iterator<Item = (&'static str, String)> + use<'a> {
        let mut parts = text::parts(self.arguments).into_iter();
        self.names.iter().filter_map(move |name| Some((*name, parts.next()?)))
    }
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
