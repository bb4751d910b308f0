//! Arguments of `check`.

use clap::{Args, ValueEnum};

use super::source::{TranslationArgs, WhereArgs};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    /// Findings as text, or every object's status as it would be in a cluster, then the findings
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: CheckOutput,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
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
