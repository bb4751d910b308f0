//! `ferrogate drain`: takes a proxy out of service, and comes back when it may be ended.
//!
//! The preStop hook of a proxy's pod. Balancers learn only after a while that a pod is not ready,
//! so the proxy goes on serving while it waits. A proxy whose Gateway is gone has nothing to wait
//! for: it serves no listener any more.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Deserialize;

use crate::cli::DrainArgs;
use crate::exit;

/// How often the proxy is asked.
const POLL: Duration = Duration::from_millis(100);

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The answer of `/drain`.
#[derive(Deserialize)]
struct Left {
    connections: usize,
    listeners: usize,
}

/// Drains.
pub(crate) fn drain(args: &DrainArgs) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let mut told = false;
    let mut trouble = None;
    loop {
        // Telling it again changes nothing; a proxy that is slow to answer is told until it does.
        match ask(args.admin_address, if told { "GET" } else { "POST" }) {
            Ok(left) => {
                told = true;
                if is_done(&left, start.elapsed(), args) {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            // Balancers have this long in any case.
            Err(error) if start.elapsed() >= args.at_most => return Err(error),
            Err(error) if trouble.is_none() => {
                exit::say(&format!("ferrogate: {error:#}; trying again"));
                trouble = Some(error);
            }
            Err(_) => {}
        }
        std::thread::park_timeout(POLL);
    }
}

fn is_done(left: &Left, waited: Duration, args: &DrainArgs) -> bool {
    let idle = left.connections == 0;
    (idle && (left.listeners == 0 || waited >= args.at_least)) || waited >= args.at_most
}

/// Asks the admin pages once.
fn ask(address: SocketAddr, method: &str) -> anyhow::Result<Left> {
    let page = || -> anyhow::Result<Left> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} /drain HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        let (head, body) = reply.split_once("\r\n\r\n").context("no answer")?;
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "{body}");
        Ok(serde_json::from_str(body)?)
    };
    page().with_context(|| {
        format!("the proxy's admin pages on {address} cannot be asked; is it a `ferrogate proxy`?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_done_when_idle_after_a_while_or_without_a_gateway_or_too_late() {
        let args = DrainArgs {
            admin_address: ([127, 0, 0, 1], 1).into(),
            at_least: Duration::from_secs(5),
            at_most: Duration::from_secs(10),
        };
        let left = |connections, listeners| Left {
            connections,
            listeners,
        };
        let after = Duration::from_secs;
        assert!(!is_done(&left(0, 1), after(4), &args), "too early");
        assert!(is_done(&left(0, 1), after(5), &args), "idle");
        assert!(!is_done(&left(3, 1), after(5), &args), "connections");
        assert!(is_done(&left(3, 1), after(10), &args), "too late");
        assert!(is_done(&left(0, 0), after(0), &args), "no gateway");
    }
}
