//! Arguments of `explain`.

use clap::{Args, ValueEnum};

use super::source::{TranslationArgs, WhereArgs};
use super::value::port_pair;

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    /// The request's URL, such as `http://shop.example.com/cart?x=1`
    pub(crate) url: String,
    /// Method
    #[arg(short = 'X', long, default_value = "GET", value_name = "METHOD")]
    pub(crate) method: String,
    /// A header field, `name: value`; repeat for more
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub(crate) headers: Vec<String>,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: ExplainOutput,
    /// The ports that `run` binds for listeners' ports, such as 80=8080: the URL may have either
    #[arg(long, env = "FERROGATE_PORT_MAP", value_parser = port_pair, value_delimiter = ',', value_name = "PORT=PORT")]
    pub(crate) port_map: Vec<(u16, u16)>,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
}

/// Forms of `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainOutput {
    /// Text for people.
    Text,
    /// A JSON object.
    Json,
}
