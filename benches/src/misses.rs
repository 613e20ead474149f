//! Cold misses: what a call costs whose value is not there and is computed in no time.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};
use memoize::memoize;
use rustix::time::ClockId;

use crate::chart::{Bar, Chart};
use crate::child::allocated;
use crate::contenders::{Contender, DEFAULT_CAPACITY, LARGE_CAPACITY, Raw, TTL, found_or, limit, ours, peer, size};
use crate::measure::{Cost, Costs, Effort, Walk, as_float, costs, evictions, processor_time};
use crate::report::{Row, Section, Table, Target};

/// Entries before the first miss that counts: as many as fill a region of the default capacity.
pub(crate) const FILLED: u64 = DEFAULT_CAPACITY;

/// Whether there is room for what is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Enough,
    /// Each entry takes the place of another.
    None,
}

regions! {
    static ENOUGH = Region::builder("misses").ttl(TTL).capacity(size(LARGE_CAPACITY));
    static FULL = Region::builder("misses in a full region").ttl(TTL);
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
    #[cache_on_arguments(region = ENOUGH)] enough;
    #[cache_on_arguments(region = FULL)] full;
    #[cached(ttl_secs = 3600)] cached_ttl;
    #[cached(max_size = 10_000, ttl_secs = 3600)] cached_size_ttl;
    #[cached] cached_plain;
    #[concurrent_cached(ttl_secs = 3600)] concurrent_ttl;
    #[concurrent_cached(max_size = 10_000, ttl_secs = 3600)] concurrent_size_ttl;
    #[memoize(TimeToLive: TTL)] memoize_ttl;
}

pub(crate) fn contenders(room: Room) -> Vec<Contender> {
    let capacity = if room == Room::Enough { 2_000_000 } else { DEFAULT_CAPACITY };
    let quick = quick_cache::sync::Cache::<u64, u64>::new(size(capacity));
    let moka = moka::sync::Cache::<u64, u64>::builder().max_capacity(capacity).time_to_live(TTL).build();
    let quick = peer("quick_cache get_or_insert_with", false, move |n| {
        quick.get_or_insert_with(&n, || Ok::<_, Infallible>(n.wrapping_mul(n)))
    });
    let moka = peer("moka get_with, ttl", true, move |n| moka.get_with(n, || n.wrapping_mul(n)));
    let raw: Raw<u64> = Raw::default();
    if room == Room::None {
        return vec![
            limit("papaya insert and remove", move |n| {
                let raw = raw.pin();
                raw.insert(n, n.wrapping_mul(n));
                raw.remove(&n.wrapping_sub(DEFAULT_CAPACITY)).is_some()
            }),
            ours("cachekit, ttl", full),
            quick,
            moka,
            peer("cached #[cached], size and ttl", true, cached_size_ttl),
            peer("cached #[concurrent_cached], size and ttl", true, concurrent_size_ttl),
        ];
    }
    vec![
        limit("papaya get and insert", move |n| found_or(&raw, n, |n| n.wrapping_mul(n))),
        ours("cachekit, ttl", enough),
        quick,
        moka,
        peer("cached #[cached], ttl", true, cached_ttl),
        peer("cached #[concurrent_cached], ttl", true, concurrent_ttl),
        peer("cached #[cached]", false, cached_plain),
        peer("memoize, ttl; a cache per thread", true, memoize_ttl),
    ]
}

pub(crate) fn section(effort: &Effort) -> Section {
    let mut section = Section {
        title: "Cold misses",
        about: "Nanoseconds per call of one thread, and what a call allocates. The function does nothing but multiply, and \
                each call has a new key; with room, tables grow as they come; in a full cache of 10,000 entries each pushes \
                out another."
            .to_owned(),
        ..Section::default()
    };
    let charts = [("with room", Room::Enough, "misses.svg"), ("in a full cache", Room::None, "misses-full.svg")];
    for (title, room, file) in charts {
        measure(effort, title, room, file, &mut section);
    }
    section
}

fn measure(effort: &Effort, title: &str, room: Room, file: &'static str, section: &mut Section) {
    let contenders = contenders(room);
    let allocated = allocated(if room == Room::Enough { "misses" } else { "misses in a full cache" });
    let found = rounds(effort, &contenders);
    let rows = contenders.iter().zip(&found).map(|(contender, costs)| {
        let (times, bytes) = allocated
            .iter()
            .find(|allocated| allocated.contender == contender.name)
            .map_or_else(Default::default, |a| (format!("{:.2}", a.times), format!("{:.0}", a.bytes)));
        Row::new(contender.name, vec![costs.wall.time(), costs.processor.time(), times, bytes])
    });
    let columns = ["ns", "processor", "allocations", "bytes"].map(str::to_owned).into();
    section.tables.push(Table { title: format!("miss, {title}"), columns, rows: rows.collect() });
    let bars =
        contenders.iter().zip(&found).map(|(contender, costs)| Bar::new(contender.name, [costs.processor.median]));
    section.charts.push(Chart {
        file,
        title: format!("A cold miss of fn(u64) -> u64, {title}"),
        about: "Nanoseconds of the processor per call; shorter is better".to_owned(),
        series: vec!["1 thread".to_owned()],
        digits: 0,
        bars: bars.collect(),
    });
    let time = |name: &str| {
        let all = contenders.iter().zip(&found);
        all.into_iter().find(|(of, _)| of.name.starts_with(name)).map(|(_, costs)| costs.processor.median)
    };
    let ratio = time("cachekit").zip(time("quick_cache")).map(|(ours, quick)| ours / quick);
    section.targets.push(Target::at_most(format!("{title}: times quick_cache's get-or-insert"), 1.5, ratio));
    let times = allocated.iter().find(|allocated| allocated.contender.starts_with("cachekit")).map(|a| a.times);
    section.targets.push(Target::at_most(format!("{title}: allocations"), 6.0, times));
}

/// What a miss costs each, in interleaved rounds that go on where the last has ended.
fn rounds(effort: &Effort, contenders: &[Contender]) -> Vec<Costs> {
    let calls = effort.of(5_000, 10_000);
    for contender in contenders {
        (contender.run)(Walk::Each(0..FILLED));
    }
    let mut rounds = vec![Vec::new(); contenders.len()];
    for round in 0..3 * effort.rounds as u64 {
        let first = FILLED + round * calls;
        for (contender, rounds) in contenders.iter().zip(&mut rounds) {
            let (start, spent, evicted) = (Instant::now(), processor_time(ClockId::ThreadCPUTime), evictions());
            (contender.run)(Walk::Each(first..first + calls));
            let (took, spent) = (start.elapsed(), processor_time(ClockId::ThreadCPUTime).saturating_sub(spent));
            let each = |time: Duration| time.as_secs_f64() * 1e9 / as_float(calls);
            rounds.push(Cost { wall: each(took), processor: each(spent), disturbed: evictions() > evicted });
        }
    }
    rounds.iter().filter_map(|rounds| costs(rounds)).collect()
}
