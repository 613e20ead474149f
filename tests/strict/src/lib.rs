//! Expansions must be silent where a crate denies everything.
//!
//! That this compiles, and that `cargo clippy -- -D warnings` and `cargo doc` have nothing to say, is the test.
//! Each module holds the shapes of one kind.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_lifetimes,
    single_use_lifetimes,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    let_underscore_drop,
    redundant_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unused_import_braces,
    unused_results,
    variant_size_differences,
    clippy::all,
    clippy::pedantic
)]
#![forbid(unsafe_code)]

pub mod arguments;
pub mod attributes;
pub mod futures;
pub mod generics;
pub mod hygiene;
pub mod key_parts;
pub mod keys;
pub mod many;
pub mod methods;
pub mod places;
pub mod renewals;
pub mod results;
pub mod settings;
pub mod tags;
pub mod values;

use cachekit::{Region, regions};

regions! {
    /// The region of every function here.
    pub static STRICT = Region::builder("strict");
}

/// A region by a longer path.
pub mod elsewhere {
    pub use crate::STRICT as REGION;
}
