//! `cargo run --example groups`
//!
//! Forgets a group of related entries in one step: by a tag, or by the keys that a key generator has recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use cachekit::{Error, KeyContext, Region, cache_on_arguments, generate, regions};

regions! {
    static PAGES = Region::builder("pages");
    static RECORDED_PAGES = Region::builder("recorded pages").key_generator(recorded);
}

#[cache_on_arguments(region = PAGES, tags = ["user:{user}"])]
fn page(user: u64, number: u32) -> String {
    println!("making page {number} of user {user}");
    format!("page {number} of user {user}")
}

#[cache_on_arguments(region = RECORDED_PAGES)]
fn recorded_page(user: u64, number: u32) -> String {
    println!("making page {number} of user {user}");
    format!("page {number} of user {user}")
}

/// Who visits which page.
const VISITS: [(u64, u32); 3] = [(5, 1), (5, 2), (6, 1)];

/// The keys that were made, by the user whom they are about.
static KEYS: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// Makes a key, and remembers it under the argument `user`.
fn recorded(context: &KeyContext<'_>) -> String {
    let key = generate::keywords(context);
    if let Some((_, user)) = context.arguments().find(|(name, _)| *name == "user") {
        let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        keys.entry(user).or_default().insert(key.clone());
    }
    key
}

/// Forgets every recorded entry of a user.
fn forget(user: u64) -> Result<(), Error> {
    let keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner).remove(&user.to_string());
    RECORDED_PAGES.delete_many(keys.unwrap_or_default())
}

fn main() -> Result<(), Error> {
    println!("by a tag");
    for (user, number) in VISITS {
        page(user, number);
    }
    PAGES.invalidate_tag("user:5")?;
    for (user, number) in VISITS {
        page(user, number);
    }

    println!("by recorded keys");
    for (user, number) in VISITS {
        recorded_page(user, number);
    }
    forget(5)?;
    for (user, number) in VISITS {
        recorded_page(user, number);
    }
    Ok(())
}
