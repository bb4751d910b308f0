//! What decides and what serves discovery, without an API server: objects are handed in as text, and
//! statuses are kept.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fg_ads::server::Options;
use fg_ads::{ClientId, Event, Protocol, Security, Serial, Server, Store};
use fg_api::deployment::Wish;
use fg_control::Control;
use fg_control::cluster::authority::{HOSTS, scope};
use fg_deploy::GATEWAY_LABEL;
use fg_deploy::bootstrap::{self, Address};
use fg_envoy::{Kind, Settings};
use fg_model::ObjectRef;
use fg_sources::Limits;
use fg_sources::files::Folder;
use fg_sources::kube::Batch;
use fg_status::Document;
use fg_testkit::Client;
use fg_testkit::address::own_address;
use fg_testkit::envoy::{Envoy, NEWEST, program};
use fg_testkit::programmed::Open;
use fg_translate::Ground as Where;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::super::planes::Planes;
use super::super::steering::{Outlet, Steering};
use crate::run::pages::Shared;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The scope of the one Gateway.
const SCOPE: &str = "default/web";

/// Objects with their statuses, by kind and name.
type Documents = BTreeMap<(String, String), Value>;

/// Keeps what is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Documents>>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, Documents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet for Told {
    fn status(&mut self, object: &Arc<ObjectRef>, document: Option<&Document>) {
        let name = (object.kind.to_string(), object.name.to_string());
        let document = document.map(|one| serde_json::to_value(one).expect("it is JSON"));
        match document {
            Some(document) => drop(self.lock().insert(name, document)),
            None => drop(self.lock().remove(&name)),
        }
    }

    fn act(&mut self, _: bool) {}

    fn deploy(&mut self, _: &Arc<ObjectRef>, _: Option<Wish>) {}
}

/// A server of discovery.
struct Serving {
    /// Dropped, it stops.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    events: mpsc::Receiver<Event>,
}

/// The control plane of the Gateway `default/web`, whose proxies are Envoys.
pub(super) struct Ground {
    steering: Steering<Told>,
    told: Told,
    store: Store,
    /// Up to where each Envoy has said that it uses everything, but for what it refused.
    settled: BTreeMap<ClientId, (Arc<str>, Serial)>,
    folder: Folder,
    texts: BTreeMap<String, String>,
    /// The backends' Services.
    backends: String,
    /// What else the Gateway listens for.
    listeners: String,
    is_first: bool,
    pub(super) address: SocketAddr,
    serving: Option<Serving>,
    runtime: Runtime,
    /// Where all Envoys listen for clients: the kernel deals connections out.
    pub(super) clients: SocketAddr,
}

/// A proxy of the Gateway.
pub(super) struct Proxy {
    pub(super) envoy: Envoy,
}

impl Proxy {
    /// Starts one as a pod of that name. It finds regular expressions beyond that size too large, if one
    /// is given.
    pub(super) fn start(ground: &Ground, pod: &str, expressions: Option<u32>) -> Self {
        Self::start_as(ground, pod, expressions, (NEWEST, Protocol::Delta))
    }

    /// Starts one of a version, which speaks a protocol.
    pub(super) fn start_as(
        ground: &Ground,
        pod: &str,
        expressions: Option<u32>,
        (version, protocol): (&str, Protocol),
    ) -> Self {
        let mut node = bootstrap::Node::new(pod, "web.default");
        let metadata = [
            ("pod", pod),
            ("gateway", SCOPE),
            ("address", address_of(pod)),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        node.metadata.extend(metadata);
        let control = bootstrap::Control::Plain(Address::Socket(ground.address));
        let settings = bootstrap::Settings {
            readiness: None,
            metrics: None,
            ..bootstrap::Settings::new(node, control)
        };
        let text = bootstrap::bootstrap(&settings);
        let mut bootstrap: Value = serde_json::from_str(&text).expect("it is JSON");
        if let Some(size) = expressions {
            let layer = &mut bootstrap["layered_runtime"]["layers"][0]["static_layer"];
            layer["re2.max_program_size.error_level"] = size.into();
        }
        if protocol == Protocol::StateOfTheWorld {
            bootstrap["dynamic_resources"]["ads_config"]["api_type"] = "GRPC".into();
        }
        let envoy = Envoy::start_with(&program(version), &bootstrap, &["--concurrency", "1"]);
        Self { envoy }
    }

    /// Whether it says that it is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.envoy.get("/ready").trim() == "LIVE"
    }

    /// Stops it, or lets it go on.
    pub(super) fn signal(&self, signal: Signal) {
        let number = i32::try_from(self.envoy.pid()).expect("process numbers fit");
        let pid = Pid::from_raw(number).expect("it is not 0");
        kill_process(pid, signal).expect("it is ours");
    }
}

