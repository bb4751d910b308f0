//! Addresses of backends.

use std::net::{IpAddr, SocketAddr};

use envoy_types::pb::envoy::config::core::v3::{
    Address, SocketAddress, address, socket_address::PortSpecifier,
};
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};
use fg_ir::StaticHost;

use crate::settings::Settings;

/// Addresses that are known.
pub(super) fn addresses(
    settings: &Settings,
    service: &str,
    addresses: &[SocketAddr],
) -> ClusterLoadAssignment {
    let usable = addresses
        .iter()
        .filter(|address| !is_reserved(settings, address.ip(), address.port()));
    assignment(
        service,
        usable.map(|address| endpoint(&address.ip().to_canonical().to_string(), address.port())),
    )
}

/// Hosts that were written down: addresses, or names that Envoy resolves.
pub(super) fn hosts(
    settings: &Settings,
    name: &str,
    hosts: &[StaticHost],
) -> ClusterLoadAssignment {
    let usable = hosts.iter().filter(|host| match host.host.parse() {
        Ok(address) => !is_reserved(settings, address, host.port),
        // Whatever a name stands for is only known to Envoy, and may be this machine.
        Err(_) => !settings.reserved_ports.contains(&host.port),
    });
    assignment(name, usable.map(|host| endpoint(&host.host, host.port)))
}

/// Whether it is one of Envoy's own sockets. Source: decision 13 of the architecture.
fn is_reserved(settings: &Settings, address: IpAddr, port: u16) -> bool {
    let address = address.to_canonical();
    settings.reserved_ports.contains(&port) && (address.is_loopback() || address.is_unspecified())
}

fn assignment(name: &str, endpoints: impl Iterator<Item = LbEndpoint>) -> ClusterLoadAssignment {
    let lb_endpoints: Vec<_> = endpoints.collect();
    let locality = LocalityLbEndpoints {
        lb_endpoints,
        ..Default::default()
    };
    ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints: if locality.lb_endpoints.is_empty() {
            Vec::new()
        } else {
            vec![locality]
        },
        ..Default::default()
    }
}

fn endpoint(address: &str, port: u16) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(socket_address(address, port)),
            ..Default::default()
        })),
        ..Default::default()
    }
}

/// A TCP address, or a name.
pub(crate) fn socket_address(address: &str, port: u16) -> Address {
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: address.to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
            ..Default::default()
        })),
    }
}
