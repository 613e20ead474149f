//! cachekit beside what one would use instead, on the same work in the same run: `cargo xtask bench [--quick]`.
//!
//! A workload is a module, which returns a `Section` of the report: tables, and targets with what was reached.
//! Rounds of the contenders are interleaved, so ratios within a run count more than the figures do.
//! Nothing of cachekit is switched off: values have a ttl, and regions count, bound their entries and can be invalidated,
//! unless a row says otherwise.

mod contenders;
mod measure;
mod report;

mod bounded;
mod compile;
mod growth;
mod herd;
mod hits;
mod memory;
mod misses;
mod python;
mod ratios;
mod redis;
mod tags;
mod traces;

mod chart;
mod child;
mod machine;
mod page;

pub use self::child::count_allocations;

use std::time::Instant;

use self::measure::Effort;
use self::report::Section;

/// A workload: its name on the command line, and what measures it.
type Workload = (&'static str, fn(&Effort) -> Section);

const WORKLOADS: [Workload; 9] = [
    ("hits", hits::section),
    ("misses", misses::section),
    ("growth", growth::section),
    ("memory", memory::section),
    ("ratios", ratios::section),
    ("bounded", bounded::section),
    ("herd", herd::section),
    ("tags", tags::section),
    ("redis", redis::section),
];

/// Those that a quick run leaves out, since they install or compile what is no part of it.
const SLOW: [Workload; 2] = [("compile", |_| compile::section()), ("python", |_| python::section())];

/// Measures what the arguments ask for, or a part of it as a child; a run of all writes the page that shows it.
///
/// `--quick` measures less, and writes only with `--write`; the name of a workload, such as `--hits`, that one alone.
///
/// # Errors
///
/// If an argument is unknown, or the page cannot be written.
pub fn run(arguments: &[String]) -> Result<(), String> {
    if let [first, rest @ ..] = arguments
        && first == child::ARGUMENT
    {
        child::run(rest);
        return Ok(());
    }
    let effort = Effort::new(arguments.iter().any(|argument| argument == "--quick"));
    let chosen: Vec<&str> = arguments.iter().map(|argument| argument.trim_start_matches('-')).collect();
    let chosen: Vec<&str> = chosen.into_iter().filter(|name| !["quick", "write"].contains(name)).collect();
    let is_known = |name: &&&str| WORKLOADS.iter().chain(&SLOW).any(|(known, _)| *known == **name);
    if let Some(unknown) = chosen.iter().find(|name| !is_known(name)) {
        let names: Vec<String> = WORKLOADS.iter().chain(&SLOW).map(|(name, _)| format!("--{name}")).collect();
        return Err(format!(
            "there is no workload `{unknown}`; expected --quick, --write or one of {}",
            names.join(", ")
        ));
    }
    println!("{}; {}", machine::date(), machine::description());
    let is_wanted =
        |name: &str, slow: bool| if chosen.is_empty() { !slow || !effort.quick } else { chosen.contains(&name) };
    let fast = WORKLOADS.iter().filter(|(name, _)| is_wanted(name, false));
    let slow = SLOW.iter().filter(|(name, _)| is_wanted(name, true));
    let mut sections = Vec::new();
    for (name, measure) in fast.chain(slow) {
        let start = Instant::now();
        let section = measure(&effort);
        print!("{section}");
        eprintln!("{name}: {:.0} s", start.elapsed().as_secs_f64());
        sections.push(section);
    }
    if chosen.is_empty() && effort.quick {
        println!("\nNot part of a quick run: compile time, and dogpile.cache for Python.");
    }
    let write = !effort.quick || arguments.iter().any(|argument| argument == "--write");
    if chosen.is_empty() && write {
        page::write(&sections, effort.quick)
            .map_err(|error| format!("docs/performance.md cannot be written: {error}"))?;
        println!("\nWritten: docs/performance.md and its charts.");
    }
    Ok(())
}
