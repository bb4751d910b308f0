//! Arguments of `manifests`.

use clap::{Args, ValueEnum};

/// Arguments of `manifests`.
#[derive(Debug, Args)]
pub(crate) struct ManifestsArgs {
    /// Image of the control plane and of its proxies
    #[arg(long, default_value = concat!("ferrogate:", env!("CARGO_PKG_VERSION")), value_name = "IMAGE")]
    pub(crate) image: String,
    /// Namespace of the control plane
    #[arg(long, default_value = "ferrogate-system", value_name = "NAME")]
    pub(crate) namespace: String,
    /// How many control planes: one leads, the others take over when it goes
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) replicas: u16,
    /// Whether the definitions of our own kinds are printed too; without a value nothing else is
    #[arg(
        long,
        default_value = "include",
        default_missing_value = "only",
        num_args = 0..=1,
        require_equals = true,
        value_name = "WHICH"
    )]
    pub(crate) crds: Definitions,
}

/// Which definitions of our own kinds are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Definitions {
    /// Before everything else.
    Include,
    /// Nothing else.
    Only,
    /// None.
    Omit,
}
