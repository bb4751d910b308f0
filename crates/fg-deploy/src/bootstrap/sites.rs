//! The sockets that an Envoy keeps for itself: readiness and metrics, each of which leads to a few of
//! its admin pages and to none that changes anything, but for the drain.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::settings::{Drain, Settings};
use super::{ADMIN_CLUSTER, typed};

/// Marks the Envoy as one that is going away, then lets the request wait: the filter after this one
/// delays it. The admin page wants a POST, which no probe of Kubernetes sends.
const DRAIN: &str = r#"function envoy_on_request(request)
  request:httpCall("ferrogate-admin", {
    [":method"] = "POST",
    [":path"] = "/healthcheck/fail",
    [":authority"] = "localhost",
  }, "", 2000)
end
"#;

const LUA: &str = "envoy.filters.http.lua";
const FAULT: &str = "envoy.filters.http.fault";

/// The readiness site and the metrics site, as far as there are.
pub(super) fn listeners(settings: &Settings) -> Vec<Value> {
    let readiness = settings.readiness.map(|address| {
        let mut routes = vec![page("/ready", "/ready")];
        let mut filters = Vec::new();
        if let Some(drain) = &settings.drain {
            routes.push(drain_route(drain));
            filters.extend(drain_filters());
        }
        let mut site = site("ferrogate-readiness", address, &routes, filters);
        if settings.readiness_proxy_protocol {
            site["listener_filters"] = json!([{
                "name": "envoy.filters.listener.proxy_protocol",
                "typed_config": typed("extensions.filters.listener.proxy_protocol.v3.ProxyProtocol", json!({
                    // A kubelet sends none.
                    "allow_requests_without_proxy_protocol": true,
                })),
            }]);
        }
        site
    });
    let metrics = settings.metrics.map(|address| {
        let mut routes = vec![page("/metrics", &settings.stats.prometheus)];
        let plain = settings.stats.plain.as_deref();
        routes.extend(plain.map(|to| page("/stats", to)));
        site("ferrogate-metrics", address, &routes, Vec::new())
    });
    readiness.into_iter().chain(metrics).collect()
}

/// The admin pages as a cluster.
pub(super) fn admin(settings: &Settings) -> Value {
    json!({
        "name": ADMIN_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": ADMIN_CLUSTER,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": settings.admin.json() } }] }],
        },
    })
}

fn site(name: &str, address: SocketAddr, routes: &[Value], mut filters: Vec<Value>) -> Value {
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": typed("extensions.filters.http.router.v3.Router", json!({})),
    }));
    let manager = typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": name,
            "route_config": {
                "name": name,
                "virtual_hosts": [{ "name": name, "domains": ["*"], "routes": routes }],
            },
            "http_filters": filters,
            // The drain waits for as long as it is told to.
            "stream_idle_timeout": "0s",
            "request_headers_timeout": "10s",
            "common_http_protocol_options": { "idle_timeout": "60s" },
        }),
    );
    json!({
        "name": name,
        "address": super::Address::Socket(address).json(),
        "ignore_global_conn_limit": true,
        "bypass_overload_manager": true,
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    })
}

/// A page of the site, and what it is on the admin site.
fn page(path: &str, to: &str) -> Value {
    json!({
        "match": { "path": path, "headers": [{
            "name": ":method",
            "string_match": { "exact": "GET" },
        }] },
        "route": { "cluster": ADMIN_CLUSTER, "prefix_rewrite": to, "timeout": "15s" },
    })
}

fn drain_route(drain: &Drain) -> Value {
    let mut filters = json!({ LUA: typed("extensions.filters.http.lua.v3.LuaPerRoute", json!({
        "source_code": { "inline_string": DRAIN },
    })) });
    if drain.seconds > 0 {
        let delay = json!({ "delay": {
            "fixed_delay": format!("{}s", drain.seconds),
            "percentage": { "numerator": 100 },
        } });
        filters[FAULT] = typed("extensions.filters.http.fault.v3.HTTPFault", delay);
    }
    json!({
        "match": { "path": drain.path },
        "direct_response": { "status": 200, "body": { "inline_string": "drained\n" } },
        "typed_per_filter_config": filters,
    })
}

/// What the drain needs of filters, in this order; they do nothing elsewhere.
fn drain_filters() -> [Value; 2] {
    let filter =
        |name: &str, kind: &str| json!({ "name": name, "typed_config": typed(kind, json!({})) });
    [
        filter(LUA, "extensions.filters.http.lua.v3.Lua"),
        filter(FAULT, "extensions.filters.http.fault.v3.HTTPFault"),
    ]
}
