//! Ferrogate: a folder of Gateway API YAML, and `ferrogate run` on it.
//!
//! All that the benchmark knows of the program is here: its words on the command line, and the objects it reads.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::bench::process::Process;
use crate::bench::site::{self, Route, Site, Way};
use crate::certificates::base64;

/// Routes in a file, where a scenario does not say.
const ROUTES_IN_FILE: usize = 100;

/// The response field that tells which edition of a route answered.
pub(crate) const EDITION: &str = "x-edition";

/// Writes the folder and starts Ferrogate on it.
pub(crate) fn start(program: &Path, site: &Site, folder: &Path) -> anyhow::Result<Process> {
    let objects = write_base(site, folder)?;
    for (file, routes) in site.routes.chunks(ROUTES_IN_FILE).enumerate() {
        let text = route_file(routes, file * ROUTES_IN_FILE, |_| None);
        fs::write(objects.join(format!("routes-{file:05}.yaml")), text)?;
    }
    Ok(start_on(program, site, &objects, folder)?.process)
}

/// A Ferrogate that said it is ready.
pub(crate) struct Started {
    /// Its process.
    pub(crate) process: Process,
    /// From the start of the process to the first 200 of `/ready`.
    pub(crate) ready_after: Duration,
}

/// Starts Ferrogate on the folder `objects` and waits until `/ready` says so; what it prints goes to `folder`.
pub(crate) fn start_on(
    program: &Path,
    site: &Site,
    objects: &Path,
    folder: &Path,
) -> anyhow::Result<Started> {
    let readiness = site::free_address(site::PROXY_IP)?;
    let admin = site::free_address(site::PROXY_IP)?;
    let metrics = site::free_address(site::PROXY_IP)?;
    let mut command: Vec<OsString> = vec![program.into(), "run".into(), objects.into()];
    for (flag, value) in [
        ("--workers", site.workers.to_string()),
        ("--admin-address", admin.to_string()),
        ("--readiness-address", readiness.to_string()),
        ("--metrics-address", metrics.to_string()),
        ("--log", "warn".to_owned()),
        ("--drain-timeout", "1s".to_owned()),
        // As the others are configured: nothing is closed between two rounds.
        ("--idle-timeout", "1h".to_owned()),
        ("--upstream-idle-timeout", "1h".to_owned()),
    ] {
        command.extend([flag.into(), value.into()]);
    }
    let begin = Instant::now();
    let mut process = Process::start(
        "ferrogate",
        site.core,
        &command,
        &folder.join("ferrogate.log"),
    )?;
    process.wait_until_ok(readiness, "localhost", "/ready")?;
    Ok(Started {
        process,
        ready_after: begin.elapsed(),
    })
}

/// Writes the Gateway, the Service and its endpoints; gives the folder of objects, for the routes.
pub(crate) fn write_base(site: &Site, folder: &Path) -> anyhow::Result<PathBuf> {
    let objects = folder.join("objects");
    fs::create_dir_all(&objects).with_context(|| format!("cannot make {}", objects.display()))?;
    fs::write(objects.join("base.yaml"), base(site)?)?;
    Ok(objects)
}

fn base(site: &Site) -> anyhow::Result<String> {
    let (listen, upstream): (SocketAddr, SocketAddr) = (site.listen, site.upstream);
    let listener = match site.way {
        Way::Tls(_) => "HTTPS\n    tls:\n      certificateRefs:\n      - name: localhost",
        _ => "HTTP",
    };
    let protocol = match site.way {
        Way::Grpc => "    appProtocol: kubernetes.io/h2c\n",
        _ => "",
    };
    let secret = match &site.way {
        Way::Tls(files) => format!(
            "---
apiVersion: v1
kind: Secret
metadata:
  name: localhost
type: kubernetes.io/tls
data:
  tls.crt: {}
  tls.key: {}
",
            base64(&fs::read(&files.certificate)?),
            base64(&fs::read(&files.key)?)
        ),
        _ => String::new(),
    };
    Ok(format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: bench
spec:
  gatewayClassName: ferrogate
  addresses:
  - type: IPAddress
    value: {listen_ip}
  listeners:
  - name: http
    port: {listen_port}
    protocol: {listener}
---
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  ports:
  - name: http
    port: 80
    targetPort: {upstream_port}
{protocol}---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: shop-1
  labels:
    kubernetes.io/service-name: shop
addressType: IPv4
endpoints:
- addresses: [\"{upstream_ip}\"]
  conditions:
    ready: true
ports:
- name: http
  port: {upstream_port}
  protocol: TCP
{secret}",
        listen_ip = listen.ip(),
        listen_port = listen.port(),
        upstream_ip = upstream.ip(),
        upstream_port = upstream.port(),
    ))
}

/// The text of a file with these routes, the first of which has the index `first`. Where `edition` gives a number for
/// a route's index, the route writes it into the field [`EDITION`] of its responses.
pub(crate) fn route_file(
    routes: &[Route],
    first: usize,
    edition: impl Fn(usize) -> Option<u64>,
) -> String {
    let documents: Vec<String> = routes
        .iter()
        .zip(first..)
        .map(|(route, index)| document(route, index, edition(index)))
        .collect();
    documents.join("---\n")
}

fn document(route: &Route, index: usize, edition: Option<u64>) -> String {
    let hostnames = route
        .host
        .as_ref()
        .map(|host| format!("  hostnames: [{host}]\n"))
        .unwrap_or_default();
    let filters = edition
        .map(|edition| {
            format!(
                "    filters:
    - type: ResponseHeaderModifier
      responseHeaderModifier:
        set:
        - name: {EDITION}
          value: \"{edition}\"
"
            )
        })
        .unwrap_or_default();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: route-{index:05}
spec:
  parentRefs:
  - name: bench
{hostnames}  rules:
  - matches:
    - path:
        type: PathPrefix
        value: {prefix}
{filters}    backendRefs:
    - name: shop
      port: 80
",
        prefix = route.prefix,
    )
}
