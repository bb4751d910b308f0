//! Connections to endpoints: from the pool, or new.

use std::net::SocketAddr;
use std::rc::Rc;

use fg_exchange::{Fault, Reason, Retry};
use tokio::net::TcpStream;

use crate::generation::Cluster;
use crate::worker::Worker;
use crate::worker::pool::{Endpoint, Link};
use crate::worker::socket::Stream;

/// A connection to an endpoint, in use by one request.
pub(super) struct Upstream {
    /// There until it is given back.
    link: Option<Link>,
    pub(super) address: SocketAddr,
    /// It served a request before.
    pub(super) reused: bool,
    endpoint: Rc<Endpoint>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.endpoint
            .active
            .set(self.endpoint.active.get().saturating_sub(1));
    }
}

/// Why there is no connection, and to which endpoint.
pub(super) struct Refused {
    pub(super) fault: Fault,
    pub(super) address: Option<SocketAddr>,
}

/// A choice among the endpoints of a cluster: with a connection left from before, or none.
///
/// `not` is an endpoint that just failed: another one is chosen when there is one. `fresh` asks for
/// a new connection.
pub(super) async fn get(
    worker: &Worker,
    cluster: &Cluster,
    not: Option<SocketAddr>,
    fresh: bool,
) -> Result<Upstream, Refused> {
    let endpoints = &cluster.endpoints;
    let now = worker.sweep.now_millis();
    let chosen = fg_lb::endpoint(
        endpoints.len(),
        &worker.random,
        |index| {
            endpoints.get(index).is_some_and(|&address| {
                Some(address) != not
                    && !worker
                        .pools
                        .look(address, |endpoint| endpoint.avoidance.get().is_active(now))
            })
        },
        |index| {
            endpoints.get(index).map_or(0, |&address| {
                worker.pools.look(address, |endpoint| endpoint.active.get())
            })
        },
    );
    let mut address = chosen.and_then(|index| endpoints.get(index)).copied();
    if address.is_some() && address == not {
        // All others are to be avoided; still any of them is better than the one that just failed.
        let others = endpoints
            .iter()
            .copied()
            .filter(|&other| Some(other) != not);
        let count = u32::try_from(endpoints.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(1);
        address = others
            .clone()
            .nth(worker.random.below(count) as usize)
            .or(address);
    }
    let none = || Refused {
        fault: Fault::new(Reason::NoEndpoints),
        address: None,
    };
    let address = address.ok_or_else(none)?;
    let endpoint = worker.pools.endpoint(address);
    let (link, reused) = match if fresh { None } else { endpoint.take() } {
        Some(link) => {
            worker.stats.upstream_reused.increment();
            (link, true)
        }
        None => {
            let refused = |fault| Refused {
                fault,
                address: Some(address),
            };
            (
                connect(worker, address, &endpoint).await.map_err(refused)?,
                false,
            )
        }
    };
    endpoint.active.set(endpoint.active.get() + 1);
    Ok(Upstream {
        link: Some(link),
        address,
        reused,
        endpoint,
    })
}

impl Upstream {
    /// The socket.
    #[inline]
    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self
            .link
            .as_mut()
            .expect("only given back when the exchange is done with it")
            .stream
    }

    /// Keeps the connection for another request.
    pub(super) fn release(mut self, worker: &Worker) {
        if let Some(link) = self.link.take() {
            let most = worker.shared.settings.upstream_idle_connections;
            self.endpoint.put(link, worker.sweep.now_millis(), most);
        }
    }
}

async fn connect(worker: &Worker, address: SocketAddr, endpoint: &Endpoint) -> Result<Link, Fault> {
    let settings = &worker.shared.settings;
    let refuse = |detail: &str| Fault::new(Reason::ConnectFailed).detail(detail);
    let own_port = settings
        .reserved
        .iter()
        .any(|reserved| reserved.port() == address.port());
    if own_port && (address.ip().is_loopback() || address.ip().is_unspecified()) {
        return Err(refuse(
            "the endpoint is one of the gateway's own reserved sockets",
        ));
    }
    let outcome = tokio::time::timeout(settings.connect_timeout, TcpStream::connect(address)).await;
    let stream = match outcome {
        Ok(Ok(stream)) => stream,
        failed => {
            worker.stats.upstream_failed.increment();
            let mut avoidance = endpoint.avoidance.get();
            avoidance.failed(worker.sweep.now_millis(), settings.avoid_endpoint);
            endpoint.avoidance.set(avoidance);
            let detail = match failed {
                Ok(Err(error)) => format!("{address}: {error}"),
                _ => format!("{address}: no connection in {:?}", settings.connect_timeout),
            };
            return Err(refuse(&detail).retry(Retry::Unsent));
        }
    };
    // A connection to an own address has the same address on both ends.
    let own_address = stream
        .local_addr()
        .is_ok_and(|local: SocketAddr| local.ip().to_canonical() == address.ip());
    if own_port && own_address {
        return Err(refuse(
            "the endpoint is one of the gateway's own reserved sockets",
        ));
    }
    let mut avoidance = endpoint.avoidance.get();
    avoidance.succeeded();
    endpoint.avoidance.set(avoidance);
    worker.stats.upstream_opened.increment();
    // Without it small writes would wait for acknowledgements; a failure costs only time.
    let _ = stream.set_nodelay(true);
    Ok(Link::new(stream.into(), worker.stats.clone()))
}