/// The address that a pod has.
fn address_of(pod: &str) -> &'static str {
    match pod {
        "web-a" => "10.0.0.1",
        _ => "10.0.0.2",
    }
}

impl Ground {
    /// With a Gateway and its Service of two ready pods, `web-a` and `web-b`, and backends by name.
    pub(super) fn new(backends: &[(&str, SocketAddr)]) -> Self {
        let told = Told::default();
        let store = Store::new();
        let steering = steering(&store, &told);
        let runtime = Runtime::new().expect("threads");
        let free = TcpListener::bind("0.0.0.0:0").and_then(|socket| socket.local_addr());
        let port = free.expect("a port is free").port();
        let mut ground = Self {
            steering,
            told,
            store,
            settled: BTreeMap::new(),
            folder: Folder::in_memory(Limits::default()),
            texts: BTreeMap::new(),
            backends: String::new(),
            listeners: String::new(),
            is_first: true,
            address: own_address(),
            serving: None,
            runtime,
            clients: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        for (name, at) in backends {
            ground.backends += &service(name, *at);
        }
        ground.change_class("ferrogate-envoy");
        ground.connect();
        ground
    }

    /// The Gateway is of this class from now on.
    pub(super) fn change_class(&mut self, class: &str) {
        let text = gateway(class, self.clients.port(), &self.listeners) + &self.backends;
        self.apply("gateway", &text);
    }

    /// The Gateway, of Envoys, listens here, too, with the certificate of this Secret.
    pub(super) fn secure(&mut self, at: SocketAddr, secret: &str) {
        let tls = format!("tls: {{certificateRefs: [{{name: {secret}}}]}}");
        let port = at.port();
        self.listeners = format!(", {{name: https, protocol: HTTPS, port: {port}, {tls}}}");
        self.change_class("ferrogate-envoy");
    }

    /// The Gateway is gone, and another one comes.
    pub(super) fn renew(&mut self) {
        self.apply("gateway", "");
        self.change_class("ferrogate-envoy");
    }

    /// It is so late now.
    pub(super) fn wait(&mut self, since_start: Duration) {
        self.steering.settle_at(since_start);
    }

    /// Where what waits is run.
    pub(super) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.runtime.enter()
    }

    /// How many resources there are for our own proxies, and for Envoys.
    pub(super) fn resources(&self) -> (usize, usize) {
        let envoys = format!("{SCOPE}{HOSTS}");
        (self.store.len(SCOPE), self.store.len(&envoys))
    }

    /// Another control plane takes over: it knows the objects, and no proxy yet.
    pub(super) fn take_over(&mut self) {
        self.disconnect();
        self.store = Store::new();
        self.steering = steering(&self.store, &self.told);
        self.settled.clear();
        self.folder = Folder::in_memory(Limits::default());
        self.is_first = true;
        self.put();
        self.connect();
    }

    /// How many Envoys are connected that have said something.
    pub(super) fn envoys(&self) -> usize {
        self.settled.len()
    }

    /// Replaces the objects of that name.
    pub(super) fn apply(&mut self, name: &str, text: &str) {
        self.texts.insert(name.to_owned(), text.to_owned());
        self.put();
    }

    fn put(&mut self) {
        let texts = self.texts.iter().map(|(name, text)| (&**name, &**text));
        let delta = self.folder.replace(texts);
        let batch = Batch {
            upserts: delta.upserts,
            removed: delta.removed.iter().map(|id| (**id).clone()).collect(),
            findings: None,
            first: std::mem::take(&mut self.is_first),
            since: Instant::now(),
        };
        self.steering.take(batch);
    }

    /// Serves discovery.
    pub(super) fn connect(&mut self) {
        let options = Options::for_envoy(Kind::ALL.map(Kind::type_url));
        let everybody = Arc::new(Open(|node, protocol| scope(SCOPE, node, protocol)));
        let (server, events) = Server::new(self.store.clone(), everybody, options);
        let listener = self
            .runtime
            .block_on(tokio::net::TcpListener::bind(self.address))
            .expect("the address is ours");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = self.runtime.spawn(async move {
            let shutdown = async {
                // Its sender is dropped.
                let _ = stopped.await;
            };
            server.serve(listener, Security::Plain, shutdown).await;
        });
        self.serving = Some(Serving { stop, task, events });
    }

    /// Serves discovery no longer.
    pub(super) fn disconnect(&mut self) {
        let Some(Serving {
            stop,
            task,
            mut events,
        }) = self.serving.take()
        else {
            return;
        };
        drop(stop);
        self.runtime.block_on(task).expect("it ends in peace");
        while let Ok(event) = events.try_recv() {
            self.hear(event);
        }
    }

