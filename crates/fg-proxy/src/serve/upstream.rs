//! Connections to endpoints: from the pool, or new.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use fg_exchange::{Fault, Method, Reason, Reply, Request, Retry};
use fg_http::Limits;
use fg_http::h1::ParsedReply;
use fg_http::h2;
use fg_ir::{BackendProtocol, RouteKind};
use tokio::net::TcpStream;

use super::outlet::Outlet;
use super::signs::{is_silent, is_unused};
use crate::generation::Cluster;
use crate::tls::ClientTls;
use crate::worker::Worker;
use crate::worker::handshake::{self, Alpn};
use crate::worker::pool::{Endpoint, Http2Link, Link};
use crate::worker::socket::Stream;

/// How long requests wait to learn how many of them a new connection takes at a time, but no longer
/// than half the time that connecting may take: it is a part of it. A backend that does not say that
/// by then gets them all.
const SETTLING: Duration = Duration::from_secs(1);

/// A connection to an endpoint, in use by one request.
pub(super) struct Upstream {
    /// There until it is given back.
    link: Option<Link>,
    /// Instead of the link, with HTTP/2.
    shared: Option<Shared>,
    pub(super) address: SocketAddr,
    secure: bool,
    /// It served a request before.
    pub(super) reused: bool,
    endpoint: Rc<Endpoint>,
}

/// One request's part of an HTTP/2 connection.
struct Shared {
    link: Rc<Http2Link>,
    /// There once the request's head was sent.
    stream: Option<(Stream, h2::Response)>,
}

/// Which versions of HTTP a request may be sent by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speak {
    Http1,
    Http2,
}

