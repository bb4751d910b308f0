//! What fuzzing asks of each decoder of foreign bytes: a function from any bytes that panics if a promise is broken.
//!
//! `fuzz_targets/` gives each to the fuzzer, `tests/replay.rs` gives each the inputs of its corpus.

#![expect(
    clippy::panic,
    reason = "a broken promise panics, for the fuzzer to see"
)]

mod chunk;
mod duration;
mod head_reply;
mod head_request;
mod path;
mod wire;

/// A promise: takes any bytes, panics if the decoder breaks it.
pub type Promise = fn(&[u8]);

/// Every promise by the name of its target, sorted; a corpus is a folder of that name.
pub const PROMISES: &[(&str, Promise)] = &[
    ("chunk", chunk::promise),
    ("duration", duration::promise),
    ("head_reply", head_reply::promise),
    ("head_request", head_request::promise),
    ("path", path::promise),
    ("wire", wire::promise),
];

/// Holds the decoder of one target to its promise.
///
/// # Panics
/// When there is no such target, and when the promise is broken.
pub fn hold(target: &str, bytes: &[u8]) {
    let found = PROMISES.iter().find(|(name, _)| *name == target);
    let (_, promise) = found.expect("a target is listed in PROMISES");
    promise(bytes);
}

/// Places to cut an input at: every one of a short input, some of a long one, so that the fuzzer stays quick.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    (0..=bytes.len()).step_by(bytes.len() / 64 + 1)
}

/// Holds a head to its form: lines that are not empty and end in CRLF, then an empty one; no other CR or LF, no NUL.
fn holds_only_lines(head: &[u8]) {
    let text = String::from_utf8_lossy(head);
    let lines = text
        .strip_suffix("\r\n\r\n")
        .expect("an empty line ends a head");
    for line in lines.split("\r\n") {
        assert!(
            !line.is_empty() && !line.contains(['\r', '\n', '\0']),
            "{text:?}"
        );
    }
}
