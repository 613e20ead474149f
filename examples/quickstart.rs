//! `cargo run --release --example quickstart [-- [CONFIGURATION.toml] [FOLDER]]`
//!
//! Analyses every Rust file of a folder (by default of this repository) with a memoized function: once, once more, and
//! once again after forgetting a single file. With `examples/redis.toml` or `examples/files.toml` a second run finds
//! what the first has analysed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use cachekit::{Region, cache_on_arguments, regions};
use cachekit_backends as _;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

regions! {
    /// One entry per file.
    static SOURCES = Region::builder("sources").ttl(Duration::from_secs(600)).capacity(100_000);
}

/// What a file holds; `items` is `None` where it is no valid Rust.
#[derive(Clone, Serialize, Deserialize)]
struct Analysis {
    lines: usize,
    items: Option<usize>,
}

/// How often the body of `analyse` ran.
static CALLS: AtomicUsize = AtomicUsize::new(0);

#[cache_on_arguments(region = "sources")]
fn analyse(path: &Path) -> Analysis {
    CALLS.fetch_add(1, Ordering::Relaxed);
    let text = fs::read_to_string(path).unwrap_or_default();
    Analysis { lines: text.lines().count(), items: syn::parse_file(&text).ok().map(|file| file.items.len()) }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (configurations, folders): (Vec<_>, Vec<_>) =
        env::args().skip(1).map(PathBuf::from).partition(|path| path.extension().is_some_and(|end| end == "toml"));
    for path in configurations {
        cachekit::configure(toml::from_str(&fs::read_to_string(path)?)?)?;
    }
    cachekit::check()?;
    let folder = folders.into_iter().next().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let files = rust_files(&folder);
    let first_file = files.first().ok_or_else(|| format!("there is no Rust file below {}", folder.display()))?;

    println!("{:<28}{:>7}{:>7}{:>9}{:>8}{:>13}{:>10}", "pass", "files", "calls", "lines", "items", "time", "speed-up");
    let cold = pass("first", &files, None);
    pass("second", &files, Some(cold));
    analyse::invalidate(first_file)?;
    pass("after forgetting one file", &files, Some(cold));
    println!("\n{}", SOURCES.stats());
    Ok(())
}

/// Analyses all files, prints a line of the table and gives the time it took.
fn pass(name: &str, files: &[PathBuf], cold: Option<Duration>) -> Duration {
    let calls_before = CALLS.load(Ordering::Relaxed);
    let start = Instant::now();
    let analyses: Vec<Analysis> = files.iter().map(|file| analyse(file)).collect();
    let time = start.elapsed();
    let calls = CALLS.load(Ordering::Relaxed) - calls_before;
    let lines: usize = analyses.iter().map(|analysis| analysis.lines).sum();
    let items: usize = analyses.iter().filter_map(|analysis| analysis.items).sum();
    let speed_up = cold.map_or(String::new(), |cold| format!("{:.0}x", cold.as_secs_f64() / time.as_secs_f64()));
    let time_text = format!("{:.3} ms", time.as_secs_f64() * 1_000.0);
    println!("{name:<28}{:>7}{calls:>7}{lines:>9}{items:>8}{time_text:>13}{speed_up:>10}", files.len());
    time
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let sources =
        WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(|entry| entry.file_name() != "target");
    let files = sources.filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
