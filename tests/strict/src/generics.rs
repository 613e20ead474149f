//! Functions with type parameters of every kind.

use std::fmt::Display;
use std::hash::Hash;

use cachekit::{KeyPart, cache_on_arguments};

/// What is loaded.
pub trait Entity: Clone + Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;
    /// Its number.
    type Id: KeyPart;
    /// Makes one.
    fn made(id: &Self::Id) -> Self;
}

/// In the value only.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn in_the_value<T: Entity<Id = u64>>(id: u64) -> T {
    T::made(&id)
}

/// In the argument, by its bound.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn by_its_bound<T>(id: &T::Id) -> Option<T>
where
    T: Entity,
{
    Some(T::made(id))
}

/// In a skipped argument.
#[cache_on_arguments(region = "strict", skip(names))]
#[must_use]
pub fn skipped<I: IntoIterator<Item = S>, S: AsRef<str>>(names: I, id: u64) -> u64 {
    names.into_iter().map(|name| name.as_ref().len() as u64).sum::<u64>() + id
}

/// Unnamed.
#[cache_on_arguments(region = "strict", skip(log))]
#[must_use]
pub fn unnamed(log: &mut impl Extend<u64>, id: impl KeyPart + Into<u64>, ids: &[impl KeyPart + Hash]) -> u64 {
    let id = id.into();
    log.extend([id]);
    id + ids.len() as u64
}

/// A constant.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn constant<const N: usize, const YES: bool>(ids: [u64; N]) -> u64 {
    if YES { ids.iter().sum() } else { N as u64 }
}

/// Later.
///
/// # Errors
///
/// Where it fails.
#[cache_on_arguments(region = "strict", tags = ["id:{id}"], share_error = |error| error.clone())]
pub async fn later<T: KeyPart + Display + Sync, E: From<String> + Clone + Send + Sync + 'static>(
    id: T,
    name: &str,
) -> Result<String, E> {
    std::future::ready(if name.is_empty() { Err(E::from(id.to_string())) } else { Ok(name.to_owned()) }).await
}

/// With a key, and stored.
#[cache_on_arguments(region = "strict", key(T::NAME, id), ttl = "1m", stale_if_error = "1h", version = 3)]
#[must_use]
pub fn keyed<T>(id: T::Id, (a, b): (u8, u8)) -> T
where
    T: Entity + serde::Serialize + serde::de::DeserializeOwned,
{
    if a > b { T::made(&id) } else { T::made(&id).clone() }
}

/// In the background.
#[cache_on_arguments(region = "strict", background)]
#[must_use]
pub fn renewed<T: Entity + KeyPart>(one: T, many: &[T]) -> Vec<T> {
    many.iter().cloned().chain([one]).collect()
}

/// In the background, as a task.
#[cache_on_arguments(region = "strict", background, in_memory)]
pub async fn renewed_later<T: Entity + KeyPart>(
    one: &T,
    name: impl KeyPart + Into<String> + Clone + Send + Sync + 'static,
) -> (T, String) {
    std::future::ready((one.clone(), name.into())).await
}

/// Settings of the type.
#[cache_on_arguments(region = "strict", should_cache = T::is_kept, ttl = T::ttl(), refresh_ahead = T::AHEAD)]
#[must_use]
pub fn settings<T: Kept>(id: u64) -> T {
    T::kept(id)
}

/// What says how it is kept.
pub trait Kept: Clone + Send + Sync + 'static {
    /// When it is renewed.
    const AHEAD: f64;
    /// Makes one.
    fn kept(id: u64) -> Self;
    /// Whether it is kept.
    fn is_kept(&self) -> bool;
    /// How long it is kept.
    #[must_use]
    fn ttl() -> std::time::Duration;
}

/// Without companions.
#[cache_on_arguments(region = "strict", companion = none)]
#[must_use]
pub fn alone<T: Entity<Id = u64>>(id: u64) -> T {
    T::made(&id)
}

/// Another name, and visible in the crate.
#[cache_on_arguments(region = "strict", companion = Other)]
pub(crate) fn renamed<T: KeyPart>(_id: T) -> u64 {
    0
}

/// Uses them.
///
/// # Errors
///
/// Those of the region.
pub fn used(log: &mut Vec<u64>) -> Result<u64, cachekit::Error> {
    Other::invalidate(1)?;
    skipped::invalidate(1)?;
    constant::invalidate::<2, true>([1, 2])?;
    unnamed::invalidate(1_u8, &[1])?;
    Ok(renamed(1) + unnamed(log, 1_u8, &[1]))
}
