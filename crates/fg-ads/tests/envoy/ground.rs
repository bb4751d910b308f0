//! A server, an Envoy that it programs, and requests to that.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fg_ads::message::{Any, Node};
use fg_ads::server::Options;
use fg_ads::{
    Authenticator, Event, Identity, Metrics, Protocol, Security, Server, Store, Transaction,
};
use fg_testkit::envoy::{self, Envoy};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use crate::messages::TYPES;

/// Long enough for anything here on a busy machine, and shorter than the 15 seconds after which Envoy
/// goes on without what it waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);
/// Whatever a client may see.
pub(crate) const SCOPE: &str = "shop/front";

/// Lets everybody in.
struct Open;

#[tonic::async_trait]
impl Authenticator for Open {
    async fn identify(
        &self,
        _: Option<&str>,
        _: &Node,
        _: Option<SocketAddr>,
        _: Protocol,
    ) -> Result<Identity, Status> {
        Ok(Identity {
            scope: SCOPE.to_owned(),
            valid_for: None,
        })
    }
}

/// A server that runs.
struct Running {
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
    events: mpsc::Receiver<Event>,
}

/// A server and an Envoy.
pub(crate) struct Ground {
    pub(crate) store: Store,
    pub(crate) envoy: Envoy,
    metrics: Arc<Metrics>,
    address: SocketAddr,
    running: Option<Running>,
    runtime: Runtime,
}

impl Ground {
    /// With an Envoy of a version that speaks a protocol.
    pub(crate) fn new(version: &str, protocol: Protocol) -> Self {
        let program = envoy::program(version);
        let runtime = Runtime::new().unwrap();
        let address = fg_testkit::address::own_address();
        let store = Store::new();
        let (running, metrics) = runtime.block_on(serve(&store, address));
        let arguments = ["--concurrency", "1"];
        Self {
            envoy: Envoy::start_with(&program, &bootstrap(address, protocol), &arguments),
            store,
            metrics,
            address,
            running: Some(running),
            runtime,
        }
    }

    /// Ends the server: Envoy goes on with what it has.
    pub(crate) fn disconnect(&mut self) {
        let mut running = self.running.take().unwrap();
        drop(running.stop.take());
        self.runtime.block_on(running.task).unwrap();
    }

    /// Serves again.
    pub(crate) fn reconnect(&mut self) {
        let (running, metrics) = self.runtime.block_on(serve(&self.store, self.address));
        self.running = Some(running);
        self.metrics = metrics;
    }

    /// Changes resources: type, name, version, and the message; none removes it.
    pub(crate) fn apply<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, &'a str, &'a str, Option<Vec<u8>>)>,
    ) -> u64 {
        let mut transaction = Transaction::new();
        for (type_url, name, version, message) in changes {
            match message {
                Some(message) => {
                    let body = Any {
                        type_url: type_url.to_owned(),
                        value: Bytes::from(message),
                    };
                    transaction.upsert(type_url, name, version, body);
                }
                None => transaction.remove(type_url, name),
            }
        }
        self.store.apply(SCOPE, transaction)
    }

    /// The next news.
    pub(crate) fn event(&mut self) -> Event {
        let running = self.running.as_mut().unwrap();
        let next = async { tokio::time::timeout(PATIENCE, running.events.recv()).await };
        let event = self.runtime.block_on(next);
        let event = event.unwrap_or_else(|_| panic!("no news:\n{}", self.envoy.log()));
        event.unwrap()
    }

    /// Waits until Envoy has everything up to a serial; gives the refusals that were told meanwhile.
    pub(crate) fn settled(&mut self, wanted: u64) -> Vec<fg_ads::Rejection> {
        let mut refused = Vec::new();
        loop {
            match self.event() {
                Event::Settled { serial, .. } if serial >= wanted => return refused,
                Event::Rejected { resources, .. } => refused = resources,
                _ => {}
            }
        }
    }

    /// Responses and bytes that were sent so far, since the server was started last.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.metrics.responses), load(&self.metrics.bytes))
    }
}

async fn serve(store: &Store, address: SocketAddr) -> (Running, Arc<Metrics>) {
    let options = Options::for_envoy(TYPES);
    let (server, events) = Server::new(store.clone(), Arc::new(Open), options);
    let listener = TcpListener::bind(address).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let metrics = server.metrics();
    let task = tokio::spawn(async move {
        let shutdown = async move { drop(stopped.await) };
        server.serve(listener, Security::Plain, shutdown).await;
    });
    let running = Running {
        stop: Some(stop),
        task,
        events,
    };
    (running, metrics)
}

/// Everything comes from the server at this address.
fn bootstrap(server: SocketAddr, protocol: Protocol) -> Value {
    let api_type = match protocol {
        Protocol::Delta => "DELTA_GRPC",
        Protocol::StateOfTheWorld => "GRPC",
    };
    let http2 = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    });
    let socket = json!({"address": server.ip(), "port_value": server.port()});
    let endpoint = json!({"endpoint": {"address": {"socket_address": socket}}});
    json!({
        "node": {"id": "front-1", "cluster": "front"},
        "dynamic_resources": {
            "ads_config": {
                "api_type": api_type,
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "control"}}],
                "set_node_on_first_message_only": true,
            },
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {"clusters": [{
            "name": "control",
            "connect_timeout": "1s",
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2,
            },
            "load_assignment": {
                "cluster_name": "control",
                "endpoints": [{"lb_endpoints": [endpoint]}],
            },
        }]},
    })
}

/// Status and body of a `GET`; none if nobody listens.
pub(crate) fn get(at: SocketAddr, host: &str, path: &str) -> Option<(u16, String)> {
    let mut socket = TcpStream::connect(at).ok()?;
    ask(&mut socket, host, path)
}

/// The same on a connection that is there.
pub(crate) fn ask(socket: &mut TcpStream, host: &str, path: &str) -> Option<(u16, String)> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    let mut buffer = [0; 4_096];
    loop {
        let count = socket.read(&mut buffer).ok().filter(|count| *count > 0)?;
        answer.push_str(&String::from_utf8_lossy(buffer.get(..count)?));
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            continue;
        };
        let lengths = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() == lengths.map_or(0, |length| length.parse().unwrap()) {
            return Some((head.get(9..12)?.parse().ok()?, body.to_owned()));
        }
    }
}

/// Asks until it is answered so, and says how long that took.
pub(crate) fn until(at: SocketAddr, host: &str, path: &str, wanted: (u16, &str)) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = get(at, host, path);
        if answer.as_ref().map(|(status, body)| (*status, &**body)) == Some(wanted) {
            return begun.elapsed();
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{wanted:?} never came: {answer:?}"
        );
        std::thread::yield_now();
    }
}
