//! What needs a process of its own: allocations, counted by an allocator that costs, and resident memory.
//!
//! A child prints lines of words with tabs between them.

use std::alloc::GlobalAlloc;
use std::env;
use std::process::{Command, Stdio};

use stats_alloc::StatsAlloc;

use crate::contenders::{Contender, numbers, tasks, texts, values};
use crate::measure::{Walk, as_float};
use crate::{growth, memory, misses};

/// The first argument of a child.
pub(crate) const ARGUMENT: &str = "part";

/// Calls of which allocations are counted.
const CALLS: u64 = 20_000;

/// What calls of a contender allocate.
#[derive(Clone, Debug)]
pub(crate) struct Allocated {
    pub(crate) contender: String,
    /// Allocations and reallocations of a call.
    pub(crate) times: f64,
    pub(crate) bytes: f64,
}

/// A part of a workload that the parent reads.
pub(crate) fn run(arguments: &[String]) {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["memory", contender] => memory::child(contender),
        ["growth", entries @ ..] => growth::child(entries),
        _ => panic!("no part of a workload is called {words:?}"),
    }
}

/// Counts what the hits, or the misses, of a list of contenders allocate.
pub fn count_allocations<A: GlobalAlloc>(allocator: &StatsAlloc<A>, arguments: &[String]) {
    for contender in contenders(arguments.first().map_or("", String::as_str)) {
        let warm = if arguments.iter().any(|argument| argument == "misses") { misses::FILLED } else { texts::KEYS };
        (contender.run)(Walk::Each(0..warm));
        let walk = if warm == texts::KEYS {
            Walk::Around { keys: warm, from: 0, calls: CALLS }
        } else {
            Walk::Each(warm..warm + CALLS)
        };
        let before = allocator.stats();
        (contender.run)(walk);
        let change = allocator.stats() - before;
        let each = |number: usize| as_float(number as u64) / as_float(CALLS);
        let (times, bytes) = (change.allocations + change.reallocations, change.bytes_allocated);
        println!("{}\t{}\t{}", contender.name, each(times), each(bytes));
    }
}

fn contenders(list: &str) -> Vec<Contender> {
    match list {
        "numbers" => numbers::contenders(texts::KEYS),
        "texts" => texts::contenders(),
        "shared" => values::shared(),
        "results" => values::results(),
        "tasks" => tasks::contenders(),
        "misses" => misses::contenders(misses::Room::Enough),
        "misses in a full cache" => misses::contenders(misses::Room::None),
        _ => panic!("no list of contenders is called {list:?}"),
    }
}

/// What each contender of a list allocates.
pub(crate) fn allocated(list: &str) -> Vec<Allocated> {
    let arguments = if list.starts_with("misses") { vec![list, "misses"] } else { vec![list] };
    let program = env::current_exe().expect("it runs").with_file_name("allocations");
    let mut command = Command::new(program);
    lines(command.args(arguments))
        .iter()
        .filter_map(|line| match line.as_slice() {
            [contender, times, bytes] => {
                Some(Allocated { contender: contender.clone(), times: times.parse().ok()?, bytes: bytes.parse().ok()? })
            }
            _ => None,
        })
        .collect()
}

/// What a part of a workload has printed in a process of its own.
pub(crate) fn part(arguments: &[&str]) -> Vec<Vec<String>> {
    let program = env::current_exe().expect("it runs");
    lines(Command::new(program).arg(ARGUMENT).args(arguments))
}

fn lines(command: &mut Command) -> Vec<Vec<String>> {
    let output = command.stderr(Stdio::inherit()).output().unwrap_or_else(|error| {
        panic!("{} cannot be run: {error}; build it by `cargo xtask bench`", command.get_program().display())
    });
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
