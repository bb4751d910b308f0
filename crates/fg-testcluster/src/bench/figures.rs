//! What a scenario measured, as numbers with names.

use std::collections::BTreeMap;

use serde::Serialize;

use super::load::Tally;

/// Figures of a scenario; units are part of the names.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    /// Why they are not valid, if so.
    pub(super) failed: Option<String>,
    figures: BTreeMap<String, f64>,
}

impl Figures {
    /// Of a scenario that broke off.
    pub(super) fn broken(error: &anyhow::Error) -> Self {
        Self {
            failed: Some(format!("{error:#}")),
            figures: BTreeMap::new(),
        }
    }

    /// Notes a figure, to four digits behind the point.
    pub(super) fn set(&mut self, name: &str, value: f64) {
        let value = (value * 1e4).round() / 1e4;
        self.figures.insert(name.to_owned(), value);
    }

    /// Notes how many requests failed, and the first of them in words.
    pub(super) fn failed(&mut self, name: &str, count: u64, words: &[String]) {
        self.set(name, count as f64);
        if let Some(first) = words.first() {
            for words in words.iter().take(5) {
                println!("    failed: {words}");
            }
            self.failed
                .get_or_insert(format!("{count} {name}; the first: {first}"));
        }
    }

    /// Notes what came of a load.
    pub(super) fn tally(&mut self, tally: Tally) {
        self.set("requests", tally.requests as f64);
        self.failed("failed_requests", tally.failed, &tally.words);
    }

    /// All of them in one line.
    pub(super) fn words(&self) -> String {
        let all = self.figures.iter();
        let all: Vec<String> = all
            .map(|(name, value)| format!("{name} {value:.2}"))
            .collect();
        all.join(", ")
    }
}

/// The middle value; 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which a share of the values lies, by the nearest rank; 0 of none.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = share * values.len().saturating_sub(1) as f64;
    values.get(rank.round() as usize).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(percentile(&[], 0.99), 0.0);
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.99), 99.0);
        assert_eq!(percentile(&hundred, 1.0), 100.0);
    }
}
