//! What `check` and the admin page `/status` print: documents, findings, counts.

use std::fmt::Write as _;
use std::sync::Arc;

use fg_model::Finding;
use fg_status::{Document, FindingEntry, Summary, summary};
use serde::Serialize;

/// Every object's status, then all findings.
#[derive(Serialize)]
pub(crate) struct Report {
    /// One for each object that has a status.
    objects: Vec<Document>,
    /// Everything that is wrong, sorted.
    findings: Vec<FindingEntry>,
}

/// The last document of the YAML form.
#[derive(Serialize)]
struct Findings<'a> {
    findings: &'a [FindingEntry],
}

impl Report {
    /// A report of these documents and findings.
    pub(crate) fn new(objects: Vec<Document>, findings: &[Arc<Finding>]) -> Self {
        Self {
            objects,
            findings: findings.iter().map(|finding| (&**finding).into()).collect(),
        }
    }

    /// One JSON object.
    ///
    /// # Errors
    /// Never in practice: everything in it has a JSON form.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// One YAML document for each object, then one with the findings.
    ///
    /// # Errors
    /// Never in practice: everything in it has a YAML form.
    pub(crate) fn yaml(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        for object in &self.objects {
            text.push_str("---\n");
            text.push_str(&serde_saphyr::to_string(object)?);
        }
        text.push_str("---\n");
        let findings = Findings {
            findings: &self.findings,
        };
        text.push_str(&serde_saphyr::to_string(&findings)?);
        Ok(text)
    }
}

/// All findings as text, one a line, and a line that counts them, the objects, and those of kinds
/// that are not read.
pub(crate) fn text(findings: &[Arc<Finding>], objects: usize, others: usize) -> String {
    let mut text = String::new();
    for finding in findings {
        let _infallible = writeln!(text, "{finding}");
    }
    let counts = counted(&summary(findings.iter().map(|finding| &**finding)));
    let found = if counts.is_empty() {
        "nothing to find fault with".to_owned()
    } else {
        counts
    };
    let others = match others {
        0 => String::new(),
        count => format!(" and {count} of kinds that are not read"),
    };
    let _infallible = writeln!(text, "{}{others}: {found}", number(objects, "object"));
    text
}

/// `2 errors, 1 warning`; empty when there is nothing.
pub(crate) fn counted(summary: &Summary) -> String {
    [
        (summary.errors, "error"),
        (summary.warnings, "warning"),
        (summary.infos, "note"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| number(count, word))
    .collect::<Vec<_>>()
    .join(", ")
}

fn number(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}
