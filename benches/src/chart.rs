//! Bar charts: SVG written by hand, readable on light and on dark pages.

use std::fmt::{self, Write};

/// Bars in groups, all from zero.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// The name of the file in `docs/`.
    pub(crate) file: &'static str,
    pub(crate) title: String,
    pub(crate) about: String,
    /// What the bars of a group are.
    pub(crate) series: Vec<String>,
    /// Digits after the point.
    pub(crate) digits: usize,
    pub(crate) bars: Vec<Bar>,
}

/// A group of bars.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) lengths: Vec<Option<f64>>,
}

impl Bar {
    pub(crate) fn new(name: impl Into<String>, lengths: impl IntoIterator<Item = f64>) -> Self {
        Self { name: name.into(), lengths: lengths.into_iter().map(Some).collect() }
    }
}

const WIDTH: u32 = 900;
/// Where the bars begin, and how long the longest is.
const LEFT: u32 = 330;
const LONGEST: f64 = 470.0;
const TOP: u32 = 104;
const BAR: u32 = 13;

const STYLE: &str = "\
  .page { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328 } .quiet { fill: #59636e } .line { stroke: #d0d7de }
  .ours { fill: #0969da } .limit { fill: #8c959f } .first { fill: #9a6fd0 } .second { fill: #c98a2b } .pale { fill-opacity: 0.55 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .line { stroke: #3d444d }
    .ours { fill: #4493f8 } .limit { fill: #6e7681 } .first { fill: #a685d8 } .second { fill: #d29a45 }
  }
  text { font: 13px system-ui, sans-serif } .title { font-size: 19px; font-weight: 600 } .bold { font-weight: 600 }";

impl Chart {
    pub(crate) fn draw(&self) -> Result<String, fmt::Error> {
        let group = u32::try_from(self.series.len()).unwrap_or(1) * (BAR + 2) + 12;
        let bottom = TOP + self.bars.iter().map(|_| group).sum::<u32>();
        let height = bottom + 20;
        let mut svg = String::new();
        writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">"#
        )?;
        writeln!(svg, "<title id=\"title\">{}</title>\n<style>\n{STYLE}\n</style>", escaped(&self.title))?;
        writeln!(svg, r#"<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>"#, WIDTH - 1, height - 1)?;
        text(&mut svg, "text title", 24, 36, &self.title)?;
        text(&mut svg, "quiet", 24, 58, &self.about)?;
        self.legend(&mut svg)?;
        writeln!(svg, r#"<line class="line" x1="{LEFT}" y1="{}" x2="{LEFT}" y2="{}"/>"#, TOP - 6, bottom - 6)?;
        let longest =
            self.bars.iter().flat_map(|bar| &bar.lengths).flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        let mut top = TOP;
        for bar in &self.bars {
            let middle = top + (group - 12) / 2 + 4;
            let class = if bar.name.starts_with("cachekit") { "text bold" } else { "text" };
            text(&mut svg, class, 24, middle, &bar.name)?;
            for (place, length) in bar.lengths.iter().enumerate() {
                let y = top + u32::try_from(place).unwrap_or(0) * (BAR + 2);
                let (width, label) = match length {
                    Some(length) => (LONGEST * length / longest, format!("{length:.*}", self.digits)),
                    None => (0.0, "-".to_owned()),
                };
                let class = self.class(bar, place);
                writeln!(
                    svg,
                    r#"<rect class="{class}" x="{LEFT}" y="{y}" width="{width:.1}" height="{BAR}" rx="2"/>"#
                )?;
                let end = f64::from(LEFT) + width + 6.0;
                writeln!(svg, r#"<text class="quiet" x="{end:.1}" y="{}">{label}</text>"#, y + 11)?;
            }
            top += group;
        }
        writeln!(svg, "</svg>")?;
        Ok(svg)
    }

    /// What the bars of a group are, where there are several.
    fn legend(&self, svg: &mut String) -> fmt::Result {
        if self.series.len() < 2 {
            return Ok(());
        }
        let any = Bar::new(String::new(), []);
        let mut x = 24;
        for (place, name) in self.series.iter().enumerate() {
            let class = self.class(&any, place);
            writeln!(svg, r#"<rect class="{class}" x="{x}" y="72" width="13" height="13" rx="2"/>"#)?;
            text(svg, "text", x + 20, 83, name)?;
            x += 52 + 7 * u32::try_from(name.chars().count()).unwrap_or(0);
        }
        Ok(())
    }

    /// Colours tell contenders apart, whether they are groups or bars of a group.
    fn class(&self, bar: &Bar, place: usize) -> &'static str {
        let contenders_are_bars = self.series.iter().any(|name| name.starts_with("cachekit"));
        let of = |name: &str| match name {
            name if name.starts_with("cachekit") => "ours",
            name if name.starts_with("papaya") || name.starts_with("LRU") => "limit",
            name if contenders_are_bars && name.starts_with("quick_cache") => "second",
            _ => "first",
        };
        if contenders_are_bars {
            return of(&self.series[place]);
        }
        match (of(&bar.name), place) {
            (class, 0) => class,
            ("ours", _) => "ours pale",
            ("limit", _) => "limit pale",
            _ => "first pale",
        }
    }
}

fn text(svg: &mut String, class: &str, x: u32, y: u32, text: &str) -> fmt::Result {
    writeln!(svg, r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
