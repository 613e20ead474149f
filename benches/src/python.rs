//! dogpile.cache, the library of Python whose semantics cachekit has; where Python and pip are at hand.

use std::env;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::report::{Row, Section, Table};

const PROGRAM: &str = include_str!("dogpile.py");

/// In the full run alone: it installs a package of Python beside what cargo builds.
pub(crate) fn section() -> Section {
    let mut section = Section {
        title: "dogpile.cache",
        about: "For those who come from Python: a hit of `@region.cache_on_arguments()` on the memory backend, one thread, \
                1,024 keys."
            .to_owned(),
        ..Section::default()
    };
    match measured() {
        Ok(time) => section.tables.push(Table {
            title: "hit".to_owned(),
            columns: vec!["ns".to_owned()],
            rows: vec![Row::new("dogpile.cache, memory, expiration_time", vec![format!("{time:.0}")])],
        }),
        Err(reason) => write!(section.about, " Skipped: {reason}.").expect("a text takes words"),
    }
    section
}

fn measured() -> Result<f64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let packages = program.parent().unwrap_or(Path::new(".")).join("dogpile-packages");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"];
    run(Command::new("python3").args(install).arg(&packages).arg("dogpile.cache"), "pip cannot install dogpile.cache")?;
    let time =
        run(Command::new("python3").args(["-c", PROGRAM]).env("PYTHONPATH", &packages), "dogpile.cache cannot be run")?;
    time.trim().parse().map_err(|_| format!("dogpile.cache printed {time:?}"))
}

fn run(command: &mut Command, otherwise: &str) -> Result<String, String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            Err(format!("{otherwise}: {}", error.lines().last().unwrap_or_default()))
        }
        Err(error) => Err(format!("{otherwise}: {error}")),
    }
}
