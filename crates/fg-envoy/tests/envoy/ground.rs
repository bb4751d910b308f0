//! A compiler, a server of what it makes, and an Envoy that takes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fg_ads::message::{Any, Node};
use fg_ads::server::Options;
use fg_ads::{
    Authenticator, Event, Identity, Protocol, Rejection, Security, Server, Store, Transaction,
};
use fg_envoy::{Compiler, Kind, RouteShape, Settings, Update};
use fg_ir::{Change, Ir};
use fg_testkit::envoy::{self, Envoy};
use fg_testkit::{Client, Message, address};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tonic::Status;

/// Long enough for anything here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// The one Gateway.
const SCOPE: &str = "test/gateway";

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

/// An Envoy with everything that programs it.
pub(crate) struct Ground {
    pub(crate) envoy: Envoy,
    ir: Ir,
    compiler: Compiler,
    store: Store,
    events: mpsc::Receiver<Event>,
    runtime: Runtime,
}

impl Ground {
    /// With an Envoy of a version that has a configuration, all of which it took.
    pub(crate) fn new(version: &str, change: Change) -> Self {
        Self::with(version, Protocol::Delta, Settings::default(), change)
    }

    /// With other settings, or by another protocol.
    pub(crate) fn with(
        version: &str,
        protocol: Protocol,
        settings: Settings,
        change: Change,
    ) -> Self {
        let settings = Settings {
            routes: RouteShape::Whole,
            ..settings
        };
        Self::start(version, protocol, settings, change)
    }

    /// With routes that are cut into resources so.
    pub(crate) fn shaped(version: &str, routes: RouteShape, change: Change) -> Self {
        let settings = Settings {
            routes,
            ..Settings::default()
        };
        Self::start(version, Protocol::Delta, settings, change)
    }

    fn start(version: &str, protocol: Protocol, settings: Settings, change: Change) -> Self {
        let program = envoy::program(version);
        let runtime = Runtime::new().unwrap();
        let at = address::own_address();
        let store = Store::new();
        let types = Kind::ALL.map(Kind::type_url);
        let options = Options::for_envoy(types);
        let (server, events) = Server::new(store.clone(), Arc::new(Open), options);
        let listener = runtime.block_on(TcpListener::bind(at)).unwrap();
        runtime.spawn(async move {
            let never = std::future::pending();
            server.serve(listener, Security::Plain, never).await;
        });
        let bootstrap = bootstrap(at, protocol);
        // As those that are deployed.
        let arguments = ["--concurrency", "1", "--drain-strategy", "immediate"];
        let mut ground = Self {
            envoy: Envoy::start_with(&program, &bootstrap, &arguments),
            ir: Ir::default(),
            compiler: Compiler::new(settings),
            store,
            events,
            runtime,
        };
        ground.apply(change);
        ground
    }

    /// Applies a change, and waits until Envoy uses it; it must refuse nothing.
    pub(crate) fn apply(&mut self, change: Change) -> Update {
        let (update, refused) = self.try_apply(change);
        assert_eq!(refused, [], "{}", self.complaints());
        update
    }

    /// Applies a change, and gives what Envoy refuses.
    pub(crate) fn try_apply(&mut self, change: Change) -> (Update, Vec<Rejection>) {
        let update = self.compile(&change);
        self.send(update)
    }

    /// Applies a change but for these resources, as when Envoy refuses them and goes on with what
    /// it has.
    pub(crate) fn apply_without(&mut self, kind: Kind, change: Change) {
        let mut update = self.compile(&change);
        update.upserts.retain(|resource| resource.kind != kind);
        let (_, refused) = self.send(update);
        assert_eq!(refused, [], "{}", self.complaints());
    }

    fn compile(&mut self, change: &Change) -> Update {
        self.ir.apply(change);
        self.compiler.update(&self.ir, change)
    }

    fn send(&mut self, update: Update) -> (Update, Vec<Rejection>) {
        if update.is_empty() {
            // There is nothing to wait for.
            return (update, Vec::new());
        }
        let mut transaction = Transaction::new();
        for resource in &update.upserts {
            let type_url = resource.kind.type_url();
            let body = Any {
                type_url: type_url.to_owned(),
                value: resource.body.clone(),
            };
            let (name, version) = (resource.name.clone(), resource.version.clone());
            transaction.upsert(type_url, name, version, body);
        }
        for (kind, name) in &update.removed {
            transaction.remove(kind.type_url(), name.clone());
        }
        let serial = self.store.apply(SCOPE, transaction);
        (update, self.settled(serial))
    }

    /// What Envoy complains of in its log.
    pub(crate) fn complaints(&self) -> String {
        let log = self.envoy.log();
        let lines = log.lines().filter(|line| !line.contains("[info]"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn settled(&mut self, wanted: u64) -> Vec<Rejection> {
        let mut refused = Vec::new();
        loop {
            let next = async { tokio::time::timeout(PATIENCE, self.events.recv()).await };
            let event = self.runtime.block_on(next);
            assert!(event.is_ok(), "no news:\n{}", self.complaints());
            match event.unwrap().unwrap() {
                Event::Settled { serial, .. } if serial >= wanted => return refused,
                Event::Rejected { resources, .. } => refused = resources,
                _ => {}
            }
        }
    }
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
                "endpoints": [{"lb_endpoints": [{
                    "endpoint": {"address": {"socket_address": socket}},
                }]}],
            },
        }]},
    })
}

/// The reply to a request of these bytes, on a connection of its own.
pub(crate) fn ask(at: SocketAddr, request: impl AsRef<[u8]>) -> Message {
    let mut client = Client::connect(at);
    client.send(request);
    client.reply()
}

/// The reply to a `GET`.
pub(crate) fn get(at: SocketAddr, host: &str, path: &str) -> Message {
    ask(at, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}
