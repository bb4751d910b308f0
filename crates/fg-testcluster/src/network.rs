//! The addresses of a cluster, equal in each since each has a network namespace of its own.

use std::net::Ipv4Addr;

/// The bridge that pods hang on, in the cluster's outer namespace.
pub const BRIDGE: &str = "br0";
/// The bridge's address: the node's, the API server's, and the gateway of each pod.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
/// Pods' addresses; the bridge's own is among them.
pub const PODS: &str = "10.244.0.0/16";
/// Addresses of Services; the API server allots them.
pub const SERVICES: &str = "10.96.0.0/16";
/// The address of the Service `kubernetes`, the first of the range.
pub const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// Addresses of Services of type LoadBalancer; the node allots them: up to .199 to whoever comes, from .200 on only to
/// a Service that asks for one (`spec.loadBalancerIP`). An address outside of it is never given.
pub const BALANCERS: &str = "10.99.0.0/24";
/// The last address of the pool that the node gives to whoever comes.
pub const LAST_UNASKED: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 199);
/// The API server's port.
pub const API_PORT: u16 = 6443;
/// The port of the node's own HTTPS server (logs, exec), on the bridge's address.
pub const NODE_PORT: u16 = 10250;
