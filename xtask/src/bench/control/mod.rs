//! `cargo xtask bench --control`: the control plane on a real API server with one proxy. `fg-testcluster bench` measures;
//! this builds what it needs and keeps the figures.

pub(crate) mod envoy;
pub(crate) mod report;
pub(crate) mod targets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::results::{ControlPlane, Machine, Results, Stamp};
use super::{chart, report as page, target_folder};
use crate::{cluster, workspace};

/// What `--help` prints.
const HELP: &str = "\
cargo xtask bench --control [options]

Measures how soon changes are live, what they cost, and what a large configuration takes: a real API server, one
proxy. Results of a whole run go to bench/; those of a run with --quick go to target/bench/trial.

  --plane envoy   with Envoy, and Envoy Gateway with the same Envoy after it, each on an API server of its own
  --side NAME     only one of these two: ferrogate-envoy or envoy-gateway; the other's figures stay
  --only NAME     one scenario (repeatable): idle, few, traffic, adding, memory, edit, start, churn, many
  --quick         small numbers: does it all work?
  --no-build      use target/dist/ferrogate and target/release/fg-testcluster as they are
";

/// What is measured and what measures it, with their profiles: the first is as it is shipped.
const FERROGATE: (&str, &str) = ("ferrogate", "dist");
const MEASURER: (&str, &str) = ("fg-testcluster", "release");

/// Whose control plane: the word that `fg-testcluster bench` has for it, and the name its figures are kept under.
type Side = (&'static str, &'static str);

/// Ours with our own proxy.
const NATIVE: Side = ("native", "ferrogate");

/// What `fg-testcluster bench` says of a scenario.
#[derive(Debug, Deserialize)]
struct Said {
    failed: Option<String>,
    figures: BTreeMap<String, f64>,
}

/// Measures. `args` are the words after `--control`.
/// Errors: a wrong word, a build that fails, or a scenario that failed; a missed target is news.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let (mut words, mut build, mut quick) = (Vec::new(), true, false);
    let mut sides: Vec<Side> = vec![NATIVE];
    let mut args = args.iter();
    while let Some(word) = args.next() {
        match word.as_str() {
            "--plane" => match args.next().map(String::as_str) {
                Some("envoy") => sides = envoy::SIDES.to_vec(),
                Some("native") => {}
                _ => bail!("--plane: native or envoy is wanted"),
            },
            "--side" => {
                let wanted = args.next().map(String::as_str).unwrap_or_default();
                let side = envoy::SIDES.iter().find(|(_, name)| *name == wanted);
                sides = vec![*side.with_context(|| format!("--side {wanted}: no such side"))?];
            }
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(());
            }
            "--no-build" => build = false,
            "--quick" => {
                quick = true;
                words.push(word.clone());
            }
            // Values of options too: the program knows what is right.
            _ => words.push(word.clone()),
        }
    }
    let target = target_folder()?;
    let scratch = target.join("bench/trial");
    std::fs::create_dir_all(&scratch)?;
    let folder = if quick {
        scratch.clone()
    } else {
        workspace::root()?.join("bench")
    };
    if build {
        make()?;
    }
    let mut failures = Vec::new();
    for side in sides {
        let out = scratch.join(format!("control-{}.json", side.0));
        // What an earlier run left must not be taken for this one's.
        let _ = std::fs::remove_file(&out);
        let stamp = Stamp::now()?;
        if side != NATIVE {
            println!("== {}", side.1);
        }
        measure(&target, side, &words, &out)?;
        failures.extend(keep(&folder, side, &out, &stamp)?);
    }
    println!("written to {}", folder.display());
    if !failures.is_empty() {
        bail!("failed: {}", failures.join("; "));
    }
    Ok(())
}

/// Builds the gateway and what measures it.
fn make() -> anyhow::Result<()> {
    for (name, profile) in [FERROGATE, MEASURER] {
        println!("{name}: building ({profile}; minutes, the first time)");
        let mut command = workspace::cargo(["build", "--quiet", "--profile", profile])?;
        command.args(["-p", name]);
        let built = command.status()?;
        ensure!(built.success(), "the build failed");
    }
    Ok(())
}

fn measure(target: &Path, side: Side, words: &[String], out: &Path) -> anyhow::Result<()> {
    let program = |(name, profile): (&str, &str)| -> anyhow::Result<PathBuf> {
        let file = target.join(profile).join(name);
        ensure!(
            file.is_file(),
            "{} is not there; leave --no-build out",
            file.display()
        );
        Ok(file)
    };
    cluster::ensure_tools()?;
    let status = std::process::Command::new(program(MEASURER)?)
        .arg("bench")
        .arg("--ferrogate")
        .arg(program(FERROGATE)?)
        .arg("--out")
        .arg(out)
        .args(["--plane", side.0])
        .args(words)
        .status()?;
    ensure!(status.success(), "{}", cluster::failed(status));
    Ok(())
}

/// Puts the figures in their places, and prints the targets; gives what failed.
fn keep(folder: &Path, side: Side, out: &Path, stamp: &Stamp) -> anyhow::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let said = std::fs::read_to_string(out).context("no scenario was measured")?;
    let said: BTreeMap<String, Said> = serde_json::from_str(&said)?;
    let file = folder.join("results.json");
    let mut results = Results::read(&file)?;
    results.machine = Machine::read();
    let is_native = side == NATIVE;
    let measured: Vec<String> = said
        .keys()
        .map(|name| match is_native {
            true => name.clone(),
            false => format!("{}, {name}", side.1),
        })
        .collect();
    let kept = match is_native {
        true => &mut results.control,
        false => results.envoy.entry(side.1.to_owned()).or_default(),
    };
    for (name, scenario) in said {
        kept.insert(
            name,
            ControlPlane {
                stamp: stamp.clone(),
                failed: scenario.failed,
                figures: scenario.figures,
            },
        );
    }
    results.write(&file)?;
    std::fs::write(folder.join("RESULTS.md"), page::text(&results))?;
    std::fs::write(folder.join("chart.svg"), chart::draw(&results))?;
    println!("targets");
    let targets = match is_native {
        true => targets::all(&results),
        false => envoy::targets(&results),
    };
    for target in targets {
        println!("  {}", target.line());
    }
    let failures = report::failures(&results).chain(envoy::failures(&results));
    Ok(failures
        .filter(|line| measured.iter().any(|name| line.starts_with(name.as_str())))
        .collect())
}
