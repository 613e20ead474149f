//! What it costs to invalidate a tag, by the number of entries that have it.

use std::hint::black_box;
use std::time::Instant;

use cachekit::{Key, Region};

use crate::measure::{Effort, median};
use crate::report::{Row, Section, Table};

/// Invalidations per round: entries are dead after the first, so a round is short and its region new.
const INVALIDATIONS: u32 = 100;

pub(crate) fn section(effort: &Effort) -> Section {
    let rows = [10_u64, 1_000, 1_000_000].map(|entries| {
        let times: Vec<f64> = (0..effort.of(3, 5)).map(|_| measure(entries)).collect();
        Row::new(format!("{entries} entries with the tag"), vec![format!("{:.0}", median(&times))])
    });
    Section {
        title: "Tags",
        about: "What `invalidate_tag` costs, by the number of entries that have the tag.".to_owned(),
        tables: vec![Table { title: "invalidate_tag".to_owned(), columns: vec!["ns".to_owned()], rows: rows.into() }],
        targets: Vec::new(),
    }
}

/// Nanoseconds each.
fn measure(entries: u64) -> f64 {
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
