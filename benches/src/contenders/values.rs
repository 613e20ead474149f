//! Values in an `Arc`, and values of a `Result`.

use std::hint::black_box;
use std::sync::Arc;

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};

use super::{Contender, DEFAULT_CAPACITY, Raw, TTL, coarse_clock, found_or, limit, ours, peer, size};

regions! {
    static VALUES = Region::builder("values").ttl(TTL);
}

/// A page of text, too large to copy for each caller.
type Page = Arc<Vec<u64>>;

/// The same function for each way to cache it.
macro_rules! functions {
    ($body:ident -> $value:ty: $($(#[$attribute:meta])+ $name:ident;)+) => {$(
        $(#[$attribute])+
        fn $name(n: u64) -> $value {
            $body(n)
        }
    )+};
}

functions! { page -> Page:
    #[cache_on_arguments(region = VALUES)] ours_page;
    #[cached] cached_page;
    #[cached(ttl_secs = 3600)] cached_page_ttl;
    #[concurrent_cached(ttl_secs = 3600)] concurrent_page_ttl;
}

functions! { square -> Result<u64, String>:
    #[cache_on_arguments(region = VALUES)] ours_square;
    #[cached] cached_square;
    #[cached(ttl_secs = 3600)] cached_square_ttl;
    #[concurrent_cached(ttl_secs = 3600)] concurrent_square_ttl;
}

fn page(n: u64) -> Page {
    Arc::new(vec![n; 512])
}

fn square(n: u64) -> Result<u64, String> {
    n.checked_mul(n).ok_or_else(|| "too large".to_owned())
}

pub(crate) fn shared() -> Vec<Contender> {
    let raw: Raw<Page> = Raw::default();
    let moka = moka::sync::Cache::<u64, Page>::builder().max_capacity(DEFAULT_CAPACITY).time_to_live(TTL).build();
    let quick = quick_cache::sync::Cache::<u64, Page>::new(size(DEFAULT_CAPACITY));
    vec![
        limit("papaya get, Arc::clone, and the coarse clock", move |n| {
            black_box(coarse_clock());
            found_or(&raw, n, page)
        }),
        ours("cachekit, ttl", ours_page),
        peer("cached #[cached], ttl", true, cached_page_ttl),
        peer("cached #[concurrent_cached], ttl", true, concurrent_page_ttl),
        peer("moka get, ttl", true, move |n| moka.get(&n).unwrap_or_else(|| moka.get_with(n, || page(n)))),
        peer("cached #[cached]", false, cached_page),
        peer("quick_cache get_or_insert_with", false, move |n| {
            quick.get_or_insert_with(&n, || Ok::<_, String>(page(n)))
        }),
    ]
}

pub(crate) fn results() -> Vec<Contender> {
    let raw: Raw<u64> = Raw::default();
    let moka = moka::sync::Cache::<u64, u64>::builder().max_capacity(DEFAULT_CAPACITY).time_to_live(TTL).build();
    let quick = quick_cache::sync::Cache::<u64, u64>::new(size(DEFAULT_CAPACITY));
    vec![
        limit("papaya get, and the coarse clock", move |n| {
            black_box(coarse_clock());
            Ok::<_, String>(found_or(&raw, n, |n| n.wrapping_mul(n)))
        }),
        ours("cachekit, ttl", ours_square),
        peer("cached #[cached], ttl", true, cached_square_ttl),
        peer("cached #[concurrent_cached], ttl", true, concurrent_square_ttl),
        peer("moka get, ttl", true, move |n| moka.get(&n).map_or_else(|| moka.try_get_with(n, || square(n)), Ok)),
        peer("cached #[cached]", false, cached_square),
        peer("quick_cache get_or_insert_with", false, move |n| quick.get_or_insert_with(&n, || square(n))),
    ]
}
