//! A fake of the API server, for faults that a real one cannot be made to have on demand: history
//! that is lost, kinds that come and go, refusals, answers that are held back, connections that
//! break. It speaks the real wire format of lists, watches, bookmarks and errors; what a real one
//! does is tested against a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnboundedReceiverStream;

type Body = BoxBody<Bytes, std::convert::Infallible>;

/// Namespace (empty for none) and name.
type Key = (String, String);

/// One kind.
#[derive(Default)]
struct Kind {
    objects: BTreeMap<Key, Value>,
    /// Version, `ADDED` and so on, object.
    history: Vec<(u64, &'static str, Value)>,
    /// Watches from before this version are refused.
    forgotten: u64,
}

#[derive(Default)]
struct State {
    version: u64,
    /// By path, such as `/api/v1/services`.
    kinds: BTreeMap<String, Kind>,
    denied: BTreeSet<String>,
    held: BTreeSet<String>,
    no_streaming_lists: bool,
    /// Streams that began before this number end.
    era: u64,
    /// Path and query of every request.
    requests: Vec<String>,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

/// The server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Ends all connections when dropped.
    running: Option<JoinSet<()>>,
}

/// Kinds by plural; the path is the rest.
const PATHS: &[(&str, &str)] = &[
    ("Namespace", "/api/v1/namespaces"),
    ("Service", "/api/v1/services"),
    ("Secret", "/api/v1/secrets"),
    ("ConfigMap", "/api/v1/configmaps"),
    ("EndpointSlice", "/apis/discovery.k8s.io/v1/endpointslices"),
    (
        "CustomResourceDefinition",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    ),
    (
        "GatewayClass",
        "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
    ),
    ("Gateway", "/apis/gateway.networking.k8s.io/v1/gateways"),
    ("HTTPRoute", "/apis/gateway.networking.k8s.io/v1/httproutes"),
    ("Backend", "/apis/gateway.kgateway.dev/v1alpha1/backends"),
];

/// The path of a kind.
pub(crate) fn path(kind: &str) -> &'static str {
    let found = PATHS.iter().find(|(name, _)| *name == kind);
    found.expect("a kind that the fake has").1
}

