//! The `ferrogate` binary: one file for each command.

mod check;
mod cli;
mod control;
mod descriptors;
mod drain;
mod echo;
mod envoy;
mod exit;
mod explain;
mod folder;
mod get;
mod leash;
mod loaded;
mod logging;
mod manifests;
mod memory;
mod native;
mod pages;
mod parents;
mod proxy;
mod question;
mod quickstart;
mod report;
mod run;
mod settings;
mod signals;
mod sockets;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

// Requests allocate rarely, connections and configuration do; this allocator is the fastest of
// those measured, and gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::check(args),
        Command::Explain(args) => explain::explain(args),
        Command::Get(args) => get::get(args),
        Command::Echo(args) => echo::command(args),
        Command::Manifests(args) => manifests::manifests(args),
        Command::Control(args) => control::control(args),
        Command::Proxy(args) => proxy::proxy(args),
        Command::Drain(args) => drain::drain(args),
        Command::Leashed(args) => Err(leash::leashed(args)),
    };
    outcome.unwrap_or_else(|error| exit::failed(&error))
}
