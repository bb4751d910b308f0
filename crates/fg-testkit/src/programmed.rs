//! A real Envoy that gets everything from a server of discovery in this process.

#![expect(clippy::panic, reason = "a test whose Envoy says nothing cannot go on")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fg_ads::message::{Any, Node};
use fg_ads::server::Options;
use fg_ads::{
    Authenticator, Event, Identity, Metrics, Protocol, Rejection, Security, Serial, Server, Store,
    Transaction,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::Status;

use crate::address;
use crate::envoy::{self, Envoy};

/// Long enough for anything on a busy machine, and shorter than the 15 seconds after which Envoy goes
/// on without what it waits for.
pub const PATIENCE: Duration = Duration::from_secs(12);

/// What Envoy gets.
const SCOPE: &str = "test/gateway";

/// Lets everybody in, to the scope that this says.
#[derive(Debug)]
pub struct Open(pub fn(&Node, Protocol) -> String);

#[tonic::async_trait]
impl Authenticator for Open {
    async fn identify(
        &self,
        _: Option<&str>,
        node: &Node,
        _: Option<SocketAddr>,
        protocol: Protocol,
    ) -> Result<Identity, Status> {
        Ok(Identity {
            scope: self.0(node, protocol),
            valid_for: None,
        })
    }
}

/// A server that runs.
#[derive(Debug)]
struct Running {
    /// Dropped, it stops.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    events: mpsc::Receiver<Event>,
}

/// An Envoy and the server that programs it.
#[derive(Debug)]
pub struct Programmed {
    /// The Envoy.
    pub envoy: Envoy,
    store: Store,
    types: [&'static str; 6],
    address: SocketAddr,
    metrics: Arc<Metrics>,
    running: Option<Running>,
    runtime: Runtime,
}

impl Programmed {
    /// An Envoy of a version that asks by a protocol, and a server of these types, which has nothing
    /// yet. See [`Options::for_envoy`] for their order.
    ///
    /// # Panics
    /// When Envoy does not start; all other methods do when what they need does not happen soon.
    pub fn new(version: &str, protocol: Protocol, types: [&'static str; 6]) -> Self {
        let program = envoy::program(version);
        let runtime = Runtime::new().expect("threads can be started");
        let address = address::own_address();
        let store = Store::new();
        let (running, metrics) = runtime.block_on(serve(&store, address, types));
        // As those that are deployed.
        let arguments = ["--concurrency", "1", "--drain-strategy", "immediate"];
        Self {
            envoy: Envoy::start_with(&program, &bootstrap(address, protocol), &arguments),
            store,
            types,
            address,
            metrics,
            running: Some(running),
            runtime,
        }
    }

    /// Ends the server: Envoy goes on with what it has.
    pub fn disconnect(&mut self) {
        let Running { stop, task, .. } = self.running.take().expect("it runs");
        drop(stop);
        self.runtime.block_on(task).expect("it ends in peace");
    }

    /// Serves again.
    pub fn reconnect(&mut self) {
        let served = serve(&self.store, self.address, self.types);
        let (running, metrics) = self.runtime.block_on(served);
        self.running = Some(running);
        self.metrics = metrics;
    }

    /// Changes resources: type, name, version, and the message; none removes it.
    pub fn apply<'a, B: Into<Bytes>>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, &'a str, &'a str, Option<B>)>,
    ) -> Serial {
        let mut transaction = Transaction::new();
        for (type_url, name, version, message) in changes {
            match message {
                Some(message) => {
                    let body = Any {
                        type_url: type_url.to_owned(),
                        value: message.into(),
                    };
                    transaction.upsert(type_url, name, version, body);
                }
                None => transaction.remove(type_url, name),
            }
        }
        self.store.apply(SCOPE, transaction)
    }

    /// The next news.
    pub fn event(&mut self) -> Event {
        let running = self.running.as_mut().expect("it runs");
        let next = async { tokio::time::timeout(PATIENCE, running.events.recv()).await };
        let event = self.runtime.block_on(next);
        let event = event.unwrap_or_else(|_| panic!("no news:\n{}", self.complaints()));
        event.expect("it runs")
    }

    /// Waits until Envoy has everything up to a serial; gives the refusals that were told meanwhile.
    pub fn settled(&mut self, wanted: Serial) -> Vec<Rejection> {
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
    pub fn sent(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.metrics.responses), load(&self.metrics.bytes))
    }

    /// What Envoy complains of in its log.
    pub fn complaints(&self) -> String {
        let log = self.envoy.log();
        let lines = log.lines().filter(|line| !line.contains("[info]"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

async fn serve(store: &Store, address: SocketAddr, types: [&str; 6]) -> (Running, Arc<Metrics>) {
    let options = Options::for_envoy(types);
    let everybody = Arc::new(Open(|_, _| SCOPE.to_owned()));
    let (server, events) = Server::new(store.clone(), everybody, options);
    let listener = TcpListener::bind(address);
    let listener = listener.await.expect("the address is its own");
    let (stop, stopped) = oneshot::channel::<()>();
    let metrics = server.metrics();
    let task = tokio::spawn(async move {
        let shutdown = async move { drop(stopped.await) };
        server.serve(listener, Security::Plain, shutdown).await;
    });
    (Running { stop, task, events }, metrics)
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
        "node": {"id": "gateway-1", "cluster": "gateway"},
        // As in the bootstrap of those that are deployed: expressions are bounded before.
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {
            "re2.max_program_size.error_level": 1 << 20,
            "re2.max_program_size.warn_level": 1 << 20,
        }}]},
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