impl Server {
    /// A server that has all kinds but `Backend`, without objects.
    pub(crate) async fn start() -> Self {
        let mut state = State::default();
        for (name, path) in PATHS {
            if *name != "Backend" {
                state.kinds.insert((*path).to_owned(), Kind::default());
            }
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: watch::channel(0).0,
        });
        let mut server = Self {
            shared,
            address: ([127, 0, 0, 1], 0).into(),
            running: None,
        };
        server.up().await;
        server
    }

    /// A client of it.
    pub(crate) fn client(&self) -> kube::Client {
        let address = format!("http://{}", self.address);
        let config = kube::Config::new(address.parse().expect("a URL"));
        kube::Client::try_from(config).expect("a client")
    }

    /// Answers again, where it did before.
    pub(crate) async fn up(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("a socket");
        self.address = listener.local_addr().expect("an address");
        let shared = self.shared.clone();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let shared = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| answer(shared.clone(), request));
                    let builder = hyper::server::conn::http1::Builder::new();
                    let _ = builder
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        self.running = Some(running);
    }

    /// Closes its socket and all connections.
    pub(crate) async fn down(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.shutdown().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no panic before")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.shared.changed.send_modify(|count| *count += 1);
    }

    /// Writes an object: a new version, and a new generation when its spec is another.
    pub(crate) fn put(&self, object: Value) {
        self.change(|state| state.put(object));
    }

    /// Writes an object's status, as a controller does.
    pub(crate) fn put_status(&self, kind: &str, namespace: &str, name: &str, status: Value) {
        self.change(|state| {
            let key = (namespace.to_owned(), name.to_owned());
            let mut object = state.kinds[path(kind)].objects[&key].clone();
            object["status"] = status;
            object["metadata"]["managedFields"] = json!([{"manager": "somebody"}]);
            state.put(object);
        });
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, kind: &str, namespace: &str, name: &str) {
        self.change(|state| {
            state.version += 1;
            let version = state.version;
            let kind = state.kinds.get_mut(path(kind)).expect("a kind");
            let key = (namespace.to_owned(), name.to_owned());
            let mut object = kind.objects.remove(&key).expect("an object");
            object["metadata"]["resourceVersion"] = version.to_string().into();
            kind.history.push((version, "DELETED", object));
        });
    }

    /// Ends all watches; the history before now is lost.
    pub(crate) fn forget_history(&self) {
        self.change(|state| {
            state.era += 1;
            state.version += 1;
            for kind in state.kinds.values_mut() {
                kind.forgotten = state.version;
                kind.history.clear();
            }
        });
    }

    /// Changes something and loses its history before anybody hears of it.
    pub(crate) fn change_in_the_dark(&self, change: impl FnOnce(&Self)) {
        // Watches look only when they are woken, and all this is on one thread.
        change(self);
        self.forget_history();
    }

    /// Ends all watches.
    pub(crate) fn end_watches(&self) {
        self.change(|state| state.era += 1);
    }

    /// Lets nobody read a kind from the next request on.
    pub(crate) fn deny(&self, kind: &str) {
        self.change(|state| {
            state.denied.insert(path(kind).to_owned());
        });
    }

    /// Lets it be read again.
    pub(crate) fn grant(&self, kind: &str) {
        self.change(|state| {
            state.denied.remove(path(kind));
        });
    }

    /// Does not answer requests for a kind.
    pub(crate) fn hold(&self, kind: &str) {
        self.change(|state| {
            state.held.insert(path(kind).to_owned());
        });
    }

    /// Answers them.
    pub(crate) fn release(&self, kind: &str) {
        self.change(|state| {
            state.held.remove(path(kind));
        });
    }

    /// Has a kind from now on.
    pub(crate) fn define(&self, kind: &str) {
        self.change(|state| {
            state.kinds.entry(path(kind).to_owned()).or_default();
        });
    }

    /// Has it no more, nor its objects.
    pub(crate) fn undefine(&self, kind: &str) {
        self.change(|state| {
            state.kinds.remove(path(kind));
            state.era += 1;
        });
    }

    /// Is one from before streaming lists.
    pub(crate) fn without_streaming_lists(&self) {
        self.change(|state| state.no_streaming_lists = true);
    }

    /// Every request so far that has this in its path or query.
    pub(crate) fn requests(&self, with: &str) -> Vec<String> {
        let state = self.state();
        let all = state.requests.iter();
        all.filter(|request| request.contains(with))
            .cloned()
            .collect()
    }

    /// Waits until there have been so many requests with this.
    pub(crate) async fn requested(&self, with: &str, times: usize) {
        let mut changed = self.shared.changed.subscribe();
        while self.requests(with).len() < times {
            changed.changed().await.expect("the server lives");
        }
    }
}

impl State {
    fn put(&mut self, mut object: Value) {
        self.version += 1;
        let version = self.version;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&object["kind"]);
        let meta = &object["metadata"];
        let key = (text(&meta["namespace"]), text(&meta["name"]));
        let kind = self.kinds.get_mut(path(&kind)).expect("a kind");
        let before = kind.objects.get(&key);
        let generation = before.map_or(1, |before| {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(1);
            generation + i64::from(before["spec"] != object["spec"])
        });
        let uid = before.map_or(json!(format!("uid-{version}")), |before| {
            before["metadata"]["uid"].clone()
        });
        let meta = &mut object["metadata"];
        meta["uid"] = uid;
        meta["generation"] = generation.into();
        meta["creationTimestamp"] = "2026-01-31T12:00:00Z".into();
        meta["resourceVersion"] = version.to_string().into();
        let what = match before {
            Some(_) => "MODIFIED",
            None => "ADDED",
        };
        kind.history.push((version, what, object.clone()));
        kind.objects.insert(key, object);
    }
}

/// What a request asks for.
struct Query(BTreeMap<String, String>);

