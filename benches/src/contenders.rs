//! Who takes part: raw papaya as the limit, cachekit, and what a user would pick instead.

use std::sync::LazyLock;
use std::time::Duration;

use cachekit::{Region, cache_on_arguments, regions};
use cached::macros::{cached, concurrent_cached};

use crate::KEYS;

/// One way to be given the value of a key that was computed before.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) call: Box<dyn Fn(u64) -> u64 + Sync>,
}

const TTL: Duration = Duration::from_secs(600);

regions! {
    static TIMED = Region::builder("timed").ttl(TTL);
    static TIMELESS = Region::builder("timeless");
}

#[cache_on_arguments(region = TIMED)]
fn with_ttl(n: u64) -> u64 {
    n * n
}

#[cache_on_arguments(region = TIMELESS)]
fn without_ttl(n: u64) -> u64 {
    n * n
}

#[cache_on_arguments(region = TIMED)]
fn text(name: &str, n: u32) -> String {
    format!("{name} {n}")
}
