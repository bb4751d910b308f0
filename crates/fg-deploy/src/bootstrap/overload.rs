//! What an Envoy does when it has too much to do.

use serde_json::{Value, json};

use super::settings::Settings;
use super::typed;

const HEAP: &str = "envoy.resource_monitors.fixed_heap";
const CONNECTIONS: &str = "envoy.resource_monitors.global_downstream_max_connections";

/// What is done when this part of the heap is used, mildest first: memory is given back, connections
/// are not kept for further requests, requests are answered 503, connections are not accepted.
const ACTIONS: &[(&str, f64)] = &[
    ("envoy.overload_actions.shrink_heap", 0.90),
    ("envoy.overload_actions.disable_http_keepalive", 0.92),
    ("envoy.overload_actions.stop_accepting_requests", 0.95),
    ("envoy.overload_actions.stop_accepting_connections", 0.98),
];

pub(super) fn manager(settings: &Settings) -> Value {
    let mut monitors = vec![json!({
        "name": CONNECTIONS,
        "typed_config": typed(
            "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            json!({ "max_active_downstream_connections": settings.connections }),
        ),
    })];
    let mut actions = Vec::new();
    if let Some(heap) = settings.heap {
        monitors.push(json!({
            "name": HEAP,
            "typed_config": typed(
                "extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                // Large numbers are texts in the JSON of protobuf.
                json!({ "max_heap_size_bytes": heap.to_string() }),
            ),
        }));
        actions.extend(ACTIONS.iter().map(|(action, used)| {
            json!({
                "name": action,
                "triggers": [{ "name": HEAP, "threshold": { "value": used } }],
            })
        }));
    }
    json!({
        "refresh_interval": "0.25s",
        "resource_monitors": monitors,
        "actions": actions,
    })
}
