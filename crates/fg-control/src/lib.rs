//! The control plane: what a folder says becomes what the data plane does, and every step of it can
//! be asked about.

pub mod explain;
