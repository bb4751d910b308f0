//! The checked form.

use fg_base::Text;
use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;

/// Header changes of both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// Changes to requests.
    pub request: Changes,
    /// Changes to replies.
    pub response: Changes,
}

impl Ir {
    /// The backends that it sends something to: none.
    pub fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        std::iter::empty()
    }

    /// What of it Envoy cannot do, in words for the user; nothing.
    pub fn lacks_on_envoy(&self, _: Around) -> Option<&'static str> {
        None
    }
}

/// Changes in one direction.
///
/// Shape: names are lower-case tokens, none twice in one list; values are valid field values. First
/// is removed, then replaced, then appended (the order in which Envoy does it), so that a name in
/// several lists has the values that were set and added.
///
/// In formats for people, the values of credentials ([`fg_model::secret`]) are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Changes {
    /// Names and values to replace, or to append where there is nothing to replace.
    #[serde(serialize_with = "super::secret::serialize")]
    pub set: Vec<(Text, Text)>,
    /// Names and values to append.
    #[serde(serialize_with = "super::secret::serialize")]
    pub add: Vec<(Text, Text)>,
    /// Names to delete.
    pub remove: Vec<Text>,
}

impl Changes {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.remove.is_empty()
    }
}
