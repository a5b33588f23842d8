//! Figures, what they should reach, and how they are shown.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// What a figure should reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    AtLeast(f64),
    AtMost(f64),
}

/// One measured number.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) reach: Option<Reach>,
}

/// What one run of a command found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) figures: Vec<Figure>,
    /// The server broke a promise: not a slow figure, but a wrong answer.
    pub(crate) broken: bool,
}

/// A figure over all runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) command: String,
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
    pub(crate) reach: Option<Reach>,
    pub(crate) reached: Option<bool>,
}

impl Report {
    /// Adds a figure.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), unit, value, reach: None });
    }

    /// Adds a figure that should reach something.
    pub(crate) fn add_reach(&mut self, name: &str, value: f64, unit: &'static str, reach: Reach) {
        self.add(name, value, unit);
        self.set_reach(name, reach);
    }

    /// Says what a figure that was added before should reach.
    pub(crate) fn set_reach(&mut self, name: &str, reach: Reach) {
        let figures = self.figures.iter_mut();
        for figure in figures.filter(|figure| figure.name == name) {
            figure.reach = Some(reach);
        }
    }

    /// Adds a count of broken promises: one is one too many, and the program will exit with 1.
    pub(crate) fn must_be_none(&mut self, name: &str, count: u64) {
        self.add_reach(name, count as f64, "", Reach::AtMost(0.0));
        self.broken |= count > 0;
    }
}

/// Median and spread of each figure over the runs; a figure that a run lacks is left out of that run.
pub(crate) fn summarise(command: &str, runs: &[Report]) -> Vec<Summary> {
    let mut names: Vec<&Figure> = Vec::new();
    for figure in runs.iter().flat_map(|run| &run.figures) {
        if !names.iter().any(|known| known.name == figure.name) {
            names.push(figure);
        }
    }
    let values_of = |name: &str| -> Vec<f64> {
        let figures = runs.iter().flat_map(|run| &run.figures);
        figures.filter(|f| f.name == name).map(|f| f.value).collect()
    };
    let summaries = names.iter().map(|figure| summary(command, figure, values_of(&figure.name)));
    summaries.collect()
}

fn summary(command: &str, figure: &Figure, mut values: Vec<f64>) -> Summary {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = match values.len() % 2 {
        1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    };
    let (min, max) = (values[0], values[values.len() - 1]);
    Summary {
        command: command.to_owned(),
        name: figure.name.clone(),
        unit: figure.unit,
        median,
        min,
        max,
        runs: values.len(),
        reach: figure.reach,
        reached: figure.reach.map(|reach| match reach {
            Reach::AtLeast(least) => median >= least,
            // What must never happen must not happen in any run.
            Reach::AtMost(0.0) => max <= 0.0,
            Reach::AtMost(most) => median <= most,
        }),
    }
}

/// The table that the user reads.
pub(crate) fn table(summaries: &[Summary]) -> String {
    let mut rows = vec![["command", "figure", "measured", "spread", "reach", ""].map(String::from)];
    rows.extend(summaries.iter().map(row));
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            let lengths = rows.iter().map(|row| row[column].chars().count());
            lengths.max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            match column {
                2 => write!(line, "{cell:>width$}  "),
                _ => write!(line, "{cell:<width$}  "),
            }
            .expect("a String takes it");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(summary: &Summary) -> [String; 6] {
    let unit = match summary.unit {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let spread = match summary.runs {
        1 => String::new(),
        _ => format!("{} .. {}", shown(summary.min), shown(summary.max)),
    };
    let reach = match summary.reach {
        None => String::new(),
        Some(Reach::AtLeast(least)) => format!(">= {}", shown(least)),
        Some(Reach::AtMost(most)) => format!("<= {}", shown(most)),
    };
    let reached = match summary.reached {
        None => "",
        Some(true) => "reached",
        Some(false) => "MISSED",
    };
    [
        summary.command.clone(),
        summary.name.clone(),
        format!("{}{unit}", shown(summary.median)),
        spread,
        reach,
        reached.to_owned(),
    ]
}

/// A number with groups of three digits, and decimals only where they matter.
fn shown(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let plain = format!("{value:.decimals$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// Writes the figures as JSON.
pub(crate) fn write_json(path: &Path, summaries: &[Summary]) -> Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        tool: &'static str,
        version: &'static str,
        figures: &'a [Summary],
    }
    let document = Document { tool: "nexo-bench", version: env!("CARGO_PKG_VERSION"), figures: summaries };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(value: f64) -> Report {
        let mut report = Report::default();
        report.add_reach("sends", value, "/s", Reach::AtLeast(8000.0));
        report
    }

    #[test]
    fn the_median_of_the_runs_decides() {
        let summaries = summarise("sends", &[run(9000.0), run(7000.0), run(8500.0)]);
        assert_eq!(summaries[0].median, 8500.0);
        assert_eq!(summaries[0].reached, Some(true));
        assert!(table(&summaries).contains("7,000 .. 9,000"));
    }

    #[test]
    fn one_broken_promise_is_not_hidden_by_good_runs() {
        let run = |count| {
            let mut report = Report::default();
            report.must_be_none("lost", count);
            report
        };
        let summaries = summarise("verify", &[run(0), run(1), run(0)]);
        assert_eq!(summaries[0].reached, Some(false));
    }

    #[test]
    fn numbers_are_shown_in_groups_of_three() {
        assert_eq!(shown(1_234_567.8), "1,234,568");
        assert_eq!(shown(12.34), "12.3");
        assert_eq!(shown(0.5), "0.50");
        assert_eq!(shown(64.0), "64");
    }
}
