//! What a bench prints.

use std::process::ExitCode;

use serde::Serialize;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) measure: String,
    /// How much.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: &'static str,
    /// At most this much, where something was promised.
    pub(crate) limit: Option<f64>,
    /// Whether the promise is kept.
    pub(crate) ok: bool,
}

/// All figures of a bench.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Its name.
    pub(crate) bench: String,
    /// The figures.
    pub(crate) rows: Vec<Row>,
}

impl Row {
    /// A figure for comparison.
    pub(crate) fn plain(measure: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            measure: measure.into(),
            value,
            unit,
            limit: None,
            ok: true,
        }
    }

    /// A figure with a promise.
    pub(crate) fn at_most(
        measure: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: f64,
    ) -> Self {
        Self {
            measure: measure.into(),
            value,
            unit,
            limit: Some(limit),
            ok: value <= limit,
        }
    }
}

impl Report {
    /// Prints it; whether all promises are kept.
    #[expect(clippy::print_stdout, reason = "that is what a bench is for")]
    pub(crate) fn print(&self) -> ExitCode {
        for Row {
            measure,
            value,
            unit,
            limit,
            ok,
        } in &self.rows
        {
            let limit = limit.map_or_else(String::new, |limit| {
                format!(
                    "  at most {limit:.2}: {}",
                    if *ok { "ok" } else { "MISSED" }
                )
            });
            println!("{measure:<58} {value:>10.2} {unit:<8}{limit}");
        }
        match serde_json::to_string(self) {
            Ok(line) => println!("{line}"),
            Err(_) => return ExitCode::from(2),
        }
        if self.rows.iter().all(|row| row.ok) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// The value below which `percent` of them lie; they are sorted here.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// For whoever waits.
#[expect(clippy::print_stderr, reason = "stdout is for figures")]
pub(crate) fn complain(text: &str) {
    eprintln!("bench: {text}");
}
