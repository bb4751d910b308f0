//! From a parsed document to a [`Resource`], or to the reasons why not.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fg_base::Text;
use fg_model::ObjectRef;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::SchemaFinding;
use super::catalog::{Kind, catalog};
use super::check::check;
use super::metadata::{self, Metadata};
use crate::core::{ConfigMap, Secret};
use crate::{Object, Resource};

/// An object that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The object, with its defaults filled in, and with generation 1 when none is written.
    pub resource: Resource,
    /// Whether `metadata.generation` is written.
    pub generation_given: bool,
}

/// An object that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who it says it is; `None` when its kind is not read or its name is missing.
    pub id: Option<Arc<ObjectRef>>,
    /// `metadata.generation`, when it is written and a number.
    pub generation: Option<i64>,
    /// Why; never empty.
    pub findings: Vec<SchemaFinding>,
}

/// Judges a document as the API server would, fills in defaults, and reads it.
///
/// A missing namespace is `default`. `status` is accepted and ignored.
///
/// # Errors
/// A [`Refusal`] with every reason that was found, metadata first, then in document order.
pub fn decode(mut document: Value) -> Result<Decoded, Refusal> {
    let word = |field: &str| {
        document
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (api_version, kind) = (word("apiVersion").to_owned(), word("kind").to_owned());
    let Some(kind) = catalog().find(&api_version, &kind) else {
        let text = format!("{kind} of {api_version} is not read");
        let findings = vec![SchemaFinding::violation("kind", text)];
        return Err(Refusal {
            id: None,
            generation: None,
            findings,
        });
    };
    let mut findings = Vec::new();
    let metadata = metadata::read(kind, &document, &mut findings);
    findings.extend(check(kind, &mut document));
    let refusal = |document: &Value, findings| Refusal {
        id: metadata::id_of(kind, document).map(Arc::new),
        generation: document["metadata"]["generation"].as_i64(),
        findings,
    };
    let Some(metadata) = metadata.filter(|_| findings.is_empty()) else {
        return Err(refusal(&document, findings));
    };
    let generation_given = metadata.generation_given;
    match resource(kind, metadata, &mut document) {
        Ok(resource) => Ok(Decoded {
            resource,
            generation_given,
        }),
        Err(found) => Err(refusal(&document, vec![found])),
    }
}

/// The object that a document says it is, whatever else may be wrong with it; `None` when its kind is
/// not read or it has no name.
pub fn named(document: &Value) -> Option<ObjectRef> {
    let word = |field: &str| document.get(field).and_then(Value::as_str);
    let kind = catalog().find(word("apiVersion")?, word("kind")?)?;
    metadata::id_of(kind, document)
}

/// Reads an object whose schema holds.
fn resource(
    kind: &Kind,
    metadata: Metadata,
    document: &mut Value,
) -> Result<Resource, SchemaFinding> {
    let Metadata { id, meta, .. } = metadata;
    macro_rules! object {
        ($variant:ident, $spec:expr) => {
            Resource::$variant(Arc::new(Object {
                id,
                meta,
                spec: $spec,
            }))
        };
    }
    Ok(match &*kind.kind {
        "GatewayClass" => object!(GatewayClass, spec(document)?),
        "Gateway" => object!(Gateway, spec(document)?),
        "HTTPRoute" => object!(HttpRoute, spec(document)?),
        "GRPCRoute" => object!(GrpcRoute, spec(document)?),
        "BackendTLSPolicy" => object!(BackendTlsPolicy, spec(document)?),
        "ListenerSet" => object!(ListenerSet, spec(document)?),
        "ReferenceGrant" => object!(ReferenceGrant, spec(document)?),
        "Namespace" => object!(Namespace, ()),
        "Service" => object!(Service, spec(document)?),
        "EndpointSlice" => object!(EndpointSlice, typed(document.take(), "")?),
        "Secret" => object!(Secret, secret(document)?),
        "ConfigMap" => object!(ConfigMap, config_map(document)?),
        "Backend" => object!(Backend, spec(document)?),
        "GatewayParameters" => object!(GatewayParameters, spec(document)?),
        other => {
            let text = format!("{other} has a schema but is not read");
            return Err(SchemaFinding::violation("kind", text));
        }
    })
}

fn spec<T: DeserializeOwned>(document: &mut Value) -> Result<T, SchemaFinding> {
    typed(
        document
            .get_mut("spec")
            .map(Value::take)
            .unwrap_or_default(),
        "spec",
    )
}

/// Into the typed form. The schema makes sure that this works; if it ever does not, the object is
/// refused rather than misread.
fn typed<T: DeserializeOwned>(value: Value, path: &str) -> Result<T, SchemaFinding> {
    serde_json::from_value(value).map_err(|error| SchemaFinding::violation(path, error.to_string()))
}

fn entries<'a>(
    document: &'a Value,
    field: &str,
) -> impl Iterator<Item = (&'a String, &'a str)> + use<'a> {
    let map: Option<&Map<String, Value>> = document.get(field).and_then(Value::as_object);
    let entries = map.into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key, value.as_str()?)))
}

/// Base64 as Go reads it: standard alphabet, padded, line ends anywhere.
fn bytes(field: &str, key: &str, text: &str) -> Result<Vec<u8>, SchemaFinding> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(text).map_err(|_| {
        let plain = if field == "data" {
            "stringData"
        } else {
            "data"
        };
        SchemaFinding::violation(format!("{field}[\"{key}\"]"), "is no base64")
            .hint(format!("plain text goes into `{plain}`"))
    })
}

fn secret(document: &Value) -> Result<Secret, SchemaFinding> {
    let mut data: BTreeMap<Text, fg_base::Secret<Vec<u8>>> = BTreeMap::new();
    for (key, text) in entries(document, "data") {
        let value = fg_base::Secret::new(bytes("data", key, text)?);
        data.insert(key.as_str().into(), value);
    }
    for (key, text) in entries(document, "stringData") {
        let value = fg_base::Secret::new(text.as_bytes().to_vec());
        data.insert(key.as_str().into(), value);
    }
    let kind = document
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("Opaque");
    Ok(Secret {
        kind: kind.into(),
        data,
        ..Secret::default()
    })
}

fn config_map(document: &Value) -> Result<ConfigMap, SchemaFinding> {
    let mut data: BTreeMap<Text, Vec<u8>> = BTreeMap::new();
    for (key, text) in entries(document, "data") {
        data.insert(key.as_str().into(), text.as_bytes().to_vec());
    }
    for (key, text) in entries(document, "binaryData") {
        data.insert(key.as_str().into(), bytes("binaryData", key, text)?);
    }
    Ok(ConfigMap {
        data,
        ..ConfigMap::default()
    })
}
