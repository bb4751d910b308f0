//! Rules about the text of one file: docs, open ends, places of this or that machine, sources of dependencies, and
//! what pure crates do not call.

use std::collections::BTreeSet;

use super::Problem;

/// Words for work left open; each needs an issue's number behind it. In pieces, or this line would be a finding.
const OPEN_ENDS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

/// Folders that exist on one machine only. In pieces for the same reason.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/tmp", "/w/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Use", "rs/"),
];

/// What `Cargo.lock` names as the source of every foreign crate.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What a pure crate does not call: I/O, clocks, threads, the environment, mutable globals.
const IMPURE_CALLS: [&str; 12] = [
    "std::fs",
    "std::process",
    "std::thread",
    "std::env::",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "SystemTime::now",
    "Instant::now",
    "static mut",
    "thread_local!",
    "println!",
];

/// Judges one file. `pure` are the crates whose code calls nothing impure.
pub(super) fn judge(file: &str, content: &str, pure: &BTreeSet<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut complain =
        |number: usize, what: String| problems.push(Problem::new(format!("{file}:{number}"), what));
    if needs_docs(file) && !has_module_docs(content) {
        complain(1, "does not begin with module docs (`//! …`)".to_owned());
    }
    for (index, line) in content.lines().enumerate() {
        let number = index + 1;
        if let Some(word) = OPEN_ENDS.iter().find(|word| is_open_end(line, word)) {
            complain(
                number,
                format!("{word} without the number of an issue: `{word}(#123)`"),
            );
        }
        if let Some(path) = MACHINE_PATHS.iter().find(|path| names_path(line, path)) {
            complain(
                number,
                format!("names {path}, which exists on one machine only"),
            );
        }
        if file.ends_with("Cargo.lock") && line.starts_with("source = ") && !line.contains(REGISTRY)
        {
            complain(
                number,
                "a dependency comes from somewhere else than crates.io".to_owned(),
            );
        }
    }
    if package(file).is_some_and(|name| pure.contains(name)) && file.contains("/src/") {
        for (number, call) in impure_calls(file, content) {
            complain(number, format!("is in a pure crate, but says `{call}`"));
        }
    }
    problems
}

/// The folders that a path in the documentation begins with when it means one of this repository.
const TOP_FOLDERS: [&str; 8] = [
    "bench/",
    "crates/",
    "docs/",
    "examples/",
    "fuzz/",
    "suites/",
    "xtask/",
    ".ci/",
];

/// The paths in backquotes of a page that do not exist. One with a placeholder (`<name>`, `*`, `NAME`, `…`) is not looked
/// for.
pub(super) fn dead_paths(page: &str, content: &str, exists: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in content.lines().enumerate() {
        for path in line.split('`').skip(1).step_by(2) {
            let ours = TOP_FOLDERS.iter().any(|folder| path.starts_with(folder));
            let literal = !path.contains(['<', '*', '…', ' ', '{']) && !path.contains("NAME");
            if ours && literal && !exists(path) {
                let place = format!("{page}:{}", index + 1);
                problems.push(Problem::new(
                    place,
                    format!("names {path}, which does not exist"),
                ));
            }
        }
    }
    problems
}

/// The crate that a file under `crates/` belongs to.
fn package(file: &str) -> Option<&str> {
    file.strip_prefix("crates/")?.split('/').next()
}

/// Whether a file is one that must say what it is: Rust of ours, but for the tests beside a module.
fn needs_docs(file: &str) -> bool {
    let ours = ["crates/", "xtask/", "fuzz/"];
    let is_ours = ours.iter().any(|folder| file.starts_with(folder)) && file.ends_with(".rs");
    is_ours && !file.contains("/testdata/") && !file.ends_with("/tests.rs")
}

/// Whether the first thing in a file, attributes and plain comments aside, is its docs.
fn has_module_docs(content: &str) -> bool {
    let mut lines = content.lines().map(str::trim);
    let first = lines.find(|line| {
        let comment = line.starts_with("//") && !line.starts_with("//!");
        !(line.is_empty() || comment || line.starts_with("#!["))
    });
    first.is_some_and(|line| {
        line.strip_prefix("//!")
            .is_some_and(|text| !text.trim().is_empty())
    })
}

/// Whether a line has the word, as a word, without `(#digits)` behind it.
fn is_open_end(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let alone =
            !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        let number = after
            .strip_prefix("(#")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        alone && !number
    })
}

/// Whether a line names an absolute path that begins so: the character before is not part of a longer path.
fn names_path(line: &str, path: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '}' | ')');
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(inside))
}

/// The lines of code outside tests that call something impure.
fn impure_calls(file: &str, content: &str) -> Vec<(usize, &'static str)> {
    if file.ends_with("/tests.rs") || file.contains("/tests/") {
        return Vec::new();
    }
    let code = content
        .lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter_map(|(index, line)| {
            let call = IMPURE_CALLS.iter().find(|call| line.contains(**call))?;
            Some((index + 1, *call))
        })
        .collect()
}
