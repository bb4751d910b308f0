//! `cargo xtask fuzz`: fuzzes the decoders of foreign bytes, a while each, with cargo-fuzz on the stable compiler.
//!
//! `cargo xtask test` replays the corpora without any of this; see `fuzz/README.md`.

use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::packages;
use crate::steps::Steps;
use crate::workspace::{self, cargo, output};

/// How long each target is fuzzed, in seconds.
const DEFAULT_SECONDS: u32 = 30;

/// Fuzzes. `args`: names of targets (default: all) and `--seconds N` for each.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let all = targets()?;
    let (wanted, seconds) = parse(args)?;
    for name in &wanted {
        ensure!(
            all.contains(name),
            "no such target: {name}; there are: {}",
            all.join(", ")
        );
    }
    let wanted = if wanted.is_empty() { all } else { wanted };
    let mut steps = Steps::default();
    if output(&mut cargo(["fuzz", "--version"])?).is_err() {
        if !packages::has("c++") {
            bail!(
                "a C++ compiler is needed to build the fuzzer (Debian package `build-essential`)"
            );
        }
        let install = cargo(["install", "cargo-fuzz", "--locked"]);
        steps.command(
            "cargo-fuzz",
            "not installed: building it from the registry, once",
            install,
        );
    }
    for name in &wanted {
        let does =
            format!("fuzzing for {seconds} s; a crash leaves its input in fuzz/artifacts/{name}");
        steps.command(name, &does, fuzz_command(name, seconds));
    }
    steps.end(false)
}

/// The call that fuzzes one target. It begins with the corpus; new inputs go to a folder that git does not see.
fn fuzz_command(name: &str, seconds: u32) -> anyhow::Result<Command> {
    // cargo-fuzz changes the folder it works in.
    let fuzz = workspace::root()?.join("fuzz");
    let found = fuzz.join("found").join(name);
    std::fs::create_dir_all(&found)?;
    let mut command = cargo(["fuzz", "run", "--features", "fuzzing", name])?;
    command.arg(found).arg(fuzz.join("corpus").join(name));
    // Sanitizer flags are unstable; the stable compiler takes them with this set.
    command.env("RUSTC_BOOTSTRAP", "1");
    command.args(["--", &format!("-max_total_time={seconds}")]);
    command.args(["-max_len=16384", "-verbosity=0", "-print_final_stats=1"]);
    Ok(command)
}

/// The fuzz targets: the files of `fuzz/fuzz_targets`, sorted.
fn targets() -> anyhow::Result<Vec<String>> {
    let folder = workspace::root()?.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in folder
        .read_dir()
        .with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if let (Some(stem), true) = (
            path.file_stem(),
            path.extension().is_some_and(|end| end == "rs"),
        ) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Splits the words into target names and the seconds for each.
fn parse(args: &[String]) -> anyhow::Result<(Vec<String>, u32)> {
    let mut names = Vec::new();
    let mut seconds = DEFAULT_SECONDS;
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let value = words.next().context("`--seconds` needs a number")?;
                seconds = value
                    .parse()
                    .with_context(|| format!("`--seconds {value}` is not a number"))?;
            }
            other if other.starts_with('-') => bail!("no such option: {other}"),
            name => names.push(name.to_owned()),
        }
    }
    Ok((names, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_targets_and_seconds() {
        let words = ["head", "--seconds", "5", "chunk"].map(str::to_owned);
        assert_eq!(
            parse(&words).unwrap(),
            (vec!["head".to_owned(), "chunk".to_owned()], 5)
        );
        assert!(parse(&["--seconds".to_owned()]).is_err());
        assert!(parse(&["--minutes".to_owned()]).is_err());
    }
}
