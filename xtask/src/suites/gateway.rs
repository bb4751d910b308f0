//! The gateway of a suite: a folder of Gateway API objects, and `ferrogate run` on it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;

use anyhow::Context as _;

use super::Run;
use crate::bench::process::Process;
use crate::bench::site::{self, PROXY_IP};
use crate::certificates::{Certificates, base64};

/// A backend behind the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    /// The name of its Service, route and listeners.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Whether the gateway speaks TLS to it.
    pub(crate) tls: bool,
    /// The `appProtocol` of its port; empty for none.
    pub(crate) app_protocol: &'static str,
    /// `HTTPRoute` or `GRPCRoute`.
    pub(crate) route: &'static str,
}

/// A gateway that serves.
pub(crate) struct Gateway {
    /// The process; it ends with this.
    _process: Process,
    /// Where it serves each backend, in clear and over TLS, in the order of the backends.
    pub(crate) served: Vec<Served>,
}

/// Where a backend is served.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// HTTP.
    pub(crate) clear: SocketAddr,
    /// HTTPS.
    pub(crate) tls: SocketAddr,
}

impl Gateway {
    /// Starts a gateway with two listeners and a route for each backend.
    pub(crate) fn start(
        run: &Run,
        name: &str,
        backends: &[Backend],
        certificates: &Certificates,
    ) -> anyhow::Result<Self> {
        let folder = run.folder.join(name);
        let objects = folder.join("objects");
        if objects.exists() {
            fs::remove_dir_all(&objects)?;
        }
        fs::create_dir_all(&objects)?;
        let served = backends
            .iter()
            .map(|_| {
                Ok(Served {
                    clear: site::free_address(PROXY_IP)?,
                    tls: site::free_address(PROXY_IP)?,
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        fs::write(objects.join("gateway.yaml"), gateway(backends, &served))?;
        fs::write(objects.join("trust.yaml"), trust(certificates)?)?;
        for backend in backends {
            fs::write(
                objects.join(format!("{}.yaml", backend.name)),
                route(backend),
            )?;
        }
        let readiness = site::free_address(PROXY_IP)?;
        let mut command: Vec<OsString> =
            vec![run.gateway.clone().into(), "run".into(), objects.into()];
        for (flag, value) in [
            ("--workers", "2".to_owned()),
            ("--admin-address", site::free_address(PROXY_IP)?.to_string()),
            ("--readiness-address", readiness.to_string()),
            (
                "--metrics-address",
                site::free_address(PROXY_IP)?.to_string(),
            ),
            ("--log", "info".to_owned()),
            ("--access-log", "json".to_owned()),
            ("--reason-header", "on".to_owned()),
            ("--drain-timeout", "1s".to_owned()),
        ] {
            command.extend([flag.into(), value.into()]);
        }
        let mut process =
            Process::start("ferrogate", None, &command, &folder.join("ferrogate.log"))?;
        process.wait_until_ok(readiness, "localhost", "/ready")?;
        println!(
            "  ferrogate serves {} backends; its log is {}",
            backends.len(),
            folder.join("ferrogate.log").display()
        );
        Ok(Self {
            _process: process,
            served,
        })
    }
}

fn gateway(backends: &[Backend], served: &[Served]) -> String {
    let mut text = String::from(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: suites
spec:
  gatewayClassName: ferrogate
  addresses:
  - type: IPAddress
    value: 127.0.0.1
  listeners:
",
    );
    for (backend, served) in backends.iter().zip(served) {
        let (name, clear, tls) = (&backend.name, served.clear.port(), served.tls.port());
        let _ = write!(
            text,
            "  - name: {name}
    port: {clear}
    protocol: HTTP
  - name: {name}-tls
    port: {tls}
    protocol: HTTPS
    tls:
      certificateRefs:
      - name: localhost
"
        );
    }
    text
}

/// The certificate of the listeners, and the authority that backends' certificates come from.
fn trust(certificates: &Certificates) -> anyhow::Result<String> {
    let read = |file| fs::read(file).context("a certificate");
    let ca = String::from_utf8(read(&certificates.ca)?)?;
    let indented: Vec<String> = ca.lines().map(|line| format!("    {line}\n")).collect();
    Ok(format!(
        "apiVersion: v1
kind: Secret
metadata:
  name: localhost
type: kubernetes.io/tls
data:
  tls.crt: {}
  tls.key: {}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: authority
data:
  ca.crt: |
{}",
        base64(&read(&certificates.certificate)?),
        base64(&read(&certificates.key)?),
        indented.concat()
    ))
}

fn route(backend: &Backend) -> String {
    let Backend { name, address, .. } = backend;
    let (ip, port) = (address.ip(), address.port());
    let protocol = match backend.app_protocol {
        "" => String::new(),
        protocol => format!("    appProtocol: {protocol}\n"),
    };
    let mut text = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata:
  name: {name}
spec:
  parentRefs:
  - name: suites
    sectionName: {name}
  - name: suites
    sectionName: {name}-tls
  rules:
  - backendRefs:
    - name: {name}
      port: 80
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  ports:
  - name: main
    port: 80
    targetPort: {port}
{protocol}---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name}-1
  labels:
    kubernetes.io/service-name: {name}
addressType: IPv4
endpoints:
- addresses: [\"{ip}\"]
  conditions:
    ready: true
ports:
- name: main
  port: {port}
  protocol: TCP
",
        kind = backend.route,
    );
    if backend.tls {
        let _ = write!(
            text,
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata:
  name: {name}
spec:
  targetRefs:
  - group: \"\"
    kind: Service
    name: {name}
  validation:
    hostname: localhost
    caCertificateRefs:
    - group: \"\"
      kind: ConfigMap
      name: authority
"
        );
    }
    text
}
