//! Regions set up from a file, and backends chosen by name.
//!
//! A [`Config`] is whatever the format held; what it means is judged by [`configure`], so that one error
//! tells everything that is wrong, each fault with its path. A file changes what is declared, region by region, as
//! [`Region::configure`] does; what is code, such as a clock, it does not set.
//!
//! A [`Backend`](crate::Backend) of one's own becomes one of the names by [`backend_factory!`](crate::backend_factory!),
//! which reads its [`Settings`]. They may hold secrets: neither errors nor `Debug` show them.

pub(crate) mod backends;
mod fault;
mod node;
mod region;
mod settings;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

pub use self::settings::Settings;
pub use self::value::duration;

use self::backends::Made;
use self::fault::{Fault, Faults, Path};
use self::node::Node;
use crate::error::{Error, Kind};
use crate::region::configure::{Change, apply};
use crate::region::{Region, registry};

/// Settings of regions from a file, in any format of serde that describes itself: TOML, JSON, YAML.
///
/// Reading one only takes it up; [`configure`] judges it and sets up the regions that it names.
/// It may be the whole file, or a field of the configuration of a program.
///
/// ```
/// use std::time::Duration;
/// use cachekit::{Config, Region, regions};
///
/// regions! {
///     static USERS = Region::builder("users of a file").ttl(Duration::from_secs(300));
/// }
///
/// let config: Config = toml::from_str(r#"
///     [regions."users of a file"]
///     ttl = "10m"
///     stale_if_error = "6h"
///     key_prefix = "myapp:"
/// "#).expect("this is TOML");
/// cachekit::configure(config)?;
/// assert_eq!(USERS.backend_key("k"), "myapp:users of a file:k");
/// # Ok::<(), cachekit::Error>(())
/// ```
///
/// # Keys
///
/// Each table below `regions` has the name of a region, and keys that are named like the methods of
/// [`RegionBuilder`](crate::RegionBuilder). What is not there stays as it is declared.
///
/// | key | value |
/// |---|---|
/// | `ttl`, `stale_while_revalidate`, `stale_if_error`, `wait_timeout` | a duration in words, such as `"10m"`, `"1h 30s"`, `"250ms"` |
/// | `deadline` | a duration, or `"unlimited"` |
/// | `retry_after` | `{ first = "5s", longest = "60s" }`, one of them or both |
/// | `refresh_ahead` | a fraction of the ttl, such as `0.9`, or `{ xfetch = 1.0 }`, or `"xfetch"` for that |
/// | `jitter` | a number from 0 to 1 |
/// | `max_disowned`, `version` | a whole number |
/// | `capacity` | a number of entries from 1, or `"unlimited"` |
/// | `key_prefix` | a text |
/// | `backend` | the name of a backend that is linked, or `"none"` for none, also where one is declared |
/// | a table of that name | the backend's own settings |
/// | `codec` | `"messagepack"`, or `"json"` with the feature of that name |
/// | `near`, `lease`, `read_timeout`, `write_timeout` | a duration |
/// | `lock` | `true` or `false` |
/// | `on_backend_error` | `"degrade"` or `"propagate"` |
/// | `breaker` | `{ failures = 5, pause = "1s", near = "10s" }`, any of them |
///
/// Numbers and truth values may be texts too, for formats that have nothing else.
/// Without `backend` values stay where the declaration keeps them: in the process, if it says nothing. A backend from a
/// file replaces a declared one; declared proxies stay, and stand before it.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct Config(BTreeMap<String, Value>);

