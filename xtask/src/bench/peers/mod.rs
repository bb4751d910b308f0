//! The proxies that are measured. Each knows its version and how to start one of itself for a [`Site`].

mod envoy;
mod ferrogate;
mod haproxy;
mod nginx;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(crate) use ferrogate::{EDITION, route_file, start_on as start_ferrogate_on, write_base};

use super::h2load;
use super::process::Process;
use super::site::{Site, Way};

/// The core that a proxy is pinned to where its CPU time is measured.
pub(crate) const PROXY_CORE: u32 = 0;

/// One of the proxies.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Its name, as in `--peers`.
    pub(crate) name: &'static str,
    /// What the results call it: name and version.
    pub(crate) version: String,
    /// Its program.
    pub(crate) program: PathBuf,
}

impl Peer {
    /// Writes the configuration into `folder` (which is emptied first), starts the proxy and waits until it serves.
    pub(crate) fn start(&self, site: &Site, folder: &Path) -> anyhow::Result<Running> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let mut process = match self.name {
            "nginx" => nginx::start(&self.program, site, folder)?,
            "haproxy" => haproxy::start(&self.program, site, folder)?,
            "envoy" => envoy::start(&self.program, site, folder)?,
            "ferrogate" => ferrogate::start(&self.program, site, folder)?,
            other => anyhow::bail!("no such proxy: {other}"),
        };
        if matches!(site.way, Way::Clear) {
            let (host, path) = site.probe();
            process.wait_until_ok(site.listen, &host, &path)?;
        } else {
            process.wait_until(|| h2load::probe(site.listen, &site.way))?;
        }
        Ok(Running {
            name: self.name,
            process,
            listen: site.listen,
        })
    }
}

/// A proxy that serves. Dropping it ends it.
pub(crate) struct Running {
    /// Which proxy this is.
    pub(crate) name: &'static str,
    /// Its process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
}
