//! What every process that serves requests can be told.

use std::time::Duration;

use clap::Args;
use fg_base::Secret;

use super::logging::LoggingArgs;
use super::sockets::SocketArgs;
use super::value::{Switch, duration, network, session_secret};

/// What every process that serves requests can be told.
#[derive(Debug, Args)]
pub(crate) struct PlaneArgs {
    #[command(flatten)]
    pub(crate) sockets: SocketArgs,
    #[command(flatten)]
    pub(crate) serving: ServingArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) logging: LoggingArgs,
}

/// How requests are served.
#[derive(Debug, Args)]
#[command(next_help_heading = "Serving")]
pub(crate) struct ServingArgs {
    /// Threads that serve; default one a core
    #[arg(long, env = "FERROGATE_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "NUMBER")]
    pub(crate) workers: Option<u16>,
    /// How long SIGTERM waits for requests under way
    #[arg(long, env = "FERROGATE_DRAIN_TIMEOUT", default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub(crate) drain_timeout: Duration,
    /// How long a kept-alive client connection may be idle [default: 75s]
    #[arg(long, env = "FERROGATE_IDLE_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) idle_timeout: Option<Duration>,
    /// Time for a complete request head [default: 10s]
    #[arg(long, env = "FERROGATE_HEAD_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) head_timeout: Option<Duration>,
    /// How long a body may make no progress, in either direction [default: 60s]
    #[arg(long, env = "FERROGATE_BODY_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) body_timeout: Option<Duration>,
    /// How long a backend may take to begin its reply [default: 300s]
    #[arg(long, env = "FERROGATE_REPLY_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) reply_timeout: Option<Duration>,
    /// Time to connect to an endpoint [default: 5s]
    #[arg(long, env = "FERROGATE_CONNECT_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) connect_timeout: Option<Duration>,
    /// How long an endpoint that could not be reached is avoided at first; doubles with each
    /// failure in a row, up to 64 times [default: 250ms]
    #[arg(long, env = "FERROGATE_AVOID_ENDPOINT", value_parser = duration, value_name = "DURATION")]
    pub(crate) avoid_endpoint: Option<Duration>,
    /// Time for a client's TLS handshake [default: 10s]
    #[arg(long, env = "FERROGATE_HANDSHAKE_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) handshake_timeout: Option<Duration>,
    /// How long an upgraded connection (WebSocket) may be silent [default: 1h]
    #[arg(long, env = "FERROGATE_TUNNEL_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) tunnel_timeout: Option<Duration>,
    /// How long an unused connection to an endpoint is kept [default: 60s]
    #[arg(long, env = "FERROGATE_UPSTREAM_IDLE_TIMEOUT", value_parser = duration, value_name = "DURATION")]
    pub(crate) upstream_idle_timeout: Option<Duration>,
    /// Unused connections kept for each endpoint and worker [default: 1024]
    #[arg(
        long,
        env = "FERROGATE_UPSTREAM_IDLE_CONNECTIONS",
        value_name = "NUMBER"
    )]
    pub(crate) upstream_idle_connections: Option<usize>,
    /// A file with at least 16 random bytes, from which the keys of session tokens are made: the
    /// same for all proxies that serve the same clients [default: random at each start]
    #[arg(long, env = "FERROGATE_SESSION_SECRET_FILE", value_parser = session_secret, value_name = "FILE")]
    pub(crate) session_secret_file: Option<Secret<Vec<u8>>>,
    /// Says in X-Ferrogate-Reason why the gateway answered by itself
    #[arg(
        long,
        env = "FERROGATE_REASON_HEADER",
        default_value = "on",
        value_name = "ON|OFF"
    )]
    pub(crate) reason_header: Switch,
}