/// Sets up the regions that the configuration names, for calls that start after it: all of them, or, if anything is wrong,
/// none.
///
/// As with [`Region::configure`], each starts from its declared settings, and only once. Regions that are not named stay as
/// they are. What contradicts itself without being wrong is told by [`check`](crate::check).
///
/// # Errors
///
/// One error that lists everything that is wrong, each with its path, such as `regions.users.ttl`: unknown regions, backends
/// and keys, values that make no sense, backends that cannot be made, and regions that are configured already.
/// Its kind is theirs, where they are of one kind ([`is_unknown_region`](Error::is_unknown_region),
/// [`is_already_configured`](Error::is_already_configured), [`is_refused`](Error::is_refused)), and else
/// [`is_settings`](Error::is_settings).
///
/// ```
/// let config = r#"{ "regions": { "nobody": { "ttl": "soon" } } }"#;
/// let error = cachekit::configure(serde_json::from_str(config).expect("this is JSON")).unwrap_err();
/// let text = error.to_string();
/// assert!(text.contains("regions.nobody: there is no region `nobody`"));
/// assert!(text.contains("regions.nobody.ttl: `soon` is no duration"));
/// ```
pub fn configure(config: Config) -> Result<(), Error> {
    change(config, false)
}

/// As [`configure`], as often as one likes: replaces what regions were configured with, from their
/// declared settings on.
///
/// # Errors
///
/// As [`configure`], except that a region may be configured already.
///
/// ```
/// use cachekit::{Region, regions};
///
/// regions! { static PAGES = Region::builder("pages of a file"); }
///
/// for prefix in ["blue:", "green:"] {
///     let config = format!(r#"{{ "regions": {{ "pages of a file": {{ "key_prefix": "{prefix}" }} }} }}"#);
///     cachekit::reconfigure(serde_json::from_str(&config).expect("this is JSON"))?;
/// }
/// assert_eq!(PAGES.backend_key("k"), "green:pages of a file:k");
/// # Ok::<(), cachekit::Error>(())
/// ```
pub fn reconfigure(config: Config) -> Result<(), Error> {
    change(config, true)
}

fn change(config: Config, again: bool) -> Result<(), Error> {
    let mut faults = Faults::default();
    let mut changes = Vec::new();
    let mut made = Made::default();
    for (key, value) in config.0 {
        let node = Node::new(Path::root().key(&key), &value);
        if key != "regions" {
            faults.push(node.fault("this key is not known: expected `regions`, with a table for each region"));
            continue;
        }
        match node.entries("a table with one for each region") {
            Ok(regions) => {
                for (name, node) in regions {
                    changes.extend(faults.unless(of_region(name, &node, again, &mut made)));
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    faults.none()?;
    apply(changes, again).map_err(|regions| {
        let mut faults = Faults::default();
        faults.extend(regions.into_iter().map(configured));
        faults.into_error()
    })
}

/// What the configuration makes of a region; of one that does not exist too, for the faults below it.
fn of_region(name: &str, node: &Node<'_>, again: bool, made: &mut Made) -> Result<Change<'static>, Faults> {
    let mut faults = Faults::default();
    let found = faults.unless(registry::region(name).map_err(|error| Fault::of(&node.path, &error).into()));
    if let Some(region) = found.filter(|region| !again && region.is_configured()) {
        faults.push(configured(region));
    }
    let declared = found.map_or_else(|| Region::builder(name), Region::declared);
    let builder = faults.unless(region::read(declared, node, made));
    match (found, builder) {
        (Some(region), Some(builder)) if faults.is_empty() => {
            region.change(builder).map_err(|error| Fault::of(&node.path, &error).into())
        }
        _ => Err(faults),
    }
}

fn configured(region: &Region) -> Fault {
    Fault {
        path: Some(Path::root().key("regions").key(region.name())),
        kind: Kind::AlreadyConfigured,
        text: "the region is already configured: call `reconfigure` to replace its settings".to_owned(),
    }
}

/// Without the values of backends' tables, and of keys that are not known: they may be secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.0.iter().map(|(key, value)| {
            let shown: Box<dyn fmt::Debug> = match value {
                Value::Object(regions) if key == "regions" => Box::new(
                    regions.iter().map(|(name, table)| (name, region::Shown(table))).collect::<BTreeMap<_, _>>(),
                ),
                _ => Box::new(settings::Keys(value)),
            };
            (key, shown)
        });
        f.write_str("Config ")?;
        f.debug_map().entries(tables).finish()
    }
}
