//! `key(…)`.

use cachekit::{Key, KeyContext, KeyPart, cache_on_arguments};

use crate::arguments::Db;

/// An organisation.
#[derive(Debug, KeyPart)]
pub struct Org {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// A field and a number.
#[cache_on_arguments(region = "strict", key(org.id, page))]
#[must_use]
pub fn field(db: &Db, org: &Org, page: u32) -> u64 {
    db.asked + org.id + u64::from(page)
}

/// Method calls, arithmetic, a macro.
#[cache_on_arguments(region = "strict", key(name.to_lowercase(), page + 1, format!("{tag}")))]
#[must_use]
pub fn computed(name: &str, page: u32, tag: char) -> usize {
    name.len() + page as usize + tag.len_utf8()
}

/// A part of an argument that is taken apart.
#[cache_on_arguments(region = "strict", key(a, _b))]
#[must_use]
pub fn taken_apart((mut a, _): (u8, u8), _b: bool) -> u8 {
    a += 1;
    a
}

/// No argument at all: one entry.
#[cache_on_arguments(region = "strict", key(0_u8))]
#[must_use]
pub fn constant(db: &Db) -> u64 {
    db.asked
}

/// Every argument skipped: one entry.
#[cache_on_arguments(region = "strict", skip(db))]
#[must_use]
pub fn all_skipped(db: &Db) -> u64 {
    db.asked
}

/// The whole struct.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn derived(org: &Org) -> u64 {
    org.id
}

/// A key of one's own.
#[cache_on_arguments(region = "strict", key_generator = generator)]
#[must_use]
pub fn generated(id: u64) -> u64 {
    id
}

fn generator(context: &KeyContext<'_>) -> String {
    context.function().to_owned()
}

/// Only what the key needs.
///
/// # Errors
///
/// Those of the region.
pub fn companions(org: &Org) -> Result<Key, cachekit::Error> {
    field::invalidate(org, 3)?;
    constant::invalidate()?;
    all_skipped::invalidate()?;
    taken_apart::invalidate((1, 2), true)?;
    Ok(computed::key("Name", 1, 'x'))
}
