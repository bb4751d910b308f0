//! What fuzzing asks of each decoder of foreign bytes: a function from any bytes that panics if a promise is broken.
//!
//! `fuzz_targets/` gives each to the fuzzer, `tests/replay.rs` gives each the inputs of its corpus.

mod duration;

/// A promise: takes any bytes, panics if the decoder breaks it.
pub type Promise = fn(&[u8]);

/// Every promise by the name of its target, sorted; a corpus is a folder of that name.
pub const PROMISES: &[(&str, Promise)] = &[("duration", duration::promise)];

/// Holds the decoder of one target to its promise.
///
/// # Panics
/// When there is no such target, and when the promise is broken.
pub fn hold(target: &str, bytes: &[u8]) {
    let found = PROMISES.iter().find(|(name, _)| *name == target);
    let (_, promise) = found.expect("a target is listed in PROMISES");
    promise(bytes);
}
