//! Cold misses: what a call costs whose value is not there and is computed in no time.

use std::convert::Infallible;
use std::time::Instant;

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};
use memoize::memoize;
use rustix::time::ClockId;

use crate::child::allocated;
use crate::contenders::{Contender, DEFAULT_CAPACITY, LARGE_CAPACITY, Raw, TTL, found_or, limit, ours, peer, size};
use crate::measure::{Cost, Effort, Walk, as_float, costs, processor_time};
use crate::report::{Row, Section, Table, Target, nanoseconds};

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
        about: "Nanoseconds per call of one thread, the median of interleaved rounds with their quartiles, and what a call \
                allocates. The function does nothing but multiply. Each call has a new key; with room, tables grow as they \
                come; in a full cache of 10,000 entries each pushes out another."
            .to_owned(),
        ..Section::default()
    };
    for (title, list, room) in
        [("with room", "misses", Room::Enough), ("in a full cache", "misses in a full cache", Room::None)]
    {
        section.tables.push(measure(effort, title, list, room, &mut section.targets));
    }
    section
}

fn measure(effort: &Effort, title: &str, list: &str, room: Room, targets: &mut Vec<Target>) -> Table {
    let calls = effort.of(10_000, 20_000);
    let contenders = contenders(room);
    for contender in &contenders {
        (contender.run)(Walk::Each(0..FILLED));
    }
    let mut rounds = vec![Vec::new(); contenders.len()];
    for round in 0..2 * effort.rounds as u64 {
        let first = FILLED + round * calls;
        for (contender, rounds) in contenders.iter().zip(&mut rounds) {
            let (start, spent) = (Instant::now(), processor_time(ClockId::ThreadCPUTime));
            (contender.run)(Walk::Each(first..first + calls));
            let each = |time: std::time::Duration| time.as_secs_f64() * 1e9 / as_float(calls);
            let spent = processor_time(ClockId::ThreadCPUTime) - spent;
            rounds.push(Cost { wall: each(start.elapsed()), processor: each(spent) });
        }
    }
    let allocated = allocated(list);
    let found: Vec<_> = rounds.iter().filter_map(|rounds| costs(rounds)).collect();
    let rows = contenders.iter().zip(&found).map(|(contender, costs)| {
        let (times, bytes) = allocated
            .iter()
            .find(|allocated| allocated.contender == contender.name)
            .map_or_else(Default::default, |a| (format!("{:.2}", a.times), format!("{:.0}", a.bytes)));
        let quartiles = format!("{}-{}", nanoseconds(costs.wall.low), nanoseconds(costs.wall.high));
        let cells = vec![nanoseconds(costs.wall.median), quartiles, nanoseconds(costs.processor.median), times, bytes];
        Row::new(contender.name, cells)
    });
    let columns = ["ns", "quartiles", "processor", "allocations", "bytes"].map(str::to_owned).into();
    let table = Table { title: format!("miss, {title}"), columns, rows: rows.collect() };
    let time = |name: &str| {
        contenders
            .iter()
            .zip(&found)
            .find(|(contender, _)| contender.name.starts_with(name))
            .map(|(_, costs)| costs.wall.median)
    };
    let ratio = time("cachekit").zip(time("quick_cache")).map(|(ours, quick)| ours / quick);
    targets.push(Target::at_most(format!("miss, {title}: times quick_cache's get-or-insert"), 1.5, ratio));
    let times = allocated.iter().find(|allocated| allocated.contender.starts_with("cachekit")).map(|a| a.times);
    targets.push(Target::at_most(format!("miss, {title}: allocations"), 6.0, times.map(f64::round)));
    table
}
