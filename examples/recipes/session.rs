//! `cargo run --example session`
//!
//! Values that belong to one session, such as a request: computed once in it, kept as they are, and gone with it.

use std::sync::Arc;
use std::thread;

use cachekit::{Error, Region, cache_on_arguments, regions};
use cachekit_backends::scoped::{Scope, Scoped};

/// Neither `Clone` nor serde's: a row that belongs to a session with a database, say.
struct Account {
    name: String,
}

regions! {
    static ACCOUNTS = Region::builder("accounts").backend(Scoped::new());
}

#[cache_on_arguments(region = ACCOUNTS, in_memory)]
fn account(id: u64) -> Arc<Account> {
    println!("  loading account {id}");
    Arc::new(Account { name: format!("account {id}") })
}

/// Asks for the account in more than one place, as a request does.
fn handle(request: &str) {
    println!("{request}");
    println!("  greeting {}", account(5).name);
    println!("  billing {}", account(5).name);
}

fn main() -> Result<(), Error> {
    cachekit::check()?;
    Scope::new().enter(|| handle("first request"));
    Scope::new().enter(|| handle("second request"));

    println!("third request");
    // A thread starts outside of every scope, and is given one.
    let scope = Scope::new();
    scope.enter(|| account(5));
    thread::scope(|threads| {
        threads.spawn(|| scope.enter(|| println!("  in another thread: {}", account(5).name)));
    });
    Ok(())
}
