//! The regions and annotated functions of all linked crates.
//!
//! `inventory` collects them before `main`; a region is built when it is first looked for.
//! No lock is held while a region is built, so the settings of one may look for another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, OnceLock};

use super::core::Core;
use super::{Region, RegionBuilder};
use crate::companion::{Annotated, AnyFunction};
use crate::error::{Error, Kind};
use crate::flight::block_on;
use crate::info::{FnInfo, Repeated};
use crate::remote::Caller;
use crate::timing::Ttl;

/// A region declared with [`regions!`](crate::regions!); everywhere it stands for its [`Region`].
///
/// # Panics
///
/// Using it panics where its settings make no sense; [`check`](crate::check) says so beforehand.
pub struct StaticRegion {
    declaration: fn() -> RegionBuilder,
    /// The name of the static, since one `regions!` is one place.
    ident: &'static str,
    file: &'static str,
    line: u32,
    built: OnceLock<Result<Region, Error>>,
}

thread_local! {
    /// The regions whose settings this thread is just reading.
    static READING: RefCell<Vec<*const StaticRegion>> = const { RefCell::new(Vec::new()) };
}

impl StaticRegion {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(declaration: fn() -> RegionBuilder, ident: &'static str, file: &'static str, line: u32) -> Self {
        Self { declaration, ident, file, line, built: OnceLock::new() }
    }

    /// The region, built the first time.
    ///
    /// Threads that come first together all read the settings, and the first that has them wins; nobody waits, so
    /// regions whose settings look for one another cannot block.
    fn built(&self) -> &Result<Region, Error> {
        if let Some(built) = self.built.get() {
            return built;
        }
        READING.with_borrow_mut(|reading| reading.push(self));
        let _done = Reading;
        let built = (self.declaration)()
            .build()
            .map_err(|error| Error::new(Kind::Settings, format!("{error} ({})", self.place())));
        self.built.get_or_init(|| built)
    }

    fn place(&self) -> String {
        format!("`{}` at {}:{}", self.ident, self.file, self.line)
    }

    /// The region, unless this thread is just reading its settings.
    fn listed(&'static self) -> Option<&'static Result<Region, Error>> {
        let reading = READING.with_borrow(|reading| reading.contains(&std::ptr::from_ref(self)));
        (!reading).then(|| self.built())
    }
}

struct Reading;

impl Drop for Reading {
    fn drop(&mut self) {
        READING.with_borrow_mut(Vec::pop);
    }
}

impl Deref for StaticRegion {
    type Target = Region;

    fn deref(&self) -> &Region {
        match self.built() {
            Ok(region) => region,
            Err(error) => panic!("{error}"),
        }
    }
}

impl std::fmt::Debug for StaticRegion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticRegion").field("file", &self.file).field("line", &self.line).finish_non_exhaustive()
    }
}

/// A declared region as the registry lists it.
#[derive(Debug)]
pub struct Declared(pub &'static StaticRegion);

inventory::collect!(Declared);

/// Declares regions that annotated functions and [`region`] find by name, in any linked crate.
///
/// The right-hand side is a [`RegionBuilder`], without `build`, evaluated when the region is first looked for.
///
/// ```
/// use std::time::Duration;
/// use cachekit::{Region, regions};
///
/// regions! {
///     /// Profiles shown on every page.
///     pub static PAGES = Region::builder("pages").ttl(Duration::from_secs(300)).capacity(10_000);
///
///     /// Memory, values never expire, at most 10,000 entries.
///     static OTHERS = Region::builder("others");
/// }
///
/// assert_eq!(cachekit::region("pages")?.name(), PAGES.name());
/// # Ok::<(), cachekit::Error>(())
/// ```
#[macro_export]
macro_rules! regions {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident $(: $type:ty)? = $builder:expr);* $(;)?) => {$(
        $(#[$attribute])*
        $visibility static $name: $crate::StaticRegion = {
            // Inside, so that a `cfg` on the static is one on its entry in the registry too.
            $crate::__private::inventory::submit! { $crate::__private::Declared(&$name) }
            $crate::StaticRegion::new(|| $builder, ::core::stringify!($name), ::core::file!(), ::core::line!())
        };
    )*};
}

