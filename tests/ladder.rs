//! The scenario that others calculate, played: what reaches the database, and what users see.

use std::process::Command;

/// One line of the example's table: what was counted, in the order of its columns.
struct Rung<'t> {
    calls: u64,
    errors: u64,
    longest_wait: &'t str,
}

/// The figures of a step; numbers have commas.
fn rung<'t>(text: &'t str, step: &str) -> Rung<'t> {
    let line = text.lines().find(|line| line.starts_with(step)).unwrap_or_else(|| panic!("step {step}: {text}"));
    // Behind the name: FusionCache, bentocache, cachekit, errors, waits, longest wait.
    let columns: Vec<&str> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
    let number = |at: usize| columns[at].replace(',', "").parse().unwrap_or_else(|_| panic!("{line}"));
    Rung { calls: number(4), errors: number(5), longest_wait: columns[7] }
}

#[test]
fn each_step_of_the_ladder_reaches_the_database_no_more_often_than_it_may() {
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "cachekit-examples", "--example", "ladder", "--", "--quick"])
        .output()
        .unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{text}{}", String::from_utf8_lossy(&run.stderr));
    let [uncached, by_hand, one_at_a_time, covered, unhurried] =
        ["0", "1", "2", "3", "4"].map(|step| rung(&text, step));

    // A hundredth of the published scenario: 10 products.
    assert_eq!(uncached.calls, 180_000, "{text}");
    assert!(by_hand.calls <= 75_000, "{text}");
    assert!(one_at_a_time.calls <= 750, "{text}");
    assert!(covered.calls <= 390, "{text}");
    assert!(unhurried.calls <= 395, "{text}");

    // The database is down for three minutes of ten.
    assert_eq!(uncached.errors, 54_000, "{text}");
    assert_eq!((covered.errors, unhurried.errors), (0, 0), "{text}");
    // It is slow for two more. In the last step only the very first requests wait, for what it usually takes.
    assert_eq!((covered.longest_wait, unhurried.longest_wait), ("2 s", "50 ms"), "{text}");
}
