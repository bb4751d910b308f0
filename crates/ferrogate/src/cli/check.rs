//! Arguments of `check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::source::{ClusterArgs, ServedByArgs, TranslationArgs, Where};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder with YAML or JSON files, searched recursively
    #[arg(required_unless_present = "cluster", conflicts_with = "cluster")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Findings as text, or every object's status as it would be in a cluster, then the findings
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: CheckOutput,
    #[command(flatten)]
    pub(crate) served_by: ServedByArgs,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
}

impl CheckArgs {
    /// What is looked at.
    pub(crate) fn place(&self) -> Where<'_> {
        match &self.folder {
            Some(folder) => Where::Folder(folder),
            None => Where::Cluster(self.cluster.context.as_deref()),
        }
    }
}

/// Forms of `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckOutput {
    /// One finding a line.
    Text,
    /// One YAML document an object, then the findings.
    Yaml,
    /// A JSON object with the objects and the findings.
    Json,
}
