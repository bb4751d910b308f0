//! `cargo xtask check`: format, lints, docs, tidy, unit and property tests. No root, no network once built.

use crate::steps::Steps;
use crate::tidy;
use crate::workspace::cargo;

/// Checks. `args` must be empty.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(args.is_empty(), "`check` takes no words");
    let mut steps = Steps::default();
    steps_of_check(&mut steps);
    steps.end_with_counts(false)
}

/// The steps of `check`, for `test` too.
pub(crate) fn steps_of_check(steps: &mut Steps) {
    steps.command(
        "format",
        "rustfmt leaves every file as it is",
        cargo(["fmt", "--all", "--", "--check", "-l"]),
    );
    steps.step(
        "tidy",
        "layers, docs, policies, generated files, words",
        || tidy::check(&crate::workspace::root()?),
    );
    steps.command(
        "lints",
        "clippy on every target, warnings denied (builds dependencies when cold)",
        cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    );
    let docs = cargo(["doc", "--workspace", "--no-deps"]).map(|mut command| {
        command.env("RUSTDOCFLAGS", "-D warnings");
        command
    });
    steps.command("docs", "rustdoc, warnings denied", docs);
    steps.tests(
        "unit and property tests",
        "cargo test --lib --bins (builds dependencies when cold)",
        cargo(["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]),
    );
}
