//! One condition of a status.

use fg_model::Finding;
use serde::Serialize;

/// `True`, `False`, or `Unknown`; or not said at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not known yet.
    Unknown,
    /// Not to be said yet: whoever writes the status keeps the condition that stands there, or
    /// its absence. Only in a cluster; no API takes it.
    Undecided,
}

/// A condition as the API has it, without `lastTransitionTime`: that is for whoever writes it.
///
/// Source: `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Such as `Accepted`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The generation that it was computed from.
    pub observed_generation: i64,
    /// One word for programs, such as `NoMatchingParent`.
    pub reason: &'static str,
    /// Words for people.
    pub message: String,
}

/// How many findings a message spells out.
const SPELT_OUT: usize = 8;

/// The longest message that the API takes. Units: bytes (the API counts characters).
const LONGEST: usize = 32_768;

/// The words of several findings: `spec.rules[0].backendRefs[0]: …; …`.
pub(crate) fn words<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let findings: Vec<&Finding> = findings.into_iter().collect();
    let mut text = String::new();
    for finding in findings.iter().take(SPELT_OUT) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if !finding.about.path.is_empty() {
            text.push_str(&finding.about.path);
            text.push_str(": ");
        }
        text.push_str(&finding.text);
    }
    if findings.len() > SPELT_OUT {
        text.push_str(&format!("; and {} more", findings.len() - SPELT_OUT));
    }
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&at| text.is_char_boundary(at));
        text.truncate(end.unwrap_or(0));
    }
    text
}