/// The region of that name, declared with [`regions!`](crate::regions!) in any linked crate.
///
/// # Errors
///
/// If there is none ([`is_unknown_region`](Error::is_unknown_region)), with the names that there are, or if two
/// regions have the name. A crate that nothing names is not linked: write `use that_crate as _;`.
pub fn region(name: &str) -> Result<&'static Region, Error> {
    let mut found = declared().filter(|(region, _)| region.name() == name);
    match (found.next(), found.next()) {
        (Some((region, _)), None) => Ok(region),
        (Some((_, first)), Some((_, second))) => Err(Error::new(Kind::Check, twice(name, first, second))),
        (None, _) => {
            let mut names: Vec<String> = declared().map(|(region, _)| format!("`{}`", region.name())).collect();
            names.sort();
            names.dedup();
            let known = if names.is_empty() {
                "none is declared".to_owned()
            } else {
                format!("declared are {}", names.join(", "))
            };
            Err(Error::new(
                Kind::UnknownRegion,
                format!(
                    "there is no region `{name}`; {known}. Write one of these, or declare it with \
                     `cachekit::regions! {{ static NAME = Region::builder(\"{name}\"); }}`; if another crate \
                     declares it, link that with `use that_crate as _;`"
                ),
            ))
        }
    }
}

/// Every region declared with [`regions!`](crate::regions!) in a linked crate, by name.
#[must_use]
pub fn regions() -> Vec<&'static Region> {
    let mut regions: Vec<_> = declared().map(|(region, _)| region).collect();
    regions.sort_by(|a, b| a.name().cmp(b.name()));
    regions
}

/// Looks at everything that can be wrong before a function is called: for the start of a program, and for a test.
///
/// # Errors
///
/// One error that lists, each with file and line, every annotated function whose region does not exist, regions whose
/// settings make no sense or contradict one another (which work all the same, as the text says), whose backend can never
/// be used as it is set up, regions that share a name, and functions that share their keys. A backend that does not answer
/// just now, within its time limit, is no error: the region makes do without it.
///
/// ```
/// cachekit::check()?;
/// # Ok::<(), cachekit::Error>(())
/// ```
pub fn check() -> Result<(), Error> {
    let mut faults = Vec::new();
    let mut names: HashMap<Box<str>, &StaticRegion> = HashMap::new();
    for Declared(declaration) in inventory::iter::<Declared> {
        let name = match declaration.listed() {
            Some(Ok(region)) => region.name().into(),
            Some(Err(error)) => {
                faults.push(error.to_string());
                (declaration.declaration)().name
            }
            None => continue,
        };
        if let Some(first) = names.insert(name.clone(), declaration) {
            faults.push(twice(&name, first, declaration));
        }
    }
    for (region, declaration) in declared() {
        let misfits = region_misfits(region).into_iter();
        if let Some(error) = refusal(region) {
            faults.push(format!("in region `{}` {error} ({})", region.name(), declaration.place()));
        }
        faults
            .extend(misfits.map(|misfit| format!("in region `{}` {misfit} ({})", region.name(), declaration.place())));
    }
    let mut functions: HashMap<String, &FnInfo> = HashMap::new();
    for annotated in inventory::iter::<Annotated> {
        let info = annotated.info();
        let (file, line) = info.place();
        let senseless = info.timing().faults().into_iter();
        faults.extend(senseless.map(|fault| format!("{file}:{line}: `{}`: {fault}", info.path())));
        if let Ok(region) = info.region() {
            let misfits = function_misfits(info, region).into_iter();
            faults.extend(misfits.map(|misfit| format!("{file}:{line}: `{}`: {misfit}", info.path())));
        }
        match info.region() {
            // A name that two regions have is reported once, above.
            Err(error) if error.is_unknown_region() => {
                faults.push(format!("{file}:{line}: `{}`: {error}", info.path()));
            }
            Err(_) => {}
            // What a generator makes of the arguments is not known here.
            Ok(region) if info.has_generator(region.core()) => {}
            Ok(region) => {
                let text = info.text(region.core());
                if let Some(first) = functions.insert(text.clone(), info) {
                    let (first_file, first_line) = first.place();
                    faults.push(format!(
                        "{file}:{line}: the keys of this function, `{text}|…`, are also those of the one at \
                         {first_file}:{first_line}: {}",
                        info.told_apart_by(first)
                    ));
                }
            }
        }
    }
    faults.extend(inventory::iter::<Repeated>.into_iter().filter_map(repeated_misfit));
    if faults.is_empty() {
        return Ok(());
    }
    faults.sort();
    let mut message = String::from("the cache is not set up right:");
    for fault in faults {
        // Writing to a string does not fail.
        let _ = write!(message, "\n  {fault}");
    }
    Err(Error::new(Kind::Check, message))
}

