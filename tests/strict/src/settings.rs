//! Every option that sets something.

use std::time::Duration;

use cachekit::cache_on_arguments;

use crate::STRICT;

const LONG: Duration = Duration::from_secs(3600);
const VERSION: u64 = 4;

fn short() -> Duration {
    Duration::from_secs(1)
}

/// A path.
#[cache_on_arguments(region = STRICT)]
#[must_use]
pub fn by_path(id: u64) -> u64 {
    id
}

/// A longer path.
#[cache_on_arguments(region = super::elsewhere::REGION, ttl = "10m")]
#[must_use]
pub fn by_long_path(id: u64) -> u64 {
    id
}

/// Text.
#[cache_on_arguments(region = "strict", ttl = "1h 30s 5ms")]
#[must_use]
pub fn text(id: u64) -> u64 {
    id
}

/// A constant.
#[cache_on_arguments(region = "strict", ttl = LONG)]
#[must_use]
pub fn constant(id: u64) -> u64 {
    id
}

/// A call.
#[cache_on_arguments(region = "strict", ttl = short())]
#[must_use]
pub fn call(id: u64) -> u64 {
    id
}

/// An expression.
#[cache_on_arguments(region = "strict", ttl = Duration::from_secs(2) * 3, version = VERSION, namespace = "v1")]
#[must_use]
pub fn expression(id: u64) -> u64 {
    id
}

/// A closure.
#[cache_on_arguments(region = "strict", version = 3, should_cache = |value: &u64| *value > 0)]
#[must_use]
pub fn closure(id: u64) -> u64 {
    id
}

/// A closure without types.
#[cache_on_arguments(region = "strict", should_cache = |value| value.is_some_and(|value| value > 0))]
#[must_use]
pub fn untyped_closure(id: u64) -> Option<u64> {
    Some(id)
}

/// A path to a method.
#[cache_on_arguments(region = "strict", should_cache = Option::is_some)]
#[must_use]
pub fn method(id: u64) -> Option<u64> {
    Some(id)
}

/// In memory: no serde.
#[cache_on_arguments(region = "strict", in_memory)]
#[must_use]
pub fn in_memory(id: u64) -> Local {
    Local(id)
}

/// A value that cannot be serialized.
#[derive(Clone, Debug)]
pub struct Local(pub u64);

/// All at once.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(
    region = "strict",
    ttl = "10m",
    namespace = "v1",
    version = 3,
    skip(b),
    should_cache = |value: &Local| value.0 > 0,
    share_error = String::clone,
    result = true,
    in_memory,
    companion = AllAtOnce,
    crate = cachekit
)]
pub fn all_at_once(a: u64, b: u64) -> Result<Local, String> {
    Ok(Local(a + b))
}
