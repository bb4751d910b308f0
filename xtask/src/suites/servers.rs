//! Processes that serve for a suite.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::Run;
use crate::bench::process::Process;

/// The address that servers of the suites listen on: the certificate's, so that it can be named by `localhost` too.
pub(crate) const SERVER_IP: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How long a server has until it takes connections.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A server; it ends with this.
pub(crate) struct Server {
    /// Its process.
    _process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a program and waits until it takes connections; what it prints goes to a file of its name.
    pub(crate) fn start(
        folder: &Path,
        name: &str,
        address: SocketAddr,
        command: &[OsString],
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = folder.join(format!("{name}.log"));
        let process = Process::start(name, None, command, &log)?;
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begin.elapsed() > START_LIMIT {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("{name} does not listen at {address}:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self {
            _process: process,
            address,
        })
    }
}

/// The servers of the pairwise suite: name, and the command that serves at an address.
pub(crate) fn http(run: &Run, address: SocketAddr, name: &str) -> anyhow::Result<Vec<OsString>> {
    let address = OsString::from(address.to_string());
    Ok(match name {
        "go" => vec![run.tools.go("go-peer")?.into(), "server".into(), address],
        "node" => script(run.tools.node()?, "http_server.js", address),
        "aiohttp" => script(run.tools.python()?, "http_server.py", address),
        "hyper" => vec![run.tools.rust()?.into(), "http-server".into(), address],
        other => bail!("no such server: {other}"),
    })
}

/// The servers of the WebSocket suite.
pub(crate) fn websocket(
    run: &Run,
    address: SocketAddr,
    name: &str,
) -> anyhow::Result<Vec<OsString>> {
    let address = OsString::from(address.to_string());
    Ok(match name {
        "tungstenite" => vec![run.tools.rust()?.into(), "ws-server".into(), address],
        "wsproto" => script(run.tools.python()?, "ws_server.py", address),
        "ws" => script(run.tools.node()?, "ws_server.js", address),
        other => bail!("no such server: {other}"),
    })
}

fn script(
    of: (std::path::PathBuf, std::path::PathBuf),
    name: &str,
    address: OsString,
) -> Vec<OsString> {
    let (interpreter, folder) = of;
    vec![interpreter.into(), folder.join(name).into(), address]
}
