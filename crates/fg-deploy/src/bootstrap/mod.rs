//! What an Envoy is started with, as JSON text: who it is, where its configuration comes from, the
//! sockets that it keeps for itself, and its limits. Listeners, routes, clusters and certificates are
//! not in it: they come by discovery, so that no change of them restarts an Envoy.
//!
//! An Envoy that was started with it listens nowhere before its first complete configuration: its
//! sites open together with its listeners, when all that they need has arrived, however long that
//! takes. That is what `/ready` rests on. When the control plane is away it serves what it has.
//!
//! ```
//! use fg_deploy::bootstrap::{Address, Control, Node, Settings, bootstrap};
//!
//! let node = Node::new("laptop", "ferrogate");
//! let control = Control::Plain(Address::Path("/run/ferrogate/discovery.sock".into()));
//! let text = bootstrap(&Settings::new(node, control));
//! assert!(text.contains("/run/ferrogate/discovery.sock"));
//! ```
//!
//! Source: Envoy's `config/bootstrap/v3/bootstrap.proto`, 1.36 to 1.40.

mod control;
mod overload;
mod settings;
mod sites;
mod stats;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub use settings::{
    Address, Control, Drain, LogFormat, Matcher, Node, Protocol, Settings, Stats, StatsMatcher, Tls,
};

/// The name of the cluster of the control plane.
pub const CONTROL_CLUSTER: &str = "ferrogate-control";

/// The name of the cluster of Envoy's own admin pages.
pub const ADMIN_CLUSTER: &str = "ferrogate-admin";

/// The name of the file that [`bootstrap`] is, among [`files`].
pub const FILE: &str = "envoy.json";

/// Envoy's bootstrap. The same settings give the same text.
pub fn bootstrap(settings: &Settings) -> String {
    let mut all = Map::new();
    let mut put = |field: &str, value: Value| all.insert(field.to_owned(), value);
    put("node", node(&settings.node));
    put(
        "admin",
        json!({
            "address": settings.admin.json(),
            "ignore_global_conn_limit": true,
        }),
    );
    put("dynamic_resources", control::dynamic(settings.protocol));
    put(
        "static_resources",
        json!({
            "listeners": sites::listeners(settings),
            "clusters": [control::cluster(&settings.control), sites::admin(settings)],
        }),
    );
    // Most of what Envoy knows of a cluster is not made before its first request.
    put(
        "cluster_manager",
        json!({ "enable_deferred_cluster_creation": true }),
    );
    put(
        "deferred_stat_options",
        json!({ "enable_deferred_creation_stats": true }),
    );
    put("stats_config", stats::config(&settings.stats));
    put("overload_manager", overload::manager(settings));
    put("layered_runtime", runtime());
    put(
        "typed_dns_resolver_config",
        json!({
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                "udp_max_queries": settings.dns_queries,
            },
        }),
    );
    if let Some(format) = &settings.log {
        let format = match format {
            LogFormat::Json(format) => json!({ "json_format": format }),
            LogFormat::Text(format) => json!({ "text_format": format }),
        };
        put("application_log_config", json!({ "log_format": format }));
    }
    text(&Value::Object(all))
}

/// All files that Envoy needs, by name, the bootstrap ([`FILE`]) among them. With [`Control::Tls`]
/// they are to be in [`Tls::folder`]; else the bootstrap is the only one.
pub fn files(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut files = vec![(FILE, bootstrap(settings))];
    if let Control::Tls(tls) = &settings.control {
        let secrets = control::secrets(tls);
        files.extend(secrets.map(|(name, secret)| (name, text(&secret))));
    }
    files
}

/// A document of JSON, for people too.
fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

fn node(node: &Node) -> Value {
    let mut value = json!({
        "id": node.id,
        "cluster": node.cluster,
        "metadata": node.metadata,
    });
    if let Some(zone) = &node.zone {
        value["locality"] = json!({ "zone": zone });
    }
    value
}

fn runtime() -> Value {
    json!({ "layers": [
        {
            "name": "ferrogate",
            "static_layer": {
                // Expressions are bounded before they are sent.
                "re2.max_program_size.error_level": REGEX,
                "re2.max_program_size.warn_level": REGEX,
            },
        },
        { "name": "admin", "admin_layer": {} },
    ] })
}

/// How large a regular expression may be; what our own engine takes is smaller. Units: RE2's
/// instructions.
const REGEX: u32 = 1 << 20;

/// A message of Envoy's that stands where any may: the fields, and its type.
fn typed(name: &str, fields: Value) -> Value {
    let mut message = json!({ "@type": format!("type.googleapis.com/envoy.{name}") });
    if let (Some(message), Value::Object(fields)) = (message.as_object_mut(), fields) {
        message.extend(fields);
    }
    message
}
