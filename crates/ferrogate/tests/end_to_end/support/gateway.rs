//! The running gateway, and echo servers behind it.

use std::net::SocketAddr;
use std::process::Command;

use super::client::{Response, get};
use super::folder::Folder;
use super::process::{Process, ferrogate, ferrogate_with_open_files};
use super::until;

/// A running `ferrogate run`.
pub(crate) struct Gateway {
    /// The process.
    pub(crate) process: Process,
    ip: String,
}

impl Gateway {
    /// Serves a folder with all sockets on one address, port 80 on 8080, and waits until it is
    /// ready.
    pub(crate) fn start(ip: &str, folder: &Folder, args: &[&str]) -> Self {
        let gateway = Self::begin(ip, Some(folder.arg()), args);
        gateway.wait_ready();
        gateway
    }

    /// The same without waiting; without a folder it serves the quickstart.
    pub(crate) fn begin(ip: &str, folder: Option<&str>, args: &[&str]) -> Self {
        Self::launch(ip, folder, args, ferrogate)
    }

    /// The same as [`Gateway::start`] with a hard limit of open files.
    pub(crate) fn start_with_open_files(
        limit: usize,
        ip: &str,
        folder: &Folder,
        args: &[&str],
    ) -> Self {
        let limited = |args: &[&str]| ferrogate_with_open_files(limit, args);
        let gateway = Self::launch(ip, Some(folder.arg()), args, limited);
        gateway.wait_ready();
        gateway
    }

    /// Begins to serve a folder, or the quickstart without one, by a command of these arguments.
    pub(crate) fn launch(
        ip: &str,
        folder: Option<&str>,
        args: &[&str],
        command: impl Fn(&[&str]) -> Command,
    ) -> Self {
        let at = |port: u16| format!("{ip}:{port}");
        let (admin, readiness, metrics) = (at(19000), at(8082), at(9091));
        let mut all = vec!["run"];
        all.extend(folder);
        all.extend(["--admin-address", &admin]);
        all.extend(["--readiness-address", &readiness]);
        all.extend(["--metrics-address", &metrics]);
        if folder.is_some() {
            all.extend(["--port-map", "80=8080"]);
        }
        all.extend(args);
        Self {
            process: Process::start(command(&all)),
            ip: ip.to_owned(),
        }
    }

    /// Waits until `/ready` says so.
    pub(crate) fn wait_ready(&self) {
        until("readiness", || {
            let ready = get(self.socket(8082), "/ready").ok()?;
            (ready.status == 200).then_some(())
        });
    }

    /// One of its sockets.
    pub(crate) fn socket(&self, port: u16) -> SocketAddr {
        format!("{}:{port}", self.ip).parse().expect("an address")
    }

    /// Where its listener of port 80 serves.
    pub(crate) fn listener(&self) -> SocketAddr {
        self.socket(8080)
    }

    /// A GET through the gateway.
    pub(crate) fn get(&self, target: &str) -> Response {
        get(self.listener(), target).unwrap_or_else(|error| panic!("GET {target}: {error}"))
    }

    /// An admin page.
    pub(crate) fn admin(&self, target: &str) -> Response {
        get(self.socket(19000), target).unwrap_or_else(|error| panic!("admin {target}: {error}"))
    }

    /// The metrics page.
    pub(crate) fn metrics(&self) -> String {
        let page = get(self.socket(9091), "/metrics").expect("the metrics page answers");
        assert_eq!(page.status, 200);
        page.body
    }

    /// A metric without labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let page = self.metrics();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let line = line.unwrap_or_else(|| panic!("no metric {name} on the page:\n{page}"));
        line.parse().expect("a number")
    }

    /// Waits until a GET is answered by an echo server of that name.
    pub(crate) fn wait_for_echo(&self, target: &str, name: &str) {
        until(&format!("{target} from {name}"), || {
            let reply = get(self.listener(), target).ok()?;
            (reply.echo()? == name).then_some(())
        });
    }
}

/// A running `ferrogate echo`.
pub(crate) struct Echo {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Echo {
    /// Starts one and waits until it answers.
    pub(crate) fn start(ip: &str, port: u16, name: &str) -> Self {
        let address = format!("{ip}:{port}");
        let process = Process::start(ferrogate(&["echo", "--address", &address, "--name", name]));
        let says = until("the echo server's address", || process.stdout().pop());
        let address = says.rsplit(' ').next().and_then(|word| word.parse().ok());
        Self {
            address: address.expect("it says where it listens"),
            _process: process,
        }
    }

    /// The same on any free port.
    pub(crate) fn start_anywhere(ip: &str, name: &str) -> Self {
        Self::start(ip, 0, name)
    }
}