/// A region that a function names in vain, as its entries are those of a function of another region.
fn repeated_misfit(Repeated { given, entries_of }: &Repeated) -> Option<String> {
    let (of, (file, line)) = (entries_of(), given.place());
    let misfit = match (given.region(), of.region()) {
        (Err(error), _) if error.is_unknown_region() => error.to_string(),
        (Ok(given), Ok(region)) if !Arc::ptr_eq(given.core(), region.core()) => format!(
            "its entries are those of `{}`, in region `{}`: write that one in place of `{}`, or none",
            of.path(),
            region.name(),
            given.name(),
        ),
        _ => return None,
    };
    Some(format!("{file}:{line}: `{}`: {misfit}", given.path()))
}

/// Why the region's backend can never be used, if that is so; one that cannot be reached just now may be later.
fn refusal(region: &Region) -> Option<Error> {
    let remote = region.core().remote()?;
    block_on(remote.ping(Caller::Thread)).err().filter(Error::is_refused)
}

/// Settings of a region that contradict each other, or have no effect on any of its functions.
fn region_misfits(region: &Region) -> Vec<String> {
    let settings = region.core().settings();
    let mut of_region = inventory::iter::<Annotated>
        .into_iter()
        .map(|annotated| annotated.info())
        .filter(|info| info.region().is_ok_and(|of| Arc::ptr_eq(of.core(), region.core())));
    let some_have = of_region.any(|info| !matches!(info.effective_ttl(None), Ttl::None));
    let ttl = match settings.ttl {
        _ if some_have => Ttl::Some,
        Some(ttl) => Ttl::All(ttl),
        None => Ttl::None,
    };
    let mut misfits = settings.timing.misfits(ttl);
    misfits.extend(settings.remote.misfit().map(str::to_owned));
    misfits
}

/// Settings of a function that contradict each other or those of its region; what its region has alone is not told again.
fn function_misfits(info: &FnInfo, region: &Region) -> Vec<String> {
    let settings = region.core().settings();
    let own = info.timing();
    let ttl = info.effective_ttl(settings.ttl);
    let timing = own.or(settings.timing);
    let mut misfits = timing.misfits(ttl);
    let inherited = settings.timing.misfits(ttl);
    misfits.retain(|misfit| !inherited.contains(misfit));
    misfits.extend(info.failure_misfit(&timing).map(str::to_owned));
    misfits.extend(info.runner_misfit(region.core()).map(str::to_owned));
    misfits.extend(info.key_misfit(region.core()).map(str::to_owned));
    misfits
}

/// The declared regions whose settings make sense.
fn declared() -> impl Iterator<Item = (&'static Region, &'static StaticRegion)> {
    inventory::iter::<Declared>.into_iter().filter_map(|Declared(declaration)| {
        let region = declaration.listed()?.as_ref().ok()?;
        Some((region, *declaration))
    })
}

fn twice(name: &str, first: &StaticRegion, second: &StaticRegion) -> String {
    let mut places = [first.place(), second.place()];
    places.sort_unstable();
    format!("two regions are named `{name}`, {}: rename one of them", places.join(" and "))
}

/// The annotated function of a region whose keys begin with `text`: all of its instantiations that somebody has asked for.
///
/// # Errors
///
/// If two functions have these keys.
pub(crate) fn functions(core: &Arc<Core>, text: &str) -> Result<Vec<&'static dyn AnyFunction>, Error> {
    /// By name; the text before the arguments depends on the region's settings, the name does not.
    static FUNCTIONS: LazyLock<HashMap<String, Vec<Annotated>>> = LazyLock::new(|| {
        let mut functions: HashMap<String, Vec<Annotated>> = HashMap::new();
        for annotated in inventory::iter::<Annotated> {
            functions.entry(annotated.info().path()).or_default().push(*annotated);
        }
        functions
    });
    let Some(rest) = text.strip_prefix(&super::region_text(&core.name)) else { return Ok(Vec::new()) };
    let path = &rest[..rest.find(['[', '@']).unwrap_or(rest.len())];
    let mut found =
        FUNCTIONS.get(path).into_iter().flatten().filter(|annotated| has_keys(annotated.info(), core, text));
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(Error::new(
            Kind::Check,
            format!("two functions have the keys `{text}|…`: {}", one.info().told_apart_by(other.info())),
        )),
        (function, _) => Ok(function.map(|annotated| annotated.functions()).unwrap_or_default()),
    }
}

/// Whether the function is one of the region, and its keys begin with `text`.
pub(crate) fn has_keys(info: &FnInfo, core: &Arc<Core>, text: &str) -> bool {
    info.region().is_ok_and(|region| Arc::ptr_eq(region.core(), core)) && info.text(core) == text
}