impl Query {
    fn of(request: &Request<Incoming>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(key, value)| (key.to_owned(), decoded(value)))
                .collect(),
        )
    }

    fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// Whether an object is asked for: `key=value` among labels, `type!=value` among fields.
    fn wants(&self, object: &Value) -> bool {
        let labels = self.get("labelSelector").split(',');
        let mut labels = labels.filter_map(|label| label.split_once('='));
        let fields = self.get("fieldSelector").split(',');
        let mut types = fields.filter_map(|field| field.strip_prefix("type!="));
        labels.all(|(key, value)| object["metadata"]["labels"][key] == value)
            && types.all(|kind| object["type"] != kind)
    }
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        let code = u8::from_str_radix(code, 16).expect("an escape");
        plain.push(char::from(code));
        plain.push_str(rest);
    }
    plain
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let path = request.uri().path().to_owned();
    let line = request.uri().to_string();
    let mut changed = shared.changed.subscribe();
    {
        let mut state = shared.state.lock().expect("no panic before");
        state.requests.push(line);
    }
    shared.changed.send_modify(|count| *count += 1);
    loop {
        let held = {
            let state = shared.state.lock().expect("no panic before");
            state.held.contains(&path)
        };
        if !held {
            break;
        }
        changed.changed().await.expect("the server lives");
    }
    let query = Query::of(&request);
    let state = shared.state.lock().expect("no panic before");
    let Some(kind) = state.kinds.get(&path) else {
        let text = Full::new(Bytes::from_static(b"404 page not found\n"));
        return Ok(response(StatusCode::NOT_FOUND, text.boxed()));
    };
    if state.denied.contains(&path) {
        let words = format!("{path} is forbidden: no RBAC policy matched");
        return Ok(failure(403, "Forbidden", &words));
    }
    if query.get("watch") != "true" {
        return Ok(list(&state, kind, &query));
    }
    if query.get("sendInitialEvents") == "true" && state.no_streaming_lists {
        let words = "sendInitialEvents is forbidden";
        return Ok(failure(422, "Invalid", words));
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    let era = state.era;
    drop(state);
    tokio::spawn(watching(shared, path, query, era, sender));
    let body = StreamBody::new(UnboundedReceiverStream::new(receiver));
    Ok(response(StatusCode::OK, BodyExt::boxed(body)))
}

fn list(state: &State, kind: &Kind, query: &Query) -> Response<Body> {
    let limit: usize = query.get("limit").parse().unwrap_or(usize::MAX);
    let from: usize = query.get("continue").parse().unwrap_or(0);
    let wanted = kind.objects.values().filter(|object| query.wants(object));
    let items: Vec<&Value> = wanted.skip(from).take(limit).collect();
    let more = from + items.len() < kind.objects.len() && items.len() == limit;
    let token = match more {
        true => (from + limit).to_string(),
        false => String::new(),
    };
    let list = json!({
        "kind": "List",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": state.version.to_string(), "continue": token},
        "items": items,
    });
    let body = Full::new(Bytes::from(list.to_string()));
    response(StatusCode::OK, body.boxed())
}

type Lines = mpsc::UnboundedSender<Result<Frame<Bytes>, std::convert::Infallible>>;

fn line(lines: &Lines, what: &str, object: &Value) {
    // As the real one writes it: the type first.
    let text = format!("{{\"type\":\"{what}\",\"object\":{object}}}\n");
    let _ = lines.send(Ok(Frame::data(Bytes::from(text))));
}

async fn watching(shared: Arc<Shared>, path: String, query: Query, era: u64, lines: Lines) {
    let mut changed = shared.changed.subscribe();
    let mut seen: u64 = query.get("resourceVersion").parse().unwrap_or(0);
    let mut first = true;
    loop {
        {
            let state = shared.state.lock().expect("no panic before");
            let Some(kind) = state.kinds.get(&path) else {
                return;
            };
            if std::mem::take(&mut first) && query.get("sendInitialEvents") == "true" {
                for object in kind.objects.values().filter(|object| query.wants(object)) {
                    line(&lines, "ADDED", object);
                }
                seen = state.version;
                let mark = json!({
                    "kind": "Any",
                    "apiVersion": "v1",
                    "metadata": {
                        "resourceVersion": seen.to_string(),
                        "creationTimestamp": null,
                        "annotations": {"k8s.io/initial-events-end": "true"},
                    },
                });
                line(&lines, "BOOKMARK", &mark);
            } else if seen < kind.forgotten {
                line(
                    &lines,
                    "ERROR",
                    &status(410, "Expired", "too old resource version"),
                );
                return;
            }
            if state.era != era {
                return;
            }
            for (version, what, object) in &kind.history {
                if *version > seen && query.wants(object) {
                    line(&lines, what, object);
                }
            }
            seen = state.version;
        }
        tokio::select! {
            _ = changed.changed() => {}
            () = lines.closed() => return,
        }
    }
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    })
}

fn failure(code: u16, reason: &str, message: &str) -> Response<Body> {
    let body = Full::new(Bytes::from(status(code, reason, message).to_string()));
    let code = StatusCode::from_u16(code).expect("a status code");
    response(code, body.boxed())
}

fn response(code: StatusCode, body: Body) -> Response<Body> {
    let builder = Response::builder().status(code);
    let builder = builder.header("content-type", "application/json");
    builder.body(body).expect("a response")
}
