//! What `run` prints when it serves: addresses, and for the quickstart what to try.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::serving::Serving;
use crate::cli::{AccessLog, RunArgs};
use crate::exit;
use crate::quickstart::TRIES;

/// Prints it to standard output, or, when the access log goes there, to standard error.
pub(crate) fn print(serving: &Serving, args: &RunArgs, quickstart: bool) {
    let mut text = String::new();
    let state = serving.state().lock();
    for (listener, addresses) in state.control.bound() {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        line(
            &mut text,
            &format!("listener {listener} serves on {}", list.join(", ")),
        );
    }
    if state.control.bound().is_empty() && quickstart {
        line(
            &mut text,
            "the example does not serve: the error above says why; `--port-map 8080=PORT` gives its listener a port that is free",
        );
    } else if state.control.bound().is_empty() {
        line(
            &mut text,
            "no listener serves yet: the folder needs a Gateway of class `ferrogate` or `ferrogate-envoy`; if it has one, the errors above say why that does not serve",
        );
    }
    let sockets = &args.plane.sockets;
    line(
        &mut text,
        &format!(
            "admin pages   http://{}/",
            reach(sockets.admin.admin_address)
        ),
    );
    line(
        &mut text,
        &format!(
            "readiness     http://{}/ready",
            reach(sockets.readiness_address)
        ),
    );
    line(
        &mut text,
        &format!(
            "metrics       http://{}/metrics",
            reach(sockets.metrics_address)
        ),
    );
    let first = state.control.bound().values().flatten().next();
    if quickstart && let Some(address) = first {
        let base = format!("http://{}", reach(*address));
        tries(&mut text, &base);
    }
    match args.plane.logging.access_log {
        AccessLog::Off => exit::print(&text),
        // Standard output belongs to the access log then.
        AccessLog::Text | AccessLog::Json => exit::say(text.trim_end()),
    }
}

fn tries(text: &mut String, base: &str) {
    line(
        text,
        "\nThis is the built-in example (examples/quickstart in the repository). Try:\n",
    );
    for one in &TRIES {
        line(text, &format!("  # {}", one.shows));
        line(
            text,
            &format!("  curl -s {}{base}{}\n", one.arguments, one.path),
        );
    }
    line(
        text,
        "To serve your own: ferrogate run FOLDER. To stop: Ctrl-C.",
    );
}

/// An address that a client on this machine can use.
fn reach(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

fn line(text: &mut String, words: &str) {
    let _infallible = writeln!(text, "{words}");
}
