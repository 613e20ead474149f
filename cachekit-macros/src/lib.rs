//! The attribute and derive macros of cachekit.
//!
//! Use them through the crate `cachekit`, which re-exports them and has what they expand to.
//!
//! One pipeline, one verb per file: `args` and `item` parse, `model` means, `validate` judges, `expand` writes,
//! `fallback` stands in. What this crate deliberately does not have: caching. Every expansion is one call into
//! `cachekit::__private`, whose version is pinned to this one's.
#![forbid(unsafe_code)]

// Parse.
mod args;
mod duration;
mod item;

// Mean.
mod argument;
mod lifetimes;
mod mention;
mod model;
mod output;

// Judge.
mod errors;
mod validate;

// Write.
mod attrs;
mod expand;
mod fallback;
mod hygiene;

// The derive macro is small enough to do all of it.
mod key_part;

use proc_macro::TokenStream;

/// TODO manual
#[proc_macro_attribute]
pub fn cache_on_arguments(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::cache_on_arguments(args.into(), &item.into()).into()
}

/// TODO manual
#[proc_macro_derive(KeyPart, attributes(key_part))]
pub fn key_part(input: TokenStream) -> TokenStream {
    key_part::key_part(input.into()).into()
}
