//! Runs the examples of every policy's README in our own proxy's facet.
//!
//! An example is a fenced `yaml` block, a rule of an HTTPRoute, and what follows it:
//! `finding` (what is wrong with it, a line each), `explain` (what its filters say they do),
//! `limits` (what the engine reads), and exchanges: `request` (from the client), `call` (what
//! somebody is asked first), `said` (what that one answers; default a bare 200), `backend` (what
//! the backend receives), `answer` (what it answers; default a bare 200) and `reply` (what the
//! client receives). What an example does not show is not compared; what it shows is, line by line.

#![expect(clippy::panic, reason = "an example that cannot be read is a failure")]

mod envoy;
mod exchange;
mod markdown;
mod rule;

use std::path::{Path, PathBuf};

use exchange::Outcome;
use fg_policies::Around;
use markdown::{Example, Exchange};
use rule::Compiled;

/// The README of every policy of the catalogue.
fn readmes() -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    fg_policies::traffic::ALL
        .iter()
        .map(|meta| source.join(meta.name).join("README.md"))
        .collect()
}

#[test]
fn every_example_does_what_it_says() {
    for path in readmes() {
        let text = std::fs::read_to_string(&path).expect("every policy has a README");
        let examples = markdown::examples(&text);
        assert!(!examples.is_empty(), "{}: no example", path.display());
        for example in examples {
            let place = format!("{}: {}", path.display(), example.heading);
            run(&example, &place);
        }
    }
}

/// What Envoy cannot do is refused there, and said to the user beforehand; all else it is told.
#[test]
fn every_example_can_be_told_to_envoy_or_says_why_not() {
    for path in readmes() {
        let text = std::fs::read_to_string(&path).expect("every policy has a README");
        for example in markdown::examples(&text) {
            let place = format!("{}: {}", path.display(), example.heading);
            let compiled = Compiled::new(&example.yaml)
                .unwrap_or_else(|error| panic!("{place}: the rule cannot be read: {error}"));
            let one = Around { backends: 1 };
            for set in compiled.sets() {
                let lacks: Vec<&str> = set.lacks_on_envoy(one).iter().map(|lack| lack.0).collect();
                assert_eq!(envoy::refusals(set), lacks, "{place}");
            }
        }
    }
}

fn run(example: &Example, place: &str) {
    let compiled = Compiled::new(&example.yaml)
        .unwrap_or_else(|error| panic!("{place}: the rule cannot be read: {error}"));
    let expected = example.finding.as_deref().unwrap_or_default();
    assert_eq!(compiled.findings, expected, "{place}: findings");
    if let Some(expected) = &example.explain {
        assert_eq!(&compiled.explain(), expected, "{place}: explain");
    }
    if let Some(expected) = &example.limits {
        assert_eq!(&compiled.limits(), expected, "{place}: limits");
    }
    for exchange in &example.exchanges {
        compare(&compiled, exchange, place);
    }
    let shows_something = example.finding.is_some()
        || example.explain.is_some()
        || example.limits.is_some()
        || !example.exchanges.is_empty();
    assert!(shows_something, "{place}: the example shows nothing");
}

fn compare(compiled: &Compiled, exchange: &Exchange, place: &str) {
    let place = format!("{place}: {}", exchange.request.join(" / "));
    assert!(
        exchange.call.is_some() || exchange.backend.is_some() || exchange.reply.is_some(),
        "{place}: nothing is shown of what becomes of it"
    );
    let Outcome {
        call,
        backend,
        reply,
    } = exchange::run(compiled, exchange);
    if let Some(expected) = &exchange.call {
        assert_eq!(call.as_ref(), Some(expected), "{place}: call");
    }
    if let Some(expected) = &exchange.backend {
        assert_eq!(backend.as_ref(), Some(expected), "{place}: backend");
    }
    if let Some(expected) = &exchange.reply {
        assert_eq!(&reply, expected, "{place}: reply");
        if exchange.backend.is_none() && exchange.answer.is_empty() {
            assert_eq!(
                backend, None,
                "{place}: the example does not show the backend"
            );
        }
    }
}
