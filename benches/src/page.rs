//! `docs/performance.md` and the charts beside it: the last full run, as it was.

use std::fmt::{self, Write};
use std::path::Path;
use std::{fs, io};

use crate::machine;
use crate::report::{Section, Table, targets};

const HEAD: &str = "\
# Performance

<!-- Written by `cargo xtask bench`: change the benchmark, not this page. -->

`cargo xtask bench` measures cachekit beside what one would use instead, and writes this page; `cargo xtask bench --quick` is a first look of less than three minutes.
Contenders take turns in short rounds within one run, on the same keys and values; a figure is the median of its rounds, behind it stands half of the distance of the quartiles.
Ratios within this page count more than its figures do, which are those of one machine.
cachekit runs as its README sets it up: values have a ttl, the region counts its calls, bounds its entries and can be invalidated; nothing is switched off, and a row that has no ttl says so.
Peers: `cached` 4.1, `memoize` 0.6, `moka` 0.12, `quick_cache` 0.7, and `hitbox` 0.2 where functions are async, as it knows no others; the limit is raw `papaya`, the table that cachekit builds on, with a reading of the coarse clock, which a ttl needs.
";

/// Of targets that are missed; to be read again when one of them is not any more.
const LIMITS: &str = "
### What keeps the others from being reached

* **Hits.** Raw papaya itself is a third slower than `#[cached]` without a ttl, and with two threads its get and a reading of the clock are four times as fast as the fastest peer that checks a ttl, not six: these targets are out of reach on this table, and an own one would need `unsafe`. Above that limit a hit pays for its count, in a cell of its thread, for the comparison of the epoch, of tags and of the time, and for the way from the function to its table, each of them one or a few nanoseconds.
* **Cold misses.** A miss takes some 6,300 instructions (callgrind, full cache), and raw papaya's insert and removal with their allocations some 900. By what they are for: five look-ups of the table, the insert and the removal of another entry among them, 22 %; what the settings say of the value and of the wait, 10 %; the flight's place in its map, twice, 9 %; allocations, 8 %; eviction, 5 %; copies, 4 %. The rest are steps of a few dozen instructions each: who leads, panics that are caught, who waits, counts. A cache that neither shares a computation with others nor keeps an overtaken one from being stored saves most of it.
* **Throughput of a bounded region** is that of its misses.
* **Memory.** Of the bytes of an entry 80 are its slot (a key of 16, a value of 8, and 48 for times, epoch, tags and marks, in a block of the allocator), 19 papaya's table, 20 its place in the queue of eviction.
* **Hit ratios.** On loops alone, what comes back just after it has been forgotten takes the place of something as good. A shorter memory mends that and costs more elsewhere, on recorded loads most of all.
";

/// Writes the page and its charts into `docs/`.
pub(crate) fn write(sections: &[Section], quick: bool) -> io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for chart in sections.iter().flat_map(|section| &section.charts) {
        fs::write(docs.join(chart.file), chart.draw().map_err(io::Error::other)?)?;
    }
    fs::write(docs.join("performance.md"), page(sections, quick).map_err(io::Error::other)?)
}

fn page(sections: &[Section], quick: bool) -> Result<String, fmt::Error> {
    let mut page = String::from(HEAD);
    writeln!(page, "\nMeasured on {}, {}.", machine::date(), machine::description())?;
    if quick {
        writeln!(page, "This was a quick run, by `cargo xtask bench --quick --write`: fewer rounds, smaller loads.")?;
    }
    writeln!(page, "\n## Targets\n\nWhat cachekit is to reach, and what it has reached in this run.")?;
    for section in sections {
        if let Some(table) = &targets(&section.targets) {
            writeln!(page, "\n{}", markdown(table, section.title)?)?;
        }
    }
    writeln!(page, "{LIMITS}")?;
    for section in sections {
        writeln!(page, "## {}\n\n{}", section.title, section.about.replace(". ", ".\n"))?;
        for chart in &section.charts {
            writeln!(page, "\n![{}]({})", chart.title, chart.file)?;
        }
        for table in &section.tables {
            writeln!(page, "\n{}", markdown(table, &table.title)?)?;
        }
    }
    Ok(format!("{}\n", page.trim_end().replace("\n\n\n", "\n\n")))
}

fn markdown(table: &Table, title: &str) -> Result<String, fmt::Error> {
    let mut text = String::new();
    writeln!(text, "| {title} | {} |", table.columns.join(" | "))?;
    writeln!(text, "|---|{}", "--:|".repeat(table.columns.len()))?;
    for row in &table.rows {
        let name = if row.ours { format!("**{}**", row.name) } else { row.name.clone() };
        writeln!(text, "| {name} | {} |", row.cells.join(" | "))?;
    }
    Ok(text)
}
