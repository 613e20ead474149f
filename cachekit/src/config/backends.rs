//! Backends by name, of all linked crates.
//!
//! `inventory` collects the factories before `main`, as it does regions; one is called when a configuration chooses it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::fault::{Fault, Faults};
use super::node::Node;
use super::settings::Settings;
use super::value::Shown;
use crate::backend::{Backend, IntoBackend};
use crate::error::Error;

/// A name of a backend, and what makes one.
pub struct BackendFactory {
    name: &'static str,
    make: fn(Settings) -> Result<Arc<dyn Backend>, Error>,
    file: &'static str,
    line: u32,
}

inventory::collect!(BackendFactory);

impl BackendFactory {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        make: fn(Settings) -> Result<Arc<dyn Backend>, Error>,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self { name, make, file, line }
    }
}

impl fmt::Debug for BackendFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackendFactory({} at {}:{})", self.name, self.file, self.line)
    }
}

/// Gives a [`Backend`](crate::Backend) of one's own a name, by which a [`Config`](crate::Config) chooses it in any program that
/// links the crate.
///
/// After the name stands a function, or a closure, from the backend's [`Settings`](crate::config::Settings) to a `Result` of
/// the backend, or of an `Arc` of one. The settings are empty where the configuration has no table for them. It runs when
/// [`configure`](crate::configure) is called: it should parse and prepare, and leave it to the first operation to connect,
/// since what it made is dropped where something else is wrong. Regions of one configuration whose settings are equal
/// share what it made.
///
/// A name is that of one factory, and of no setting of a region.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use cachekit::backend::{Answer, Backend, Content, Context, Put};
/// use cachekit::{Error, Region, regions};
/// use serde::Deserialize;
///
/// #[derive(Debug)]
/// struct Shelf {
///     room: usize,
///     contents: Mutex<HashMap<String, Content>>,
/// }
///
/// # impl Backend for Shelf {
/// #     fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
/// #         Ok(self.contents.lock().unwrap().get(key).cloned()).into()
/// #     }
/// #     fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
/// #         let mut contents = self.contents.lock().unwrap();
/// #         if contents.len() < self.room {
/// #             contents.insert(put.key.to_owned(), put.content.clone());
/// #         }
/// #         Ok(()).into()
/// #     }
/// #     fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
/// #         self.contents.lock().unwrap().remove(key);
/// #         Ok(()).into()
/// #     }
/// # }
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     room: usize,
/// }
///
/// cachekit::backend_factory! {
///     "shelf" => |settings| {
///         let Settings { room } = settings.read()?;
///         Ok(Shelf { room, contents: Mutex::default() })
///     }
/// }
///
/// regions! { static BOOKS = Region::builder("books"); }
///
/// let config = toml::from_str(r#"
///     [regions.books]
///     backend = "shelf"
///     [regions.books.shelf]
///     room = 30
/// "#).expect("this is TOML");
/// cachekit::configure(config)?;
/// assert!(format!("{BOOKS:?} {:?}", *BOOKS).contains("room: 30"));
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! backend_factory {
    ($($name:literal => $factory:expr),+ $(,)?) => {$(
        $crate::__private::inventory::submit! {
            $crate::__private::BackendFactory::new(
                $name,
                |settings| $crate::__private::make_backend($factory, settings),
                ::core::file!(),
                ::core::line!(),
            )
        }
    )+};
}

/// Calls a factory; the types of a closure are known from here.
pub fn make<B: IntoBackend>(
    factory: impl FnOnce(Settings) -> Result<B, Error>,
    settings: Settings,
) -> Result<Arc<dyn Backend>, Error> {
    factory(settings).map(IntoBackend::into_backend)
}

/// Whether a linked crate has a backend of this name.
pub(super) fn is_linked(name: &str) -> bool {
    inventory::iter::<BackendFactory>.into_iter().any(|factory| factory.name == name)
}

/// The one factory of the name that the node chooses.
fn find(name: &str, choice: &Node<'_>) -> Result<&'static BackendFactory, Fault> {
    let mut places: Vec<&BackendFactory> =
        inventory::iter::<BackendFactory>.into_iter().filter(|factory| factory.name == name).collect();
    places.sort_unstable_by_key(|factory| (factory.file, factory.line));
    match places.as_slice() {
        [factory] => Ok(factory),
        [] => Err(choice.fault(unknown(name))),
        [first, second, ..] => Err(choice.fault(format!(
            "two backends are named `{name}`, at {}:{} and {}:{}: rename one of them, or link one only",
            first.file, first.line, second.file, second.line
        ))),
    }
}

fn unknown(name: &str) -> String {
    let mut names: Vec<String> =
        inventory::iter::<BackendFactory>.into_iter().map(|factory| format!("`{}`", factory.name)).collect();
    names.sort_unstable();
    names.dedup();
    let linked = if names.is_empty() {
        "none is linked".to_owned()
    } else {
        format!("linked are {}. Write one of these, or \"none\"", names.join(", "))
    };
    format!(
        "there is no backend {}; {linked}. Those of `cachekit-backends` are linked by `use cachekit_backends as _;`, each \
         with the feature of its name",
        Shown(name)
    )
}

/// The backends that a configuration has made so far, with the settings that they were made of.
#[derive(Debug, Default)]
pub(super) struct Made(Vec<(&'static str, Value, Arc<dyn Backend>)>);

impl Made {
    /// The backend of that name: one that was made of the same settings, or a new one.
    pub(super) fn backend(
        &mut self,
        name: &str,
        choice: &Node<'_>,
        table: &Node<'_>,
    ) -> Result<Arc<dyn Backend>, Faults> {
        let factory = find(name, choice)?;
        let same = self.0.iter().find(|(of, settings, _)| *of == name && settings == table.value);
        if let Some((_, _, backend)) = same {
            return Ok(Arc::clone(backend));
        }
        let settings = Settings::new(table.path.clone(), table.value.clone());
        let backend = (factory.make)(settings.clone()).map_err(|error| settings.fault(&error))?;
        self.0.push((factory.name, table.value.clone(), Arc::clone(&backend)));
        Ok(backend)
    }
}
