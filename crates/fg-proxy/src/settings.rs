//! Process-wide settings of the proxy. They are the defaults of the listener policies to come.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use fg_base::Secret;
use fg_http::{Limits, h2};
use ipnet::IpNet;

/// Everything about the proxy that is no configuration of routes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker threads, each with its own runtime, listeners and pools. Default: one a core.
    pub workers: usize,
    /// Listener port → port really bound, so that `80` needs no privilege.
    pub port_map: BTreeMap<u16, u16>,
    /// Sockets of the process itself (admin, readiness, metrics): never connected to as upstream.
    pub reserved: Vec<SocketAddr>,
    /// Bounds on heads, requests and replies.
    pub limits: Limits,
    /// Bounds on HTTP/2 connections, clients' and backends'.
    pub http2: h2::Settings,
    /// Open client connections, all workers together; more are closed at once. Default 100,000.
    pub max_connections: usize,
    /// TLS handshakes with clients at one time, all workers together; more are closed at once.
    /// Default 10,000.
    pub max_handshakes: usize,
    /// Time for a client's TLS handshake, from accepting. Default 10 s.
    pub handshake_timeout: Duration,
    /// Offer HTTP/2 to clients over TLS (ALPN). Default on.
    pub serve_h2: bool,
    /// Requests on one client connection before it is closed. Default 1,000,000.
    pub max_requests_per_connection: u64,
    /// How long a kept-alive client connection may be idle. Default 75 s.
    pub idle_timeout: Duration,
    /// Time for a complete request head from its first byte (or from accepting). Default 10 s.
    pub head_timeout: Duration,
    /// How long a body may make no progress, in either direction, and anybody may take nothing of
    /// what is sent to them: through a tunnel, or on an HTTP/2 connection. Default 60 s.
    pub body_timeout: Duration,
    /// How long a backend may take to begin its reply once it has the whole request. Default 300 s.
    /// A route's `timeouts` are apart from this.
    pub reply_timeout: Duration,
    /// Time to connect to an endpoint. Default 5 s.
    pub connect_timeout: Duration,
    /// How long an upgraded connection (WebSocket) may be silent. Default 1 h.
    pub tunnel_timeout: Duration,
    /// How long the other side of an HTTP/2 connection with open requests may be silent before it is
    /// asked whether it is there (PING), and how long it has for the answer. Default 30 s.
    pub silence: Duration,
    /// How long an unused connection to an endpoint is kept. Default 60 s.
    pub upstream_idle_timeout: Duration,
    /// Unused connections kept for each endpoint and worker. Default 1,024.
    pub upstream_idle_connections: usize,
    /// First time for which an endpoint that could not be reached is avoided; doubles with each
    /// failure in a row up to 64 times. Default 250 ms.
    pub avoid_endpoint: Duration,
    /// The largest request body, counted as it comes; a larger one is answered 413. Units: bytes.
    /// Default: no limit, since bodies are passed on as they come and take no memory.
    pub max_request_body: u64,
    /// How much of a request's body is kept so that a rule with `retry` can send it again. Units:
    /// bytes. Default 64 KiB.
    pub replay_buffer: usize,
    /// Retries that a backend bears, in percent of its requests under rules with `retry`. Default
    /// 20. Source: the retry budget of GEP-3388.
    pub retry_percent: u32,
    /// Retries that a backend bears in any case. Units: per second and worker, gathered for up to
    /// ten seconds. Default 10.
    pub retry_rate: u32,
    /// How much of a request's body may wait for one mirror before its copy is given up. Units:
    /// bytes. Default 128 KiB.
    pub mirror_buffer: usize,
    /// Copies of requests under way, for each worker; beyond it none is made. Default 256.
    pub max_mirrors: usize,
    /// Called on a worker's thread when much of its memory has become free: the allocator may then
    /// return what this thread holds to the system. Default: nothing is called.
    pub release_memory: Option<fn()>,
    /// Whose forwarding headers are believed. Default: nobody's.
    pub trusted_peers: Vec<IpNet>,
    /// How many addresses of `X-Forwarded-For`, from the right, were written by trusted hops beyond
    /// the peer itself. Only read from a trusted peer. Default 0.
    pub trusted_hops: usize,
    /// Write `X-Forwarded-For`, `-Proto` and `-Host` to backends. Default on.
    pub forwarded_headers: bool,
    /// Write `X-Request-Id` to backends (a trusted peer's is kept). Default on.
    pub request_id: bool,
    /// Keep names with an underscore, which some backends mistake for a dash. Default off: such
    /// fields are dropped.
    pub underscore_names: bool,
    /// Say the reason of our own replies in `X-Ferrogate-Reason`. Default on.
    pub reason_header: bool,
    /// What the keys of session tokens are made from. Proxies that serve the same clients need the
    /// same. Default: random, so that sessions end with the process.
    pub session_secret: Secret<Vec<u8>>,
    /// Access log. Default off.
    pub access_log: fg_telemetry::access_log::Format,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            port_map: BTreeMap::new(),
            reserved: Vec::new(),
            limits: Limits::default(),
            http2: h2::Settings::default(),
            max_connections: 100_000,
            max_handshakes: 10_000,
            handshake_timeout: Duration::from_secs(10),
            serve_h2: true,
            max_requests_per_connection: 1_000_000,
            idle_timeout: Duration::from_secs(75),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            reply_timeout: Duration::from_secs(300),
            connect_timeout: Duration::from_secs(5),
            tunnel_timeout: Duration::from_secs(3600),
            silence: Duration::from_secs(30),
            upstream_idle_timeout: Duration::from_secs(60),
            upstream_idle_connections: 1024,
            avoid_endpoint: Duration::from_millis(250),
            max_request_body: u64::MAX,
            replay_buffer: 64 * 1024,
            retry_percent: 20,
            retry_rate: 10,
            mirror_buffer: 128 * 1024,
            max_mirrors: 256,
            release_memory: None,
            trusted_peers: Vec::new(),
            trusted_hops: 0,
            forwarded_headers: true,
            request_id: true,
            underscore_names: false,
            reason_header: true,
            session_secret: Secret::new(random_secret()),
            access_log: fg_telemetry::access_log::Format::Off,
        }
    }
}

/// 32 random bytes.
fn random_secret() -> Vec<u8> {
    let mut secret = vec![0; 32];
    aws_lc_rs::rand::fill(&mut secret).expect("the system has randomness");
    secret
}
