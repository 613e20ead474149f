//! What the attribute says of a function: its name, its place and its settings.
//!
//! A constant that the generated code makes; what it means in a region is decided where it is asked.

use std::time::Duration;

use crate::error::Error;
use crate::freshness::Timing;
use crate::key::generator::KeyContext;
use crate::key::{Key, function_text};
use crate::region::Region;
use crate::region::core::Core;

/// How an attribute names its region.
#[derive(Clone, Copy, Debug)]
pub enum RegionRef {
    /// By name, looked up in the registry.
    Name(&'static str),
    /// By path.
    Path(fn() -> &'static Region),
}

/// Name, place and settings of an annotated function.
#[derive(Clone, Copy, Debug)]
pub struct FnInfo {
    module: &'static str,
    name: &'static str,
    region: RegionRef,
    file: &'static str,
    line: u32,
    namespace: Option<&'static str>,
    version: Option<u64>,
    arguments: &'static [&'static str],
    ttl: Option<fn() -> Duration>,
    stale_if_error: Option<fn() -> Duration>,
    jitter: Option<f64>,
    key_generator: Option<fn(&KeyContext<'_>) -> String>,
}

impl FnInfo {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        module: &'static str,
        name: &'static str,
        region: RegionRef,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            module,
            name,
            region,
            file,
            line,
            namespace: None,
            version: None,
            arguments: &[],
            ttl: None,
            stale_if_error: None,
            jitter: None,
            key_generator: None,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn arguments(mut self, names: &'static [&'static str]) -> Self {
        self.arguments = names;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn ttl(mut self, ttl: fn() -> Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn stale_if_error(mut self, span: fn() -> Duration) -> Self {
        self.stale_if_error = Some(span);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = Some(fraction);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn key_generator(mut self, generator: fn(&KeyContext<'_>) -> String) -> Self {
        self.key_generator = Some(generator);
        self
    }

    /// The path of the module that declares the function.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// The name of the function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The file and the line of the attribute.
    #[must_use]
    pub fn place(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }

    pub(crate) fn region(&self) -> Result<&'static Region, Error> {
        match self.region {
            RegionRef::Name(name) => crate::region(name),
            RegionRef::Path(region) => Ok(region()),
        }
    }

    /// What the attribute says of staleness.
    pub(crate) fn timing(&self) -> Timing {
        Timing { stale_if_error: self.stale_if_error.map(|span| span()), jitter: self.jitter, ..Timing::default() }
    }

    pub(crate) fn own_ttl(&self) -> Option<fn() -> Duration> {
        self.ttl
    }

    /// The text of the function's keys before the arguments.
    pub(crate) fn text(&self, core: &Core) -> String {
        let version = self.version.or(core.settings().version);
        function_text(&core.name, &self.path(), self.namespace, version)
    }

    /// Module and name, as `app::users::load_user`.
    pub(crate) fn path(&self) -> String {
        format!("{}::{}", self.module, self.name)
    }

    /// Whether a key generator makes the keys.
    pub(crate) fn has_generator(&self, core: &Core) -> bool {
        self.key_generator.is_some() || core.settings().key_generator.is_some()
    }

    /// What the key generator of the function, or else of the region, makes of a call.
    pub(crate) fn generated(&self, core: &Core, arguments: &[u8]) -> Option<String> {
        let settings = core.settings();
        let context = KeyContext {
            region: &core.name,
            module: self.module,
            function: self.name,
            namespace: self.namespace,
            version: self.version.or(settings.version),
            names: self.arguments,
            arguments,
        };
        match (self.key_generator, &settings.key_generator) {
            (Some(generator), _) => Some(generator(&context)),
            (None, Some(generator)) => Some(generator(&context)),
            (None, None) => None,
        }
    }

    /// The key of a call with these arguments.
    pub(crate) fn key(&self, core: &Core, arguments: &[u8]) -> Key {
        match self.generated(core, arguments) {
            Some(text) => text.into(),
            None => Key::call(self.text(core), arguments),
        }
    }

    #[cold]
    pub(crate) fn refuse(&self, error: &Error) -> ! {
        panic!("`{}` at {}:{} cannot be called: {error}", self.path(), self.file, self.line)
    }
}
