//! The layer table of `ARCHITECTURE.md`, and the list of pure crates below it.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;

/// The header of the table, cell by cell.
const HEADER: [&str; 3] = ["layer", "crate", "may use"];

/// The words that the line with the pure crates begins with.
const PURE: &str = "Pure crates:";

/// The crate that every other may use without saying so.
pub(super) const BASE: &str = "fg-base";

/// What the table says. A name is a crate's, or `crate+feature` for a facet of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The rows by name.
    pub(super) rows: BTreeMap<String, Row>,
    /// The crates that reach no runtime and do no I/O; facets of theirs included.
    pub(super) pure: BTreeSet<String>,
}

/// One row: who, how high, and whom it may use.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The layer; 0 is the lowest.
    pub(super) layer: u32,
    /// Names of rows in lower layers.
    pub(super) may_use: BTreeSet<String>,
}

/// Reads the table. Errors: there is none, a row does not read, or an arrow does not point down.
pub(super) fn parse(text: &str) -> Result<Table, Problem> {
    let mut table = Table::default();
    let mut lines = text.lines().skip_while(|line| cells(line) != HEADER);
    let complain = |what: String| Problem::new("ARCHITECTURE.md", what);
    if lines.next().is_none() {
        return Err(complain(format!(
            "has no table `| {} |`",
            HEADER.join(" | ")
        )));
    }
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let [layer, name, may_use] = cells(line)
            .try_into()
            .map_err(|_| complain(format!("not a row of three cells: {line}")))?;
        let layer = layer
            .parse()
            .map_err(|_| complain(format!("not a layer: {layer}")))?;
        let row = Row {
            layer,
            may_use: names(&may_use),
        };
        for name in names(&name) {
            if table.rows.insert(name.clone(), row.clone()).is_some() {
                return Err(complain(format!("{name} has two rows")));
            }
        }
    }
    let pure = text.lines().find_map(|line| line.strip_prefix(PURE));
    table.pure = names(pure.ok_or_else(|| complain(format!("has no line `{PURE} …`")))?);
    for (name, row) in &table.rows {
        for used in &row.may_use {
            let lower = table
                .rows
                .get(used)
                .is_some_and(|other| other.layer < row.layer);
            if !lower {
                return Err(complain(format!(
                    "{name} may use {used}, which is in no lower layer"
                )));
            }
        }
    }
    Ok(table)
}

/// The cells of a table line, without blanks and backquotes around them.
fn cells(line: &str) -> Vec<String> {
    let inner = line
        .trim()
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'));
    inner
        .map(|inner| {
            inner
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .unwrap_or_default()
}

/// The names in backquotes in a cell or a line. Words between them do not matter.
fn names(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}
