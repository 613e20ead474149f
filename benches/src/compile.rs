//! How long a crate of 200 annotated functions takes to compile.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs, io};

use crate::measure::Figure;
use crate::report::{Row, Section, Table};

const FUNCTIONS: usize = 200;

/// What a crate is made of: its name, its dependencies, what stands above the functions, and above each.
const CRATES: [(&str, &str, &str, &str); 4] = [
    ("nothing", "", "", ""),
    (
        "cachekit",
        "cachekit = { path = \"CACHEKIT\" }\n",
        "use cachekit::{Region, cache_on_arguments, regions};\nuse std::time::Duration;\n\
         regions! { static REGION = Region::builder(\"region\").ttl(Duration::from_secs(3600)); }\n",
        "#[cache_on_arguments(region = REGION)]\n",
    ),
    ("cached #[cached], ttl", "cached = \"4.1\"\n", "use cached::macros::cached;\n", "#[cached(ttl_secs = 3600)]\n"),
    (
        "cached #[concurrent_cached], ttl",
        "cached = \"4.1\"\n",
        "use cached::macros::concurrent_cached;\n",
        "#[concurrent_cached(ttl_secs = 3600)]\n",
    ),
];

/// In the full run alone: the dependencies have to be compiled first.
pub(crate) fn section() -> Section {
    let mut section = Section {
        title: "Compile time",
        about: format!(
            "Seconds that `cargo build` takes for a crate of {FUNCTIONS} functions `fn(u64) -> u64` with the attribute on \
             each, without optimization and incremental compilation, its dependencies compiled before."
        ),
        ..Section::default()
    };
    match CRATES.iter().enumerate().map(|(place, of)| measure(place, of)).collect::<io::Result<Vec<Row>>>() {
        Ok(rows) => {
            let columns = vec!["s".to_owned()];
            section.tables.push(Table { title: format!("{FUNCTIONS} functions"), columns, rows });
        }
        Err(error) => {
            write!(section.about, " Not measured: {error}.").expect("a text takes words");
        }
    }
    section
}

fn measure(place: usize, &(name, dependencies, head, attribute): &(&str, &str, &str, &str)) -> io::Result<Row> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = target()?.join("compile-time").join(place.to_string());
    fs::create_dir_all(folder.join("src"))?;
    let dependencies = dependencies.replace("CACHEKIT", &workspace.join("cachekit").display().to_string());
    let manifest = format!(
        "[package]\nname = \"compile-time-{place}\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut code = head.to_owned();
    for number in 0..FUNCTIONS {
        writeln!(code, "{attribute}fn function_{number}(n: u64) -> u64 {{\n    n.wrapping_add({number})\n}}")
            .map_err(io::Error::other)?;
    }
    code.push_str("fn main() {\n    let mut sum = 1;\n");
    for number in 0..FUNCTIONS {
        writeln!(code, "    sum ^= function_{number}(sum);").map_err(io::Error::other)?;
    }
    code.push_str("    println!(\"{sum}\");\n}\n");
    fs::write(folder.join("src/main.rs"), code)?;
    build(&folder)?;
    let mut times = Vec::new();
    for _ in 0..5 {
        // Touched, so that the crate itself is compiled again.
        fs::write(folder.join("src/main.rs"), fs::read(folder.join("src/main.rs"))?)?;
        let start = Instant::now();
        build(&folder)?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(Row::new(name, vec![Figure::of(times).show(2)]))
}

/// The folder that cargo builds into.
fn target() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    target.map(Path::to_path_buf).ok_or_else(|| io::Error::other("the program does not lie where cargo builds"))
}

fn build(folder: &Path) -> io::Result<()> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .arg("build")
        .current_dir(folder)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_DIR", folder.with_file_name("target"));
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    let last = error.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("`cargo build` says: {last}"))) }
}
