//! Which objects are looked at, and how they are understood.

use std::path::Path;

use clap::{Args, ValueEnum};
use fg_model::Plane;

/// What `check` and `explain` look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where<'a> {
    /// A folder.
    Folder(&'a Path),
    /// The cluster of a context of the kubeconfig, or of its current one.
    Cluster(Option<&'a str>),
}

/// Whether it is a cluster, and which.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Looks at the cluster of the kubeconfig instead of a folder
    #[arg(long)]
    pub(crate) cluster: bool,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, requires = "cluster", value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// What is allowed beyond the default when objects are translated.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct TranslationArgs {
    /// Accepts Services of type ExternalName as backends: whoever may write a Service can then
    /// reach any name through the gateway (CVE-2021-25740)
    #[arg(long, env = "FERROGATE_ALLOW_EXTERNAL_NAME")]
    pub(crate) allow_external_name: bool,
}

/// By whom Gateways are served.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Data planes")]
pub(crate) struct ServedByArgs {
    /// Serves the Gateways of all our classes by one data plane [default: by that of their class]
    #[arg(long, env = "FERROGATE_PLANE", value_name = "PLANE")]
    pub(crate) plane: Option<PlaneName>,
}

/// The data planes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlaneName {
    /// Ferrogate's own proxy.
    Native,
    /// Envoy.
    Envoy,
}

impl From<PlaneName> for Plane {
    fn from(name: PlaneName) -> Self {
        match name {
            PlaneName::Native => Self::Native,
            PlaneName::Envoy => Self::Envoy,
        }
    }
}
