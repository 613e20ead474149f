//! Manglers: functions from the text of a key to the text that a backend is handed.
//!
//! For stores that limit what a key may be. The mangler is the last step, after prefix and region.
//! A mangler must map different texts to different texts; a hash of 128 bits or more does.

use std::fmt::Write as _;

use sha1::{Digest, Sha1};

/// The SHA-1 of a key as 40 hexadecimal digits.
///
/// ```
/// assert_eq!(cachekit::mangle::sha1("users:app::load_user|5").len(), 40);
/// ```
#[must_use]
pub fn sha1(key: &str) -> String {
    let mut digits = String::with_capacity(40);
    for byte in Sha1::digest(key.as_bytes()) {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Mangles only keys of `length` bytes or more, as dogpile.cache's `length_conditional_mangler` does.
///
/// ```
/// use cachekit::mangle::{length_conditional, sha1};
///
/// let mangler = length_conditional(250, sha1);
/// assert_eq!(mangler("short"), "short");
/// assert_eq!(mangler(&"long".repeat(100)).len(), 40);
/// ```
pub fn length_conditional<M>(length: usize, mangler: M) -> impl Fn(&str) -> String + Send + Sync + 'static
where
    M: Fn(&str) -> String + Send + Sync + 'static,
{
    move |key| if key.len() >= length { mangler(key) } else { key.to_owned() }
}
