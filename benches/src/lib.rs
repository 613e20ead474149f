//! cachekit beside what one would use instead, on the same work in the same run: `cargo xtask bench [--quick]`.
//!
//! A workload is a module, which returns a [`Section`](report::Section): tables, and targets with what was reached.
//! Rounds of the contenders are interleaved, so ratios within a run count more than the figures do.
//! Nothing of cachekit is switched off: values have a ttl, and regions count, bound their entries and can be invalidated,
//! unless a row says otherwise.

mod contenders;
mod measure;
mod report;

mod bounded;
mod child;
mod hits;
mod memory;
mod misses;
mod ratios;
mod traces;

mod herd;
mod redis;
mod tags;

pub use self::child::count_allocations;

use self::measure::Effort;
use self::report::Section;

/// A workload: its name on the command line, and what measures it.
type Workload = (&'static str, fn(&Effort) -> Section);

const WORKLOADS: [Workload; 8] = [
    ("hits", hits::section),
    ("misses", misses::section),
    ("memory", memory::section),
    ("bounded", bounded::section),
    ("ratios", ratios::section),
    ("herd", herd::section),
    ("tags", tags::section),
    ("redis", redis::section),
];

/// Measures what the arguments ask for, or a part of it as a child.
pub fn run(arguments: &[String]) {
    if let [first, rest @ ..] = arguments
        && first == child::ARGUMENT
    {
        return child::run(rest);
    }
    let effort = Effort::new(arguments.iter().any(|argument| argument == "--quick"));
    let chosen: Vec<&str> = arguments.iter().filter_map(|argument| argument.strip_prefix("--")).collect();
    let only = WORKLOADS.iter().any(|(name, _)| chosen.contains(name));
    for (name, measure) in WORKLOADS {
        if !only || chosen.contains(&name) {
            print!("{}", measure(&effort));
        }
    }
}
