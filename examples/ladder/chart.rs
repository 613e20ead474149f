//! The ladder as a bar chart: SVG written by hand, readable on light and on dark pages.

use std::fmt::{self, Write};

use crate::{Played, duration, number};

const WIDTH: u32 = 900;
/// Where the bars begin, and how long one is per factor of ten.
const LEFT: u32 = 300;
const DECADE: f64 = 112.0;
const TOP: u32 = 118;
const BAR: u32 = 16;
/// A group of three bars with the space behind it.
const GROUP: u32 = 3 * (BAR + 3) + 26;

const STYLE: &str = "\
  .page { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d0d7de } .label { stroke: #ffffff }
  .counted { fill: #0969da } .fusion { fill: #9a6fd0 } .bento { fill: #c98a2b }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d } .label { stroke: #0d1117 }
    .counted { fill: #4493f8 } .fusion { fill: #a685d8 } .bento { fill: #d29a45 }
  }
  text { font: 13px system-ui, sans-serif } .label { stroke-width: 5; paint-order: stroke } .title { font-size: 19px; font-weight: 600 } .bold { font-weight: 600 }";

/// The three bars of a step, by their class.
const BARS: [(&str, &str); 3] = [
    ("counted", "cachekit, counted"),
    ("fusion", "FusionCache, as its documentation calculates"),
    ("bento", "bentocache, as its documentation calculates"),
];

/// Draws what was played with so many products.
pub(crate) fn draw(ladder: &[Played], products: u32) -> Result<String, fmt::Error> {
    let groups: u32 = ladder.iter().map(|_| GROUP).sum();
    let (bottom, height) = (TOP + groups, TOP + groups + 84);
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">"#
    )?;
    writeln!(
        svg,
        "<title id=\"title\">Calls that reach the database, step by step</title>\n<style>\n{STYLE}\n</style>"
    )?;
    writeln!(svg, r#"<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>"#, WIDTH - 1, height - 1)?;
    text(&mut svg, 24, 36, "text title", "Calls that reach the database, step by step")?;
    let requests = ladder.first().map_or(0, |played| played.seen.requests);
    let scenario = format!(
        "{} requests in 10 minutes: 3 nodes, {} products, ttl 1 minute; the database is slow for 2 minutes, down for 3",
        number(requests),
        number(products.into())
    );
    text(&mut svg, 24, 60, "quiet", &scenario)?;
    let mut x = 24;
    for ((class, name), width) in BARS.iter().zip([160, 335, 335]) {
        writeln!(svg, r#"<rect class="{class}" x="{x}" y="78" width="13" height="13" rx="2"/>"#)?;
        text(&mut svg, x + 20, 89, "text", name)?;
        x += width;
    }

    // The scale begins with one call per product.
    for decade in 0..5 {
        let calls = u64::from(products) * 10_u64.pow(decade);
        let x = f64::from(LEFT) + DECADE * f64::from(decade);
        writeln!(svg, r#"<line class="grid" x1="{x}" y1="{}" x2="{x}" y2="{bottom}"/>"#, TOP - 8)?;
        writeln!(
            svg,
            r#"<text class="quiet" x="{x}" y="{}" text-anchor="middle">{}</text>"#,
            bottom + 18,
            number(calls)
        )?;
    }
    for (group, played) in (0..).zip(ladder) {
        let top = TOP + group * GROUP;
        text(&mut svg, 24, top + 14, "text bold", played.step.name)?;
        let seen = format!("{} errors for users", number(played.seen.errors));
        text(&mut svg, 24, top + 33, "quiet", &seen)?;
        let wait = format!("longest wait {}", duration(played.seen.longest_wait));
        text(&mut svg, 24, top + 52, "quiet", &wait)?;
        let [fusion, bento] = played.published(products);
        for (row, ((class, _), calls)) in (0..).zip(BARS.iter().zip([Some(played.calls), fusion, bento])) {
            let y = top + row * (BAR + 3);
            let (length, label) = match calls {
                Some(calls) => (DECADE * decades(calls, products), number(calls)),
                None => (0.0, "no figure".to_owned()),
            };
            writeln!(svg, r#"<rect class="{class}" x="{LEFT}" y="{y}" width="{length:.1}" height="{BAR}" rx="2"/>"#)?;
            let class = if row == 0 { "label text bold" } else { "label quiet" };
            let end = f64::from(LEFT) + length + 6.0;
            writeln!(svg, r#"<text class="{class}" x="{end:.1}" y="{}">{label}</text>"#, y + 13)?;
        }
    }
    text(
        &mut svg,
        24,
        bottom + 48,
        "quiet",
        "Logarithmic scale. Counted in virtual time by: cargo run --release --example ladder",
    )?;
    let sources = "Calculated: FusionCache, docs/StepByStep.md; bentocache, “Walkthrough guide”.";
    text(&mut svg, 24, bottom + 67, "quiet", sources)?;
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

fn text(svg: &mut String, x: u32, y: u32, class: &str, text: &str) -> fmt::Result {
    writeln!(svg, r#"<text class="{class}" x="{x}" y="{y}">{text}</text>"#)
}

/// How many factors of ten there are from one call per product to this many.
fn decades(calls: u64, products: u32) -> f64 {
    // 18,000,000 at most.
    let calls = u32::try_from(calls).unwrap_or(u32::MAX);
    (f64::from(calls) / f64::from(products)).log10().max(0.0)
}
