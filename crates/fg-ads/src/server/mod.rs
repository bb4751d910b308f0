//! The server: streams of discovery, delta or state of the world, over HTTP/2, with or without TLS.

mod accept;
mod authenticate;
mod connection;
mod cut;
mod due;
mod event;
mod order;
mod protocol;
mod service;
mod session;
mod stream;
mod subscription;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{Metrics, Store};

pub use self::authenticate::{Authenticator, Identity};
pub use self::event::{ClientId, Event};
pub use self::order::Ordered;
pub use self::protocol::Protocol;

use self::service::{Service, Shared};

/// How a server's sockets are protected.
#[derive(Debug, Clone)]
pub enum Security {
    /// Not at all: for sockets that only the same machine reaches.
    Plain,
    /// TLS, each handshake with the newest configuration (see [`crate::tls::server_config`]).
    Tls(watch::Receiver<Arc<ServerConfig>>),
}

/// How a server treats its clients.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who answers, for people.
    pub identifier: String,
    /// Above it a response is split, unless it has one resource. Units: bytes. Default: 2 MiB.
    pub response_bytes: usize,
    /// Above it a request closes its stream. Units: bytes. Default: 32 MiB, room for the names and
    /// versions of some 300,000 resources.
    pub request_bytes: usize,
    /// Streams at the same time; more are refused. Default: 4,096.
    pub clients: usize,
    /// Names that one client may subscribe to, over all types. Default: 200,000.
    pub names: usize,
    /// For TLS handshake, first stream, token, first message and authentication, each. A connection
    /// on which nobody was let in after all of them is closed. Default: 10 s.
    pub first_deadline: Duration,
    /// For the answer to a response; then the stream is closed. Default: 30 s.
    pub ack_deadline: Duration,
    /// For a client to ask for what it needs by [`Ordered::renews`], for what there is of types that are
    /// ordered ([`Event::Settled`] says what it did not ask for), and, when it comes back, for what it
    /// has of types that wait for others ([`Ordered::after`]); then nobody waits for it any longer.
    /// Default: 5 s.
    pub ask_deadline: Duration,
    /// Between pings of HTTP/2 on a connection. Default: 15 s.
    pub ping_every: Duration,
    /// For the answer to a ping; then the connection is closed. Default: 10 s.
    pub ping_deadline: Duration,
    /// For streams to end when the server does. Default: 2 s.
    pub grace: Duration,
    /// The types among which there is an order, those first that wait for none. Types that are not
    /// here wait for none and nobody waits for them. Default: empty.
    pub order: Vec<Ordered>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            identifier: "ferrogate".to_owned(),
            response_bytes: 2 << 20,
            request_bytes: 32 << 20,
            clients: 4_096,
            names: 200_000,
            first_deadline: Duration::from_secs(10),
            ack_deadline: Duration::from_secs(30),
            ask_deadline: Duration::from_secs(5),
            ping_every: Duration::from_secs(15),
            ping_deadline: Duration::from_secs(10),
            grace: Duration::from_secs(2),
            order: Vec::new(),
        }
    }
}

impl Options {
    /// For Envoy, and for any other client beside it. The types, by URL: secrets, clusters, endpoints,
    /// listeners, route configurations, virtual hosts. See [`Ordered::for_envoy`].
    pub fn for_envoy(types: [&str; 6]) -> Self {
        Self {
            order: Ordered::for_envoy(types),
            ..Self::default()
        }
    }
}

/// A server of one store.
pub struct Server {
    shared: Arc<Shared>,
}

impl Server {
    /// A server, and what it tells. Events wait for their reader: one that does not read stops the
    /// streams that have something to tell, and nothing else.
    pub fn new(
        store: Store,
        authenticator: Arc<dyn Authenticator>,
        options: Options,
    ) -> (Self, mpsc::Receiver<Event>) {
        /// Events on their way.
        const EVENTS: usize = 1_024;
        let (events, news) = mpsc::channel(EVENTS);
        let shared = Shared {
            store,
            authenticator,
            places: Arc::new(Semaphore::new(options.clients)),
            options,
            metrics: Arc::default(),
            events,
            closing: watch::Sender::new(false),
        };
        let server = Self {
            shared: Arc::new(shared),
        };
        (server, news)
    }

    /// What it counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.shared.metrics.clone()
    }

    /// Serves a socket until `shutdown`; then it tells all clients that it is going away and waits for
    /// them, but not longer than [`Options::grace`]. May be called for several sockets at once; a
    /// shutdown of one ends the streams of all.
    ///
    /// Cancel: closes the socket; connections go on without one who would end them.
    pub async fn serve(
        &self,
        listener: TcpListener,
        security: Security,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let options = &self.shared.options;
        let incoming = accept::incoming(listener, security, options);
        let service = Service(self.shared.clone());
        let closing = self.shared.closing.clone();
        let signal = async move {
            shutdown.await;
            closing.send_replace(true);
        };
        let ended = self.shared.closing.subscribe();
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(options.ping_every))
            .http2_keepalive_timeout(Some(options.ping_deadline))
            .max_concurrent_streams(Some(service::STREAMS_A_CONNECTION))
            .serve_with_incoming_shutdown(service, incoming, signal);
        tokio::select! {
            result = serving => {
                if let Err(error) = result {
                    tracing::error!(%error, "discovery is not served any more");
                }
            }
            () = out_of_grace(ended, options.grace) => {
                tracing::info!("closing the connections of clients that did not go by themselves");
            }
        }
    }
}

/// Waits for the shutdown and then for as long as streams have.
async fn out_of_grace(mut closing: watch::Receiver<bool>, grace: Duration) {
    if closing.wait_for(|closing| *closing).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(grace).await;
}
