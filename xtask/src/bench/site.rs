//! What a proxy is asked to do, in words that hold for all of them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::Context as _;

use crate::certificates::Certificates;

/// The first port that the benchmark takes: below the range from which the kernel takes ports for clients.
static NEXT_PORT: AtomicU16 = AtomicU16::new(21_000);

/// One path prefix that is sent to the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// The host it is for; `None` is every host.
    pub(crate) host: Option<String>,
    /// The path prefix, without a slash at its end (but for `/` itself).
    pub(crate) prefix: String,
}

/// What a client speaks to the proxy, and the proxy to the upstream.
#[derive(Debug, Clone, Default)]
pub(crate) enum Way {
    /// HTTP/1.1 in clear on both sides.
    #[default]
    Clear,
    /// HTTP/1.1 or HTTP/2 over TLS 1.3 (an ECDSA P-256 certificate), HTTP/1.1 in clear to the upstream.
    Tls(Certificates),
    /// HTTP/2 in clear by prior knowledge, HTTP/1.1 to the upstream.
    Http2,
    /// HTTP/2 in clear by prior knowledge on both sides: gRPC.
    Grpc,
}

/// One proxy's task.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Where requests go.
    pub(crate) upstream: SocketAddr,
    /// All its routes; never empty.
    pub(crate) routes: Vec<Route>,
    /// Worker threads (or processes).
    pub(crate) workers: u32,
    /// The core that it is pinned to; `None` leaves it to the kernel.
    pub(crate) core: Option<u32>,
    /// Client connections that it must be able to hold.
    pub(crate) connections: u32,
    /// What client and upstream speak.
    pub(crate) way: Way,
    /// Whether nginx gets larger buffers than its defaults, as suits large replies.
    pub(crate) large_buffers: bool,
}

impl Site {
    /// A host and a path that the first route serves.
    pub(crate) fn probe(&self) -> (String, String) {
        target(&self.routes[0])
    }

    /// The hosts in order of first use, each with its prefixes.
    pub(crate) fn prefixes_by_host(&self) -> Vec<(Option<&str>, Vec<&str>)> {
        let mut hosts: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
        for route in &self.routes {
            match hosts.last_mut() {
                Some((host, prefixes)) if *host == route.host.as_deref() => {
                    prefixes.push(&route.prefix)
                }
                _ => hosts.push((route.host.as_deref(), vec![&route.prefix])),
            }
        }
        hosts
    }
}

/// The host of requests where routes name none, and of the first host of many.
pub(crate) const HOST: &str = "shop-00.example.com";

/// One route for everything.
pub(crate) fn one_route() -> Vec<Route> {
    vec![Route {
        host: None,
        prefix: "/".to_owned(),
    }]
}

/// `count` path prefixes, spread evenly over `hosts` hosts, host by host.
pub(crate) fn many_routes(count: usize, hosts: usize) -> Vec<Route> {
    let share = count.div_ceil(hosts);
    (0..count)
        .map(|index| Route {
            host: Some(format!("shop-{:02}.example.com", index / share)),
            prefix: format!("/api/v1/team-{:02}/service-{index:05}", index % 97),
        })
        .collect()
}

/// A host and a path that a route serves.
pub(crate) fn target(route: &Route) -> (String, String) {
    let host = route.host.clone().unwrap_or_else(|| HOST.to_owned());
    let path = if route.prefix == "/" {
        "/orders/4711".to_owned()
    } else {
        format!("{}/orders/4711", route.prefix)
    };
    (host, path)
}

/// An address on this machine whose port is free; each call gives another port.
pub(crate) fn free_address(ip: Ipv4Addr) -> anyhow::Result<SocketAddr> {
    (0..2000)
        .map(|_| SocketAddr::from((ip, NEXT_PORT.fetch_add(1, Ordering::Relaxed))))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no free port")
}

/// The address that proxies listen on.
pub(crate) const PROXY_IP: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The address of upstreams.
pub(crate) const UPSTREAM_IP: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_spread_evenly_and_grouped_by_host() {
        let address = SocketAddr::from((PROXY_IP, 1));
        let site = Site {
            listen: address,
            upstream: address,
            routes: many_routes(5000, 50),
            workers: 1,
            core: None,
            connections: 1,
            way: Way::Clear,
            large_buffers: false,
        };
        let hosts = site.prefixes_by_host();
        assert_eq!(hosts.len(), 50);
        assert!(hosts.iter().all(|(_, prefixes)| prefixes.len() == 100));
        assert_eq!(site.probe().0, HOST);
    }
}
