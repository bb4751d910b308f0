//! Backends to clusters, and their endpoints.

use fg_ir::{Change, Ir};

use crate::compiler::Output;
use crate::routes::Routed;
use crate::settings::Settings;

/// The clusters that are used.
#[derive(Debug, Default)]
pub(crate) struct Clusters {}

impl Clusters {
    /// Follows a change.
    pub(crate) fn update(
        &mut self,
        _settings: &Settings,
        _ir: &Ir,
        _change: &Change,
        _routed: &Routed,
        _output: &mut Output,
    ) {
    }
}
