//! `fn(u64) -> u64`.

use std::convert::Infallible;
use std::hint::black_box;

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};
use memoize::memoize;

use super::{Contender, DEFAULT_CAPACITY, LARGE_CAPACITY, Raw, TTL, coarse_clock, found_or, limit, ours, peer, size};

regions! {
    static TIMED = Region::builder("timed").ttl(TTL);
    static TIMELESS = Region::builder("timeless");
    static LARGE = Region::builder("large").ttl(TTL).capacity(size(LARGE_CAPACITY));
    static LARGE_TIMELESS = Region::builder("large, timeless").capacity(size(LARGE_CAPACITY));
}

/// The same function for each way to cache it.
macro_rules! squares {
    ($($(#[$attribute:meta])+ $name:ident;)+) => {$(
        $(#[$attribute])+
        fn $name(n: u64) -> u64 {
            n.wrapping_mul(n)
        }
    )+};
}

squares! {
    #[cache_on_arguments(region = TIMED)] timed;
    #[cache_on_arguments(region = TIMELESS)] timeless;
    #[cache_on_arguments(region = LARGE)] large;
    #[cache_on_arguments(region = LARGE_TIMELESS)] large_timeless;
    #[cached] cached_plain;
    #[cached(ttl_secs = 3600)] cached_ttl;
    #[cached(max_size = 10_000)] cached_size;
    #[cached(max_size = 10_000, ttl_secs = 3600)] cached_size_ttl;
    #[concurrent_cached] concurrent_plain;
    #[concurrent_cached(ttl_secs = 3600)] concurrent_ttl;
    #[concurrent_cached(max_size = 10_000)] concurrent_size;
    #[concurrent_cached(max_size = 10_000, ttl_secs = 3600)] concurrent_size_ttl;
    #[memoize] memoize_plain;
    #[memoize(TimeToLive: TTL)] memoize_ttl;
    #[memoize(Capacity: 10_000, TimeToLive: TTL)] memoize_size_ttl;
    #[memoize(SharedCache)] memoize_shared;
}

/// The limit, and what is to come near it, each with an entry for all of so many keys.
pub(crate) fn limit_and_ours(keys: u64) -> Vec<Contender> {
    let raw: Raw<u64> = Raw::default();
    let limit = limit("papaya get, and the coarse clock", move |n| {
        black_box(coarse_clock());
        found_or(&raw, n, |n| n.wrapping_mul(n))
    });
    let plain: Raw<u64> = Raw::default();
    let plain = super::limit("papaya get", move |n| found_or(&plain, n, |n| n.wrapping_mul(n)));
    if keys < DEFAULT_CAPACITY {
        vec![limit, ours("cachekit, ttl", timed), ours("cachekit, no ttl", timeless), plain]
    } else {
        vec![limit, ours("cachekit, ttl", large), ours("cachekit, no ttl", large_timeless), plain]
    }
}

/// Everyone, the limit first.
pub(crate) fn contenders(keys: u64) -> Vec<Contender> {
    let capacity = if keys < DEFAULT_CAPACITY { DEFAULT_CAPACITY } else { LARGE_CAPACITY };
    let quick = quick_cache::sync::Cache::<u64, u64>::new(size(capacity));
    let moka = |ttl| {
        let builder = moka::sync::Cache::<u64, u64>::builder().max_capacity(capacity);
        if ttl { builder.time_to_live(TTL) } else { builder }.build()
    };
    let (moka_ttl, moka_plain) = (moka(true), moka(false));
    let mut all = limit_and_ours(keys);
    all.extend([
        peer("cached #[cached], ttl", true, cached_ttl),
        peer("cached #[cached], size and ttl", true, cached_size_ttl).room(DEFAULT_CAPACITY),
        peer("cached #[concurrent_cached], ttl", true, concurrent_ttl),
        peer("cached #[concurrent_cached], size and ttl", true, concurrent_size_ttl).room(DEFAULT_CAPACITY / 2),
        peer("moka get, ttl", true, move |n| {
            moka_ttl.get(&n).unwrap_or_else(|| moka_ttl.get_with(n, || n.wrapping_mul(n)))
        }),
        peer("memoize, ttl; a cache per thread", true, memoize_ttl).room(DEFAULT_CAPACITY).of_the_thread(),
        peer("memoize, size and ttl; a cache per thread", true, memoize_size_ttl)
            .room(DEFAULT_CAPACITY)
            .of_the_thread(),
        peer("cached #[cached]", false, cached_plain),
        peer("cached #[cached], size", false, cached_size).room(DEFAULT_CAPACITY),
        peer("cached #[concurrent_cached]", false, concurrent_plain),
        peer("cached #[concurrent_cached], size", false, concurrent_size).room(DEFAULT_CAPACITY / 2),
        peer("moka get", false, move |n| {
            moka_plain.get(&n).unwrap_or_else(|| moka_plain.get_with(n, || n.wrapping_mul(n)))
        }),
        peer("quick_cache get_or_insert_with", false, move |n| {
            quick.get_or_insert_with(&n, || Ok::<_, Infallible>(n.wrapping_mul(n)))
        }),
        peer("memoize; a cache per thread", false, memoize_plain).room(DEFAULT_CAPACITY).of_the_thread(),
        peer("memoize, SharedCache", false, memoize_shared),
    ]);
    all
}
