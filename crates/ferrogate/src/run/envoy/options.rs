//! How Envoy is run: as our own proxy is told to serve.

use std::net::{Ipv6Addr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use fg_envoy::Settings;

use super::unheeded::unheeded;
use crate::cli::{AccessLog, EnvoyArgs, RunArgs};

/// Where systems have the certificates that they trust.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How Envoy is run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Which Envoy.
    pub(super) args: EnvoyArgs,
    /// What is the same for all of its resources; its version is looked up.
    pub(super) settings: Settings,
    /// Its workers.
    pub(super) workers: usize,
    /// Client connections that it may have.
    pub(super) connections: u32,
    /// How long requests under way may take to finish.
    pub(super) drain: Duration,
    /// Flags that were given and that it does not follow.
    pub(super) unheeded: Vec<&'static str>,
}

impl Options {
    /// By the command line, and what our own proxy makes of it.
    pub(crate) fn new(args: &RunArgs, settings: &fg_proxy::Settings) -> Self {
        let sockets = &args.plane.sockets;
        let reserved = [
            sockets.admin.admin_address,
            sockets.readiness_address,
            sockets.metrics_address,
        ];
        let defaults = Settings::default();
        Self {
            args: args.envoy.clone(),
            settings: Settings {
                reserved_ports: reserved.map(|address| address.port()).to_vec(),
                port_map: sockets.port_map.iter().copied().collect(),
                ipv6: has_ipv6(),
                system_authorities: authorities().unwrap_or(defaults.system_authorities.clone()),
                access_log: !matches!(args.plane.logging.access_log, AccessLog::Off),
                reason_header: settings.reason_header,
                ..defaults
            },
            workers: settings.workers,
            connections: u32::try_from(settings.max_connections).unwrap_or(u32::MAX),
            drain: args.plane.serving.drain_timeout,
            unheeded: unheeded(&args.plane),
        }
    }
}

/// Whether the kernel has IPv6.
fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok()
}

fn authorities() -> Option<String> {
    let set = std::env::var("SSL_CERT_FILE").ok();
    let all = set.into_iter().chain(AUTHORITIES.map(str::to_owned));
    all.into_iter().find(|file| Path::new(file).is_file())
}
