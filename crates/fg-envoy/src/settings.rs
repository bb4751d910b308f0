//! What is the same for all resources of one Envoy.

use std::collections::BTreeMap;

use fg_model::EnvoyVersion;

/// How resources are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How routes are cut into resources.
    pub routes: RouteShape,
    /// Addresses of the sockets that Envoy keeps for itself, none of which it may call as a backend.
    /// Ports on loopback; see decision 13 of the architecture.
    pub reserved_ports: Vec<u16>,
    /// Listener port → port really bound, so that `80` needs no privilege. Others are bound as
    /// written.
    pub port_map: BTreeMap<u16, u16>,
    /// Whether "all addresses" are those of IPv6 too. Default on; off where the kernel has none.
    pub ipv6: bool,
    /// File with the certificate authorities of the system, as Envoy sees it. Units: path. Default
    /// that of Debian, and of images made from it.
    pub system_authorities: String,
    /// A line of JSON to Envoy's standard output for every request. Default off.
    pub access_log: bool,
    /// Say the reason of answers that are made here in `X-Ferrogate-Reason`. Default on.
    pub reason_header: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            routes: RouteShape::PerHost,
            reserved_ports: vec![19000, 8082, 9091],
            port_map: BTreeMap::new(),
            ipv6: true,
            system_authorities: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
            access_log: false,
            reason_header: true,
        }
    }
}

impl Settings {
    /// These, with routes cut in that shape.
    #[must_use]
    pub fn of(&self, routes: RouteShape) -> Self {
        Self {
            routes,
            ..self.clone()
        }
    }
}

/// How routes are cut into resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteShape {
    /// A resource for each virtual host (VHDS): an edit sends its host alone. Needs delta discovery.
    PerHost,
    /// All virtual hosts of a listener within its route configuration, for state-of-the-world
    /// discovery.
    Whole,
}

impl RouteShape {
    /// What an Envoy of this version takes by the delta protocol.
    pub fn of(version: EnvoyVersion) -> Self {
        if version >= EnvoyVersion::HOSTS_ALONE {
            Self::PerHost
        } else {
            Self::Whole
        }
    }
}
