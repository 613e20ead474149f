#![deny(dead_code)]

use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> u64 {
    id
}

fn main() {}
