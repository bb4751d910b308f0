//! What Envoy is told.

use super::Ir;
use crate::envoy::Sink;

/// Writes the policy.
pub fn map(_ir: &Ir, sink: &mut Sink<'_>) {
    sink.refuse("not on Envoy yet");
}
