//! Where a function stands, how it is seen, and where its companions go.

use cachekit::cache_on_arguments;

/// In a function's body.
#[must_use]
pub fn body(n: u64) -> u64 {
    #[cache_on_arguments(region = "strict")]
    fn inner(n: u64) -> u64 {
        n
    }
    let other = {
        #[cache_on_arguments(region = "strict", companion = none)]
        fn hidden(n: u64) -> u64 {
            n
        }
        hidden(n)
    };
    if inner::invalidate(n).is_err() {
        return other;
    }
    inner(n)
}

/// Visible in the crate.
#[cache_on_arguments(region = "strict")]
pub(crate) fn in_the_crate(id: u64) -> u64 {
    id
}

mod nested {
    use cachekit::cache_on_arguments;

    #[cache_on_arguments(region = "strict")]
    pub(in crate::places) fn in_the_path(id: u64) -> u64 {
        private(id)
    }

    #[cache_on_arguments(region = "strict")]
    fn private(id: u64) -> u64 {
        id
    }

    #[cache_on_arguments(region = "strict")]
    pub(super) fn above(id: u64) -> u64 {
        id
    }
}

/// Uses them.
#[must_use]
pub fn used(id: u64) -> u64 {
    in_the_crate(id) + nested::in_the_path(id) + nested::above(id)
}

/// Another name.
#[cache_on_arguments(region = "strict", companion = Renamed)]
#[must_use]
pub fn renamed(id: u64) -> u64 {
    id
}

/// A module of the function's name.
pub mod same_name {}

/// The companion steps aside.
#[cache_on_arguments(region = "strict", companion = SameName)]
#[must_use]
pub fn same_name(id: u64) -> u64 {
    id
}

/// No companion, asynchronous, with an error.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict", companion = none)]
pub async fn alone(id: u64, mut x: u64) -> Result<u64, String> {
    x += std::future::ready(id).await;
    Ok(x)
}

/// In an implementation.
#[derive(Debug)]
pub struct Repo;

impl Repo {
    /// Through another crate, without a companion.
    #[cache_on_arguments(region = "strict", companion = none, crate = crate::key_parts::renamed)]
    #[must_use]
    pub fn associated(id: u64) -> u64 {
        id
    }
}

/// Uses them.
///
/// # Errors
///
/// Those of the region.
pub fn companions() -> Result<(), cachekit::Error> {
    Renamed::invalidate(1)?;
    SameName::invalidate(1)
}
