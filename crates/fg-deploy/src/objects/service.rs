//! The Service of a Gateway: a port for each port of its listeners.

use fg_api::deployment::Deployment;
use fg_api::gateway_parameters::ServiceParameters;
use serde_json::{Map, Value, json};

use super::{Fleet, labels, object, put};

/// The Service, unless there is no port for it.
pub(super) fn service(wish: &Deployment, fleet: &Fleet) -> Option<Value> {
    let none = ServiceParameters::default();
    let settings = wish.parameters.service.as_ref().unwrap_or(&none);
    let kind = match settings.kind.as_deref() {
        // It would lead to no pod.
        Some("ExternalName") => "ClusterIP",
        Some(kind) => kind,
        None => "LoadBalancer",
    };
    let ports: Vec<Value> = wish
        .ports
        .iter()
        .map(|port| {
            let nodes = settings.ports.iter().find(|entry| entry.port == *port);
            let nodes = nodes.and_then(|entry| entry.node_port);
            self::port(*port, nodes.filter(|_| kind != "ClusterIP"))
        })
        .collect();
    if ports.is_empty() {
        return None;
    }
    let balances = kind == "LoadBalancer";
    let mut spec = Map::new();
    spec.insert("type".into(), kind.into());
    spec.insert("selector".into(), json!(labels::selector(&wish.gateway)));
    spec.insert("ports".into(), ports.into());
    let text = |value: &Option<fg_base::Text>| value.as_deref().map(Value::from);
    put(&mut spec, "clusterIP", text(&settings.cluster_ip));
    if kind != "ClusterIP" {
        let policy = text(&settings.external_traffic_policy);
        put(&mut spec, "externalTrafficPolicy", policy);
    }
    if balances {
        put(
            &mut spec,
            "loadBalancerClass",
            text(&settings.load_balancer_class),
        );
        let ranges = &settings.load_balancer_source_ranges;
        let ranges = (!ranges.is_empty()).then(|| json!(ranges));
        put(&mut spec, "loadBalancerSourceRanges", ranges);
        let address = wish.address.map(|address| address.to_string().into());
        put(&mut spec, "loadBalancerIP", address);
    }
    let extras = (&settings.extra_labels, &settings.extra_annotations);
    let mut service = object("v1", "Service", wish, fleet, Some(extras));
    service.insert("spec".into(), Value::Object(spec));
    let (label, value) = labels::WATCHED;
    if let Some(metadata) = service.get_mut("metadata") {
        metadata["labels"][label] = value.into();
    }
    Some(Value::Object(service))
}

/// Named by its number, so that listeners can be renamed.
fn port(port: u16, nodes: Option<u16>) -> Value {
    let mut entry = json!({
        "name": format!("listener-{port}"),
        "port": port,
        "targetPort": port,
        "protocol": "TCP",
    });
    if let Some(nodes) = nodes {
        entry["nodePort"] = nodes.into();
    }
    entry
}
