//! Tags: what a hit and a miss cost of a function with ten of them, and what it costs to invalidate one.

use std::hint::black_box;
use std::time::Instant;

use cachekit::{Key, Region, cache_on_arguments, regions};
use rustix::time::ClockId;

use crate::contenders::{Contender, LARGE_CAPACITY, TTL, ours, size, texts};
use crate::measure::{Effort, Figure, Walk, around, as_float, median, processor_time};
use crate::report::{Row, Section, Table};

/// Invalidations per round: entries are dead after the first, so a round is short and its region new.
const INVALIDATIONS: u32 = 100;

regions! {
    static UNTAGGED = Region::builder("untagged").ttl(TTL).capacity(size(LARGE_CAPACITY));
    static TAGGED = Region::builder("ten tags").ttl(TTL).capacity(size(LARGE_CAPACITY));
}

#[cache_on_arguments(region = UNTAGGED)]
fn without_tags(n: u64) -> u64 {
    n.wrapping_mul(n)
}

#[cache_on_arguments(
    region = TAGGED,
    tags = ["all", "numbers", "squares", "a", "b", "c", "d", "e", "number:{n}", "square:{n}"]
)]
fn with_ten_tags(n: u64) -> u64 {
    n.wrapping_mul(n)
}

pub(crate) fn section(effort: &Effort) -> Section {
    let contenders = [ours("cachekit, no tags", without_tags), ours("cachekit, ten tags", with_ten_tags)];
    let hits = around(effort, &contenders, texts::KEYS, &[1, 2]);
    let misses = misses(effort, &contenders);
    let rows = contenders.iter().zip(&hits).zip(&misses).map(|((contender, hits), misses)| {
        let hits = hits.iter().flatten().map(|costs| costs.processor.time());
        Row::new(contender.name, hits.chain([misses.time()]).collect())
    });
    let columns = ["hit, 1 thread", "hit, 2 threads", "miss"].map(str::to_owned).into();
    let calls = Table { title: "calls".to_owned(), columns, rows: rows.collect() };
    let rows = [10_u64, 1_000, 1_000_000].map(|entries| {
        let times: Vec<f64> = (0..effort.of(3, 5)).map(|_| invalidation(entries)).collect();
        Row::new(format!("{entries} entries with the tag"), vec![format!("{:.0}", median(&times))])
    });
    let columns = vec!["ns".to_owned()];
    Section {
        title: "Tags",
        about: "Nanoseconds of the processor per call of a function with ten tags, two of which have the argument in their \
                names, beside one without; and what `invalidate_tag` costs, by the number of entries that have the tag."
            .to_owned(),
        tables: vec![calls, Table { title: "invalidate_tag".to_owned(), columns, rows: rows.into() }],
        ..Section::default()
    }
}

fn misses(effort: &Effort, contenders: &[Contender]) -> Vec<Figure> {
    let calls = 5_000;
    let mut rounds = vec![Vec::new(); contenders.len()];
    for round in 0..effort.rounds as u64 {
        for (contender, rounds) in contenders.iter().zip(&mut rounds) {
            let first = texts::KEYS + round * calls;
            let spent = processor_time(ClockId::ThreadCPUTime);
            (contender.run)(Walk::Each(first..first + calls));
            let spent = processor_time(ClockId::ThreadCPUTime).saturating_sub(spent);
            rounds.push(spent.as_secs_f64() * 1e9 / as_float(calls));
        }
    }
    rounds.into_iter().map(Figure::of).collect()
}

/// Nanoseconds each.
fn invalidation(entries: u64) -> f64 {
    let region = Region::builder("tagged").capacity(usize::MAX).build().expect("the settings make sense");
    for number in 0..entries {
        region.set(Key::from(number.to_string()).tagged(["tag"]), &number).expect("memory does not fail");
    }
    let start = Instant::now();
    for _ in 0..INVALIDATIONS {
        black_box(region.invalidate_tag(black_box("tag"))).expect("memory does not fail");
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(INVALIDATIONS)
}
