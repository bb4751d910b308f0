//! The two planes: the same binary on two copies of a folder that differ only in the addresses
//! that the Gateways are bound to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use fg_testkit::address;
use serde_json::Value;

use crate::backends::Backends;
use crate::manifests::{self, Papers};
use crate::scene::Scene;
use crate::support::folder::Folder;
use crate::support::process::{Process, ferrogate};
use crate::support::{get, until};

/// Who serves.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Our own proxy.
    Native,
    /// Envoy of this version.
    Envoy(&'static str),
}

/// A running gateway.
pub(crate) struct Plane {
    folder: Folder,
    process: Process,
    /// Where its metrics page is.
    metrics: SocketAddr,
    /// The address of each scene's Gateway.
    pub(crate) addresses: BTreeMap<String, IpAddr>,
}

/// How a plane stands with changes, as it says itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serving {
    /// Changes that it has read.
    pub(crate) reads: u64,
    /// Whether all that it has read is what serves.
    pub(crate) is_confirmed: bool,
}

/// The port that is bound for one of a Gateway.
pub(crate) fn bound(port: u16) -> u16 {
    10_000 + port
}

impl Plane {
    /// Serves all scenes with the backends that run for them.
    pub(crate) fn start(kind: &Kind, scenes: &[(Scene, Papers, Backends)]) -> Self {
        let folder = Folder::new();
        let mut ports = BTreeSet::from([80, 443]);
        let mut addresses = BTreeMap::new();
        for (scene, ..) in scenes {
            addresses.insert(scene.name.clone(), address::own_ip());
            let port = |listener: &Value| u16::try_from(listener["port"].as_u64()?).ok();
            ports.extend(scene.listeners.iter().filter_map(port));
        }
        write(&folder, &addresses, scenes);
        let (process, metrics) = serve(kind, &folder, &ports);
        Self {
            folder,
            process,
            metrics,
            addresses,
        }
    }

    /// Where a listener of a scene serves.
    pub(crate) fn listener(&self, scene: &str, port: u16) -> SocketAddr {
        SocketAddr::new(self.addresses[scene], bound(port))
    }

    /// Serves these scenes from now on; to the plane it is one change.
    pub(crate) fn write(&self, scenes: &[(Scene, Papers, Backends)]) {
        write(&self.folder, &self.addresses, scenes);
    }

    /// How it stands with changes.
    pub(crate) fn serving(&self) -> Serving {
        let page = get(self.metrics, "/metrics").expect("the metrics page answers");
        let value = |name: &str| -> u64 {
            let mut lines = page.body.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value = value.unwrap_or_else(|| panic!("no {name} on the page"));
            value.parse().expect("a number")
        };
        let confirmed = value("ferrogate_configuration_confirmed_generation");
        Serving {
            reads: value("ferrogate_configuration_reloads_total"),
            is_confirmed: confirmed == value("ferrogate_configuration_generation"),
        }
    }

    /// The lines of the access log so far, by the `User-Agent` of the request.
    pub(crate) fn log(&self) -> BTreeMap<String, Vec<Value>> {
        let mut by_agent: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for line in self.process.stdout() {
            let Ok(entry) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            if let Some(agent) = entry["user_agent"].as_str() {
                by_agent.entry(agent.to_owned()).or_default().push(entry);
            }
        }
        by_agent
    }

    /// What it says of itself: warnings and errors.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let said = self.process.stderr();
        let fine = |line: &String| line.contains(" INFO ") || line.contains(" DEBUG ");
        said.into_iter()
            .filter(|line| !fine(line))
            .take(200)
            .collect()
    }
}

/// Writes all scenes into one file.
fn write(
    folder: &Folder,
    addresses: &BTreeMap<String, IpAddr>,
    scenes: &[(Scene, Papers, Backends)],
) {
    let text = |(scene, papers, backends): &(Scene, Papers, Backends)| {
        manifests::text(scene, addresses[&scene.name], &backends.addresses, papers)
    };
    let texts: Vec<String> = scenes.iter().map(text).collect();
    folder.write("scenes.yaml", &texts.join("\n---\n"));
}

/// Starts the binary and waits until it is ready; where its metrics page is.
fn serve(kind: &Kind, folder: &Folder, ports: &BTreeSet<u16>) -> (Process, SocketAddr) {
    let ip = address::own_ip();
    let at = |port: u16| SocketAddr::new(ip, port);
    let (admin, readiness, metrics) = (at(19000), at(8082), at(9091));
    let map: Vec<String> = ports
        .iter()
        .map(|&port| format!("{port}={}", bound(port)))
        .collect();
    let mut args = vec![
        "run".to_owned(),
        folder.arg().to_owned(),
        format!("--admin-address={admin}"),
        format!("--readiness-address={readiness}"),
        format!("--metrics-address={metrics}"),
        format!("--port-map={}", map.join(",")),
        "--access-log=json".to_owned(),
        "--workers=1".to_owned(),
    ];
    if let Kind::Envoy(version) = kind {
        let program = fg_testkit::envoy::program(version);
        args.push("--plane=envoy".to_owned());
        args.push(format!("--envoy={}", program.display()));
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let process = Process::start(ferrogate(&args));
    until("readiness", || {
        let ready = get(readiness, "/ready").ok()?;
        (ready.status == 200).then_some(())
    });
    (process, metrics)
}
