//! The table of a region: each key is a setting of the builder, or the table of the backend that is chosen.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::backends::{Made, is_linked};
use super::fault::{Fault, Faults, one_of, plain};
use super::node::Node;
use super::settings::Keys;
use super::value;
use crate::backend::Backend;
use crate::region::{Breaker, RegionBuilder};

/// Names the backend.
const BACKEND: &str = "backend";

/// In place of a name, chooses no backend.
const NONE: &str = "none";

/// A key, and what its value does to what is built.
struct Key<B> {
    name: &'static str,
    set: fn(B, &Node<'_>) -> Result<B, Faults>,
}

const fn key<B>(name: &'static str, set: fn(B, &Node<'_>) -> Result<B, Faults>) -> Key<B> {
    Key { name, set }
}

/// The settings of a region, the choice of its backend aside.
const SETTINGS: &[Key<RegionBuilder>] = &[
    key("ttl", |r, node| Ok(r.ttl(value::span(node)?))),
    key("stale_while_revalidate", |r, node| Ok(r.stale_while_revalidate(value::span(node)?))),
    key("stale_if_error", |r, node| Ok(r.stale_if_error(value::span(node)?))),
    key("retry_after", |r, node| {
        let (first, longest) = each(PAUSES, r.settings.timing.retry_after(), node)?;
        Ok(r.retry_after(first, longest))
    }),
    key("refresh_ahead", |r, node| Ok(r.refresh_ahead(value::refresh_ahead(node)?))),
    key("jitter", |r, node| Ok(r.jitter(value::fraction(node)?))),
    key("wait_timeout", |r, node| Ok(r.wait_timeout(value::span(node)?))),
    key("deadline", |r, node| Ok(r.deadline(value::limit(node)?))),
    key("max_disowned", |r, node| Ok(r.max_disowned(value::whole(node)?))),
    key("capacity", |r, node| Ok(r.capacity(value::capacity(node)?))),
    key("version", |r, node| Ok(r.version(value::whole(node)?))),
    key("key_prefix", |r, node| Ok(r.key_prefix(value::text(node)?))),
    key("codec", |mut r, node| {
        r.settings.remote.codec = value::codec(node)?;
        Ok(r)
    }),
    key("near", |r, node| Ok(r.near(value::span(node)?))),
    key("lock", |r, node| Ok(r.lock(value::truth(node)?))),
    key("lease", |r, node| Ok(r.lease(value::span(node)?))),
    key("on_backend_error", |r, node| Ok(r.on_backend_error(value::on_backend_error(node)?))),
    key("read_timeout", |r, node| Ok(r.read_timeout(value::span(node)?))),
    key("write_timeout", |r, node| Ok(r.write_timeout(value::span(node)?))),
    key("breaker", |r, node| {
        let breaker = each(BREAKER, r.settings.remote.breaker, node)?;
        Ok(r.breaker(breaker))
    }),
];

/// The pauses after a failure, the first and the longest.
const PAUSES: &[Key<(Duration, Duration)>] = &[
    key("first", |(_, longest), node| Ok((value::span(node)?, longest))),
    key("longest", |(first, _), node| Ok((first, value::span(node)?))),
];

const BREAKER: &[Key<Breaker>] = &[
    key("failures", |b, node| Ok(b.failures(value::whole(node)?))),
    key("pause", |b, node| Ok(b.pause(value::span(node)?))),
    key("near", |b, node| Ok(b.near(value::span(node)?))),
];

/// The settings of a region that no file can have.
const CODE: &[&str] = &["clock", "runner", "key_mangler", "key_generator", "wrap"];

/// Every key of a table that holds nothing else.
fn each<B: Clone>(keys: &[Key<B>], start: B, node: &Node<'_>) -> Result<B, Faults> {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let mut faults = Faults::default();
    let mut built = start;
    for (name, node) in node.entries(&format!("a table with {}", one_of(&names)))? {
        let set = match keys.iter().find(|key| key.name == name) {
            Some(key) => (key.set)(built.clone(), &node),
            None => Err(node.fault(format!("this key is not known: expected {}", one_of(&names))).into()),
        };
        built = faults.unless(set).unwrap_or(built);
    }
    if faults.is_empty() { Ok(built) } else { Err(faults) }
}

