//! The commands of this repository, run as `cargo xtask COMMAND`.

mod servers;

use std::env;
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask COMMAND

  test         every test of the workspace, documentation and examples included; installs the servers that it needs
  lint         format and clippy, warnings denied
  features     each feature of each crate alone
  docs         the documentation, warnings denied
  bench        cachekit beside its peers, into docs/performance.md (--quick: a first look, printed alone)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test"] => test(),
        ["lint"] => lint(),
        ["features"] => features(),
        ["docs"] => docs(),
        ["bench", rest @ ..] => bench(rest),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn test() -> bool {
    servers::install() && cargo(&["test", "--workspace", "--all-features"])
}

fn lint() -> bool {
    cargo(&["fmt", "--all", "--check"])
        && cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"])
}

fn features() -> bool {
    let crates: [(&str, &[&str]); 2] = [
        ("cachekit", &["", "testing", "tokio", "json", "tracing", "uuid", "chrono", "full"]),
        ("cachekit-backends", &["", "null", "memory", "file", "scoped", "redis", "memcached", "fuzzing", "full"]),
    ];
    crates.iter().all(|(package, features)| {
        features.iter().all(|feature| {
            cargo(&["check", "--quiet", "--package", package, "--no-default-features", "--features", feature])
        })
    })
}

fn docs() -> bool {
    command(&["doc", "--workspace", "--no-deps", "--all-features"], &[("RUSTDOCFLAGS", "--deny warnings")])
}

fn bench(rest: &[&str]) -> bool {
    let package = ["--release", "--quiet", "--package", "cachekit-benches"];
    // Its programs start one another.
    cargo(&[&["build", "--bins"], &package[..]].concat()) && cargo(&[&["run"], &package[..], &["--"], rest].concat())
}

fn cargo(arguments: &[&str]) -> bool {
    command(arguments, &[])
}

/// Runs cargo, says what it runs, and whether it succeeded.
fn command(arguments: &[&str], variables: &[(&str, &str)]) -> bool {
    eprintln!("cargo {}", arguments.join(" "));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    match Command::new(cargo).args(arguments).envs(variables.iter().copied()).status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cargo could not be started: {error}");
            false
        }
    }
}
