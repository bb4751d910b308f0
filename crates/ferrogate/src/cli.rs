//! The command line: every command and flag with its help, environment name and default.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fg_base::Secret;
use fg_policies::timeouts::parse_duration;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for `check`: no errors; for `run`: ended by SIGTERM or SIGINT
  1  something failed; for `check`: errors were found; for `explain`: no rule serves
     the request, or the gateway itself answers it with an error (5xx)
  2  the command line is wrong, or the folder is not there

Every flag that has a default can also be set by the environment variable that its help names.";

/// A gateway that is configured by the Gateway API.
#[derive(Debug, Parser)]
#[command(name = "ferrogate", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves what a folder of Gateway API files says, and follows its changes
    ///
    /// Without FOLDER it serves a built-in example with backends of its own, and prints what to
    /// try.
    ///
    /// SIGTERM and SIGINT drain: no new connections, requests under way are finished within
    /// --drain-timeout. SIGHUP reads the folder again.
    Run(Box<RunArgs>),
    /// Says what is wrong with a folder or a cluster, as the API server and a gateway would see it
    Check(CheckArgs),
    /// Says what would happen to a request, and why
    Explain(ExplainArgs),
    /// Lists Gateways or routes of a cluster with what their status says
    Get(GetArgs),
    /// Answers every request with what it got, as JSON: a backend to try things with
    Echo(EchoArgs),
    /// Prints what installs Ferrogate in a cluster, for `kubectl apply -f -`
    ///
    /// The definitions of the Gateway API must be there before.
    Manifests(ManifestsArgs),
    /// Runs the control plane in a cluster: reads objects, configures proxies, writes status
    Control(Box<ControlArgs>),
    /// Serves one Gateway in a cluster, as the control plane says
    ///
    /// The control plane starts it with all that it needs; there is hardly a reason to do so by hand.
    Proxy(Box<ProxyArgs>),
    /// Takes a proxy out of service: not ready at once, back when its connections are done
    ///
    /// For the preStop hook of a proxy's pod.
    Drain(DrainArgs),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Folder with YAML or JSON files, searched recursively
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) plane: PlaneArgs,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
}

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

/// Arguments of `control`.
#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    #[command(flatten)]
    pub(crate) install: InstallArgs,
    #[command(flatten)]
    pub(crate) discovery: DiscoveryArgs,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
    /// How much is logged to standard error: error, warn, info, debug, trace, or a filter such as
    /// info,fg_control=debug
    #[arg(
        long,
        env = "FERROGATE_LOG",
        default_value = "info",
        value_name = "LEVEL"
    )]
    pub(crate) log: String,
}

/// How this control plane is installed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Installation")]
pub(crate) struct InstallArgs {
    /// Namespace of the control plane
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "ferrogate-system",
        value_name = "NAME"
    )]
    pub(crate) namespace: String,
    /// Name of this pod: who leads is known by it
    #[arg(
        long,
        env = "POD_NAME",
        default_value = "ferrogate",
        value_name = "NAME"
    )]
    pub(crate) pod_name: String,
    /// Address of this pod; one of the names of its certificate
    #[arg(long, env = "POD_IP", value_name = "ADDRESS")]
    pub(crate) pod_ip: Option<IpAddr>,
    /// Name of the Service that proxies reach the control plane by
    #[arg(
        long,
        env = "FERROGATE_SERVICE",
        default_value = "ferrogate",
        value_name = "NAME"
    )]
    pub(crate) service: String,
    /// Image of the proxies, unless GatewayParameters say another
    #[arg(long, env = "FERROGATE_PROXY_IMAGE", default_value = concat!("ferrogate:", env!("CARGO_PKG_VERSION")), value_name = "IMAGE")]
    pub(crate) proxy_image: String,
    /// Configuration for proxies: gRPC over TLS
    #[arg(
        long,
        env = "FERROGATE_DISCOVERY_ADDRESS",
        default_value = "0.0.0.0:9977",
        value_name = "ADDRESS"
    )]
    pub(crate) discovery_address: SocketAddr,
    /// Metrics: /metrics for Prometheus
    #[arg(
        long,
        env = "FERROGATE_METRICS_ADDRESS",
        default_value = "0.0.0.0:9092",
        value_name = "ADDRESS"
    )]
    pub(crate) metrics_address: SocketAddr,
    /// Readiness: /readyz answers 200 once everything was read and proxies are served
    #[arg(
        long,
        env = "FERROGATE_READINESS_ADDRESS",
        default_value = "0.0.0.0:9093",
        value_name = "ADDRESS"
    )]
    pub(crate) readiness_address: SocketAddr,
    /// Admin pages: configuration, status, explain, log level; loopback only
    #[arg(long, env = "FERROGATE_ADMIN_ADDRESS", default_value = "127.0.0.1:19000", value_parser = loopback, value_name = "ADDRESS")]
    pub(crate) admin_address: SocketAddr,
    /// Writes status and deploys proxies without asking who leads: for a single replica
    #[arg(long, env = "FERROGATE_DISABLE_LEADER_ELECTION")]
    pub(crate) disable_leader_election: bool,
}