impl Speak {
    /// Which version requests of a kind of route are sent by.
    pub(super) fn to(cluster: &Cluster, kind: RouteKind) -> Self {
        match cluster.protocol {
            BackendProtocol::Http1 => Self::Http1,
            BackendProtocol::Http2 => Self::Http2,
            BackendProtocol::Auto if kind == RouteKind::Grpc => Self::Http2,
            BackendProtocol::Auto => Self::Http1,
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.link.active.set(shared.link.active.get() - 1);
        }
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
/// `wanted` is the endpoint of the client's session: it is chosen unless it is to be avoided. `not`
/// is an endpoint that just failed: another one is chosen when there is one. `fresh` asks for a new
/// connection.
pub(super) async fn get(
    worker: &Worker,
    cluster: &Cluster,
    wanted: Option<SocketAddr>,
    not: Option<SocketAddr>,
    fresh: bool,
    speak: Speak,
    tls: Option<&Arc<ClientTls>>,
) -> Result<Upstream, Refused> {
    let endpoints = &cluster.endpoints;
    let identity = tls.map_or(0, |tls| tls.identity);
    let now = worker.sweep.now_millis();
    let is_avoided = |address| {
        let look = |endpoint: &Endpoint| endpoint.avoidance.get().is_active(now);
        worker.pools.look((address, identity), look)
    };
    let wanted = wanted.filter(|&address| Some(address) != not && !is_avoided(address));
    let chosen = fg_lb::endpoint(
        endpoints.len(),
        &worker.random,
        |index| {
            endpoints
                .get(index)
                .is_some_and(|&address| Some(address) != not && !is_avoided(address))
        },
        |index| {
            endpoints.get(index).map_or(0, |&address| {
                worker
                    .pools
                    .look((address, identity), |endpoint| endpoint.active.get())
            })
        },
    );
    let mut address = chosen.and_then(|index| endpoints.get(index)).copied();
    address = wanted.or(address);
    let is_good = |address| Some(address) != not && !is_avoided(address);
    if not.is_some() && address.is_some_and(|address| !is_good(address)) {
        // All others are to be avoided. The one that just failed is better than they are if it can
        // be reached; any of them is better than one that cannot.
        let reachable = not.filter(|&not| endpoints.contains(&not) && !is_avoided(not));
        let others = endpoints
            .iter()
            .copied()
            .filter(|&other| Some(other) != not);
        let count = u32::try_from(others.clone().count()).unwrap_or(u32::MAX);
        address = reachable
            .or_else(|| {
                others
                    .clone()
                    .nth(worker.random.below(count.max(1)) as usize)
            })
            .or(address);
    }
    let none = || Refused {
        fault: Fault::new(Reason::NoEndpoints),
        address: None,
    };
    let address = address.ok_or_else(none)?;
    let endpoint = worker.pools.endpoint((address, identity));
    // Over TLS a backend that said nothing may turn out to speak HTTP/2 only.
    let either =
        speak == Speak::Http1 && tls.is_some() && cluster.protocol == BackendProtocol::Auto;
    let by_http2 = || speak == Speak::Http2 || (either && endpoint.only_http2.get());
    let mut taken = None;
    if !by_http2() {
        taken = if fresh { None } else { endpoint.take() }.map(|link| (link, true));
        if taken.is_some() {
            worker.stats.upstream_reused.increment();
        } else {
            // In a box: new connections are rare, and every request moves what waits here.
            match Box::pin(connect(worker, address, &endpoint, speak, tls)).await {
                Ok(link) => taken = Some((link, false)),
                Err(_) if by_http2() => {}
                Err(fault) => {
                    return Err(Refused {
                        fault,
                        address: Some(address),
                    });
                }
            }
        }
    }
    let Some((link, reused)) = taken else {
        let shared = match endpoint.shared() {
            Some(link) => {
                worker.stats.upstream_reused.increment();
                Ok((link, true))
            }
            None => {
                let new = Box::pin(share(worker, address, &endpoint, tls));
                let limit = worker.shared.settings.connect_timeout;
                match tokio::time::timeout(limit, new).await {
                    Ok(shared) => shared,
                    Err(_) => Err(Fault::new(Reason::ConnectFailed)
                        .retry(Retry::Unsent)
                        .detail(format!("{address}: no connection in {limit:?}"))),
                }
            }
        };
        let (link, reused) = shared.map_err(|fault| Refused {
            fault,
            address: Some(address),
        })?;
        link.active.set(link.active.get() + 1);
        link.since.set(now);
        endpoint.active.set(endpoint.active.get() + 1);
        return Ok(Upstream {
            link: None,
            shared: Some(Shared { link, stream: None }),
            address,
            secure: tls.is_some(),
            reused,
            endpoint,
        });
    };
    endpoint.active.set(endpoint.active.get() + 1);
    Ok(Upstream {
        link: Some(link),
        shared: None,
        address,
        secure: tls.is_some(),
        reused,
        endpoint,
    })
}

impl Upstream {
    /// The socket.
    #[inline]
    pub(super) fn stream(&mut self) -> &mut Stream {
        if let Some(shared) = &mut self.shared {
            let (stream, _) = shared
                .stream
                .as_mut()
                .expect("the head is sent before anything else");
            return stream;
        }
        &mut self
            .link
            .as_mut()
            .expect("only given back when the exchange is done with it")
            .stream
    }

    /// Whether it is an HTTP/2 stream.
    pub(super) const fn is_http2(&self) -> bool {
        self.shared.is_some()
    }

    /// Whether it goes over TLS.
    pub(super) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Waits until it is known whether the backend takes upgrades by HTTP/2.
    ///
    /// # Errors
    /// The connection ended before; nothing was sent by it.
    pub(super) async fn settle(&self) -> Result<(), Fault> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        if shared.link.settled.get() || shared.link.client.takes_upgrades() {
            return Ok(());
        }
        let retry = match self.reused {
            true => Retry::Stale,
            false => Retry::Unsent,
        };
        let settled = shared.link.settle().await;
        settled.map_err(|error| Fault::new(Reason::UpstreamReset).retry(retry).detail(error))
    }

    /// Sends the head of a request by HTTP/2.
    pub(super) fn open(&mut self, request: &Request, sending: h2::Sending) -> Result<(), Fault> {
        let Some(shared) = &mut self.shared else {
            return Ok(());
        };
        if sending.upgrade && !shared.link.client.takes_upgrades() {
            return Err(Fault::new(Reason::UpgradeRefused)
                .detail("it speaks HTTP/2 without extended CONNECT (RFC 8441)"));
        }
        let reused = self.reused;
        let opened = shared.link.client.send(request, sending);
        let (stream, response) = opened.map_err(|fault| {
            // It was told to take no more (GOAWAY), perhaps long ago.
            if reused && fault.retry == Retry::Unsent {
                shared.link.closed.set(true);
                fault.retry(Retry::Stale)
            } else {
                fault
            }
        })?;
        shared.stream = Some((Stream::Http2(Box::new(stream)), response));
        Ok(())
    }

    /// Waits for the next head of the reply by HTTP/2.
    pub(super) fn poll_reply(
        &mut self,
        context: &mut Context<'_>,
        method: Method,
        reply: &mut Reply,
        limits: &Limits,
    ) -> Poll<io::Result<ParsedReply>> {
        match self
            .shared
            .as_mut()
            .and_then(|shared| shared.stream.as_mut())
        {
            Some((Stream::Http2(stream), response)) => {
                let head = response.poll_head(context, method, reply, stream, limits);
                if head.is_ready()
                    && let Some(shared) = &self.shared
                {
                    // Settings come before anything else (RFC 9113 §3.4).
                    shared.link.settled.set(true);
                }
                head
            }
            _ => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Nobody waits for the backend to take what it was sent. For one that takes nothing. A
    /// connection that is shared is not given up for one request: it must be retired.
    pub(super) fn abandon(&self) {
        if let Some(link) = &self.link {
            link.stream.abandon();
        }
        if let Some(shared) = &self.shared
            && shared.link.closed.get()
        {
            shared.link.given_up.set(true);
        }
    }

    /// No more requests go by this connection, if it is one that is shared.
    pub(super) fn retire(&self) {
        if let Some(shared) = &self.shared {
            shared.link.closed.set(true);
        }
    }

    /// Keeps the connection for another request.
    pub(super) fn release(mut self, worker: &Worker) {
        if let Some(link) = self.link.take() {
            let most = worker.shared.settings.upstream_idle_connections;
            self.endpoint.put(link, worker.sweep.now_millis(), most);
        }
    }
}

/// An HTTP/2 connection with room for one more request: new, or one that came in the meantime.
async fn share(
    worker: &Worker,
    address: SocketAddr,
    endpoint: &Endpoint,
    tls: Option<&Arc<ClientTls>>,
) -> Result<(Rc<Http2Link>, bool), Fault> {
    let _greeting = endpoint.greeting.lock().await;
    let settling = SETTLING.min(worker.shared.settings.connect_timeout / 2);
    if let Some(link) = endpoint.unsettled()
        && tokio::time::timeout(settling, link.settle()).await.is_err()
    {
        link.assumed.set(true);
    }
    if let Some(link) = endpoint.shared() {
        worker.stats.upstream_reused.increment();
        return Ok((link, true));
    }
    let Link { stream, open } = connect(worker, address, endpoint, Speak::Http2, tls).await?;
    let settings = &worker.shared.settings;
    let (outlet, watch) = Outlet::new(stream, Vec::new());
    let (client, mut driver) = h2::Client::greet(outlet, &settings.http2, &settings.limits)
        .await
        .map_err(|error| {
            Fault::new(Reason::ConnectFailed)
                .retry(Retry::Unsent)
                .detail(error)
        })?;
    let (in_use, unused) = tokio::sync::oneshot::channel();
    let link = Rc::new(Http2Link {
        client,
        pings: tokio::sync::Mutex::new(driver.pings()),
        settled: Cell::new(false),
        assumed: Cell::new(false),
        active: Cell::new(0),
        closed: Cell::new(false),
        since: Cell::new(worker.sweep.now_millis()),
        given_up: watch.given_up(),
        _in_use: in_use,
    });
    let watched = Rc::downgrade(&link);
    let silence = settings.silence;
    tokio::task::spawn_local(async move {
        let _open = open;
        // How it ended is said on its streams.
        tokio::select! {
            _ = driver => {}
            () = is_silent(&watched, silence) => watch.give_up(),
            () = is_unused(unused) => watch.give_up(),
        }
        if let Some(link) = watched.upgrade() {
            link.closed.set(true);
        }
    });
    endpoint.share(link.clone());
    Ok((link, false))
}

async fn connect(
    worker: &Worker,
    address: SocketAddr,
    endpoint: &Endpoint,
    speak: Speak,
    tls: Option<&Arc<ClientTls>>,
) -> Result<Link, Fault> {
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
    let failed = |reason: Reason, detail: String| {
        worker.stats.upstream_failed.increment();
        let mut avoidance = endpoint.avoidance.get();
        avoidance.failed(worker.sweep.now_millis(), settings.avoid_endpoint);
        endpoint.avoidance.set(avoidance);
        Fault::new(reason).retry(Retry::Unsent).detail(detail)
    };
    let ends = tokio::time::Instant::now() + settings.connect_timeout;
    let stream = match tokio::time::timeout_at(ends, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(Reason::ConnectFailed, format!("{address}: {error}"))),
        Err(_) => {
            let detail = format!("{address}: no connection in {:?}", settings.connect_timeout);
            return Err(failed(Reason::ConnectFailed, detail));
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
    // Without it small writes would wait for acknowledgements; a failure costs only time.
    let _ = stream.set_nodelay(true);
    let stream = match tls {
        None => stream.into(),
        Some(tls) => {
            let alpn = match speak {
                Speak::Http1 => Alpn::Http1,
                Speak::Http2 => Alpn::Http2,
            };
            let handshake = Box::pin(handshake::connect(stream, tls, alpn));
            let refuse = |detail| failed(Reason::UpstreamTls, format!("{address}: TLS: {detail}"));
            match tokio::time::timeout_at(ends, handshake).await {
                Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                Ok(Err(refused)) => {
                    endpoint
                        .only_http2
                        .set(refused.other_protocol && speak == Speak::Http1);
                    return Err(refuse(refused.detail));
                }
                Err(_) => {
                    let detail = format!("no handshake in {:?}", settings.connect_timeout);
                    return Err(refuse(detail));
                }
            }
        }
    };
    let mut avoidance = endpoint.avoidance.get();
    avoidance.succeeded();
    endpoint.avoidance.set(avoidance);
    worker.stats.upstream_opened.increment();
    Ok(Link::new(stream, worker.stats.clone()))
}
