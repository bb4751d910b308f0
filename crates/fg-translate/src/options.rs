//! What the operator decides about translation.

/// Settings of translation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether Services of type `ExternalName` may be backends; default no, since whoever may
    /// write a Service could reach any name through the gateway (CVE-2021-25740).
    pub allow_external_name: bool,
}
