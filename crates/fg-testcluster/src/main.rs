//! `fg-testcluster`: starts and ends test clusters, and is their node. Mostly called by `cargo xtask cluster`.

mod command;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let words = command::Words::parse();
    match words.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
