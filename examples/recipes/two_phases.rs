//! `cargo run --example two_phases`
//!
//! A region is declared where it is used, and set up where the configuration is known: here from TOML.

use std::time::Duration;

use cachekit::Config;
// Links the backends, so that a configuration finds them by name.
use cachekit_backends as _;

/// A part of the program that knows nothing of the configuration.
mod users {
    use std::time::Duration;

    use cachekit::{Region, cache_on_arguments, regions};

    regions! {
        /// Works in memory until it is configured.
        pub(crate) static USERS = Region::builder("users").ttl(Duration::from_secs(300));
    }

    #[cache_on_arguments(region = USERS)]
    pub(crate) fn load_user(id: u64) -> String {
        format!("user {id}")
    }
}

const TOML: &str = r#"
    [regions.users]
    ttl = "10m"
    stale_if_error = "6h"
    key_prefix = "myapp:"
    backend = "memory"
    memory = { capacity = 10_000 }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mistaken: Config = toml::from_str("[regions.user]\nttl = '10m'")?;
    if let Err(error) = cachekit::configure(mistaken) {
        println!("{error}");
    }

    let config: Config = toml::from_str(TOML)?;
    cachekit::configure(config)?;
    cachekit::check()?;
    println!("{}", users::load_user(5));
    println!("{}", users::USERS.backend_key("k"));
    let left = users::load_user::entry(5).peek()?.and_then(|peek| peek.ttl_left());
    println!("fresh for more than 9 minutes: {}", left.is_some_and(|left| left > Duration::from_secs(9 * 60)));
    Ok(())
}
