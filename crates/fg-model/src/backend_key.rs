//! The name of a backend.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ObjectRef;

/// Names a backend: the object, and its port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BackendKey {
    /// A Service or Backend.
    pub object: Arc<ObjectRef>,
    /// Port of a Service; 0 for kinds whose ports are their own.
    pub port: u16,
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == 0 {
            write!(f, "{}", self.object)
        } else {
            write!(f, "{}:{}", self.object, self.port)
        }
    }
}