/// Bounds, each with a metric that shows when it bites.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Open client connections, all workers together [default: 100000]
    #[arg(long, env = "FERROGATE_MAX_CONNECTIONS", value_name = "NUMBER")]
    pub(crate) max_connections: Option<usize>,
    /// TLS handshakes with clients at one time, all workers together [default: 10000]
    #[arg(long, env = "FERROGATE_MAX_HANDSHAKES", value_name = "NUMBER")]
    pub(crate) max_handshakes: Option<usize>,
    /// Requests on one client connection [default: 1000000]
    #[arg(
        long,
        env = "FERROGATE_MAX_REQUESTS_PER_CONNECTION",
        value_name = "NUMBER"
    )]
    pub(crate) max_requests_per_connection: Option<u64>,
    /// Size of a whole head, in bytes [default: 65536]
    #[arg(long, env = "FERROGATE_MAX_HEAD_BYTES", value_name = "BYTES")]
    pub(crate) max_head_bytes: Option<usize>,
    /// Length of the request line, in bytes [default: 16384]
    #[arg(long, env = "FERROGATE_MAX_REQUEST_LINE_BYTES", value_name = "BYTES")]
    pub(crate) max_request_line_bytes: Option<usize>,
    /// Header fields of a head, at most 256 [default: 100]
    #[arg(long, env = "FERROGATE_MAX_HEADER_FIELDS", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "NUMBER")]
    pub(crate) max_header_fields: Option<u16>,
    /// Size of a request body, in bytes; larger ones are answered 413 [default: no limit]
    #[arg(long, env = "FERROGATE_MAX_REQUEST_BODY", value_name = "BYTES")]
    pub(crate) max_request_body: Option<u64>,
    /// How much of a body is kept so that a rule with `retry` can send it again, in bytes [default: 65536]
    #[arg(long, env = "FERROGATE_RETRY_BODY_BUFFER", value_name = "BYTES")]
    pub(crate) retry_body_buffer: Option<usize>,
    /// How much of a body may wait for a mirror before its copy is given up, in bytes [default: 131072]
    #[arg(long, env = "FERROGATE_MIRROR_BODY_BUFFER", value_name = "BYTES")]
    pub(crate) mirror_body_buffer: Option<usize>,
    /// Label sets of request metrics; everything beyond is counted as "other". A seventh of them have durations of their own
    #[arg(long, env = "FERROGATE_MAX_METRIC_SERIES", default_value_t = fg_telemetry::DEFAULT_SERIES_CAP, value_name = "NUMBER")]
    pub(crate) max_metric_series: usize,
}

/// What is believed and what is written about the client.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// Load balancers and proxies that stand before this one, by address or network, such as
    /// 10.0.0.0/8: what they say of a client in X-Forwarded-For, -Proto, -Host and the like is
    /// believed. From everybody else such headers are dropped, since anybody could write them.
    /// Repeat, or separate by commas [default: nobody]
    #[arg(
        long,
        env = "FERROGATE_TRUSTED_PEERS",
        value_parser = network,
        value_delimiter = ',',
        value_name = "NETWORK"
    )]
    pub(crate) trusted_peers: Vec<ipnet::IpNet>,
    /// How many more proxies stand before a trusted peer: so many addresses of X-Forwarded-For are
    /// passed over, from the right, and the next one is the client's
    #[arg(
        long,
        env = "FERROGATE_TRUSTED_HOPS",
        default_value_t = 0,
        value_name = "NUMBER"
    )]
    pub(crate) trusted_hops: usize,
    /// Writes X-Forwarded-For, -Proto and -Host to backends
    #[arg(
        long,
        env = "FERROGATE_FORWARDED_HEADERS",
        default_value = "on",
        value_name = "ON|OFF"
    )]
    pub(crate) forwarded_headers: Switch,
    /// Writes X-Request-Id to backends
    #[arg(
        long,
        env = "FERROGATE_REQUEST_ID",
        default_value = "on",
        value_name = "ON|OFF"
    )]
    pub(crate) request_id: Switch,
    /// Keeps header names with an underscore, which some backends mistake for a dash
    #[arg(
        long,
        env = "FERROGATE_UNDERSCORE_NAMES",
        default_value = "off",
        value_name = "ON|OFF"
    )]
    pub(crate) underscore_names: Switch,
}
