//! Regular expressions: RE2 syntax, over the whole value, bounded in source and compiled size.
//!
//! Both data planes must agree on every expression. Envoy has RE2; here the `regex` crate runs what
//! [`re2`] makes of the same source. It accepts what RE2 accepts and gives it the meaning that RE2
//! gives it, also where the crate alone would read something else (`\d` is ASCII, `[a&&b]` are three
//! characters), and refuses what only the crate knows. Not supported of RE2: `\C` (a single byte),
//! surrogates, and a repetition right behind a change of flags.

mod ascii;
mod class;
mod re2;
#[cfg(test)]
mod tests;

use std::fmt;

use fg_base::Text;
use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The longest source. Units: characters. Source: the largest `maxLength` of a value of the Gateway
/// API that may hold an expression.
const SOURCE_LIMIT: usize = 4096;
/// The largest compiled program of one expression, and the largest cache of a worker for it. Units:
/// bytes.
const COMPILED_LIMIT: usize = 1024 * 1024;
/// Far beyond the depth that [`re2`] lets through, so that its words are the ones that are seen.
const NEST_LIMIT: u32 = 4 * re2::DEPTH_LIMIT as u32;

/// A regular expression that is known to compile; equal when its source is equal.
///
/// It always has to match the *whole* value. `.` matches a character other than a line feed;
/// characters are those of UTF-8, and bytes that are none match nothing but through `\B` and the
/// like. Source: Gateway API `RegularExpression` match types; RE2's syntax page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Text")]
pub struct Pattern(Text);

/// Why an expression cannot be used, in words for its author.
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
    /// When it is empty or longer than 4,096 characters, is no RE2 syntax, or compiles to more than
    /// 1 MiB.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        compile(source)?;
        Ok(Self(source.into()))
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.0
    }

    /// What of it Envoy cannot do, in words for the user.
    ///
    /// Envoy's RE2 reads characters of UTF-8 up to 1.36, and bytes as Latin-1 in 1.40: what an
    /// expression says of characters beyond ASCII it says of something else there, or is refused.
    pub fn lacks_on_envoy(&self) -> Option<&'static str> {
        (!ascii::is_ascii(&self.0)).then_some("expressions with characters beyond ASCII")
    }

    /// A character beyond ASCII that each fitting value has to hold, if one is found: no canonical path
    /// fits then. `None` does not say that a value without one fits.
    pub fn needs_beyond_ascii(&self) -> Option<char> {
        ascii::needed(&self.0)
    }

    /// Compiles it, anchored at both ends. Groups do not capture.
    ///
    /// Cost: tens of microseconds and kilobytes or more; keep what it gives.
    pub fn regex(&self) -> Regex {
        compile(&self.0).expect("checked when the pattern was made")
    }
}

impl TryFrom<Text> for Pattern {
    type Error = PatternError;

    /// Checks an expression, as [`Pattern::new`] does.
    fn try_from(source: Text) -> Result<Self, PatternError> {
        compile(&source)?;
        Ok(Self(source))
    }
}

fn compile(source: &str) -> Result<Regex, PatternError> {
    if source.is_empty() {
        return Err(PatternError("an expression must not be empty".to_owned()));
    }
    if source.chars().nth(SOURCE_LIMIT).is_some() {
        return Err(PatternError(format!(
            "an expression has at most {SOURCE_LIMIT} characters"
        )));
    }
    let translated = re2::translate(source)?;
    RegexBuilder::new(&format!(r"\A(?:{translated})\z"))
        .size_limit(COMPILED_LIMIT)
        .dfa_size_limit(COMPILED_LIMIT)
        .nest_limit(NEST_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => PatternError(format!(
                "the expression compiles to more than {limit} bytes; repeat less"
            )),
            other => PatternError(format!("the expression cannot be compiled: {other}")),
        })
}
