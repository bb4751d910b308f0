//! `cargo xtask facets`: builds each crate alone, and each combination of its features. A build of the whole workspace
//! unifies features and would hide one that is missing.

use std::time::Instant;

use anyhow::{Context, ensure};

use crate::steps::{Steps, seconds};
use crate::workspace::{self, Crate, cargo};

/// Beyond this many features of one crate only each alone and all together are built.
const MAX_COMBINED: usize = 4;

/// Builds the facets. `args` must be empty.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    ensure!(args.is_empty(), "`facets` takes no words");
    let mut steps = Steps::default();
    step_of_facets(&mut steps);
    steps.end(false)
}

/// One step: a build for each crate and feature combination.
pub(crate) fn step_of_facets(steps: &mut Steps) {
    steps.step(
        "facets",
        "clippy of each crate alone, in each combination of its features",
        || {
            let mut broken = Vec::new();
            for each in workspace::crates()? {
                for features in combinations(&each.facets()) {
                    let mut build = cargo(["clippy", "--quiet", "--no-default-features"])?;
                    build.args(["--package", &each.name, "--features", &features.join(",")]);
                    // Not plain `check`: code that only another feature uses is a warning, and clippy can
                    // deny it without building the dependencies anew.
                    build.args(["--", "-D", "warnings"]);
                    let start = Instant::now();
                    let succeeded = build.status().context("cannot start")?.success();
                    let name = name(&each, &features);
                    println!("    {name}: {}", seconds(start.elapsed()));
                    if !succeeded {
                        broken.push(name);
                    }
                }
            }
            ensure!(broken.is_empty(), "{}", broken.join(", "));
            Ok(())
        },
    );
}

fn name(each: &Crate, features: &[&str]) -> String {
    let mut name = each.name.clone();
    for feature in features {
        name.push('+');
        name.push_str(feature);
    }
    name
}

/// Every subset of the features, the empty one first; for many features only the empty one, each alone and all.
fn combinations<'a>(features: &[&'a str]) -> Vec<Vec<&'a str>> {
    if features.len() > MAX_COMBINED {
        let alone = features.iter().map(|feature| vec![*feature]);
        return std::iter::once(Vec::new())
            .chain(alone)
            .chain([features.to_vec()])
            .collect();
    }
    let mut all = vec![Vec::new()];
    for feature in features {
        let with: Vec<Vec<&str>> = all
            .iter()
            .map(|set| [set.as_slice(), &[*feature]].concat())
            .collect();
        all.extend(with);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::combinations;

    #[test]
    fn every_subset_of_a_few_features() {
        assert_eq!(combinations(&[]), [Vec::<&str>::new()]);
        let two = combinations(&["envoy", "native"]);
        assert_eq!(
            two,
            [
                vec![],
                vec!["envoy"],
                vec!["native"],
                vec!["envoy", "native"]
            ]
        );
        assert_eq!(combinations(&["a", "b", "c", "d", "e"]).len(), 7);
    }
}
