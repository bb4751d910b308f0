//! The control plane: what a folder says becomes what the data plane does, and every step of it can
//! be asked about.
//!
//! [`Control`] is the state and the steps, without threads, sockets or clock: whoever runs it hands
//! it changed objects, hands the change of the IR on to a data plane, and brings back its
//! acknowledgements.

pub mod cluster;
pub mod explain;
pub mod fleet;
mod names;
mod news;
mod state;

pub use names::Names;
pub use news::News;
pub use state::{Bound, Control, Objects, Remarks, Step, with_remarks};
