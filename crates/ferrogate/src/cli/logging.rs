//! What is logged where.

use clap::{Args, ValueEnum};

/// The process log.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// How much is logged to standard error: error, warn, info, debug, trace, or a filter such as
    /// info,fg_control=debug
    #[arg(
        long,
        env = "FERROGATE_LOG",
        default_value = "info",
        value_name = "LEVEL"
    )]
    pub(crate) log: String,
}

/// What is written where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LoggingArgs {
    #[command(flatten)]
    pub(crate) process: LogArgs,
    /// A line for each request to standard output
    #[arg(
        long,
        env = "FERROGATE_ACCESS_LOG",
        default_value = "off",
        value_name = "FORMAT"
    )]
    pub(crate) access_log: AccessLog,
}

/// Forms of the access log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AccessLog {
    /// No access log.
    Off,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}
