//! An object as it stands on the API server, as far as a status needs it.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::FIELD_MANAGER;

/// What the API server answers: the status as text, and everything else that is not needed left unread.
#[derive(Debug, Deserialize)]
pub(super) struct Object {
    pub(super) metadata: Metadata,
    pub(super) status: Option<Box<RawValue>>,
}

/// Its `metadata`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) generation: i64,
    /// Not defaulted: a write without one would be made whatever others wrote meanwhile.
    pub(super) resource_version: String,
    #[serde(default)]
    managed_fields: Vec<Manager>,
}

/// Who owns fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Manager {
    manager: String,
    operation: String,
    subresource: String,
}

/// An object at one version.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) version: String,
    pub(super) generation: i64,
    /// Whether the API server says that some of the status is ours. Of what was only seen that is not
    /// known, and `false`: then it seems to need no write, and is read.
    pub(super) managed: bool,
    /// Null when it has none.
    pub(super) status: Value,
}

impl Object {
    /// The status as text.
    pub(super) fn status(&self) -> Option<&str> {
        self.status.as_deref().map(RawValue::get)
    }

    /// The same with the status read.
    pub(super) fn live(&self) -> Live {
        let applied = |manager: &Manager| {
            manager.manager == FIELD_MANAGER
                && manager.operation == "Apply"
                && manager.subresource == "status"
        };
        Live {
            version: self.metadata.resource_version.clone(),
            generation: self.metadata.generation,
            managed: self.metadata.managed_fields.iter().any(applied),
            status: value(self.status()),
        }
    }
}

/// A status, read. What was cut out of a JSON text is JSON.
pub(super) fn value(status: Option<&str>) -> Value {
    let value = status.map(serde_json::from_str);
    value.and_then(Result::ok).unwrap_or_default()
}
