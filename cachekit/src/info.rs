//! What the attribute says of a function: its name, its place and its settings.
//!
//! A constant that the generated code makes; what it means in a region is decided where it is asked.

use std::time::Duration;

use crate::companion::AnyFunction;
use crate::error::Error;
use crate::generic::Generic;
use crate::key::generator::KeyContext;
use crate::key::{Key, write_function};
use crate::region::Region;
use crate::region::core::Core;
use crate::region::runner::DRIVES_TASKS;
use crate::timing::{RefreshAhead, Timing, Ttl};

/// How an attribute names its region.
#[derive(Clone, Copy, Debug)]
pub enum RegionRef {
    /// By name, looked up in the registry.
    Name(&'static str),
    /// By path.
    Path(fn() -> &'static Region),
}

/// Why the keys of a function do not tell its entries apart, so that these never leave the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkeyed {
    /// It has one table for each instantiation, and types have no text that lasts.
    Generic,
    /// The same, but the attribute says that they stay in memory.
    Asked,
    /// The macro does not see whose method it is.
    Ownerless,
}

/// A region that the attribute of a function names whose entries are those of another function, and of that one's region.
#[derive(Debug)]
pub struct Repeated {
    /// The function, with the region that it names.
    pub given: FnInfo,
    /// The one that has the entries.
    pub entries_of: fn() -> &'static FnInfo,
}

inventory::collect!(Repeated);

/// Name, place and settings of an annotated function.
#[expect(clippy::struct_excessive_bools, reason = "each is what an attribute says or does not say")]
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
    stale_while_revalidate: Option<fn() -> Duration>,
    stale_if_error: Option<fn() -> Duration>,
    refresh_ahead: Option<fn() -> RefreshAhead>,
    jitter: Option<f64>,
    wait_timeout: Option<fn() -> Duration>,
    deadline: Option<fn() -> Duration>,
    error_ttl: Option<fn() -> Duration>,
    /// Whether values may have a ttl of their own.
    values_have_ttl: bool,
    /// Whether renewals run in the background, as tasks.
    renewed_by_tasks: bool,
    /// Whether entries have tags.
    tagged: bool,
    /// Whether it returns no `Result`, of one that has settings for failures.
    never_fails: bool,
    /// Whether values never leave the process.
    in_memory: bool,
    /// Why they do not, although nobody has asked for that.
    unkeyed: Option<Unkeyed>,
    /// The function of which this is one instantiation.
    generic: Option<&'static Generic>,
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
            stale_while_revalidate: None,
            stale_if_error: None,
            refresh_ahead: None,
            jitter: None,
            wait_timeout: None,
            deadline: None,
            error_ttl: None,
            values_have_ttl: false,
            renewed_by_tasks: false,
            tagged: false,
            never_fails: false,
            in_memory: false,
            unkeyed: None,
            generic: None,
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
    pub const fn stale_while_revalidate(mut self, span: fn() -> Duration) -> Self {
        self.stale_while_revalidate = Some(span);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn refresh_ahead(mut self, when: fn() -> RefreshAhead) -> Self {
        self.refresh_ahead = Some(when);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn wait_timeout(mut self, span: fn() -> Duration) -> Self {
        self.wait_timeout = Some(span);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn deadline(mut self, span: fn() -> Duration) -> Self {
        self.deadline = Some(span);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn error_ttl(mut self, span: fn() -> Duration) -> Self {
        self.error_ttl = Some(span);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn renewed_by_tasks(mut self) -> Self {
        self.renewed_by_tasks = true;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn tagged(mut self) -> Self {
        self.tagged = true;
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
        let evaluated = |span: Option<fn() -> Duration>| span.map(|span| span());
        Timing {
            stale_while_revalidate: evaluated(self.stale_while_revalidate),
            stale_if_error: evaluated(self.stale_if_error),
            refresh_ahead: self.refresh_ahead.map(|when| when()),
            jitter: self.jitter,
            retry_after: None,
            wait_timeout: evaluated(self.wait_timeout),
            deadline: evaluated(self.deadline),
        }
    }

    /// The function returns no `Result`.
    #[doc(hidden)]
    #[must_use]
    pub const fn never_fails(mut self) -> Self {
        self.never_fails = true;
        self
    }

    pub(crate) const fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// The keys do not tell all entries apart.
    #[doc(hidden)]
    #[must_use]
    pub const fn unkeyed(mut self, why: Unkeyed) -> Self {
        self.unkeyed = Some(why);
        self
    }

    pub(crate) fn of(mut self, generic: &'static Generic) -> Self {
        self.generic = Some(generic);
        self
    }

    /// What else may have entries of the same keys: other instantiations, where keys tell these apart.
    pub(crate) fn siblings(&self) -> Vec<&'static dyn AnyFunction> {
        let generic = self.generic.filter(|_| !self.is_unkeyed());
        let states = generic.map(Generic::states).unwrap_or_default();
        states.into_iter().filter(|state| !std::ptr::eq(state.info(), self)).collect()
    }

    /// Whether keys do not tell all entries apart.
    pub(crate) fn is_unkeyed(&self) -> bool {
        self.unkeyed.is_some()
    }

    /// What keeps values from the backend that nobody has asked for.
    pub(crate) fn key_misfit(&self, core: &Core) -> Option<&'static str> {
        core.remote()?;
        match self.unkeyed? {
            Unkeyed::Asked => None,
            Unkeyed::Generic => Some(
                "its values stay in this process, one table for each instantiation, since types have no text that lasts: \
                 write `key(…)` with a name for each type in it, or `in_memory`",
            ),
            Unkeyed::Ownerless => Some(
                "its values stay in this process, since the attribute does not know whose method this is: write \
                 `owner = Type`, or `key(…)` with a name for each type in it, or `in_memory`",
            ),
        }
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.in_memory || self.is_unkeyed()
    }

    pub(crate) const fn with_ttl_of_values(mut self) -> Self {
        self.values_have_ttl = true;
        self
    }

    /// What tells the keys of two functions apart that are alike.
    pub(crate) fn told_apart_by(&self, other: &Self) -> &'static str {
        let is_ownerless = |info: &Self| info.unkeyed == Some(Unkeyed::Ownerless);
        let has_owner = |info: &Self| info.name.contains("::");
        if is_ownerless(self) && is_ownerless(other) {
            "write `owner = Type` on each, with the type whose method it is"
        } else if has_owner(self) && has_owner(other) {
            "write `namespace = \"…\"` on one of them"
        } else {
            "write `namespace = \"…\"` on one of them, or, if they are methods, `owner = Type` on each"
        }
    }

    /// What an option of the attribute is good for that waits for failures, where the function has none.
    pub(crate) fn failure_misfit(&self, timing: &Timing) -> Option<&'static str> {
        let is_of_use =
            timing.wait_timeout.is_some() || timing.stale_while_revalidate.is_some() || timing.refresh_ahead.is_some();
        (self.never_fails && self.stale_if_error.is_some() && !is_of_use).then_some(
            "`stale_if_error` has no effect, as the function returns no `Result` and its panics reach the caller: return \
             one, write a `wait_timeout`, after which the old value is served too, or remove it",
        )
    }

    /// Which time to live values have in a region with this one.
    pub(crate) fn effective_ttl(&self, region: Option<Duration>) -> Ttl {
        match self.ttl.map(|ttl| ttl()).or(region) {
            _ if self.values_have_ttl => Ttl::Some,
            Some(ttl) => Ttl::All(ttl),
            None => Ttl::None,
        }
    }

    /// What keeps renewals from running in the background.
    pub(crate) fn runner_misfit(&self, core: &Core) -> Option<&'static str> {
        let is_driven = !self.renewed_by_tasks || core.has_runner() || DRIVES_TASKS;
        (!is_driven).then_some(
            "nobody drives the renewals of an `async fn` in the background, so one caller renews: enable the feature \
             `tokio`, or give the region a `runner`",
        )
    }

    pub(crate) fn own_error_ttl(&self) -> Option<fn() -> Duration> {
        self.error_ttl
    }

    pub(crate) fn is_tagged(&self) -> bool {
        self.tagged
    }

    pub(crate) fn own_ttl(&self) -> Option<fn() -> Duration> {
        self.ttl
    }

    /// The text of the function's keys before the arguments.
    pub(crate) fn text(&self, core: &Core) -> String {
        let mut text = String::with_capacity(core.name.len() + self.module.len() + self.name.len() + 16);
        self.write(core, core.settings().version, &mut text);
        text
    }

    /// Appends the text of the function's keys before the arguments, in a region of this version.
    pub(crate) fn write(&self, core: &Core, version: Option<u64>, out: &mut String) {
        write_function(&core.name, [self.module, self.name], self.namespace, self.version.or(version), out);
    }

    /// Module and name, as `app::users::load_user`.
    pub(crate) fn path(&self) -> String {
        format!("{}::{}", self.module, self.name)
    }

    /// Whether a key generator makes the keys.
    pub(crate) fn has_generator(&self, core: &Core) -> bool {
        !self.is_unkeyed() && (self.key_generator.is_some() || core.settings().key_generator.is_some())
    }

    /// What the key generator of the function, or else of the region, makes of a call.
    pub(crate) fn generated(&self, core: &Core, arguments: &[u8]) -> Option<String> {
        if self.is_unkeyed() {
            return None;
        }
        let own = self.key_generator.is_some();
        let generator = if own { None } else { core.key_generator() };
        if !own && generator.is_none() {
            return None;
        }
        let context = KeyContext {
            region: &core.name,
            module: self.module,
            function: self.name,
            namespace: self.namespace,
            version: self.version.or(core.settings().version),
            names: self.arguments,
            arguments,
        };
        match (self.key_generator, generator) {
            (Some(generator), _) => Some(generator(&context)),
            (None, generator) => generator.map(|generator| generator(&context)),
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