/// Which objects are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Discovery")]
pub(crate) struct DiscoveryArgs {
    /// Namespaces that are read: a JSON list of label selectors, of which one must fit; an empty
    /// list is all
    #[arg(
        long,
        env = "FERROGATE_DISCOVERY_NAMESPACE_SELECTORS",
        default_value = "[]",
        value_name = "JSON"
    )]
    pub(crate) discovery_namespace_selectors: String,
    /// Secrets that are read: all, or those with the label kgateway.dev/watch=true
    #[arg(
        long,
        env = "FERROGATE_SECRET_DISCOVERY_MODE",
        default_value = "all",
        value_name = "MODE"
    )]
    pub(crate) secret_discovery_mode: DiscoveryMode,
    /// ConfigMaps that are read: all, or those with the label kgateway.dev/watch=true
    #[arg(
        long,
        env = "FERROGATE_CONFIG_MAP_DISCOVERY_MODE",
        default_value = "all",
        value_name = "MODE"
    )]
    pub(crate) config_map_discovery_mode: DiscoveryMode,
    /// Services that are read: all, or those with the label kgateway.dev/watch=true
    #[arg(
        long,
        env = "FERROGATE_SERVICE_DISCOVERY_MODE",
        default_value = "all",
        value_name = "MODE"
    )]
    pub(crate) service_discovery_mode: DiscoveryMode,
}

/// Which objects of a kind are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiscoveryMode {
    /// All.
    All,
    /// Those with the label `kgateway.dev/watch=true`.
    Labeled,
}

/// Arguments of `manifests`.
#[derive(Debug, Args)]
pub(crate) struct ManifestsArgs {
    /// Image of the control plane and of its proxies
    #[arg(long, default_value = concat!("ferrogate:", env!("CARGO_PKG_VERSION")), value_name = "IMAGE")]
    pub(crate) image: String,
    /// Namespace of the control plane
    #[arg(long, default_value = "ferrogate-system", value_name = "NAME")]
    pub(crate) namespace: String,
    /// How many control planes: one leads, the others take over when it goes
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) replicas: u16,
    /// Whether the definitions of our own kinds are printed too; without a value nothing else is
    #[arg(
        long,
        default_value = "include",
        default_missing_value = "only",
        num_args = 0..=1,
        require_equals = true,
        value_name = "WHICH"
    )]
    pub(crate) crds: Definitions,
}

/// Which definitions of our own kinds are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Definitions {
    /// Before everything else.
    Include,
    /// Nothing else.
    Only,
    /// None.
    Omit,
}

/// Arguments of `proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) plane: PlaneArgs,
}

