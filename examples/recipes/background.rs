//! `cargo run --example background`
//!
//! After a change the cached value is renewed in the background; until that is done callers are served the old one, and
//! nobody waits.

use std::sync::{Mutex, PoisonError};
use std::thread;

use cachekit::{Error, Region, cache_on_arguments, regions};

regions! {
    static PROFILES = Region::builder("profiles");
}

/// Stands for a table of a database.
static NAME: Mutex<String> = Mutex::new(String::new());

#[cache_on_arguments(region = PROFILES, background)]
fn profile(id: u64) -> String {
    let name = NAME.lock().unwrap_or_else(PoisonError::into_inner);
    format!("{name}, number {id}")
}

/// Changes the database first, and then what is cached.
fn rename(id: u64, name: &str) -> Result<(), Error> {
    name.clone_into(&mut NAME.lock().unwrap_or_else(PoisonError::into_inner));
    profile::expire(id)
}

fn main() -> Result<(), Error> {
    rename(5, "Ann")?;
    println!("at first: {}", profile(5));

    rename(5, "Anna")?;
    println!("after the change: {}", profile(5));
    // Nobody needs to wait for a renewal; this program does to show what comes next.
    while profile::entry(5).is_computing() {
        thread::yield_now();
    }
    println!("when it is renewed: {}", profile(5));
    Ok(())
}
