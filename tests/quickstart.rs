//! The example of the README does what the README says.

use std::process::Command;

#[test]
fn the_second_pass_calls_nothing_and_the_third_once() {
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--package", "cachekit-examples", "--example", "quickstart"])
        .output()
        .unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{text}{}", String::from_utf8_lossy(&run.stderr));
    let calls = |pass: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(pass)).unwrap_or_else(|| panic!("{pass}: {text}"));
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert!(calls("first") > 20, "{text}");
    assert_eq!(calls("second"), 0, "{text}");
    assert_eq!(calls("after forgetting one file"), 1, "{text}");
}
