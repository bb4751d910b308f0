//! The project's automation: `cargo xtask <verb>`. With no verb it lists them.
//!
//! One file or folder a verb. What CI runs is `cargo xtask test`; nothing here needs more than the README asks for,
//! and a verb that needs a tool installs it or says which one is missing.

mod bench;
mod certificates;
mod check;
mod cluster;
mod conformance;
mod facets;
mod fuzz;
mod generate;
mod instructions;
mod new_policy;
mod packages;
mod steps;
mod suites;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::bail;

/// A verb: its name, the words that may follow it, what it does, and the function that does it.
struct Verb {
    name: &'static str,
    words: &'static str,
    does: &'static str,
    run: fn(&[String]) -> anyhow::Result<()>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "check",
        words: "",
        does: "format, lints, docs, tidy, unit and property tests; before each commit",
        run: check::run,
    },
    Verb {
        name: "test",
        words: "",
        does: "check and every other test; what CI runs",
        run: test::run,
    },
    Verb {
        name: "tidy",
        words: "",
        does: "the house rules alone: layers, docs, policies, generated files",
        run: tidy::run,
    },
    Verb {
        name: "bench",
        words: "[...]",
        does: "measures the gateway beside other proxies and writes bench/",
        run: bench::run,
    },
    Verb {
        name: "suites",
        words: "[NAME...]",
        does: "runs other people's tests and programs against the gateway",
        run: suites::run,
    },
    Verb {
        name: "cluster",
        words: "up|down|status|exec...",
        does: "a Kubernetes API server and a node of local processes, for tests",
        run: cluster::run,
    },
    Verb {
        name: "conformance",
        words: "[--test NAME...]",
        does: "the Gateway API's conformance suite against the gateway",
        run: conformance::run,
    },
    Verb {
        name: "gen",
        words: "[--check]",
        does: "writes the generated files, or says which are stale",
        run: generate::run,
    },
    Verb {
        name: "fuzz",
        words: "[TARGET...] [--seconds N]",
        does: "fuzzes each decoder for a while (default 30 s a target)",
        run: fuzz::run,
    },
    Verb {
        name: "facets",
        words: "",
        does: "builds each crate alone and each of its feature combinations",
        run: facets::run,
    },
    Verb {
        name: "instructions",
        words: "",
        does: "counts the instructions of hot paths; UPDATE=1 records them",
        run: instructions::run,
    },
    Verb {
        name: "new-policy",
        words: "NAME [--kind KIND]",
        does: "makes a policy's folder and writes its two words in lib.rs",
        run: new_policy::run,
    },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[String]) -> anyhow::Result<()> {
    let Some((name, args)) = words.split_first() else {
        list();
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        list();
        return Ok(());
    }
    match VERBS.iter().find(|verb| verb.name == name) {
        Some(verb) => (verb.run)(args),
        None => bail!("no such verb: {name}; `cargo xtask` lists them"),
    }
}

fn list() {
    println!("cargo xtask <verb>\n");
    for verb in VERBS {
        let call = format!("{} {}", verb.name, verb.words);
        println!("  {call:<32} {}", verb.does);
    }
}
