//! Judges objects as the API server would judge them: schema, defaults, strict fields, and the
//! rules that the schema holds as CEL expressions.
//!
//! The schema of the Gateway API is generated from its published module (`cargo xtask gen`); that
//! of the core kinds and of kgateway's `Backend` is written by hand in the same form. Any finding
//! of this module means that the API server would have refused the object.
//!
//! [`decode`] is the way in: a parsed document goes in, a [`Resource`](crate::Resource) comes out.

mod advice;
mod catalog;
mod check;
mod core_rules;
mod decode;
mod definition;
mod metadata;
mod nearest;
mod node;
mod rules;
mod text;
mod words;

#[cfg(test)]
mod tests;

pub use catalog::{Identity, identify};
pub use decode::{Decoded, Refusal, decode, named};
pub use definition::definitions;
pub use nearest::nearest;

use fg_model::FindingKind;

/// One reason why the API server would refuse an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaFinding {
    /// Absolute field path such as `spec.rules[0].matches[1]`, map keys as `metadata.labels["k"]`;
    /// empty for the whole object.
    pub path: String,
    /// [`FindingKind::SchemaViolation`], [`FindingKind::UnknownField`], or
    /// [`FindingKind::RuleViolation`].
    pub kind: FindingKind,
    /// What is wrong, one sentence, lowercase, no full stop. Never holds a value of a `Secret`.
    pub text: String,
    /// What to do about it, if that can be said.
    pub hint: Option<String>,
}

impl SchemaFinding {
    /// A value that breaks the schema.
    pub(crate) fn violation(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            kind: FindingKind::SchemaViolation,
            text: text.into(),
            hint: None,
        }
    }

    /// The same finding with a word on what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Judges the body of an object (everything but `metadata` and `status`) of a kind that is read,
/// and fills in the defaults that the API server would fill in.
///
/// `api_version` and `kind` are as an object writes them, such as `gateway.networking.k8s.io/v1`
/// and `HTTPRoute`. Findings are in document order. A kind or version that is not read is one
/// finding.
#[cfg(test)]
pub(crate) fn validate(
    api_version: &str,
    kind: &str,
    object: &mut serde_json::Value,
) -> Vec<SchemaFinding> {
    match catalog::catalog().find(api_version, kind) {
        Some(found) => check::check(found, object),
        None => vec![SchemaFinding::violation(
            "kind",
            format!("{kind} of {api_version} is not read"),
        )],
    }
}
