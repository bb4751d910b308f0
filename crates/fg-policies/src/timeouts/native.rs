//! The same in our own proxy: settings that the engine reads.

use super::Ir;
use crate::native::{Part, Setting};

/// Both limits as settings.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Settings(vec![
        Setting::RequestTimeout(ir.request),
        Setting::BackendRequestTimeout(ir.backend_request),
    ])]
}
