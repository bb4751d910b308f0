//! Credentials to secrets.

use fg_ir::{Change, Ir};

use crate::compiler::Output;

/// The secrets that listeners and clusters refer to.
#[derive(Debug, Default)]
pub(crate) struct Secrets {}

impl Secrets {
    /// Follows a change.
    pub(crate) fn update(&mut self, _ir: &Ir, _change: &Change, _output: &mut Output) {}
}
