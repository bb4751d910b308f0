//! From what the API server writes to a [`Resource`].
//!
//! Nothing is judged: the API server did, and filled in defaults. Unknown fields are ignored. What
//! cannot be read at all, such as an object of a definition with other types, is a flaw.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fg_api::core::{ConfigMap, EndpointSlice, Secret, ServiceSpec};
use fg_api::{Meta, Object, Resource};
use fg_base::Text;
use fg_model::{ObjectRef, kinds};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::kinds::Kind;
use super::raw::{Metadata, Part, Parts, Raw};

/// Kinds whose `uid` matters: what is deployed for a Gateway belongs to it, and a Secret or
/// ConfigMap that was deleted and made anew is not the next version of the one before, though
/// both may come here as one change.
const WITH_UID: [(&str, &str); 3] = [kinds::GATEWAY, kinds::SECRET, kinds::CONFIG_MAP];

/// Reads the objects of one kind.
pub(super) type Decode = fn(Arc<ObjectRef>, Meta, &Raw) -> Result<Resource, Flaw>;

/// Why an object cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// The field, such as `spec`.
    pub(super) path: Text,
    /// What is wrong with it. Never holds a value of a Secret.
    pub(super) text: String,
}

/// A [`Decode`] of a kind with a spec.
macro_rules! spec {
    ($name:ident, $variant:ident) => {
        pub(super) fn $name(id: Arc<ObjectRef>, meta: Meta, raw: &Raw) -> Result<Resource, Flaw> {
            let spec = part("spec", &raw.spec)?;
            Ok(Resource::$variant(Arc::new(Object { id, meta, spec })))
        }
    };
}

spec!(gateway_class, GatewayClass);
spec!(gateway, Gateway);
spec!(http_route, HttpRoute);
spec!(grpc_route, GrpcRoute);
spec!(listener_set, ListenerSet);
spec!(reference_grant, ReferenceGrant);
spec!(backend_tls_policy, BackendTlsPolicy);
spec!(backend, Backend);
spec!(gateway_parameters, GatewayParameters);

pub(super) fn namespace(id: Arc<ObjectRef>, meta: Meta, _: &Raw) -> Result<Resource, Flaw> {
    let spec = ();
    Ok(Resource::Namespace(Arc::new(Object { id, meta, spec })))
}

pub(super) fn service(id: Arc<ObjectRef>, meta: Meta, raw: &Raw) -> Result<Resource, Flaw> {
    #[derive(Default, Deserialize)]
    struct Balancer {
        #[serde(default)]
        ingress: Option<Vec<Ingress>>,
    }
    #[derive(Deserialize)]
    struct Ingress {
        ip: Option<Text>,
        hostname: Option<Text>,
    }
    let mut spec: ServiceSpec = part("spec", &raw.spec)?;
    let balancer: Balancer = present("status.loadBalancer", &raw.balancer)?;
    let ingress = balancer.ingress.into_iter().flatten();
    spec.ingress = ingress
        .filter_map(|ingress| ingress.ip.or(ingress.hostname))
        .collect();
    Ok(Resource::Service(Arc::new(Object { id, meta, spec })))
}

pub(super) fn endpoint_slice(id: Arc<ObjectRef>, meta: Meta, raw: &Raw) -> Result<Resource, Flaw> {
    let spec = EndpointSlice {
        address_type: part("addressType", &raw.address_type)?,
        endpoints: present("endpoints", &raw.endpoints)?,
        ports: present("ports", &raw.ports)?,
    };
    Ok(Resource::EndpointSlice(Arc::new(Object { id, meta, spec })))
}

pub(super) fn secret(id: Arc<ObjectRef>, meta: Meta, raw: &Raw) -> Result<Resource, Flaw> {
    let kind: Option<Text> = present("type", &raw.kind)?;
    let values = entries(&raw.data).map(|(key, value)| {
        let bytes = bytes("data", key, value)?;
        Ok((key.clone(), fg_base::Secret::new(bytes)))
    });
    let spec = Secret {
        kind: kind.unwrap_or_else(|| "Opaque".into()),
        data: values.collect::<Result<_, _>>()?,
        ..Secret::default()
    };
    Ok(Resource::Secret(Arc::new(Object { id, meta, spec })))
}

pub(super) fn config_map(id: Arc<ObjectRef>, meta: Meta, raw: &Raw) -> Result<Resource, Flaw> {
    let mut spec = ConfigMap::default();
    for (key, value) in entries(&raw.data) {
        let text = string("data", key, value)?;
        spec.data.insert(key.clone(), text.into_bytes());
    }
    for (key, value) in entries(&raw.binary_data) {
        let value = bytes("binaryData", key, value)?;
        spec.data.insert(key.clone(), value);
    }
    Ok(Resource::ConfigMap(Arc::new(Object { id, meta, spec })))
}

/// What matters of `metadata`.
pub(super) fn meta(kind: &Kind, metadata: &mut Metadata) -> Meta {
    let created = metadata.creation_timestamp.as_deref();
    let created = created.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let uid = metadata.uid.take();
    Meta {
        // Kinds without generations have none, or 0.
        generation: metadata.generation.unwrap_or(0).max(1),
        created: created.map(jiff::Timestamp::as_second),
        labels: std::mem::take(&mut metadata.labels),
        annotations: std::mem::take(&mut metadata.annotations),
        uid: uid.filter(|_| WITH_UID.contains(&kind.name)),
        is_stand_in: false,
    }
}

fn part<T: DeserializeOwned>(path: &str, part: &Part) -> Result<T, Flaw> {
    let text = part.as_deref().map_or("null", RawValue::get);
    serde_json::from_str(text).map_err(|error| flaw(path, &error))
}

/// The same; the default when it is absent.
fn present<T: DeserializeOwned + Default>(path: &str, value: &Part) -> Result<T, Flaw> {
    value
        .as_ref()
        .map_or(Ok(T::default()), |_| part(path, value))
}

fn flaw(path: &str, error: &serde_json::Error) -> Flaw {
    let text = error.to_string();
    // Behind it stand line and column in a text that nobody sees.
    let text = text.split(" at line ").next().unwrap_or_default();
    Flaw {
        path: path.into(),
        text: format!("cannot be read: {text}"),
    }
}

fn entries(parts: &Parts) -> impl Iterator<Item = (&Text, &RawValue)> {
    let entries = parts.iter().flatten();
    entries.map(|(key, value)| (key, &**value))
}

/// A value of a map of strings; null is the empty one, as the API server has it.
fn string(field: &str, key: &str, value: &RawValue) -> Result<String, Flaw> {
    let text: Result<Option<String>, _> = serde_json::from_str(value.get());
    text.map(Option::unwrap_or_default).map_err(|_| Flaw {
        path: format!("{field}[\"{key}\"]").into(),
        text: "must be a string".to_owned(),
    })
}

fn bytes(field: &str, key: &str, value: &RawValue) -> Result<Vec<u8>, Flaw> {
    let text = string(field, key, value)?;
    STANDARD.decode(text).map_err(|_| Flaw {
        path: format!("{field}[\"{key}\"]").into(),
        text: "is no base64".to_owned(),
    })
}
