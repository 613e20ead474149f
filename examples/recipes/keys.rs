//! `cargo run --example keys`
//!
//! Keys as one wants them: the canonical form, generators that come along, one of one's own, and manglers.

use cachekit::{Error, KeyContext, Region, cache_on_arguments, generate, mangle, regions};

regions! {
    static USERS = Region::builder("users").key_prefix("myapp:");
    static NARROW = Region::builder("narrow").key_mangler(mangle::length_conditional(40, mangle::sha1));
}

#[cache_on_arguments(region = USERS)]
fn canonical(id: u64, name: &str) -> String {
    format!("{name} {id}")
}

#[cache_on_arguments(region = USERS, key_generator = generate::keywords)]
fn named(id: u64, name: &str) -> String {
    format!("{name} {id}")
}

#[cache_on_arguments(region = USERS, namespace = "user", key_generator = generate::plain)]
fn shared(id: u64, name: &str) -> String {
    format!("{name} {id}")
}

#[cache_on_arguments(region = USERS, key_generator = by_first_argument)]
fn own(id: u64, name: &str) -> String {
    format!("{name} {id}")
}

/// Keys such as `own/5`: all but the first argument is left out, so calls that differ elsewhere share an entry.
fn by_first_argument(context: &KeyContext<'_>) -> String {
    let first = context.arguments().next().map_or(String::new(), |(_, value)| value);
    format!("{}/{first}", context.function())
}

fn main() -> Result<(), Error> {
    println!("{} by {}", canonical(5, "ann"), canonical::key(5, "ann"));
    println!("{} by {}", named(5, "ann"), named::key(5, "ann"));
    println!("{} by {}", shared(5, "ann"), shared::key(5, "ann"));
    println!("{} by {}", own(5, "ann"), own::key(5, "ann"));
    println!("{} by {}", own(5, "another"), own::key(5, "another"));

    // What a backend sees: prefix, region and key, and of that what the mangler makes.
    println!("{}", USERS.backend_key(shared::key(5, "ann")));
    println!("{}", NARROW.backend_key("short"));
    println!("{}", NARROW.backend_key("a text that is longer than forty bytes"));
    cachekit::check()
}
