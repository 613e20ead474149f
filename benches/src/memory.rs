//! Memory of an entry: what 1,000,000 entries `u64 -> u64` add to the resident memory of a process of their own.

use std::convert::Infallible;
use std::fs;
use std::hint::black_box;

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};
use memoize::memoize;

use crate::chart::{Bar, Chart};
use crate::child::part;
use crate::contenders::{LARGE_CAPACITY, Raw, TTL, size};
use crate::measure::{Effort, as_float, median};
use crate::report::{Row, Section, Table, Target};

const ENTRIES: u64 = 1_000_000;

/// Who is asked in a process of its own, and by which word.
const CONTENDERS: [(&str, &str); 9] = [
    ("papaya", "papaya"),
    ("cachekit", "cachekit, ttl"),
    ("quick_cache", "quick_cache"),
    ("moka", "moka, ttl"),
    ("moka-plain", "moka"),
    ("cached-ttl", "cached #[cached], ttl"),
    ("concurrent-ttl", "cached #[concurrent_cached], ttl"),
    ("cached", "cached #[cached]"),
    ("memoize", "memoize, ttl; a cache per thread"),
];

regions! {
    static MANY = Region::builder("many entries").ttl(TTL).capacity(size(LARGE_CAPACITY));
}

#[cache_on_arguments(region = MANY)]
fn ours(n: u64) -> u64 {
    n.wrapping_mul(n)
}

#[cached(ttl_secs = 3600)]
fn cached_ttl(n: u64) -> u64 {
    n.wrapping_mul(n)
}

#[cached]
fn cached_plain(n: u64) -> u64 {
    n.wrapping_mul(n)
}

#[concurrent_cached(ttl_secs = 3600)]
fn concurrent_ttl(n: u64) -> u64 {
    n.wrapping_mul(n)
}

#[memoize(TimeToLive: TTL)]
fn memoize_ttl(n: u64) -> u64 {
    n.wrapping_mul(n)
}

/// Fills one, and prints how much the process has grown by.
pub(crate) fn child(contender: &str) {
    let entries = 0..ENTRIES;
    let all = |call: fn(u64) -> u64| entries.clone().for_each(|n| _ = black_box(call(n)));
    let before = resident();
    let raw: Raw<u64> = Raw::default();
    let quick =
        quick_cache::sync::Cache::<u64, u64>::new(size(if contender == "quick_cache" { 2 * ENTRIES } else { 1 }));
    let moka = moka::sync::Cache::<u64, u64>::builder().max_capacity(LARGE_CAPACITY);
    let moka = if contender == "moka" { moka.time_to_live(TTL) } else { moka }.build();
    match contender {
        "papaya" => entries.for_each(|n| _ = raw.pin().insert(n, n)),
        "cachekit" => all(ours),
        "quick_cache" => entries.for_each(|n| _ = quick.get_or_insert_with(&n, || Ok::<_, Infallible>(n))),
        "moka" | "moka-plain" => {
            entries.for_each(|n| _ = moka.get_with(n, || n));
            moka.run_pending_tasks();
        }
        "cached-ttl" => all(cached_ttl),
        "concurrent-ttl" => all(concurrent_ttl),
        "cached" => all(cached_plain),
        "memoize" => all(memoize_ttl),
        _ => panic!("nobody is called {contender}"),
    }
    println!("{}", resident() - before);
    black_box((raw, quick, moka));
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").expect("the kernel tells a process about itself");
    let pages: u64 = pages.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("the second word is a number");
    pages * rustix::param::page_size() as u64
}

pub(crate) fn section(effort: &Effort) -> Section {
    let found: Vec<(&str, f64)> = CONTENDERS
        .iter()
        .map(|(word, name)| {
            let of_a_process = |_| part(&["memory", word]).first().and_then(|line| line.first()?.parse().ok());
            let rounds: Vec<f64> = (0..effort.of(1, 5)).filter_map(of_a_process).collect();
            (*name, median(&rounds) / as_float(ENTRIES))
        })
        .collect();
    let rows = found.iter().map(|(name, bytes)| Row::new(*name, vec![format!("{bytes:.0}")])).collect();
    let bytes = |name: &str| found.iter().find(|(of, _)| of.starts_with(name)).map(|(_, bytes)| *bytes);
    let times = |name: &str| bytes("cachekit").zip(bytes(name)).map(|(ours, other)| ours / other);
    Section {
        title: "Memory",
        about: "What 1,000,000 entries `u64 -> u64` add to the resident memory of a process of their own, everything \
                counted, divided by their number."
            .to_owned(),
        tables: vec![Table { title: "1,000,000 entries".to_owned(), columns: vec!["bytes each".to_owned()], rows }],
        targets: vec![
            Target::at_most("memory: times quick_cache", 2.0, times("quick_cache")),
            Target::at_most("memory: times moka", 0.5, times("moka, ttl")),
        ],
        charts: vec![Chart {
            file: "memory.svg",
            title: "Memory of an entry u64 -> u64".to_owned(),
            about: "Bytes of resident memory, 1,000,000 entries, everything counted; shorter is better".to_owned(),
            series: vec!["bytes".to_owned()],
            digits: 0,
            bars: found.iter().map(|(name, bytes)| Bar::new(*name, [*bytes])).collect(),
        }],
    }
}
