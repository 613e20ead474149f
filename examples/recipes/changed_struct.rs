//! `cargo run --example changed_struct`
//!
//! What an older program has stored, and a newer one cannot read, is a miss, and is computed again.

use cachekit::{Error, Region};
use cachekit_backends::memory::Memory;
use serde::{Deserialize, Serialize};

/// As the first program knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    name: String,
}

/// A field more, with a default: what is stored can be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct UserWithMail {
    name: String,
    #[serde(default)]
    mail: Option<String>,
}

/// Fields without a default: what is stored cannot be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct UserInTwoParts {
    first: String,
    last: String,
}

fn main() -> Result<(), Error> {
    // One store, and a region for each program that uses it, one after the other.
    let store = Memory::new();
    let program = || Region::builder("users").backend(store.clone()).build();

    let user = program()?.get_or_create("5", || User { name: "Ann Lee".to_owned() });
    println!("stored: {user:?}");

    let newer = program()?;
    println!("with a default: {:?}", newer.get::<UserWithMail>("5")?);
    println!("unreadable: {}", newer.stats().unreadable);

    let newest = program()?;
    println!("without one: {:?}", newest.get::<UserInTwoParts>("5")?);
    println!("unreadable: {}", newest.stats().unreadable);
    let ann = || UserInTwoParts { first: "Ann".to_owned(), last: "Lee".to_owned() };
    println!("computed again: {:?}", newest.get_or_create("5", ann));
    println!("and stored: {:?}", newest.get::<UserInTwoParts>("5")?);
    Ok(())
}
