//! What a look-up says: the rule that was found, and for `explain` all that were tried.

use fg_model::{HostPattern, Match};

/// The rule that owns a request.
#[derive(Debug)]
pub struct Found<'a, R> {
    /// What the caller made of the rule.
    pub rule: &'a R,
    /// Index of the match that won, in `matches[]` as written.
    pub match_index: u32,
    /// Length of the prefix that the match covered, without trailing slash: 0 for `/`. `None` when
    /// the match is no prefix, or the path is the `*` of `OPTIONS *`, which has no elements. Units:
    /// bytes of the canonical path.
    pub matched_prefix: Option<usize>,
    /// The hostname that hit, as the route writes it.
    pub hostname: &'a HostPattern,
}

// Not derived: a rule need not be `Copy` for a reference to it to be.
impl<R> Clone for Found<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Found<'_, R> {}

/// One match that was tried, in order of precedence.
#[derive(Debug)]
pub struct Tried<'a, R> {
    /// What would have been found, or was.
    pub found: Found<'a, R>,
    /// The match as written.
    pub matched: &'a Match,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a match that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It owns the request.
    Won,
    /// It fits too, but one before it has won.
    RunnerUp,
    /// It does not fit.
    Lost(Lost),
}

/// The first condition that a request did not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The path, which is a regular expression, or the service or method of a gRPC call.
    Path,
    /// The method.
    Method,
    /// The header at this index of [`Match::headers`].
    Header(usize),
    /// The query parameter at this index of [`Match::query`].
    Query(usize),
}

/// One match that a listener serves.
#[derive(Debug)]
pub struct Entry<'a, R> {
    /// What the caller made of the rule.
    pub rule: &'a R,
    /// Index in `matches[]` as written.
    pub match_index: u32,
    /// The match as written.
    pub matched: &'a Match,
    /// The hostname, as the route writes it.
    pub hostname: &'a HostPattern,
}