/// Whose proxy it is, and where its configuration comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Control plane")]
pub(crate) struct FleetArgs {
    /// Where the control plane is: host and port
    #[arg(long, env = "FERROGATE_CONTROL", value_name = "HOST:PORT")]
    pub(crate) control: String,
    /// Name of the Gateway that is served
    #[arg(long, env = "FERROGATE_GATEWAY", value_name = "NAME")]
    pub(crate) gateway: String,
    /// Namespace of the Gateway, and of this pod
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME")]
    pub(crate) namespace: String,
    /// Name of this pod
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub(crate) pod_name: String,
    /// Address of this pod
    #[arg(long, env = "POD_IP", value_name = "ADDRESS")]
    pub(crate) pod_ip: IpAddr,
    /// Name of the node that this pod runs on
    #[arg(long, env = "NODE_NAME", default_value = "", value_name = "NAME")]
    pub(crate) node_name: String,
    /// The zone of that node; may be empty
    #[arg(long, env = "FERROGATE_ZONE", default_value = "", value_name = "NAME")]
    pub(crate) zone: String,
    /// A file with the certificates that the control plane's certificate must be signed by
    #[arg(long, env = "FERROGATE_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: PathBuf,
    /// A file with the token that says who this is; read again for each connection
    #[arg(long, env = "FERROGATE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: PathBuf,
}

/// Arguments of `drain`.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The admin pages of the proxy
    #[arg(long, env = "FERROGATE_ADMIN_ADDRESS", default_value = "127.0.0.1:19000", value_parser = loopback, value_name = "ADDRESS")]
    pub(crate) admin_address: SocketAddr,
    /// How long to wait in any case, so that balancers learn that it is not ready
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "DURATION")]
    pub(crate) at_least: Duration,
    /// How long to wait for connections that stay open
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "DURATION")]
    pub(crate) at_most: Duration,
}

/// The sockets of the process itself, and the mapping of the others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(crate) struct SocketArgs {
    /// Admin pages: configuration, status, explain, log level; loopback only
    #[arg(long, env = "FERROGATE_ADMIN_ADDRESS", default_value = "127.0.0.1:19000", value_parser = loopback, value_name = "ADDRESS")]
    pub(crate) admin_address: SocketAddr,
    /// Readiness: /ready answers 200 once a complete configuration serves
    #[arg(
        long,
        env = "FERROGATE_READINESS_ADDRESS",
        default_value = "0.0.0.0:8082",
        value_name = "ADDRESS"
    )]
    pub(crate) readiness_address: SocketAddr,
    /// Metrics: /metrics for Prometheus
    #[arg(
        long,
        env = "FERROGATE_METRICS_ADDRESS",
        default_value = "0.0.0.0:9091",
        value_name = "ADDRESS"
    )]
    pub(crate) metrics_address: SocketAddr,
    /// Binds another port for a listener's port, such as 80=8080; repeat, or separate by commas
    #[arg(long, env = "FERROGATE_PORT_MAP", value_parser = port_pair, value_delimiter = ',', value_name = "PORT=PORT")]
    pub(crate) port_map: Vec<(u16, u16)>,
}

/// What is allowed beyond the default when objects are translated.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct TranslationArgs {
    /// Accepts Services of type ExternalName as backends: whoever may write a Service can then
    /// reach any name through the gateway (CVE-2021-25740)
    #[arg(long, env = "FERROGATE_ALLOW_EXTERNAL_NAME")]
    pub(crate) allow_external_name: bool,
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
    /// Networks of proxies in front whose forwarding headers are believed; repeat, or separate by
    /// commas
    #[arg(
        long,
        env = "FERROGATE_TRUSTED_PEERS",
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    pub(crate) trusted_peers: Vec<ipnet::IpNet>,
    /// Addresses of X-Forwarded-For, from the right, that trusted hops beyond the peer have written
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

/// What is written where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LoggingArgs {
    /// How much is logged to standard error: error, warn, info, debug, trace, or a filter such as
    /// info,fg_control=debug
    #[arg(
        long,
        env = "FERROGATE_LOG",
        default_value = "info",
        value_name = "LEVEL"
    )]
    pub(crate) log: String,
    /// A line for each request to standard output
    #[arg(
        long,
        env = "FERROGATE_ACCESS_LOG",
        default_value = "off",
        value_name = "FORMAT"
    )]
    pub(crate) access_log: AccessLog,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    /// Findings as text, or every object's status as it would be in a cluster, then the findings
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: CheckOutput,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
}

