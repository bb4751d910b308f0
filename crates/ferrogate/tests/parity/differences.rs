//! The list of known differences: `tests/parity/differences.yaml`, and its page `docs/parity.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Deserialize;

use crate::seen::Difference;

/// A known difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// Names it.
    pub(crate) id: String,
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

/// Where a difference is seen: all of it has to fit, whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The scene, or `SCENE/NUMBER` for one exchange: a regular expression.
    #[serde(default = "anything")]
    scene: String,
    /// The places: a regular expression.
    place: String,
    /// What our own proxy has there; `-` is nothing: a regular expression.
    #[serde(default = "anything")]
    native: String,
    /// What Envoy has there, in the same way.
    #[serde(default = "anything")]
    envoy: String,
}

fn anything() -> String {
    "(?s).*".to_owned()
}

/// All known differences and those that were seen.
pub(crate) struct List {
    known: Vec<(Known, Vec<[Regex; 4]>)>,
    seen: BTreeSet<usize>,
    version: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read() -> Vec<Known> {
    let path = root().join("tests/parity/differences.yaml");
    let text = std::fs::read_to_string(path).expect("the list is there");
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("the list: {error}"))
}

impl List {
    /// The list for an Envoy of this version.
    pub(crate) fn load(version: &str) -> Self {
        let whole = |text: &str| {
            let text = format!("^(?:{text})$");
            Regex::new(&text).unwrap_or_else(|error| panic!("{error}"))
        };
        let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
        let holds = |known: &Known| {
            known.versions.is_empty() || known.versions.iter().any(|one| one == minor)
        };
        let place = |place: &Place| {
            [
                whole(&format!("(?:{})(/.*)?", place.scene)),
                whole(&place.place),
                whole(&place.native),
                whole(&place.envoy),
            ]
        };
        let known = read().into_iter().filter(holds).map(|known| {
            let places = known.at.iter().map(place).collect();
            (known, places)
        });
        Self {
            known: known.collect(),
            seen: BTreeSet::new(),
            version: minor.to_owned(),
        }
    }

    /// Whether a difference is known; notes that it was seen. `at` is `SCENE/NUMBER`.
    pub(crate) fn knows(&mut self, at: &str, difference: &Difference) -> bool {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let (native, envoy) = (value(&difference.native), value(&difference.envoy));
        let fits = |[scene, place, ours, theirs]: &[Regex; 4]| {
            scene.is_match(at)
                && place.is_match(&difference.place)
                && ours.is_match(&native)
                && theirs.is_match(&envoy)
        };
        let found = self
            .known
            .iter()
            .position(|(_, places)| places.iter().any(fits));
        self.seen.extend(found);
        found.is_some()
    }

    /// Entries that no longer occur.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let all = self.known.iter().enumerate();
        let unseen = all.filter(|(at, _)| !self.seen.contains(at));
        unseen
            .map(|(_, (known, _))| format!("{} on Envoy {}", known.id, self.version))
            .collect()
    }
}

/// The page.
fn page(known: &[Known]) -> String {
    let mut page = String::from(
        "# Where the two data planes differ

<!-- Written from tests/parity/differences.yaml by its test; set FERROGATE_WRITE=1 to write it again. -->

`ferrogate-envoy` serves what `ferrogate` serves. A suite of tests sends the same requests, byte by byte, through both data planes and compares status, headers, body, what the backend saw, the reason and the fields of the access log: every example of every policy's page, every kind of match, every answer that a gateway makes itself, TLS on both sides, HTTP/2, gRPC, WebSocket, mirrors, retries, sessions, CORS, external authorization, and random configurations with random requests. It runs on Envoy 1.36 and 1.40.

What differs is listed here, all of it: a difference that is not in this list fails the suite, and so does an entry that no longer occurs. What Envoy cannot do at all is in [the table of policies](envoy.md).
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
    let wanted = page(&read());
    if std::env::var_os("FERROGATE_WRITE").is_some() {
        std::fs::write(&path, &wanted).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).expect("the page is there");
    assert!(
        page == wanted,
        "docs/parity.md is stale: run this test with FERROGATE_WRITE=1"
    );
}
