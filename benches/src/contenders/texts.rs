//! `fn(&str, u32) -> String`: a key that borrows, and a value whose copy is an allocation.

use std::hint::black_box;
use std::sync::LazyLock;

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};
use memoize::memoize;
use quick_cache::Equivalent;

use super::{Contender, DEFAULT_CAPACITY, TTL, coarse_clock, limit, ours, peer, size};

/// Keys of this workload.
pub(crate) const KEYS: u64 = 1_024;

regions! {
    static TEXTS = Region::builder("texts").ttl(TTL);
}

/// The same function for each way to cache it.
macro_rules! texts {
    ($($(#[$attribute:meta])+ $name:ident($text:ident: $argument:ty, $page:ident);)+) => {$(
        $(#[$attribute])+
        fn $name($text: $argument, $page: u32) -> String {
            format!("page {} of {}", $page, $text)
        }
    )+};
}

texts! {
    #[cache_on_arguments(region = TEXTS)] ours_ttl(name: &str, page);
    #[cached(ttl_secs = 3600, key = "(String, u32)", convert = { (name.to_owned(), page) })] cached_ttl(name: &str, page);
    #[cached(key = "(String, u32)", convert = { (name.to_owned(), page) })] cached_plain(name: &str, page);
    #[concurrent_cached(ttl_secs = 3600, key = "(String, u32)", convert = { (name.to_owned(), page) })]
    concurrent_ttl(name: &str, page);
    #[memoize(TimeToLive: TTL)] memoize_ttl(name: String, page);
}

/// A key as it is looked up, without a `String`.
#[derive(Hash)]
struct Borrowed(&'static str, u32);

impl Equivalent<(String, u32)> for Borrowed {
    fn equivalent(&self, key: &(String, u32)) -> bool {
        self.0 == key.0 && self.1 == key.1
    }
}

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| (0..KEYS).map(|n| format!("user name {n}")).collect());

#[inline]
fn name(n: u64) -> &'static str {
    &NAMES[usize::try_from(n).expect("a key is below 1,024")]
}

fn text(n: u64) -> String {
    format!("page 7 of {}", name(n))
}

pub(crate) fn contenders() -> Vec<Contender> {
    let raw: papaya::HashMap<(String, u32), String, foldhash::fast::RandomState> = papaya::HashMap::default();
    (0..KEYS).for_each(|n| _ = raw.pin().insert((name(n).to_owned(), 7), text(n)));
    let moka = moka::sync::Cache::<(String, u32), String>::builder();
    let moka = moka.max_capacity(DEFAULT_CAPACITY).time_to_live(TTL).build();
    (0..KEYS).for_each(|n| moka.insert((name(n).to_owned(), 7), text(n)));
    let quick = quick_cache::sync::Cache::<(String, u32), String>::new(size(DEFAULT_CAPACITY));
    (0..KEYS).for_each(|n| quick.insert((name(n).to_owned(), 7), text(n)));
    vec![
        limit("papaya get with the same key, String::clone, and the coarse clock", move |n| {
            black_box(coarse_clock());
            raw.pin().get(&Borrowed(name(n), 7)).cloned()
        }),
        ours("cachekit, ttl", |n| ours_ttl(name(n), 7)),
        peer("cached #[cached], ttl", true, |n| cached_ttl(name(n), 7)),
        peer("cached #[concurrent_cached], ttl", true, |n| concurrent_ttl(name(n), 7)),
        peer("moka get, ttl", true, move |n| moka.get(&Borrowed(name(n), 7))),
        peer("memoize, ttl; a cache per thread", true, |n| memoize_ttl(name(n).to_owned(), 7)).of_the_thread(),
        peer("cached #[cached]", false, |n| cached_plain(name(n), 7)),
        peer("quick_cache get", false, move |n| quick.get(&Borrowed(name(n), 7))),
    ]
}
