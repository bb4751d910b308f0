//! What one Envoy can differ in from another.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

/// What an Envoy is started with.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Who it is.
    pub node: Node,
    /// Where its configuration comes from.
    pub control: Control,
    /// How it asks for it. Default: delta.
    pub protocol: Protocol,
    /// Its admin pages, which change things by POST. Default: `127.0.0.1:19000`; never to be reached
    /// from elsewhere.
    pub admin: Address,
    /// The readiness site: `GET /ready`, and the drain. Default: `0.0.0.0:8082`; `None`: there is
    /// none.
    pub readiness: Option<SocketAddr>,
    /// Whether the readiness site takes the PROXY protocol, where it comes. Default: no.
    pub readiness_proxy_protocol: bool,
    /// How it is taken out of service over the readiness site. Default: it is not.
    pub drain: Option<Drain>,
    /// The metrics site: `GET /metrics`, for Prometheus. Default: `0.0.0.0:9091`; `None`: there is
    /// none.
    pub metrics: Option<SocketAddr>,
    /// Which figures it keeps, and where they are.
    pub stats: Stats,
    /// How much its heap may hold before it refuses work. Units: bytes. Default: no limit.
    pub heap: Option<u64>,
    /// How many connections clients may have open, all together. Default: 100,000, as our own proxy.
    pub connections: u32,
    /// How its own log is written. Default: Envoy's.
    pub log: Option<LogFormat>,
    /// How many questions a socket to a DNS server is used for; 0: any number. Default: 100. Source:
    /// kgateway.
    pub dns_queries: u32,
}

impl Settings {
    /// With the defaults.
    pub fn new(node: Node, control: Control) -> Self {
        let everywhere = |port: u16| SocketAddr::from(([0, 0, 0, 0], port));
        Self {
            node,
            control,
            protocol: Protocol::default(),
            admin: Address::Socket(SocketAddr::from(([127, 0, 0, 1], 19000))),
            readiness: Some(everywhere(8082)),
            readiness_proxy_protocol: false,
            drain: None,
            metrics: Some(everywhere(9091)),
            stats: Stats::default(),
            heap: None,
            connections: 100_000,
            log: None,
            dns_queries: 100,
        }
    }
}

/// Who an Envoy says it is. What is not known before it starts can be said on its command line, see
/// [`crate::objects`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Which Envoy; in a cluster, the name of its pod.
    pub id: String,
    /// Which group of Envoys; in a cluster, `NAME.NAMESPACE` of its Gateway.
    pub cluster: String,
    /// What else it says. In a cluster, `gateway` is `NAMESPACE/NAME` of its Gateway.
    pub metadata: BTreeMap<String, String>,
    /// The zone that it runs in.
    pub zone: Option<String>,
}

impl Node {
    /// With an id and a cluster, and nothing else.
    pub fn new(id: impl Into<String>, cluster: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            cluster: cluster.into(),
            ..Self::default()
        }
    }
}

/// Where configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// From this machine, in clear text.
    Plain(Address),
    /// From elsewhere in a cluster.
    Tls(Tls),
}

/// A control plane that is reached over TLS, and shown a token. Both files may change at any time;
/// each is to be replaced as a mounted volume is, by renaming something in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// A name, which is looked up and must be in its certificate, or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The file with the authorities that its certificate may be of, PEM.
    pub authorities: String,
    /// The file with the token.
    pub token: String,
    /// Where [`super::files`] are.
    pub folder: String,
}

/// How configuration is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What changed.
    #[default]
    Delta,
    /// All of a type, each time.
    StateOfTheWorld,
}

/// A socket of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Socket(SocketAddr),
    /// A Unix socket's path.
    Path(String),
}

impl Address {
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Socket(address) => socket(&address.ip().to_string(), address.port()),
            Self::Path(path) => json!({ "pipe": { "path": path } }),
        }
    }
}

/// An address by host and port.
pub(super) fn socket(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

/// How an Envoy is taken out of service: whoever asks for this path of the readiness site. From then
/// on the site says that it is not ready, and clients are told with each answer to come back on
/// another connection. The answer comes when the time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The path, beginning with `/`. Whoever knows it can take the Envoy out of service: it is not to
    /// be guessed.
    pub path: String,
    /// When the answer comes. Units: seconds.
    pub seconds: u32,
}

/// Which figures are kept, and where they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// What `/metrics` of the metrics site is on the admin site. Default:
    /// `/stats/prometheus?usedonly`.
    pub prometheus: String,
    /// What `/stats` of the metrics site is on the admin site. Default: `None`, there is none.
    pub plain: Option<String>,
    /// Which of them are kept. Default: those of the process, its sockets and the control plane, and
    /// none of clusters, hosts or routes, which can be thousands: at most 2,000 series, however many
    /// routes there are.
    pub matcher: Option<StatsMatcher>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            prometheus: "/stats/prometheus?usedonly".to_owned(),
            plain: None,
            matcher: None,
        }
    }
}

/// Which figures are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatsMatcher {
    /// Those that match one of these.
    Only(Vec<Matcher>),
    /// Those that match none of these.
    Without(Vec<Matcher>),
}

/// What the name of a figure is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// All of it.
    Exact(String),
    /// How it begins.
    Prefix(String),
    /// How it ends.
    Suffix(String),
    /// What is in it.
    Contains(String),
    /// An expression of RE2 that matches all of it.
    Regex(String),
    /// One of the others but for expressions, whatever the case of letters.
    AnyCase(Box<Self>),
}

/// How Envoy's own log is written.
#[derive(Clone, Debug, PartialEq)]
pub enum LogFormat {
    /// Objects of these fields.
    Json(Value),
    /// Lines of this form.
    Text(String),
}
