//! Layers: the real dependencies are those of the table, and the pure middle reaches no runtime.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::table::{BASE, Table};
use super::trees::Tree;

/// Crates that a pure crate may not reach, not even through others: they wait, do I/O or start threads.
const IMPURE: [&str; 8] = [
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "mio",
    "notify",
    "signal-hook-registry",
    "socket2",
    "tokio",
];

/// Crates of the workspace that ship nothing; they may use anything and nothing may use them.
const FOR_US: [&str; 4] = ["fg-fuzz", "fg-testcluster", "fg-testkit", "xtask"];

/// Compares table and trees.
pub(super) fn judge(table: &Table, trees: &BTreeMap<String, Vec<Tree>>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, of_crate) in trees {
        for tree in of_crate {
            let called = called(name, tree);
            arrows(table, name, tree, &called, &mut problems);
            if table.pure.contains(name) {
                for impure in IMPURE
                    .iter()
                    .filter(|impure| tree.reaches.contains(**impure))
                {
                    problems.push(Problem::new(
                        &called,
                        format!("is pure, but reaches {impure}"),
                    ));
                }
            }
        }
    }
    let complain = |what: String| Problem::new("ARCHITECTURE.md", what);
    for name in table.rows.keys().chain(&table.pure) {
        let (package, facet) = split(name);
        let known = trees.get(package).is_some_and(|of_crate| {
            facet.is_none_or(|facet| {
                of_crate
                    .iter()
                    .any(|tree| tree.facet.as_deref() == Some(facet))
            })
        });
        if !known {
            problems.push(complain(format!("names {name}, which does not exist")));
        }
    }
    problems
}

/// The arrows of one tree against its row.
fn arrows(table: &Table, name: &str, tree: &Tree, called: &str, problems: &mut Vec<Problem>) {
    let mut complain = |what: String| problems.push(Problem::new(called, what));
    if FOR_US.contains(&name) {
        return;
    }
    let Some(plain) = table.rows.get(name) else {
        complain("has no row in the layer table".to_owned());
        return;
    };
    // Whoever may use a facet may use its crate.
    let lists =
        |allowed: &BTreeSet<&str>, used: &str| allowed.iter().any(|name| split(name).0 == used);
    // A facet with a row of its own may use that and what the crate may; one without adds nothing.
    let mut allowed: BTreeSet<&str> = plain.may_use.iter().map(String::as_str).collect();
    if let Some(facet) = table.rows.get(called) {
        allowed.extend(facet.may_use.iter().map(String::as_str));
    }
    for (used, facets) in &tree.arrows {
        if FOR_US.contains(&used.as_str()) {
            complain(format!("uses {used}, which is for tests only"));
        } else if used != BASE && !lists(&allowed, used) {
            complain(format!(
                "uses {used}; the layer table of ARCHITECTURE.md has no such arrow"
            ));
        }
        for facet in facets {
            let with = format!("{used}+{facet}");
            if table.rows.contains_key(&with) && !allowed.contains(with.as_str()) {
                complain(format!(
                    "uses {with}; the layer table of ARCHITECTURE.md has no such arrow"
                ));
            }
        }
    }
}

/// How a tree is called in the table and in problems: `crate` or `crate+facet`.
fn called(name: &str, tree: &Tree) -> String {
    match &tree.facet {
        Some(facet) => format!("{name}+{facet}"),
        None => name.to_owned(),
    }
}

fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('+') {
        Some((package, facet)) => (package, Some(facet)),
        None => (name, None),
    }
}
