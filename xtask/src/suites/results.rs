//! What came of the suites, as it is kept in `results.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::exclusions;
use crate::bench::Stamp;

/// All suites by name; each says when and on which commit it ran.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// By the suite's name.
    pub(crate) suites: BTreeMap<String, Outcome>,
}

/// What came of one suite.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// When it ran.
    pub(crate) stamp: Stamp,
    /// Programs and versions.
    pub(crate) programs: Vec<String>,
    /// Counts by group of cases, in the order in which they ran.
    pub(crate) groups: Vec<Group>,
    /// Cases that failed and are not excluded, each with what went wrong.
    pub(crate) failures: Vec<String>,
    /// Cases that are excluded and failed, each with the reason.
    pub(crate) excluded: Vec<String>,
}

/// Counts of some cases.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Group {
    /// What they have in common.
    pub(crate) name: String,
    /// Cases that passed.
    pub(crate) passed: u64,
    /// Cases that failed.
    pub(crate) failed: u64,
    /// Cases that failed and may, for a reason that is written down.
    pub(crate) excluded: u64,
}

impl Outcome {
    /// Begins a group.
    pub(crate) fn group(&mut self, name: impl Into<String>) {
        self.end_group();
        self.groups.push(Group {
            name: name.into(),
            ..Group::default()
        });
    }

    /// Says the counts of the group that was begun last.
    pub(crate) fn end_group(&self) {
        if let Some(group) = self.groups.last() {
            println!(
                "  {:44} {:5} passed {:4} failed {:3} excluded",
                group.name, group.passed, group.failed, group.excluded
            );
        }
    }

    /// Counts a case of the group; `wrong` says what went wrong, if so.
    pub(crate) fn count(&mut self, suite: &str, case: &str, wrong: Option<String>) {
        let Some(group) = self.groups.last_mut() else {
            return;
        };
        let case = format!("{}: {case}", group.name);
        match (wrong, exclusions::reason(suite, &case)) {
            (None, _) => group.passed += 1,
            (Some(wrong), None) => {
                group.failed += 1;
                if group.failed <= 10 {
                    println!("    FAILED {case}: {wrong}");
                }
                self.failures.push(format!("{case}: {wrong}"));
            }
            (Some(_), Some(reason)) => {
                group.excluded += 1;
                self.excluded.push(format!("{case}: {reason}"));
            }
        }
    }
}

impl Results {
    /// Reads what earlier runs left; nothing if there is no such file.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("cannot read {}", file.display())),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Keeps it.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}
