//! The words after `cargo xtask suites`.

use anyhow::{Context as _, bail};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
cargo xtask suites [NAME...] [options]

Runs other people's tests, clients and servers against the gateway: h2spec, grpc, pairwise, websocket; without a name
all of them. Results of whole suites go to suites/.

  --no-build      use target/debug/ferrogate as it is
  --direct        without the gateway: h2spec and grpc against a server of Go's, the others against themselves
  --only TEXT     only what has TEXT in its name (repeatable; nothing is kept)
  --help
";

/// The suites.
const NAMES: [&str; 4] = ["h2spec", "grpc", "pairwise", "websocket"];

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Names of suites; empty means all.
    names: Vec<String>,
    /// Parts of names that a case must have one of; empty means every case.
    only: Vec<String>,
    /// Whether the gateway is built first.
    pub(crate) build: bool,
    /// Whether the gateway is left out: does the runner itself work?
    pub(crate) direct: bool,
}

impl Options {
    /// Reads the words; an unknown one is an error.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut options = Self {
            names: Vec::new(),
            only: Vec::new(),
            build: true,
            direct: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--no-build" => options.build = false,
                "--direct" => options.direct = true,
                "--only" => {
                    let part = words.next().context("--only wants a text")?;
                    options.only.push(part.clone());
                }
                name if NAMES.contains(&name) => options.names.push(name.to_owned()),
                other => bail!("no such word: {other}; `cargo xtask suites --help` lists them"),
            }
        }
        Ok(options)
    }

    /// Whether a suite is to run.
    pub(crate) fn wants(&self, suite: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| name == suite)
    }

    /// Whether a case is to run.
    pub(crate) fn wants_case(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| case.contains(part))
    }

    /// Whether the results are fit to be kept.
    pub(crate) fn is_for_the_record(&self) -> bool {
        self.only.is_empty() && !self.direct
    }
}
