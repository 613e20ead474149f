//! Where and when it was measured.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use crate::measure::cores;

/// The day, in UTC.
pub(crate) fn date() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// Processor, cores, system, compiler, and what else the machine had to do.
pub(crate) fn description() -> String {
    let processor = line("/proc/cpuinfo", "model name", ':').unwrap_or_else(|| "an unknown processor".to_owned());
    let system = line("/etc/os-release", "PRETTY_NAME", '=').unwrap_or_else(|| "an unknown system".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let compiler = compiler.split(" (").next().unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(2).unwrap_or_default();
    let cores = cores();
    format!(
        "{processor}, {cores} cores, {system}, Linux {kernel}, {compiler}; load of the machine {load}, its own included"
    )
}

/// What a file of such lines says of a name.
fn line(file: &str, name: &str, between: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split(between).nth(1)?.trim().trim_matches('"').to_owned())
}
