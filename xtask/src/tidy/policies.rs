//! The policies' catalogue: folder, module list, catalogue and README say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;

use super::Problem;

const LIB: &str = "crates/fg-policies/src/lib.rs";

/// What every policy has: what it does not do on a plane its facet says as well.
const FILES: [&str; 6] = [
    "ir.rs",
    "translate.rs",
    "native.rs",
    "envoy.rs",
    "README.md",
    "tests.rs",
];

/// The facets.
const FACETS: [&str; 2] = ["envoy", "native"];

/// What is in the folder of the policies' crate.
#[derive(Debug, Default, Clone)]
pub(super) struct Catalogue {
    /// The text of `lib.rs`.
    pub(super) lib: String,
    /// The folders with a `mod.rs`, each with the names of the files in it.
    pub(super) folders: BTreeMap<String, BTreeSet<String>>,
}

impl Catalogue {
    /// Reads the crate's folder.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let lib_path = root.join(LIB);
        let lib =
            std::fs::read_to_string(&lib_path).with_context(|| format!("cannot read {LIB}"))?;
        let mut folders = BTreeMap::new();
        let source = lib_path.parent().context("lib.rs lies in a folder")?;
        for entry in source.read_dir()? {
            let folder = entry?.path();
            // That of a facet is what all policies share.
            let is_facet = FACETS.iter().any(|facet| folder.ends_with(facet));
            if !is_facet && folder.join("mod.rs").is_file() {
                let mut files = BTreeSet::new();
                for file in folder.read_dir()? {
                    files.insert(file?.file_name().to_string_lossy().into_owned());
                }
                let name = folder.file_name().context("a folder has a name")?;
                folders.insert(name.to_string_lossy().into_owned(), files);
            }
        }
        Ok(Self { lib, folders })
    }
}

/// Judges the catalogue.
pub(super) fn judge(catalogue: &Catalogue) -> Vec<Problem> {
    let mut problems = Vec::new();
    let modules = modules(&catalogue.lib);
    let listed = listed(&catalogue.lib);
    for (name, files) in &catalogue.folders {
        let place = format!("crates/fg-policies/src/{name}");
        let mut complain = |what: String| problems.push(Problem::new(&place, what));
        if !modules.contains(name.as_str()) {
            complain(format!(
                "is no module of the crate: write `pub mod {name};` in lib.rs"
            ));
        }
        if !listed.contains(name.as_str()) {
            complain(format!(
                "is not in the catalogue: write `{name}` in the `catalogue!` of lib.rs"
            ));
        }
        for file in FILES {
            if !files.contains(file) {
                complain(format!("has no {file}"));
            }
        }
    }
    for name in listed
        .iter()
        .filter(|name| !catalogue.folders.contains_key(**name))
    {
        problems.push(Problem::new(
            LIB,
            format!("lists {name}, which has no folder"),
        ));
    }
    problems
}

/// The modules that lib.rs declares.
pub(super) fn modules(lib: &str) -> BTreeSet<&str> {
    let lines = lib.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect()
}

/// The names in the braces inside `catalogue! { … }`.
pub(super) fn listed(lib: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let Some((_, rest)) = lib.split_once("\ncatalogue! {") else {
        return names;
    };
    for line in rest.lines().take_while(|line| *line != "}") {
        let code = line.split("//").next().unwrap_or_default();
        // Without the kind that leads the list: `traffic: { cors, csrf },`.
        let code = code.split_once('{').map_or(code, |(_, names)| names);
        let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        names.extend(words.filter(|word| !word.is_empty()));
    }
    names
}
