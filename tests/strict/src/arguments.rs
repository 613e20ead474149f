//! Every pattern and type of argument.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cachekit::cache_on_arguments;

/// A connection that is no part of a key.
#[derive(Debug, Default)]
pub struct Db {
    /// How often it was asked.
    pub asked: u64,
}

/// No argument.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn nothing() -> u64 {
    1
}

/// `mut x`.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn mutable(mut x: u64) -> u64 {
    x += 1;
    x
}

/// A tuple.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn tuple((a, b): (u8, u8)) -> u8 {
    a.wrapping_add(b)
}

/// A tuple that rebinds.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn mutable_tuple((mut a, mut b): (u8, u8), [first, ..]: [u8; 4]) -> u8 {
    a = a.wrapping_add(first);
    b = b.wrapping_add(a);
    b
}

/// An argument that nobody reads.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn ignored(_: u64, _page: u32) -> u64 {
    0
}

/// Two made-up names that would be one.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn alike(_x: u64, x: u64, (y, _): (u8, u8)) -> u64 {
    x + u64::from(y)
}

/// A bound whole.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn whole(pair @ (a, _): (u8, u8)) -> u8 {
    a.wrapping_add(pair.1)
}

/// Text, bytes and options, borrowed.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn borrowed(name: &str, bytes: &[u8], page: Option<&u32>) -> usize {
    name.len() + bytes.len() + page.map_or(0, |page| *page as usize)
}

/// A named lifetime.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn named<'a>(name: &'a str, other: &'a str) -> usize {
    name.len().max(other.len())
}

/// Two named lifetimes, with bounds between them.
#[cache_on_arguments(region = "strict", skip(longer))]
#[must_use]
pub fn outlives<'a, 'b: 'a>(shorter: &'a str, longer: &'b [&'b str]) -> usize
where
    'static: 'b,
{
    let mut both: Vec<&'a str> = longer.to_vec();
    both.push(shorter);
    both.len()
}

/// A lifetime in a type.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn cow(name: Cow<'_, str>, names: &[Cow<'static, str>]) -> usize {
    name.into_owned().len() + names.len()
}

/// Owned values, which the body consumes.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn owned(name: String, ids: Vec<u64>, shared: Arc<str>, wait: Duration) -> String {
    drop((ids, shared, wait));
    name
}

/// Something that the body changes and the key leaves out.
#[cache_on_arguments(region = "strict", skip(db))]
pub fn skipped(db: &mut Db, id: u64) -> u64 {
    db.asked += 1;
    id
}

/// An argument that is called unused, and skipped.
#[cache_on_arguments(region = "strict", skip(_db))]
#[must_use]
pub fn unused_and_skipped(_db: &Db, id: u64) -> u64 {
    id
}

/// A function, a trait object and a map that are no part of the key.
#[cache_on_arguments(region = "strict", skip(convert, log, table))]
pub fn callbacks(
    convert: fn(&str) -> usize,
    log: &dyn Fn(&str),
    table: &HashMap<u8, u8, std::hash::RandomState>,
    name: &str,
) -> usize {
    log(name);
    convert(name) + table.len()
}

/// More arguments than a key on the stack holds.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn many(one: u64, two: u64, three: u64, four: u64, five: u64, six: u64, seven: u64) -> u64 {
    one ^ two ^ three ^ four ^ five ^ six ^ seven
}

/// A length that is a constant.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn array(block: [u8; BLOCK], pairs: &[(u8, bool); 2]) -> usize {
    block.len() + pairs.len()
}

const BLOCK: usize = 4;
