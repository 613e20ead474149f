//! Hit ratios of bounded caches, over loads of many kinds.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use cachekit::{Invalidation, Region, cache_on_arguments, regions};
use moka::policy::EvictionPolicy;

use crate::chart::{Bar, Chart};
use crate::contenders::{TTL, size};
use crate::measure::{Effort, as_float};
use crate::report::{Row, Section, Table, Target};
use crate::traces::{self, Trace};

/// Computations of the trace that is played.
static COMPUTED: AtomicU64 = AtomicU64::new(0);

regions! {
    static BOUNDED = Region::builder("bounded").ttl(TTL);
}

#[cache_on_arguments(region = BOUNDED)]
fn ours(n: u64) -> u64 {
    compute(n)
}

fn compute(n: u64) -> u64 {
    COMPUTED.fetch_add(1, Ordering::Relaxed);
    n.wrapping_mul(n)
}

const NAMES: [&str; 4] = ["cachekit", "moka", "quick_cache", "LRU (moka's)"];

pub(crate) fn section(effort: &Effort) -> Section {
    let ratios: Vec<(Trace, [f64; 4])> = traces::all(effort.of(300_000, 1_000_000))
        .into_iter()
        .map(|trace| {
            let ratios = [played_by_us(&trace), by_moka(&trace, false), by_quick_cache(&trace), by_moka(&trace, true)];
            (trace, ratios)
        })
        .collect();
    let mean = |place: usize| ratios.iter().map(|(_, of)| of[place]).sum::<f64>() / as_float(ratios.len() as u64);
    let means = [mean(0), mean(1), mean(2), mean(3)];
    let percent = |ratios: &[f64; 4]| ratios.iter().map(|ratio| format!("{ratio:.1} %")).collect::<Vec<_>>();
    let rows = ratios.iter().map(|(trace, ratios)| {
        let capacity = format!("{}", trace.capacity);
        Row::new(trace.name, [vec![capacity], percent(ratios)].concat())
    });
    let rows = rows.chain([Row::new("mean", [vec![String::new()], percent(&means)].concat())]);
    let behind = ratios.iter().map(|(_, of)| of[1].max(of[2]) - of[0]).fold(f64::MIN, f64::max);
    let mean = [Bar::new("mean of all loads", means)];
    let columns = ["capacity"].into_iter().chain(NAMES).map(str::to_owned).collect();
    Section {
        title: "Hit ratios of a bounded region",
        about: "How many of the calls of a generated load find their value, by one thread, from an empty cache on."
            .to_owned(),
        tables: vec![Table { title: "load".to_owned(), columns, rows: rows.collect() }],
        targets: vec![
            Target::at_least("mean hit ratio: points above moka's", 0.0, Some(means[0] - means[1])),
            Target::at_least("mean hit ratio: points above quick_cache's", 0.0, Some(means[0] - means[2])),
            Target::at_most("points below the better of the two, on the worst load", 2.0, Some(behind)),
        ],
        charts: vec![Chart {
            file: "ratios.svg",
            title: "Hit ratios of a bounded region, by load".to_owned(),
            about: "Percent of the calls that find their value; longer is better".to_owned(),
            series: NAMES.map(str::to_owned).into(),
            digits: 1,
            bars: ratios.iter().map(|(trace, ratios)| Bar::new(trace.name, *ratios)).chain(mean).collect(),
        }],
    }
}

fn played_by_us(trace: &Trace) -> f64 {
    BOUNDED.reconfigure(|region| region.capacity(size(trace.capacity))).expect("the settings make sense");
    BOUNDED.invalidate(Invalidation::Hard).expect("memory does not fail");
    play(trace, ours)
}

fn by_moka(trace: &Trace, lru: bool) -> f64 {
    let policy = if lru { EvictionPolicy::lru() } else { EvictionPolicy::tiny_lfu() };
    let moka = moka::sync::Cache::<u64, u64>::builder().max_capacity(trace.capacity).time_to_live(TTL);
    let moka = moka.eviction_policy(policy).build();
    play(trace, |n| moka.get_with(n, || compute(n)))
}

fn by_quick_cache(trace: &Trace) -> f64 {
    let quick = quick_cache::sync::Cache::<u64, u64>::new(size(trace.capacity));
    play(trace, |n| quick.get_or_insert_with(&n, || Ok::<_, Infallible>(compute(n))).unwrap_or(0))
}

/// The hit ratio, in percent.
fn play(trace: &Trace, call: impl Fn(u64) -> u64) -> f64 {
    COMPUTED.store(0, Ordering::Relaxed);
    for key in &trace.keys {
        assert_eq!(call(*key), key.wrapping_mul(*key));
    }
    100.0 - 100.0 * as_float(COMPUTED.load(Ordering::Relaxed)) / as_float(trace.keys.len() as u64)
}
