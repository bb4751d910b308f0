//! Listeners to sockets, filter chains and connection managers.

use fg_ir::{Change, Ir};

use crate::compiler::Output;
use crate::routes::Routed;
use crate::settings::Settings;

/// The listeners by socket.
#[derive(Debug, Default)]
pub(crate) struct Listeners {}

impl Listeners {
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
