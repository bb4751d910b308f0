//! The same in our own proxy: a setting that the engine reads.

use super::Ir;
use crate::native::{Part, Retries, Setting};

/// The setting.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Settings(vec![Setting::Retries(Retries {
        codes: ir.codes.clone().into(),
        attempts: ir.attempts,
        backoff: ir.backoff,
    })])]
}
