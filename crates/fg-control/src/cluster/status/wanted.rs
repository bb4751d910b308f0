//! What the status of one object should say.

use fg_status::Document;
use serde_json::Value;

use super::kind::KINDS;

/// A status as text: of ten thousand objects it takes a tenth of what values would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) generation: i64,
    /// Whether something in it is left as it stands, see `fg_status::ConditionStatus::Undecided`.
    pub(super) undecided: bool,
    text: Box<str>,
}

impl Wanted {
    /// `None` when the kind has no status of ours.
    pub(super) fn new(document: &Document) -> Option<Self> {
        KINDS.iter().find(|kind| kind.name.1 == &*document.kind)?;
        let text = serde_json::to_string(&document.status).ok()?;
        Some(Self {
            generation: document.metadata.generation,
            undecided: text.contains(r#""status":"Undecided""#),
            text: text.into(),
        })
    }

    /// The status as the API would have it, but for times and what is undecided.
    pub(super) fn status(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}
