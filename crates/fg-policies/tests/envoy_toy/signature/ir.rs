//! The checked form.

use fg_model::BackendKey;
use fg_policies::Around;
use serde::{Deserialize, Serialize};

/// What requests are signed with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir(pub(super) String);

impl Ir {
    /// The backends that it sends something to: none.
    pub(crate) fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        std::iter::empty()
    }

    /// What of it Envoy cannot do, in words for the user.
    pub(crate) fn lacks_on_envoy(&self, _: Around) -> Option<&'static str> {
        self.0
            .contains('/')
            .then_some("names that hold a `/`; write another one")
    }
}
