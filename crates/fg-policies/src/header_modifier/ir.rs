//! The checked form.

use fg_base::Text;
use serde::Serialize;

/// Header changes of both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ir {
    /// Changes to requests.
    pub request: Changes,
    /// Changes to replies.
    pub response: Changes,
}

/// Changes in one direction, applied in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Changes {
    /// Names and values to replace; names are lower-case.
    pub set: Vec<(Text, Text)>,
    /// Names and values to append; names are lower-case.
    pub add: Vec<(Text, Text)>,
    /// Lower-case names to delete.
    pub remove: Vec<Text>,
}

impl Changes {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.remove.is_empty()
    }
}
