//! Names that collide with generated ones.

use cachekit::cache_on_arguments;

/// An argument of the function's name.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn user(user: u64) -> u64 {
    user
}

/// Arguments called like what companions need.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn generated(key: u64, value: u64, new_value: u64, writer: u64) -> u64 {
    key + value + new_value + writer
}

/// Raw names.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn r#type(r#type: u64, r#fn: &str) -> u64 {
    r#type + r#fn.len() as u64
}

/// A name that a companion has.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn get(id: u64) -> u64 {
    id
}

/// A function that is called like a companion's own function.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn original(id: u64) -> u64 {
    if id == 0 { 0 } else { original(id - 1) }
}

/// Recursion with another key, early return.
#[cache_on_arguments(region = "strict")]
#[must_use]
pub fn fibonacci(n: u32) -> u64 {
    if n < 2 {
        return u64::from(n);
    }
    fibonacci(n - 1) + fibonacci(n - 2)
}

/// Names of the prelude that mean something else here.
pub mod shadowed {
    use ::cachekit::cache_on_arguments;

    /// Not the prelude's.
    #[derive(Debug)]
    pub struct Option;
    /// Not the prelude's.
    #[derive(Debug)]
    pub struct Result;
    /// Not the prelude's.
    #[derive(Debug)]
    pub struct Duration;
    /// Not the prelude's.
    #[derive(Debug)]
    pub struct Some;
    /// Not the prelude's.
    pub trait Clone {}
    /// Not the prelude's.
    pub trait Copy {}
    /// Not cachekit's.
    pub mod cachekit {}
    /// Not the standard library's.
    pub mod core {}

    /// Kept.
    #[cache_on_arguments(region = "strict", ttl = "1s")]
    #[must_use]
    pub fn shadowed(id: u64) -> u64 {
        id
    }
}

macro_rules! cached {
    ($(#[$attr:meta])* $vis:vis fn $name:ident($arg:ident: $ty:ty) -> $ret:ty = $value:expr, $key:expr) => {
        $(#[$attr])*
        #[cache_on_arguments(region = "strict", key($key, fixed))]
        $vis fn $name($arg: $ty, fixed: $crate::hygiene::Fixed) -> $ret {
            let _ = fixed;
            $value
        }
    };
}

/// A number of this crate's.
pub type Fixed = u8;

cached! {
    /// Written by a macro.
    pub fn by_macro(id: &str) -> Option<usize> = Some(id.len()), id.len()
}

/// Uses every companion of some of the above.
///
/// # Errors
///
/// Those of the region.
pub fn companions() -> Result<(), cachekit::Error> {
    generated::set(1, 2, 3, 4, 5)?;
    r#type::invalidate(1, "x")?;
    get::expire(1)?;
    let _: u64 = get::refresh(1);
    drop::<cachekit::Key>(by_macro::key("id", 1));
    drop::<cachekit::Entry<u64>>(user::entry(1));
    Ok(())
}
