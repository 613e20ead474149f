//! `cargo run --example shared_redis`
//!
//! Two programs use one Redis server, and each has names of its own there, by a key prefix. A store in memory stands for the
//! server, so that the program runs without one.

use cachekit::{Error, Region, cache_on_arguments, regions};
use cachekit_backends::memory::Memory;

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = USERS)]
fn load_user(id: u64) -> String {
    format!("user {id}")
}

fn main() -> Result<(), Error> {
    // In a program of one's own: `Redis::connect("redis://127.0.0.1:6379/0")?`, of `cachekit_backends::redis`.
    let server = Memory::new();
    USERS.configure(|r| r.backend(server.clone()).key_prefix("shop:"))?;
    load_user(5);
    println!("a call:   {}", USERS.backend_key(load_user::key(5)));
    println!("by hand:  {}", USERS.backend_key("greeting"));

    // Another program has a region of that name, too, and its own prefix.
    let other = Region::builder("users").backend(server).key_prefix("blog:").build()?;
    USERS.set("greeting", &"welcome to the shop".to_owned())?;
    println!("the same: {}", other.backend_key("greeting"));
    println!("found by the other program: {:?}", other.get::<String>("greeting")?);
    Ok(())
}
