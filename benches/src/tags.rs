//! What it costs to invalidate a tag, by the number of entries that have it.

use std::hint::black_box;
use std::time::Instant;

use cachekit::{Key, Region};

use crate::median;

/// Invalidations per round: entries are dead after the first, so a round is short and its region new.
const INVALIDATIONS: u32 = 100;

pub(crate) fn invalidation(rounds: usize) {
    println!("\n{:<52}{:>10}", "invalidate_tag", "each");
    for entries in [10_u64, 1_000, 1_000_000] {
        let mut times: Vec<f64> = (0..rounds.min(5)).map(|_| measure(entries)).collect();
        println!("{:<52}{:>7.0} ns", format!("{entries} entries with the tag"), median(&mut times));
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
