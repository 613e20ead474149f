//! What a hit costs as the number of entries grows, beside raw papaya.

use crate::chart::{Bar, Chart};
use crate::child::part;
use crate::contenders::numbers;
use crate::measure::{Effort, around};
use crate::report::{Row, Section, Table, Target};

/// Prints what a hit costs raw papaya and cachekit with each number of entries; a child, for the memory.
pub(crate) fn child(entries: &[&str]) {
    for entries in entries {
        let number: u64 = entries.parse().expect("a number of entries");
        let costs = around(&Effort::new(true), &numbers::limit_and_ours(number)[..2], number, &[1]);
        let costs: Vec<String> =
            costs.iter().flatten().flatten().map(|costs| costs.processor.median.to_string()).collect();
        println!("{entries}\t{}", costs.join("\t"));
    }
}

pub(crate) fn section(effort: &Effort) -> Section {
    let all = ["1000", "10000", "100000", "1000000", "10000000"];
    let entries = if effort.quick { &all[..4] } else { &all[..] };
    let lines = part(&[&["growth"], entries].concat());
    let figure = |line: &[String], place: usize| line.get(place).and_then(|word| word.parse::<f64>().ok());
    let found: Vec<(String, f64, f64)> =
        lines.iter().filter_map(|line| Some((grouped(line.first()?), figure(line, 1)?, figure(line, 2)?))).collect();
    let row = |(entries, raw, ours): &(String, f64, f64)| {
        Row::new(entries.clone(), vec![format!("{raw:.1}"), format!("{ours:.1}"), format!("{:.2}", ours / raw)])
    };
    let grown = found.first().zip(found.last()).map(|(few, many)| (many.2 / few.2) / (many.1 / few.1));
    let bars = found.iter().map(|(entries, raw, ours)| Bar::new(entries.clone(), [*ours, *raw]));
    let most = found.last().map_or("-", |(entries, ..)| entries);
    Section {
        title: "Hits as entries grow",
        about:
            "Nanoseconds of the processor per hit `u64 -> u64` of one thread, met in an order that jumps, so that with \
                many entries each is a miss of the processor's caches."
                .to_owned(),
        tables: vec![Table {
            title: "entries".to_owned(),
            columns: ["papaya get, and the coarse clock", "cachekit, ttl", "ratio"].map(str::to_owned).into(),
            rows: found.iter().map(row).collect(),
        }],
        targets: vec![Target::at_most(
            format!("1,000 to {most} entries: growth of the cost, times that of raw papaya"),
            1.0,
            grown,
        )],
        charts: vec![Chart {
            file: "growth.svg",
            title: "A hit as the number of entries grows".to_owned(),
            about: "Nanoseconds of the processor per call, jumping around in all entries; shorter is better".to_owned(),
            series: ["cachekit, ttl", "papaya get, and the coarse clock"].map(str::to_owned).into(),
            digits: 0,
            bars: bars.collect(),
        }],
    }
}

/// A number with commas.
fn grouped(number: &str) -> String {
    let groups: Vec<&str> = number.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}
