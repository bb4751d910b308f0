//! The command line: every command and flag with its help, environment name and default; one file a
//! command, and what several commands share.

mod check;
mod control;
mod drain;
mod echo;
mod explain;
mod get;
mod leashed;
mod logging;
mod manifests;
mod plane;
mod proxy;
mod run;
mod sockets;
mod source;
mod value;

use clap::{Parser, Subcommand};

pub(crate) use check::{CheckArgs, CheckOutput};
pub(crate) use control::{ControlArgs, DiscoveryArgs, DiscoveryMode, InstallArgs};
pub(crate) use drain::DrainArgs;
pub(crate) use echo::EchoArgs;
pub(crate) use explain::{ExplainArgs, ExplainOutput};
pub(crate) use get::{GetArgs, GetWhat};
pub(crate) use leashed::LeashedArgs;
pub(crate) use logging::AccessLog;
pub(crate) use manifests::{Definitions, ManifestsArgs};
pub(crate) use plane::{LimitArgs, PlaneArgs, ServingArgs, TrustArgs};
pub(crate) use proxy::{FleetArgs, ProxyArgs};
pub(crate) use run::{EnvoyArgs, RunArgs};
pub(crate) use sockets::SocketArgs;
pub(crate) use source::{ServedByArgs, TranslationArgs, Where};
pub(crate) use value::Switch;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for `check`: no errors; for `run`: ended by SIGTERM or SIGINT
  1  something failed; for `check`: errors were found, or no object at all; for `explain`:
     no rule serves the request, or the gateway itself answers it with an error (5xx)
  2  the command line is wrong, or the folder is not there

Every flag that has a default can also be set by the environment variable that its help names.";

/// A gateway that is configured by the Gateway API.
#[derive(Debug, Parser)]
#[command(name = "ferrogate", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves what a folder of Gateway API files says, and follows its changes
    ///
    /// Without FOLDER it serves a built-in example with backends of its own, and prints what to
    /// try.
    ///
    /// SIGTERM and SIGINT drain: no new connections, requests under way are finished within
    /// --drain-timeout. SIGHUP reads the folder again.
    Run(Box<RunArgs>),
    /// Says what is wrong with a folder or a cluster, as the API server and a gateway would see it
    Check(CheckArgs),
    /// Says what would happen to a request, and why
    Explain(ExplainArgs),
    /// Lists Gateways or routes of a cluster with what their status says
    Get(GetArgs),
    /// Answers every request with what it got, as JSON: a backend to try things with
    Echo(EchoArgs),
    /// Prints what installs Ferrogate in a cluster, for `kubectl apply -f -`
    ///
    /// The definitions of the Gateway API must be there before.
    Manifests(ManifestsArgs),
    /// Runs the control plane in a cluster: reads objects, configures proxies, writes status
    Control(Box<ControlArgs>),
    /// Serves one Gateway in a cluster, as the control plane says
    ///
    /// The control plane starts it with all that it needs; there is hardly a reason to do so by hand.
    Proxy(Box<ProxyArgs>),
    /// Takes a proxy out of service: not ready at once, back when its connections are done
    ///
    /// For the preStop hook of a proxy's pod.
    Drain(DrainArgs),
    /// Becomes a program that ends when the process that started it does
    #[command(hide = true)]
    Leashed(LeashedArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// In whatever order the words are written.
    #[test]
    fn explain_knows_folder_and_url_apart() {
        let explain = |words: &[&str]| {
            let words = [&["ferrogate", "explain"], words].concat();
            match Cli::try_parse_from(words).map(|cli| cli.command) {
                Ok(Command::Explain(args)) => {
                    let (place, url) = args.place()?;
                    Ok((format!("{place:?}"), url.to_owned()))
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        let url = "http://a/";
        let folder = Ok((r#"Folder("f")"#.to_owned(), url.to_owned()));
        for words in [
            &["f", url, "-H", "a: b", "--plane", "envoy"][..],
            &["f", "-H", "a: b", "--plane", "envoy", url],
            &["-X", "PUT", "f", "--plane", "envoy", url, "-o", "json"],
        ] {
            assert_eq!(explain(words), folder, "{words:?}");
        }
        let cluster = Ok((r#"Cluster(Some("c"))"#.to_owned(), url.to_owned()));
        for words in [
            ["--cluster", "--context", "c", url],
            [url, "--cluster", "--context", "c"],
        ] {
            assert_eq!(explain(&words), cluster, "{words:?}");
        }
        for (words, says) in [
            (&["f"][..], "write its URL after `f`"),
            (&[url], "write a folder before `http://a/`"),
            (&["f", url, "--cluster"], "leave one out"),
            (&[], "Usage: ferrogate explain"),
        ] {
            let error = explain(words).expect_err("it is wrong");
            assert!(error.contains(says), "{words:?}: {error}");
        }
    }

    #[test]
    fn the_admin_socket_is_loopback_only() {
        let run = |address| Cli::try_parse_from(["ferrogate", "run", "--admin-address", address]);
        assert!(run("127.1.2.3:19000").is_ok());
        assert!(run("[::1]:19000").is_ok());
        assert!(run("0.0.0.0:19000").is_err());
    }
}
