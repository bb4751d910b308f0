//! `cargo xtask tidy`: what must hold in this house and what no other tool checks.
//!
//! Rules are functions from what is there to [`Problem`]s, so that tests can break them without breaking the tree.

mod layers;
mod policies;
mod table;
mod text;
mod trees;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::workspace;

/// Something that does not hold: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    place: String,
    what: String,
}

impl Problem {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

/// Checks the rules. `args` must be empty.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    ensure!(args.is_empty(), "`tidy` takes no words");
    check(&workspace::root()?)?;
    println!("tidy: ok");
    Ok(())
}

/// Checks every rule and prints each problem. Errors: there is one, or something could not be read.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let mut problems = Vec::new();
    let crates = workspace::crates()?;
    let map = read(root, "ARCHITECTURE.md")?;
    let table = table::parse(&map).unwrap_or_else(|what| {
        problems.push(what);
        table::Table::default()
    });
    // Without a table every crate would lack its row, which hides what is wrong.
    if !table.rows.is_empty() {
        problems.extend(layers::judge(&table, &trees::all(&crates)?));
    }
    problems.extend(policies::judge(&policies::Catalogue::read(root)?));
    for file in workspace::files()? {
        // Not UTF-8: an image or a fuzz input, no text of ours.
        if let Ok(content) = std::fs::read_to_string(root.join(&file)) {
            problems.extend(text::judge(&file, &content, &table.pure));
            if file.ends_with(".md") {
                let exists = |path: &str| root.join(path).exists();
                problems.extend(text::dead_paths(&file, &content, exists));
            }
        }
    }
    if let Err(error) = crate::generate::run(&["--check".to_owned()]) {
        problems.push(Problem::new(
            "generated files",
            format!("{error:#}; run `cargo xtask gen`"),
        ));
    }
    problems.sort();
    for problem in &problems {
        println!("    {}: {}", problem.place, problem.what);
    }
    if !problems.is_empty() {
        bail!("{} problems", problems.len());
    }
    Ok(())
}

fn read(root: &Path, file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}
