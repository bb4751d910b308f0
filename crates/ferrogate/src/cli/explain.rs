//! Arguments of `explain`.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::source::{ClusterArgs, ServedByArgs, TranslationArgs, Where};
use super::value::port_pair;

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(override_usage = "ferrogate explain [OPTIONS] <FOLDER> <URL>\n       \
                            ferrogate explain [OPTIONS] --cluster <URL>")]
pub(crate) struct ExplainArgs {
    /// Folder with YAML or JSON files, searched recursively; left out with --cluster
    #[arg(value_name = "FOLDER")]
    first: String,
    /// The request's URL, such as `http://shop.example.com/cart?x=1`
    #[arg(value_name = "URL")]
    second: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
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
    pub(crate) served_by: ServedByArgs,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
}

impl ExplainArgs {
    /// What is looked at, and the request's URL.
    ///
    /// # Errors
    /// When one of them is missing, or there is a folder as well as a cluster; in the user's words.
    pub(crate) fn place(&self) -> Result<(Where<'_>, &str), String> {
        let ClusterArgs { cluster, context } = &self.cluster;
        match (cluster, &self.second) {
            (false, Some(url)) => Ok((Where::Folder(Path::new(&self.first)), url)),
            (true, None) => Ok((Where::Cluster(context.as_deref()), &self.first)),
            (true, Some(_)) => Err(format!(
                "`{}` and `--cluster` exclude each other: leave one out",
                self.first
            )),
            (false, None) if self.first.contains("://") => Err(format!(
                "where? write a folder before `{}`, or `--cluster`",
                self.first
            )),
            (false, None) => Err(format!(
                "which request? write its URL after `{}`, such as http://shop.example.com/cart",
                self.first
            )),
        }
    }
}

/// Forms of `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainOutput {
    /// Text for people.
    Text,
    /// A JSON object.
    Json,
}
