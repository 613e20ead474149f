//! Who takes part: raw papaya as the limit, cachekit, and what a user would pick instead.

use std::sync::LazyLock;
use std::time::Duration;

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};

use crate::KEYS;

/// One way to be given the value of a key that was computed before.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) call: Box<dyn Fn(u64) -> u64 + Sync>,
}

const TTL: Duration = Duration::from_hours(1);

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

#[cache_on_arguments(region = TIMED, tags = ["number:{n}", "numbers"])]
fn with_two_tags(n: u64) -> u64 {
    n * n
}

#[cached]
fn cached_without_ttl(n: u64) -> u64 {
    n * n
}

#[cached(ttl_secs = 3600)]
fn cached_with_ttl(n: u64) -> u64 {
    n * n
}

#[concurrent_cached(ttl_secs = 3600)]
fn concurrent_cached_with_ttl(n: u64) -> u64 {
    n * n
}

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| (0..KEYS).map(|n| format!("user name {n}")).collect());

/// The name of a key; `KEYS` is the length of the list.
fn name(n: u64) -> &'static str {
    &NAMES[usize::try_from(n).expect("a key is below 1,024")]
}

/// Everyone, the limit first.
pub(crate) fn contenders() -> Vec<Contender> {
    let raw: papaya::HashMap<u64, u64, foldhash::fast::RandomState> = papaya::HashMap::default();
    let quick = quick_cache::sync::Cache::<u64, u64>::new(10_000);
    let moka = moka::sync::Cache::builder().max_capacity(10_000).time_to_live(TTL).build();
    // One after the other, so that the entries of each lie together, as they do where one of them is used.
    (0..KEYS).for_each(|n| _ = raw.pin().insert(n, n * n));
    (0..KEYS).for_each(|n| quick.insert(n, n * n));
    (0..KEYS).for_each(|n| moka.insert(n, n * n));
    vec![
        contender("cachekit, u64 -> u64, ttl", with_ttl),
        contender("limit: raw papaya and the coarse clock", move |n| {
            raw.pin().get(&n).map_or(0, |value| value.wrapping_add(coarse_clock() & 1))
        }),
        contender("cachekit, u64 -> u64, no ttl", without_ttl),
        contender("cachekit, u64 -> u64, ttl, two tags", with_two_tags),
        contender("cachekit, (&str, u32) -> String, ttl", |n| text(name(n), 7).len() as u64),
        contender("String::clone of that", |n| name(n).to_owned().len() as u64),
        contender("cached 4.1 #[cached], u64 -> u64, no ttl", cached_without_ttl),
        contender("cached 4.1 #[cached], u64 -> u64, ttl", cached_with_ttl),
        contender("cached 4.1 #[concurrent_cached], u64 -> u64, ttl", concurrent_cached_with_ttl),
        contender("quick_cache 0.7 get, no ttl", move |n| quick.get(&n).unwrap_or(0)),
        contender("moka 0.12 get, ttl", move |n| moka.get(&n).unwrap_or(0)),
    ]
}

fn contender(name: &'static str, call: impl Fn(u64) -> u64 + Sync + 'static) -> Contender {
    Contender { name, call: Box::new(call) }
}

fn coarse_clock() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    now.tv_nsec.unsigned_abs()
}
