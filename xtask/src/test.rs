//! `cargo xtask test`: everything that is tested, in one command; what CI runs.
//!
//! `check`, then each kind of test on its own, so that the end can tell how many of each ran. A part that this machine
//! cannot run is named at the end, and is a failure when `CI=true`.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::ensure;

use crate::check::steps_of_check;
use crate::cluster;
use crate::facets::step_of_facets;
use crate::instructions;
use crate::packages;
use crate::steps::Steps;
use crate::workspace::{self, Crate, cargo};

/// A kind of test target: how the summary calls it, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Stack,
    EndToEnd,
    Readme,
    Corpora,
    Envoy,
    Parity,
    Cluster,
    Other,
}

impl Kind {
    /// Every kind, in the order in which they run.
    const ALL: [Self; 8] = [
        Self::Other,
        Self::Corpora,
        Self::Stack,
        Self::EndToEnd,
        Self::Envoy,
        Self::Parity,
        Self::Cluster,
        Self::Readme,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::EndToEnd => "end-to-end",
            Self::Readme => "README commands",
            Self::Corpora => "corpora replay",
            Self::Envoy => "Envoy",
            Self::Parity => "parity",
            Self::Cluster => "cluster",
            Self::Other => "other integration tests",
        }
    }

    fn does(self) -> &'static str {
        match self {
            Self::Stack => {
                "the proxy on real sockets, with upstreams that stall, reset, lie and cut"
            }
            Self::EndToEnd => "the real binary on real folders that change under load",
            Self::Readme => "every command of the README and the examples",
            Self::Corpora => "every input that fuzzing once found worth keeping",
            Self::Envoy => "what programs and runs a real Envoy, the oldest and the newest",
            Self::Parity => "the same folders and requests through both data planes",
            Self::Cluster => "what deals with a cluster, with a real API server",
            Self::Other => "tests of a crate's public face",
        }
    }

    /// The kind of a test target, by where it lies.
    fn of(package: &str, target: &str) -> Self {
        if target.starts_with("readme") {
            Self::Readme
        } else if target.starts_with("replay") {
            Self::Corpora
        } else if target.starts_with("envoy") {
            Self::Envoy
        } else if target.starts_with("parity") {
            Self::Parity
        } else if package == "fg-testcluster" {
            Self::Cluster
        } else if package == "fg-proxy" {
            Self::Stack
        } else if package == "ferrogate" {
            Self::EndToEnd
        } else {
            Self::Other
        }
    }
}

/// Tests everything. `args` must be empty.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    ensure!(args.is_empty(), "`test` takes no words");
    let mut steps = Steps::default();
    steps_of_check(&mut steps);
    let crates = workspace::crates()?;
    if let Err(missing) = packages::ensure("curl", "curl") {
        steps.not_run("tests that call curl", missing);
    }
    let pip = packages::ensure("pip3", "python3-pip");
    let targets = test_targets(&crates)?;
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    for kind in Kind::ALL {
        if kind == Kind::Cluster
            && let Err(why) = cluster::possible(strict)
        {
            steps.not_run(kind.name(), why);
            continue;
        }
        if matches!(kind, Kind::Envoy | Kind::Parity)
            && let Err(why) = &pip
        {
            steps.not_run(kind.name(), why);
            continue;
        }
        match targets.get(&kind) {
            Some(names) if kind == Kind::Cluster => {
                let command = cluster_command(names);
                steps.tests(kind.name(), kind.does(), command);
            }
            Some(names) => steps.tests(kind.name(), kind.does(), test_command(names)),
            None if kind == Kind::Other => {}
            None => steps.not_run(kind.name(), "there is no such test yet"),
        }
    }
    let docs = cargo(["test", "--workspace", "--no-fail-fast", "--doc"]);
    steps.tests("examples in docs", "cargo test --doc", docs);
    instructions::steps_of_instructions(&mut steps, &crates);
    step_of_facets(&mut steps);
    match cluster::possible(strict) {
        Ok(()) => steps.tests(
            "conformance",
            "the Gateway API's own suite against a cluster: GATEWAY-HTTP and GATEWAY-GRPC",
            conformance(),
        ),
        Err(why) => steps.not_run("conformance", why),
    }

    steps.end_with_counts(strict)
}

/// The suite, by this program's own verb, with a build that the tests before needed anyway.
fn conformance() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["conformance", "--dev"]);
    Ok(command)
}

/// The names of the test targets of each kind. A name is what cargo selects by, so two kinds must not share one.
fn test_targets(crates: &[Crate]) -> anyhow::Result<BTreeMap<Kind, Vec<String>>> {
    let mut kind_of: BTreeMap<&str, (Kind, &str)> = BTreeMap::new();
    for each in crates {
        for target in each.targets_of("test") {
            let kind = Kind::of(&each.name, target);
            if let Some((other, owner)) = kind_of.insert(target, (kind, &each.name)) {
                ensure!(
                    other == kind,
                    "{owner} and {} both have a tests/{target}.rs: rename one",
                    each.name
                );
            }
        }
    }
    let mut targets: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for (target, (kind, _)) in kind_of {
        targets.entry(kind).or_default().push(target.to_owned());
    }
    Ok(targets)
}

fn test_command(targets: &[String]) -> anyhow::Result<Command> {
    let mut command = cargo(["test", "--workspace", "--no-fail-fast"])?;
    for target in targets {
        command.args(["--test", target]);
    }
    Ok(command)
}

/// The tests that start clusters are behind a feature, so that a plain `cargo test` starts none.
fn cluster_command(targets: &[String]) -> anyhow::Result<Command> {
    // Of the whole workspace, so that dependencies are those that are built already.
    let mut command = cargo(["test", "--workspace", "--no-fail-fast"])?;
    command.args(["--features", "fg-testcluster/cluster"]);
    for target in targets {
        command.args(["--test", target]);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Target;

    fn package(name: &str, tests: &[&str]) -> Crate {
        let target = |name: &&str| Target {
            name: (*name).to_owned(),
            kind: vec!["test".to_owned()],
        };
        Crate {
            name: name.to_owned(),
            features: BTreeMap::new(),
            manifest_path: "Cargo.toml".into(),
            targets: tests.iter().map(target).collect(),
        }
    }

    #[test]
    fn a_test_target_is_of_one_kind() {
        let crates = [
            package("ferrogate", &["live_edit", "readme"]),
            package("fg-fuzz", &["replay"]),
            package("fg-proxy", &["retry", "strict"]),
            package("fg-sources", &["folder"]),
            package("fg-testcluster", &["verdicts"]),
        ];
        let targets = test_targets(&crates).unwrap();
        assert_eq!(targets[&Kind::EndToEnd], ["live_edit"]);
        assert_eq!(targets[&Kind::Readme], ["readme"]);
        assert_eq!(targets[&Kind::Corpora], ["replay"]);
        assert_eq!(targets[&Kind::Stack], ["retry", "strict"]);
        assert_eq!(targets[&Kind::Cluster], ["verdicts"]);
        assert_eq!(targets[&Kind::Other], ["folder"]);
    }

    #[test]
    fn a_name_in_two_kinds_is_refused() {
        let crates = [
            package("ferrogate", &["drain"]),
            package("fg-proxy", &["drain"]),
        ];
        let error = test_targets(&crates).unwrap_err().to_string();
        assert!(error.contains("tests/drain.rs"), "{error}");
    }
}
