//! Objects for tests, written as YAML.

use std::sync::Arc;

use fg_api::core::{ConfigMap, Secret};
use fg_api::{Meta, Object, Resource};
use fg_base::Secret as Hidden;
use fg_model::ObjectRef;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads documents of YAML into objects, without schema and defaults: what a test writes is what
/// it gets, also where an API server would refuse it.
///
/// `metadata.namespace` is `default` when absent, `generation` 1; `creationTimestamp` is a number
/// of seconds here.
///
/// # Panics
/// When the text is no YAML or an object of a kind that is not read.
pub fn objects(yaml: &str) -> Vec<Resource> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("the fixture is YAML");
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .map(object)
        .collect()
}

#[expect(
    clippy::panic,
    reason = "a fixture of an unknown kind fails its test, here"
)]
fn object(mut document: Value) -> Resource {
    let api_version = text(&document["apiVersion"]);
    let group = api_version
        .split_once('/')
        .map_or("", |(group, _)| group)
        .to_owned();
    let kind = text(&document["kind"]);
    let metadata = &document["metadata"];
    let cluster = matches!(&*kind, "GatewayClass" | "Namespace");
    let namespace = match (cluster, metadata["namespace"].as_str()) {
        (true, _) => "",
        (false, namespace) => namespace.unwrap_or("default"),
    };
    let id = Arc::new(ObjectRef::new(
        &group,
        &kind,
        namespace,
        &text(&metadata["name"]),
    ));
    let map = |field: &str| {
        let entries = metadata[field].as_object().into_iter().flatten();
        entries
            .map(|(key, value)| (key.as_str().into(), text(value).into()))
            .collect()
    };
    let meta = Meta {
        generation: metadata["generation"].as_i64().unwrap_or(1),
        created: metadata["creationTimestamp"].as_i64(),
        labels: map("labels"),
        annotations: map("annotations"),
        uid: metadata["uid"].as_str().map(Into::into),
        is_stand_in: false,
    };
    fn shared<S>(id: Arc<ObjectRef>, meta: Meta, spec: S) -> Arc<Object<S>> {
        Arc::new(Object { id, meta, spec })
    }
    let spec = document["spec"].take();
    match &*kind {
        "GatewayClass" => Resource::GatewayClass(shared(id, meta, read(spec))),
        "Gateway" => Resource::Gateway(shared(id, meta, read(spec))),
        "HTTPRoute" => Resource::HttpRoute(shared(id, meta, read(spec))),
        "GRPCRoute" => Resource::GrpcRoute(shared(id, meta, read(spec))),
        "ListenerSet" => Resource::ListenerSet(shared(id, meta, read(spec))),
        "BackendTLSPolicy" => Resource::BackendTlsPolicy(shared(id, meta, read(spec))),
        "ReferenceGrant" => Resource::ReferenceGrant(shared(id, meta, read(spec))),
        "Namespace" => Resource::Namespace(shared(id, meta, ())),
        "Service" => Resource::Service(shared(id, meta, read(spec))),
        "EndpointSlice" => Resource::EndpointSlice(shared(id, meta, read(document))),
        "Backend" => Resource::Backend(shared(id, meta, read(spec))),
        "GatewayParameters" => Resource::GatewayParameters(shared(id, meta, read(spec))),
        "Secret" => {
            let data = document["stringData"].as_object().into_iter().flatten();
            let data = data
                .map(|(key, value)| (key.as_str().into(), Hidden::new(text(value).into_bytes())))
                .collect();
            let spec = Secret {
                kind: "Opaque".into(),
                data,
                ..Secret::default()
            };
            Resource::Secret(shared(id, meta, spec))
        }
        "ConfigMap" => {
            let data = document["data"].as_object().into_iter().flatten();
            let data = data
                .map(|(key, value)| (key.as_str().into(), text(value).into_bytes()))
                .collect();
            let spec = ConfigMap {
                data,
                ..ConfigMap::default()
            };
            Resource::ConfigMap(shared(id, meta, spec))
        }
        other => panic!("a fixture holds an object of kind {other}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read<S: DeserializeOwned>(spec: Value) -> S {
    serde_json::from_value(spec).expect("the fixture has the shape of its kind")
}

/// Reads one value of YAML.
///
/// # Panics
/// When the text is no YAML of that shape.
pub fn value<T: DeserializeOwned>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).expect("the fixture has that shape")
}
