//! Which objects are looked at, and how they are understood.

use std::path::PathBuf;

use clap::Args;

/// What `check` and `explain` look at.
#[derive(Debug, Args)]
pub(crate) struct WhereArgs {
    /// Folder with YAML or JSON files, searched recursively
    #[arg(required_unless_present = "cluster", conflicts_with = "cluster")]
    pub(crate) folder: Option<PathBuf>,
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
