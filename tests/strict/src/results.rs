//! Functions that may fail.

use std::{fmt, io};

use cachekit::cache_on_arguments;

/// An error that everyone who waited can have.
#[derive(Clone, Debug)]
pub struct Shared;

/// An error that cannot be cloned.
#[derive(Debug)]
pub struct Owned(pub String);

/// An alias with a parameter.
pub type DbResult<T> = Result<T, Shared>;
/// An alias without.
pub type Loaded = Result<u64, Shared>;
/// No result at all.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SearchResult(pub u64);

/// With `?` and an early return.
///
/// # Errors
///
/// If it is no number.
#[cache_on_arguments(region = "strict")]
pub fn parsed(text: &str) -> Result<u64, std::num::ParseIntError> {
    if text.is_empty() {
        return Ok(0);
    }
    let number: u64 = text.parse()?;
    Ok(number)
}

/// An alias of this crate.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict")]
pub fn alias(id: u64) -> DbResult<u64> {
    Ok(id)
}

/// An alias without a parameter, said to be one.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict", result = true)]
pub fn said(id: u64) -> Loaded {
    Ok(id)
}

/// `io::Result`, whose error cannot be cloned.
///
/// # Errors
///
/// If the file cannot be read.
#[cache_on_arguments(region = "strict")]
pub fn read(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// `fmt::Result`, which has no parameter.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict")]
pub fn formatted(id: u64) -> fmt::Result {
    if id == 0 { Err(fmt::Error) } else { Ok(()) }
}

/// How to share.
///
/// # Errors
///
/// Always.
#[cache_on_arguments(region = "strict", share_error = copy)]
pub fn copied(id: u64) -> Result<u64, Owned> {
    Err(Owned(id.to_string()))
}

/// How to share, in place.
///
/// # Errors
///
/// Always.
#[cache_on_arguments(region = "strict", share_error = |error| Owned(error.0.clone()))]
pub fn copied_in_place(id: u64) -> Result<u64, Owned> {
    Err(Owned(id.to_string()))
}

fn copy(error: &Owned) -> Owned {
    Owned(error.0.clone())
}

/// An error that borrows the argument.
///
/// # Errors
///
/// Always.
#[cache_on_arguments(region = "strict")]
pub fn borrowing(name: &str) -> Result<u64, &str> {
    Err(name)
}

/// The whole result is the value.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict", result = false)]
pub fn whole(id: u64) -> Result<u64, String> {
    Ok(id)
}

/// A struct whose name ends like an alias.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn search(id: u64) -> SearchResult {
    SearchResult(id)
}

/// Boxed.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict")]
pub fn boxed(id: u64) -> Result<Option<u64>, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Some(id))
}

/// Uses the companions.
///
/// # Errors
///
/// Those of the region.
pub fn companions() -> Result<(), cachekit::Error> {
    let _: Option<u64> = alias::get(1)?;
    said::set(1, 2)?;
    formatted::set(1, ())?;
    whole::set(1, Ok(1))?;
    let _: DbResult<u64> = alias::refresh(1);
    Ok(())
}
