//! Arguments of the hidden command that starts a program which ends with us.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// Arguments of `leashed`.
#[derive(Debug, Args)]
pub(crate) struct LeashedArgs {
    /// The process that it ends with
    #[arg(long, value_name = "PID")]
    pub(crate) parent: i32,
    /// It may have huge pages, which its parent has forbidden to itself
    #[arg(long)]
    pub(crate) huge_pages: bool,
    /// The program
    pub(crate) program: PathBuf,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}
