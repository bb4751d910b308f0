//! The checked form.

use std::time::Duration;

use fg_base::Text;
use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;

/// How clients carry their session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// Where it stands.
    pub carrier: Carrier,
    /// How long a session lasts; `None` as long as the client keeps it. Never zero.
    pub lifetime: Option<Duration>,
}

impl Ir {
    /// The backends that it sends something to: none.
    pub fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        std::iter::empty()
    }

    /// What of it Envoy cannot do, in words for the user.
    pub fn lacks_on_envoy(&self, around: Around) -> Option<&'static str> {
        if around.backends > 1 {
            // The backend is drawn before the session is looked at.
            return Some("sessions of a rule with several backends; write one backend");
        }
        let by_header = matches!(self.carrier, Carrier::Header(_));
        (by_header && self.lifetime.is_some())
            .then_some("an `absoluteTimeout` of sessions by header; use a cookie, or leave it out")
    }
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Carrier {
    /// In a cookie.
    Cookie {
        /// Name; `None` is one that belongs to the rule.
        name: Option<Text>,
        /// Path.
        path: Text,
        /// Whether it outlives the browser's session; only with a lifetime.
        permanent: bool,
    },
    /// In a header field of this lower-case name.
    Header(Text),
}
