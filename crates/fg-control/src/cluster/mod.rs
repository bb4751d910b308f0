//! What the control plane does with a cluster: everything here waits for an API server or a proxy, and
//! runs on a tokio runtime.

pub mod authority;
pub mod deploy;
pub mod leader;
pub mod status;
