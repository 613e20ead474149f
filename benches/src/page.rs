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