/// The settings that the table of a region makes of the declared ones.
pub(super) fn read(declared: RegionBuilder, node: &Node<'_>, made: &mut Made) -> Result<RegionBuilder, Faults> {
    let mut faults = Faults::default();
    let mut built = declared;
    let mut others = Vec::new();
    for (name, node) in node.entries("a table of settings")? {
        match SETTINGS.iter().find(|key| key.name == name) {
            Some(key) => built = faults.unless(set(key, &built, &node)).unwrap_or(built),
            None => others.push((name, node)),
        }
    }
    built = faults.unless(choose(built.clone(), node, others, made)).unwrap_or(built);
    if faults.is_empty() { Ok(built) } else { Err(faults) }
}

/// One setting; it is judged by itself, so that what makes no sense is told with its key.
fn set(key: &Key<RegionBuilder>, built: &RegionBuilder, node: &Node<'_>) -> Result<RegionBuilder, Faults> {
    let changed = (key.set)(built.clone(), node)?;
    match changed.faults().as_slice() {
        [] => Ok(changed),
        faults => Err(node.fault(faults.join("; ")).into()),
    }
}

/// The backend, chosen among the keys that are no settings: one of them chooses, and another one is its table.
fn choose(
    mut built: RegionBuilder,
    region: &Node<'_>,
    others: Vec<(&str, Node<'_>)>,
    made: &mut Made,
) -> Result<RegionBuilder, Faults> {
    let mut faults = Faults::default();
    let (choices, tables): (Vec<_>, Vec<_>) = others.into_iter().partition(|(key, _)| *key == BACKEND);
    let choice = choices.into_iter().next().map(|(_, node)| node);
    let name = choice.as_ref().and_then(|node| faults.unless(value::text(node).map_err(Faults::from)));
    let (own, strange): (Vec<_>, Vec<_>) =
        tables.into_iter().partition(|(key, _)| name.as_deref() == Some(*key) && *key != NONE);
    faults.extend(strange.iter().map(|(key, node)| misplaced(key, node)));
    if let (Some(choice), Some(name)) = (&choice, &name) {
        let empty = Value::Object(Map::new());
        let table = own.first().map_or_else(|| Node::new(region.path.key(name), &empty), |(_, node)| node.clone());
        let backend = if name == NONE { Ok(None) } else { chosen(name, choice, &table, made).map(Some) };
        built.settings.remote.backend = faults.unless(backend).flatten();
    }
    if faults.is_empty() { Ok(built) } else { Err(faults) }
}

fn chosen(name: &str, choice: &Node<'_>, table: &Node<'_>, made: &mut Made) -> Result<Arc<dyn Backend>, Faults> {
    if is_linked(name) && names().contains(&name) {
        let taken = format!("`{name}` is a setting of regions, and cannot be the name of a backend: rename that");
        return Err(choice.fault(taken).into());
    }
    table.entries("the table of the backend's settings")?;
    made.backend(name, choice, table)
}

/// A key that is neither a setting nor the table of the backend that is chosen.
fn misplaced(key: &str, node: &Node<'_>) -> Fault {
    node.fault(if is_linked(key) {
        format!("these are settings of a backend that is not chosen: write `backend = \"{key}\"`, or remove them")
    } else if CODE.contains(&key) {
        "this setting is code, and has no place in a configuration: write it where the region is declared".to_owned()
    } else {
        format!("this key is not known: expected {}, or the name of the backend for its table", one_of(&names()))
    })
}

/// What can stand in the table of a region, the table of the backend aside.
fn names() -> Vec<&'static str> {
    SETTINGS.iter().map(|key| key.name).chain([BACKEND]).collect()
}

/// Shows the settings of a region; of everything else only the keys.
pub(super) struct Shown<'v>(pub(super) &'v Value);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Value::Object(table) = self.0 else { return Keys(self.0).fmt(f) };
        let names = names();
        let mut map = f.debug_map();
        for (key, value) in table {
            let is_plain = names.contains(&key.as_str()) && !value.as_str().is_some_and(value::may_be_secret);
            let shown: &dyn fmt::Debug = if is_plain { &format_args!("{value}") } else { &Keys(value) };
            map.entry(&plain(key), shown);
        }
        map.finish()
    }
}
