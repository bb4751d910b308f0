//! The words after `cargo xtask bench`.

use std::str::FromStr;

use anyhow::{Context as _, bail};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
cargo xtask bench [options]

Measures the CPU time that each proxy takes for a request, its memory, and how fast an edit is live.
Results of a whole run go to bench/; those of a run with --quick or --peers go to target/bench/.

  --only NAME     one scenario: keep-alive, large, routes, tls, http2, workers, latency, memory, live (repeatable)
  --peers A,B     only these: ferrogate, nginx, haproxy, envoy
  --rounds N      interleaved rounds (5)
  --seconds N     length of a round (4)
  --quick         two rounds of one second, few edits and connections: does it all work?
  --no-build      use target/dist/ferrogate as it is
  --control       first: the control plane on a real API server instead; has a --help of its own
";

/// The groups of measurements, in the order in which they run.
pub(crate) const SCENARIOS: [&str; 9] = [
    "keep-alive",
    "large",
    "routes",
    "tls",
    "http2",
    "workers",
    "latency",
    "memory",
    "live",
];

/// The proxies, in the order in which they are shown.
pub(crate) const PEERS: [&str; 4] = ["ferrogate", "nginx", "haproxy", "envoy"];

/// What to measure, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Scenarios to run; empty means all.
    pub(crate) only: Vec<String>,
    /// Proxies to measure; empty means all.
    pub(crate) peers: Vec<String>,
    /// Interleaved rounds of each measurement.
    pub(crate) rounds: usize,
    /// Length of a round, in seconds.
    pub(crate) seconds: u64,
    /// Small numbers everywhere: a trial of the harness, no result.
    pub(crate) quick: bool,
    /// Whether the `dist` build is made first.
    pub(crate) build: bool,
}

impl Options {
    /// Reads the words; an unknown word or name is an error.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut options = Self {
            only: Vec::new(),
            peers: Vec::new(),
            rounds: 5,
            seconds: 4,
            quick: false,
            build: true,
        };
        let (mut rounds, mut seconds) = (None, None);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{word} wants a value"))
            };
            match word.as_str() {
                "--only" => options.only.extend(names(value()?, &SCENARIOS)?),
                "--peers" => options.peers.extend(names(value()?, &PEERS)?),
                "--rounds" => rounds = Some(number(value()?)?),
                "--seconds" => seconds = Some(number(value()?)?),
                "--quick" => options.quick = true,
                "--no-build" => options.build = false,
                other => bail!("no such option: {other}; `cargo xtask bench --help` lists them"),
            }
        }
        if options.quick {
            (options.rounds, options.seconds) = (2, 1);
        }
        options.rounds = rounds.unwrap_or(options.rounds);
        options.seconds = seconds.unwrap_or(options.seconds);
        Ok(options)
    }

    /// Whether the scenario of this name is to run.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario)
    }

    /// Whether the proxy of this name is to be measured.
    pub(crate) fn wants_peer(&self, peer: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|name| name == peer)
    }

    /// Whether the figures are fit to be kept beside the code: all proxies, at full length.
    pub(crate) fn is_for_the_record(&self) -> bool {
        !self.quick && self.peers.is_empty()
    }
}

fn names(list: &str, known: &[&str]) -> anyhow::Result<Vec<String>> {
    list.split(',')
        .map(|name| {
            if known.contains(&name) {
                Ok(name.to_owned())
            } else {
                bail!("no such name: {name}; there are {}", known.join(", "))
            }
        })
        .collect()
}

fn number<N: FromStr + PartialOrd + From<u8>>(word: &str) -> anyhow::Result<N> {
    match word.parse::<N>() {
        Ok(number) if number >= N::from(1) => Ok(number),
        _ => bail!("{word} is no number above zero"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> anyhow::Result<Options> {
        Options::parse(
            &words
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_bare_call_measures_everything_for_the_record() {
        let options = parse("").unwrap();
        assert!(SCENARIOS.iter().all(|name| options.wants(name)));
        assert!(PEERS.iter().all(|name| options.wants_peer(name)));
        assert!(options.is_for_the_record());
    }

    #[test]
    fn words_choose_and_rounds_outlive_quick_wherever_they_stand() {
        let options = parse("--rounds 3 --quick --only memory --peers nginx,envoy").unwrap();
        assert!(options.wants("memory") && !options.wants("live"));
        assert!(options.wants_peer("envoy") && !options.wants_peer("haproxy"));
        assert_eq!((options.rounds, options.seconds), (3, 1));
        assert!(!options.is_for_the_record());
    }

    #[test]
    fn wrong_words_are_refused() {
        for words in [
            "--only nothing",
            "--peers apache",
            "--rounds 0",
            "--seconds",
            "fast",
        ] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
