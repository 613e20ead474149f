//! Every kind of value.

use std::sync::Arc;

use cachekit::{CachedFn, cache_on_arguments};

/// A user.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct User {
    /// The number.
    pub id: u64,
}

/// Nothing.
#[cache_on_arguments(region = "strict")]
pub fn nothing(_id: u64) {}

/// Nothing, said.
#[cache_on_arguments(region = "strict")]
#[allow(clippy::unused_unit)]
pub fn unit(id: u64) -> () {
    drop(id.to_string());
}

/// An option.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn option(id: u64) -> Option<User> {
    Some(User { id })
}

/// A struct.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn user(id: u64) -> User {
    User { id }
}

/// Shared.
#[cache_on_arguments(region = "strict", in_memory)]
#[must_use]
pub fn shared(id: u64) -> Arc<User> {
    Arc::new(User { id })
}

/// Static text.
#[cache_on_arguments(region = "strict", in_memory)]
#[must_use]
pub fn static_text(id: u64) -> &'static str {
    if id == 0 { "zero" } else { "more" }
}

/// A function.
#[cache_on_arguments(region = "strict", in_memory)]
#[must_use]
pub fn function(id: u64) -> fn(&str) -> usize {
    if id == 0 { str::len } else { |_| 0 }
}

/// A trait object.
#[cache_on_arguments(region = "strict", in_memory)]
#[must_use]
pub fn object(id: u64) -> Arc<dyn Fn(&str) -> u64 + Send + Sync> {
    Arc::new(move |_| id)
}

/// A tuple of collections.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn tuple(id: u64) -> (Vec<u64>, [u8; 2]) {
    (vec![id], [1, 2])
}

/// Generic over cached functions.
#[must_use]
pub fn name<F: CachedFn>() -> &'static str {
    F::info().name()
}

/// Uses the companions.
///
/// # Errors
///
/// Those of the region.
pub fn companions() -> Result<&'static str, cachekit::Error> {
    nothing::set(1, ())?;
    unit::set(1, ())?;
    option::set(1, None)?;
    user::set(1, User { id: 1 })?;
    Ok(name::<user>())
}