/// What `check` and `explain` look at.
#[derive(Debug, Args)]
pub(crate) struct WhereArgs {
    /// Folder with YAML or JSON files, searched recursively
    #[arg(required_unless_present = "cluster", conflicts_with = "cluster")]
    pub(crate) folder: Option<PathBuf>,
    /// Looks at the cluster of the kubeconfig instead of a folder
    #[arg(long)]
    pub(crate) cluster: bool,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, requires = "cluster", value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// Arguments of `get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// What to list
    pub(crate) what: GetWhat,
    /// Only this namespace [default: all]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// What `get` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GetWhat {
    /// Gateways of our classes: addresses, proxies, whether they serve.
    Gateways,
    /// Routes on them, a line for each parent.
    Routes,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    /// The request's URL, such as `http://shop.example.com/cart?x=1`
    pub(crate) url: String,
    /// Method
    #[arg(short = 'X', long, default_value = "GET", value_name = "METHOD")]
    pub(crate) method: String,
    /// A header field, `name: value`; repeat for more
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub(crate) headers: Vec<String>,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: ExplainOutput,
    /// The ports that `run` binds for listeners' ports, such as 80=8080: the URL may have either
    #[arg(long, env = "FERROGATE_PORT_MAP", value_parser = port_pair, value_delimiter = ',', value_name = "PORT=PORT")]
    pub(crate) port_map: Vec<(u16, u16)>,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
}

/// Arguments of `echo`.
#[derive(Debug, Args)]
pub(crate) struct EchoArgs {
    /// Where to listen
    #[arg(
        long,
        env = "FERROGATE_ECHO_ADDRESS",
        default_value = "127.0.0.1:9100",
        value_name = "ADDRESS"
    )]
    pub(crate) address: SocketAddr,
    /// The name that it answers with
    #[arg(
        long,
        env = "FERROGATE_ECHO_NAME",
        default_value = "echo",
        value_name = "NAME"
    )]
    pub(crate) name: String,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    /// Whether it is on.
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

/// Forms of the access log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AccessLog {
    /// No access log.
    Off,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Forms of `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckOutput {
    /// One finding a line.
    Text,
    /// One YAML document an object, then the findings.
    Yaml,
    /// A JSON object with the objects and the findings.
    Json,
}

/// Forms of `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainOutput {
    /// Text for people.
    Text,
    /// A JSON object.
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| {
        "a duration is numbers with units out of h, m, s, ms, such as 30s, 1m30s or 500ms"
            .to_owned()
    })
}

/// Bytes that are enough to make keys from.
fn session_secret(path: &str) -> Result<Secret<Vec<u8>>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    if bytes.len() < 16 {
        return Err("a secret has at least 16 bytes".to_owned());
    }
    Ok(Secret::new(bytes))
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "not `IP:PORT`".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(
            "the admin pages are for this machine only; use an address of 127.0.0.0/8 or [::1]"
                .to_owned(),
        )
    }
}

fn port_pair(text: &str) -> Result<(u16, u16), String> {
    let pair = text
        .split_once('=')
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match pair {
        Some((from, to)) if from > 0 && to > 0 => Ok((from, to)),
        _ => Err("two ports, such as 80=8080".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_admin_socket_is_loopback_only() {
        let run = |address| Cli::try_parse_from(["ferrogate", "run", "--admin-address", address]);
        assert!(run("127.1.2.3:19000").is_ok());
        assert!(run("[::1]:19000").is_ok());
        assert!(run("0.0.0.0:19000").is_err());
    }

    #[test]
    fn ports_are_mapped_in_pairs() {
        assert_eq!(port_pair("80=8080"), Ok((80, 8080)));
        for bad in ["80", "80=", "=80", "0=80", "80=70000"] {
            assert!(port_pair(bad).is_err(), "{bad}");
        }
    }
}
