//! The real dependency trees, crate by crate and facet by facet, as cargo resolves each alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{Crate, cargo, output};

/// What one crate, with one feature or none, needs to run: dependencies of tests and build scripts left out.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// The feature that was on; none for the crate without features.
    pub(super) facet: Option<String>,
    /// The crates of ours that it uses directly, with the features of theirs that are on then.
    pub(super) arrows: BTreeMap<String, BTreeSet<String>>,
    /// Every crate it reaches, directly or not.
    pub(super) reaches: BTreeSet<String>,
}

/// Envoy's messages come with services that take them, and those with a runtime, which nobody here
/// calls. What else brings a runtime along is still found.
const MESSAGES: &str = "envoy-types";

/// The trees of every crate, by the crate's name: first the one without features, then one a feature.
pub(super) fn all(crates: &[Crate]) -> anyhow::Result<BTreeMap<String, Vec<Tree>>> {
    let ours: BTreeSet<&str> = crates.iter().map(|each| each.name.as_str()).collect();
    let mut trees = BTreeMap::new();
    for each in crates {
        let facets = each.facets().into_iter().map(Some);
        let mut of_crate = Vec::new();
        for facet in std::iter::once(None).chain(facets) {
            let mut command = cargo(["tree", "--edges=normal", "--prefix=depth"])?;
            command.args([
                "--format= {p}|{f}",
                "--no-default-features",
                "--package",
                &each.name,
            ]);
            command.args(facet.map(|facet| format!("--features={facet}")));
            let mut tree = parse(&output(&mut command)?, &ours);
            tree.facet = facet.map(str::to_owned);
            of_crate.push(tree);
        }
        trees.insert(each.name.clone(), of_crate);
    }
    Ok(trees)
}

/// Reads lines `DEPTH NAME vVERSION …|FEATURE,FEATURE`, some with a ` (*)` behind: shown in full further up.
pub(super) fn parse(text: &str, ours: &BTreeSet<&str>) -> Tree {
    let mut tree = Tree::default();
    // The depth of a crate whose own tree does not count.
    let mut below: Option<usize> = None;
    for line in text.lines() {
        let line = line.trim_end_matches(" (*)");
        let (package, features) = line.split_once('|').unwrap_or((line, ""));
        let mut words = package.split_whitespace();
        let (Some(depth), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        let deep: usize = depth.parse().unwrap_or_default();
        if deep == 0 || below.is_some_and(|of| deep > of) {
            continue;
        }
        below = (name == MESSAGES).then_some(deep);
        tree.reaches.insert(name.to_owned());
        if depth == "1" && ours.contains(name) {
            let features = features
                .split(',')
                .filter(|feature| !matches!(*feature, "" | "default"));
            tree.arrows
                .entry(name.to_owned())
                .or_default()
                .extend(features.map(str::to_owned));
        }
    }
    tree
}
