//! The list of known differences: `tests/parity/differences.yaml`, and its page `docs/parity.md`.

mod pattern;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::seen::Difference;
use pattern::{Pattern, Place};

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Places that often differ together, by a name that entries call them by.
    shapes: BTreeMap<String, Vec<Place>>,
    known: Vec<Known>,
}

/// A known difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Names it.
    id: String,
    /// What differs, for users.
    differs: String,
    /// Why, and why it is left so.
    why: String,
    /// The versions of Envoy, such as `1.36`; default all.
    #[serde(default)]
    versions: Vec<String>,
    /// Where it is seen.
    at: Vec<Place>,
}

/// All known differences and those that were seen.
pub(crate) struct List {
    patterns: Vec<Pattern>,
    version: String,
    /// Where every difference is told to, known or not.
    told: Option<std::fs::File>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read() -> File {
    let path = root().join("tests/parity/differences.yaml");
    let text = std::fs::read_to_string(path).expect("the list is there");
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("the list: {error}"))
}

impl File {
    /// What an Envoy of this version (`1.36`) may differ in.
    ///
    /// # Errors
    /// When an entry would fit what nobody looked at.
    fn patterns(&self, version: &str) -> Result<Vec<Pattern>, String> {
        let mut all = Vec::new();
        let holds =
            |versions: &[String]| versions.is_empty() || versions.iter().any(|one| one == version);
        for known in &self.known {
            let begin = all.len();
            for place in &known.at {
                let patterns = pattern::of(&known.id, place, &self.shapes)?;
                if holds(&known.versions) && holds(&place.versions) {
                    all.extend(patterns);
                }
            }
            if all.len() == begin && holds(&known.versions) {
                return Err(format!("{}: it is seen nowhere", known.id));
            }
        }
        Ok(all)
    }
}

impl List {
    /// The list for an Envoy of this version (`1.36.4`). `PARITY_TELL` is a file that every difference is
    /// added to, a line of JSON each.
    pub(crate) fn load(version: &str) -> Self {
        let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
        let patterns = read().patterns(minor);
        let patterns = patterns.unwrap_or_else(|error| panic!("the list: {error}"));
        let told = std::env::var_os("PARITY_TELL").map(|path| {
            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path);
            file.expect("PARITY_TELL can be written")
        });
        Self {
            patterns,
            version: minor.to_owned(),
            told,
        }
    }

    /// Whether a difference is known; notes that it was seen. `at` is `SCENE/NUMBER`.
    pub(crate) fn knows(&mut self, at: &str, difference: &Difference) -> bool {
        let mut ids = Vec::new();
        for pattern in &mut self.patterns {
            if pattern.fits(at, difference) {
                ids.push(pattern.id.clone());
            }
        }
        if let Some(told) = &mut self.told {
            let line = serde_json::json!({
                "version": self.version, "at": at, "place": difference.place,
                "native": difference.native, "envoy": difference.envoy, "known": ids,
            });
            std::io::Write::write_all(told, format!("{line}\n").as_bytes())
                .expect("it can be written");
        }
        !ids.is_empty()
    }

    /// What entries say and what does not occur, of scenes that begin so.
    pub(crate) fn unseen(&self, scenes: &str) -> Vec<String> {
        let unseen = self.patterns.iter().flat_map(|one| one.unseen(scenes));
        unseen
            .map(|words| format!("{words}, on Envoy {}", self.version))
            .collect()
    }
}

/// The page.
fn page(known: &[Known]) -> String {
    let mut page = String::from(
        "# Where the two data planes differ

<!-- Written from tests/parity/differences.yaml by its test; set FERROGATE_WRITE=1 to write it again. -->

`ferrogate-envoy` serves what `ferrogate` serves. A suite of tests sends the same requests, byte by byte, through both data planes and compares status, headers, body, what the backend saw, the reason and the fields of the access log: every example of every policy's page, every kind of match, every answer that a gateway makes itself, TLS on both sides, HTTP/2, gRPC, WebSocket, mirrors, retries, sessions, CORS, external authorization, and random configurations with random requests, also while they change. It runs on Envoy 1.36 and 1.40.

What differs is listed here, all of it: the list behind this page names for each entry the requests, what is different about them, and the values on both planes. What differs in any other place or value fails the suite, and so does anything in the list that no longer occurs. What Envoy cannot do at all is in [the table of policies](envoy.md).
",
    );
    for one in known {
        let versions = match &one.versions[..] {
            [] => String::new(),
            some => format!(" (Envoy {})", some.join(", ")),
        };
        let _ = write!(
            page,
            "\n## {}{versions}\n\n{}\n\nWhy: {}\n",
            one.id.replace('-', " "),
            one.differs.trim(),
            one.why.trim()
        );
    }
    page
}

#[test]
fn the_page_says_what_the_list_says() {
    let path = root().join("docs/parity.md");
    let wanted = page(&read().known);
    if std::env::var_os("FERROGATE_WRITE").is_some() {
        std::fs::write(&path, &wanted).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).expect("the page is there");
    assert!(
        page == wanted,
        "docs/parity.md is stale: run this test with FERROGATE_WRITE=1"
    );
}

#[cfg(test)]
mod tests;
