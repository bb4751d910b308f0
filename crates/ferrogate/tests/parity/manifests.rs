//! From a scene to the objects of its namespace.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use fg_testkit::certificates::{Authority, Issued};
use serde_json::{Value, json};

use crate::scene::{Backend, Scene};

/// Certificates of a scene and who signed them.
#[derive(Default)]
pub(crate) struct Papers {
    pub(crate) authorities: BTreeMap<String, Authority>,
    pub(crate) issued: BTreeMap<String, Issued>,
}

impl Papers {
    pub(crate) fn of(scene: &Scene) -> Self {
        let mut papers = Self::default();
        for (name, wish) in &scene.certificates {
            let by = papers.authorities.entry(wish.by.clone());
            let authority = by.or_insert_with(|| Authority::new(&wish.by));
            let names: Vec<&str> = wish.names.iter().map(String::as_str).collect();
            papers.issued.insert(name.clone(), authority.issue(&names));
        }
        papers
    }
}

/// The objects of a scene whose Gateway is bound to `ip`, as text for a file.
pub(crate) fn text(
    scene: &Scene,
    ip: IpAddr,
    endpoints: &BTreeMap<String, Vec<SocketAddr>>,
    papers: &Papers,
) -> String {
    let mut all = vec![gateway(scene, ip)];
    all.extend(scene.objects.iter().map(|object| completed(scene, object)));
    for (name, backend) in &scene.backends {
        let at = endpoints.get(name).map_or(&[][..], Vec::as_slice);
        all.extend(service(scene, name, backend, at));
    }
    for (name, authority) in &papers.authorities {
        all.push(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": scene.name},
            "data": {"ca.crt": authority.pem},
        }));
    }
    for (name, issued) in &papers.issued {
        all.push(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": scene.name},
            "stringData": {"tls.crt": issued.certificate, "tls.key": issued.key},
        }));
    }
    let documents: Vec<String> = all.iter().map(Value::to_string).collect();
    documents.join("\n---\n")
}

fn gateway(scene: &Scene, ip: IpAddr) -> Value {
    let mut listeners = scene.listeners.clone();
    if listeners.is_empty() {
        listeners.push(json!({"name": "http", "protocol": "HTTP", "port": 80}));
    }
    let mut gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "web", "namespace": scene.name},
        "spec": {
            "gatewayClassName": "ferrogate",
            "addresses": [{"value": ip.to_string()}],
            "listeners": listeners,
        },
    });
    for (field, value) in &scene.gateway {
        gateway["spec"][field] = value.clone();
    }
    gateway
}

/// An object with what every object has.
fn completed(scene: &Scene, object: &Value) -> Value {
    let mut object = object.clone();
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    if object["apiVersion"].is_null() {
        object["apiVersion"] = match &*kind {
            "ReferenceGrant" => "gateway.networking.k8s.io/v1beta1",
            "Service" | "Secret" | "ConfigMap" | "Namespace" => "v1",
            _ => "gateway.networking.k8s.io/v1",
        }
        .into();
    }
    if object["metadata"]["namespace"].is_null() && kind != "Namespace" {
        object["metadata"]["namespace"] = scene.name.clone().into();
    }
    if kind.ends_with("Route") && object["spec"]["parentRefs"].is_null() {
        object["spec"]["parentRefs"] = json!([{"name": "web"}]);
    }
    object
}

/// A Service and its endpoints; with a grant for the scene's routes when it is in another namespace.
fn service(scene: &Scene, name: &str, backend: &Backend, at: &[SocketAddr]) -> Vec<Value> {
    let namespace = backend.namespace.as_ref().unwrap_or(&scene.name);
    let mut port = json!({"name": "main", "port": backend.port.unwrap_or(80)});
    if let Some(protocol) = &backend.protocol {
        port["appProtocol"] = protocol.clone().into();
    }
    let mut all = vec![json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [port]},
    })];
    // Ports are of a slice, so each endpoint has its own.
    for (number, at) in at.iter().enumerate() {
        let mut port = json!({"name": "main", "port": at.port()});
        if let Some(protocol) = &backend.protocol {
            port["appProtocol"] = protocol.clone().into();
        }
        all.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{name}-{number}"), "namespace": namespace,
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "ports": [port],
            "endpoints": [{"addresses": [at.ip().to_string()]}],
        }));
    }
    if backend.namespace.is_some() {
        all.push(json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
            "metadata": {"name": format!("{}-{name}", scene.name), "namespace": namespace},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": scene.name}],
                "to": [{"group": "", "kind": "Service"}],
            },
        }));
    }
    all
}
