//! What a workload reports: tables, and targets with what was reached.

use std::fmt;

use crate::chart::Chart;

/// One workload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What is measured, in full sentences.
    pub(crate) about: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) targets: Vec<Target>,
    pub(crate) charts: Vec<Chart>,
}

/// Figures of several contenders.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) cells: Vec<String>,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, cells: Vec<String>) -> Self {
        let name = name.into();
        Self { ours: name.starts_with("cachekit"), name, cells }
    }
}

/// What is wanted, and what was measured.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) bound: Bound,
    /// `None` where it could not be measured.
    pub(crate) figure: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    pub(crate) fn at_most(what: impl Into<String>, most: f64, figure: Option<f64>) -> Self {
        Self { what: what.into(), bound: Bound::AtMost(most), figure }
    }

    pub(crate) fn at_least(what: impl Into<String>, least: f64, figure: Option<f64>) -> Self {
        Self { what: what.into(), bound: Bound::AtLeast(least), figure }
    }

    pub(crate) fn wanted(&self) -> String {
        match self.bound {
            Bound::AtMost(most) => format!("at most {most}"),
            Bound::AtLeast(least) => format!("at least {least}"),
        }
    }

    pub(crate) fn measured(&self) -> String {
        self.figure.map_or_else(|| "not measured".to_owned(), |figure| format!("{figure:.2}"))
    }

    /// Whether it was reached, or by how much not.
    pub(crate) fn verdict(&self) -> String {
        let missed = |by: f64, bound: f64| {
            if bound == 0.0 {
                format!("missed by {by:.2}")
            } else {
                format!("missed by {:.0} %", by / bound.abs() * 100.0)
            }
        };
        match (self.bound, self.figure) {
            (_, None) => "-".to_owned(),
            (Bound::AtMost(most), Some(figure)) if figure > most => missed(figure - most, most),
            (Bound::AtLeast(least), Some(figure)) if figure < least => missed(least - figure, least),
            _ => "reached".to_owned(),
        }
    }
}

/// The targets as a table.
pub(crate) fn targets(targets: &[Target]) -> Option<Table> {
    let rows: Vec<Row> = targets
        .iter()
        .map(|target| Row::new(target.what.clone(), vec![target.wanted(), target.measured(), target.verdict()]))
        .collect();
    let columns = ["wanted", "measured", ""].map(str::to_owned).into();
    (!rows.is_empty()).then_some(Table { title: "target".to_owned(), columns, rows })
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n== {} ==\n{}", self.title, self.about)?;
        for table in self.tables.iter().chain(&targets(&self.targets)) {
            writeln!(f, "\n{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: &String| text.chars().count();
        let first = self.rows.iter().map(|row| width(&row.name)).chain([width(&self.title)]).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|place| {
                let cells = self.rows.iter().filter_map(|row| row.cells.get(place));
                cells.chain([&self.columns[place]]).map(width).max().unwrap_or(0)
            })
            .collect();
        let mut line = |name: &str, cells: &[String]| {
            write!(f, "{name:<first$}")?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)
        };
        line(&self.title, &self.columns)?;
        self.rows.iter().try_for_each(|row| line(&row.name, &row.cells))
    }
}
