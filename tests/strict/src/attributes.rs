//! Attributes above and below, and what becomes of them.

use cachekit::cache_on_arguments;

/// Below.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn must_use_below(id: u64) -> u64 {
    id
}

/// Above.
#[must_use = "it was expensive"]
#[cache_on_arguments(region = "strict")]
pub fn must_use_above(id: u64) -> u64 {
    id
}

#[cache_on_arguments(region = "strict")]
/// The documentation stands below.
#[inline]
#[must_use]
pub fn documented_below(id: u64) -> u64 {
    id
}

/// Configured in.
#[cache_on_arguments(region = "strict")]
#[cfg(not(any()))]
#[must_use]
pub fn configured_in(id: u64) -> u64 {
    id
}

/// Configured out, with its companions.
#[cache_on_arguments(region = "strict")]
#[cfg(any())]
pub fn configured_out(id: u64) -> Missing {
    id
}

/// Conditional attributes of several kinds.
#[cache_on_arguments(region = "strict")]
#[cfg_attr(not(any()), doc = "More.", must_use, cold)]
pub fn conditional(id: u64) -> u64 {
    id
}

/// Instrumented below.
#[cache_on_arguments(region = "strict")]
#[tracing::instrument]
#[must_use]
pub fn instrumented(id: u64) -> u64 {
    id
}

/// Instrumented above.
#[tracing::instrument(skip_all)]
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn instrumented_above(id: u64) -> u64 {
    id
}

/// Instrumented, asynchronous and fallible.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict")]
#[tracing::instrument(err)]
pub async fn instrumented_async(id: u64) -> Result<u64, String> {
    std::future::ready(()).await;
    Ok(id)
}

/// Allowed.
#[cache_on_arguments(region = "strict")]
#[allow(clippy::ptr_arg, clippy::trivially_copy_pass_by_ref, clippy::fn_params_excessive_bools)]
#[must_use]
pub fn allowed(name: &String, id: &u64, a: bool, b: bool, c: bool, d: bool) -> usize {
    name.capacity() + usize::from(a & b & c & d) + usize::try_from(*id).unwrap_or_default()
}

/// Expected, of the signature.
#[cache_on_arguments(region = "strict")]
#[expect(clippy::too_many_arguments, reason = "each has a meaning")]
#[must_use]
pub fn expected(one: u8, two: u8, three: u8, four: u8, five: u8, six: u8, seven: u8, eight: u8) -> u8 {
    one ^ two ^ three ^ four ^ five ^ six ^ seven ^ eight
}

/// Expected, of the body.
#[cache_on_arguments(region = "strict")]
#[expect(clippy::cast_possible_truncation, unused_variables)]
#[must_use]
pub fn expected_in_the_body(a: u64) -> u8 {
    let unused = 1;
    a as u8
}

#[cache_on_arguments(region = "strict")]
#[expect(dead_code)]
fn expected_to_be_unused(a: u64) -> u64 {
    a
}

#[cache_on_arguments(region = "strict")]
#[allow(dead_code)]
fn allowed_to_be_unused(a: u64) -> u64 {
    a
}

/// Replaced by a better one.
#[deprecated = "use `allowed`"]
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn old(a: u64) -> u64 {
    a
}

/// A type on its way out.
#[deprecated]
pub type Old = u64;

/// Takes and returns it.
#[cache_on_arguments(region = "strict")]
#[allow(deprecated)]
#[must_use]
pub fn of_old(a: Old) -> Old {
    a
}

/// Hidden, with its companions.
#[doc(hidden)]
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn hidden(a: u64) -> u64 {
    a
}
