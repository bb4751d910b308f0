//! Regular expressions: RE2 syntax, over the whole value, bounded in compiled size.

use std::fmt;

use fg_base::Text;
use regex::bytes::{Regex, RegexBuilder};
use serde::Serialize;

/// The largest compiled program of one expression. Units: bytes.
const COMPILED_LIMIT: usize = 256 * 1024;

/// A regular expression that is known to compile; equal when its source is equal.
///
/// It always has to match the *whole* value. Source: Gateway API `RegularExpression` match types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Pattern(Text);

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(pub String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Checks an expression.
    ///
    /// # Errors
    /// When it does not parse, or compiles to more than 256 KiB.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        compile(source)?;
        Ok(Self(source.into()))
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.0
    }

    /// Compiles it, anchored at both ends.
    pub fn regex(&self) -> Regex {
        compile(&self.0).expect("checked when the pattern was made")
    }
}

fn compile(source: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(&format!("^(?:{source})$"))
        .size_limit(COMPILED_LIMIT)
        .build()
        .map_err(|error| PatternError(error.to_string()))
}
