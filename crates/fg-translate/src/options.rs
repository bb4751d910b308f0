//! What the operator decides about translation.

use fg_model::Plane;

/// Settings of translation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether Services of type `ExternalName` may be backends; default no, since whoever may
    /// write a Service could reach any name through the gateway (CVE-2021-25740).
    pub allow_external_name: bool,
    /// Where Gateways serve; default on this machine.
    pub ground: Ground,
    /// Who serves the Gateways of all classes; default who their class names.
    pub plane: Option<Plane>,
}

/// Where Gateways serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ground {
    /// All in one process on one machine: they bind the addresses that they ask for, and those of
    /// the same address and port are in each other's way. Nothing is deployed.
    #[default]
    Machine,
    /// Each in pods of its own, behind a Service of its own that has its addresses.
    Cluster,
}
