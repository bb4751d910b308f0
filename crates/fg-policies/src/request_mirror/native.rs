//! The same in our own proxy: a setting that the engine reads.

use super::Ir;
use crate::native::{Mirror, Part, Setting};

/// The setting.
pub fn build(ir: &Ir) -> Vec<Part> {
    let mirrors = ir.mirrors.iter().map(|mirror| Mirror {
        backend: mirror.backend.clone(),
        numerator: mirror.numerator,
        denominator: mirror.denominator,
    });
    vec![Part::Settings(vec![Setting::Mirrors(mirrors.collect())])]
}