    fn hear(&mut self, event: Event) {
        match &event {
            Event::Settled {
                client,
                scope,
                serial,
                ..
            } if scope.contains('+') => {
                self.settled.insert(*client, (scope.clone(), *serial));
            }
            Event::Disconnected { client, .. } => drop(self.settled.remove(client)),
            _ => {}
        }
        self.steering.hear(event);
    }

    /// How many Envoys have said that they use everything, but for what they refused.
    pub(super) fn confirmed(&self) -> usize {
        let has_all = |(scope, serial): &&(Arc<str>, Serial)| *serial == self.store.serial(scope);
        self.settled.values().filter(has_all).count()
    }

    /// Waits until something is so, and hears meanwhile what Envoys say.
    pub(super) fn until<T>(&mut self, what: &str, mut so: impl FnMut(&Self) -> Option<T>) -> T {
        /// Between two looks, when nothing is said.
        const GLANCE: Duration = Duration::from_millis(5);
        let begun = Instant::now();
        loop {
            if let Some(found) = so(self) {
                return found;
            }
            let told = self.told.lock().clone();
            assert!(
                begun.elapsed() < PATIENCE,
                "waited in vain for {what}: {told:#?}"
            );
            match &mut self.serving {
                None => std::thread::park_timeout(GLANCE),
                Some(serving) => {
                    let next = async { tokio::time::timeout(GLANCE, serving.events.recv()).await };
                    match self.runtime.block_on(next) {
                        Ok(Some(event)) => self.hear(event),
                        _ => self.steering.settle(),
                    }
                }
            }
        }
    }

    /// A condition of an object, as `STATUS/REASON: MESSAGE`; of a route, on its Gateway. Empty when it is
    /// not there.
    pub(super) fn condition(&self, kind: &str, name: &str, condition: &str) -> String {
        let told = self.told.lock();
        let Some(object) = told.get(&(kind.to_owned(), name.to_owned())) else {
            return String::new();
        };
        let status = &object["status"];
        let lists = [&status["conditions"], &status["parents"][0]["conditions"]];
        let mut all = lists.into_iter().filter_map(Value::as_array).flatten();
        let is_it = |one: &&Value| {
            let name = one["type"]
                .as_str()
                .and_then(|name| name.rsplit('/').next());
            name == Some(condition)
        };
        let found = all.find(is_it);
        let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
        found.map_or_else(String::new, |one| {
            let [status, reason, message] =
                ["status", "reason", "message"].map(|field| text(one, field));
            format!("{status}/{reason}: {message}")
        })
    }

    /// Who answers a request of a client; `None` when nobody does.
    pub(super) fn answer(&self, path: &str) -> Option<String> {
        self.answer_at("any.test", path)
    }

    /// Who answers a request for a host.
    pub(super) fn answer_at(&self, host: &str, path: &str) -> Option<String> {
        TcpStream::connect(self.clients).ok()?;
        let mut client = Client::connect(self.clients);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let reply = client.try_reply().ok()?;
        Some(match reply.status {
            200 => reply.text().to_owned(),
            status => status.to_string(),
        })
    }
}

/// The decisions of a control plane that leads.
fn steering(store: &Store, told: &Told) -> Steering<Told> {
    let settings = Settings {
        ipv6: false,
        // A file that is not there: Envoy refuses clusters that need it.
        system_authorities: "/nowhere/authorities.pem".to_owned(),
        ..Settings::default()
    };
    let state = Shared::default();
    state.lock().control = Control::new(fg_translate::Options {
        ground: Where::Cluster,
        ..fg_translate::Options::default()
    });
    let planes = Planes::new(store.clone(), settings);
    let mut steering = Steering::new(state, store.clone(), planes, Arc::default(), told.clone());
    steering.lead(true);
    steering
}

/// A Gateway of a class, with its Service, and what it listens for beside that.
fn gateway(class: &str, port: u16, more: &str) -> String {
    let (a, b) = (address_of("web-a"), address_of("web-b"));
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web, namespace: default}}
spec:
  gatewayClassName: {class}
  listeners: [{{name: http, protocol: HTTP, port: {port}}}{more}]
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: default, labels: {{{GATEWAY_LABEL}: web}}}}
spec: {{type: ClusterIP, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], ports: [{{name: http, port: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  namespace: default
  labels: {{{GATEWAY_LABEL}: web, kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [{a}]}}, {{addresses: [{b}]}}]
"
    )
}

fn service(name: &str, at: SocketAddr) -> String {
    let (ip, port) = (at.ip(), at.port());
    format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [{ip}]}}]
"
    )
}
