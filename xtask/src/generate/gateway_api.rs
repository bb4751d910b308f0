//! The schema of the Gateway API's kinds, out of the CRDs of the experimental channel, without their words.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};

/// The module that holds the CRDs.
pub(super) const MODULE: &str = "sigs.k8s.io/gateway-api";

/// The release that this gateway implements.
pub(super) const VERSION: &str = "v1.7.0";

/// Plural names of the kinds that are read, sorted.
const KINDS: [&str; 7] = [
    "backendtlspolicies",
    "gatewayclasses",
    "gateways",
    "grpcroutes",
    "httproutes",
    "listenersets",
    "referencegrants",
];

/// The keywords that are kept as they are.
const KEPT: [&str; 16] = [
    "type",
    "format",
    "enum",
    "pattern",
    "default",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "nullable",
    "oneOf",
];

/// Keywords that say something about merging or about people, nothing about what is allowed.
const DROPPED: [&str; 2] = ["description", "x-kubernetes-map-type"];

/// The whole file: one line a kind, so that a change reads as one.
pub(super) fn extract(module: &Path) -> anyhow::Result<String> {
    let mut lines = Vec::new();
    for plural in KINDS {
        let file = format!("config/crd/experimental/gateway.networking.k8s.io_{plural}.yaml");
        let text = std::fs::read_to_string(module.join(&file)).with_context(|| file.clone())?;
        let crd: Value = serde_saphyr::from_str(&text).with_context(|| file.clone())?;
        for kind in kinds(&crd).with_context(|| file.clone())? {
            lines.push(pretty(&kind)?);
        }
    }
    let kinds = lines.join(",\n");
    Ok(format!(
        "{{\n\"source\": \"{MODULE} {VERSION}, experimental channel; written by cargo xtask gen\",\n\"kinds\": [\n{kinds}\n]\n}}\n"
    ))
}

fn pretty(kind: &Value) -> anyhow::Result<String> {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, format);
    serde::Serialize::serialize(kind, &mut writer)?;
    Ok(String::from_utf8(out)?)
}

/// One entry for each different schema of a CRD, with the served versions that share it.
fn kinds(crd: &Value) -> anyhow::Result<Vec<Value>> {
    let spec = &crd["spec"];
    let mut different: Vec<(Vec<&str>, Value)> = Vec::new();
    for version in spec["versions"].as_array().context("versions")? {
        if version["served"] != true {
            continue;
        }
        let name = version["name"].as_str().context("a version's name")?;
        let mut schema = compact(&version["schema"]["openAPIV3Schema"])?;
        // The server drops what a user writes there, and judges the metadata by rules of its own.
        for field in ["apiVersion", "kind", "metadata", "status"] {
            schema["properties"]
                .as_object_mut()
                .context("properties")?
                .shift_remove(field);
        }
        match different.iter_mut().find(|(_, other)| *other == schema) {
            Some((versions, _)) => versions.push(name),
            None => different.push((vec![name], schema)),
        }
    }
    Ok(different
        .into_iter()
        .map(|(versions, schema)| {
            json!({
                "group": spec["group"],
                "kind": spec["names"]["kind"],
                "namespaced": spec["scope"] == "Namespaced",
                "versions": versions,
                "schema": schema,
            })
        })
        .collect())
}

/// A schema node without words: rules as `rules`, list semantics as `list`.
fn compact(node: &Value) -> anyhow::Result<Value> {
    let node = node.as_object().context("a schema node is an object")?;
    let mut out = Map::new();
    for (keyword, value) in node {
        match keyword.as_str() {
            "properties" => {
                let mut properties = Map::new();
                for (name, property) in value.as_object().context("properties")? {
                    let property = compact(property).with_context(|| format!("in {name}"))?;
                    properties.insert(name.clone(), property);
                }
                out.insert(keyword.clone(), properties.into());
            }
            "items" | "additionalProperties" => {
                out.insert(keyword.clone(), compact(value)?);
            }
            "x-kubernetes-validations" => {
                let rules = value.as_array().context("rules")?;
                let rules = rules.iter().map(|rule| rule["rule"].clone()).collect();
                out.insert("rules".to_owned(), Value::Array(rules));
            }
            "x-kubernetes-list-type" if value == "map" => {
                let keys = &node["x-kubernetes-list-map-keys"];
                out.insert("list".to_owned(), json!({ "map": keys }));
            }
            "x-kubernetes-list-type" if value == "set" => {
                out.insert("list".to_owned(), "set".into());
            }
            "x-kubernetes-list-type" if value == "atomic" => {}
            "x-kubernetes-list-map-keys" => {}
            "x-kubernetes-int-or-string" => {
                out.insert("type".to_owned(), "int-or-string".into());
            }
            "x-kubernetes-preserve-unknown-fields" => {
                out.insert("open".to_owned(), value.clone());
            }
            kept if KEPT.contains(&kept) => {
                out.insert(keyword.clone(), value.clone());
            }
            dropped => ensure!(
                DROPPED.contains(&dropped),
                "the keyword {dropped} is not understood"
            ),
        }
    }
    if out.contains_key("open") && out.contains_key("properties") {
        bail!("an open object with properties is not understood");
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{compact, kinds};

    #[test]
    fn words_go_and_meaning_stays() {
        let node = json!({
            "description": "words",
            "type": "array",
            "maxItems": 4,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-kubernetes-validations": [{ "rule": "self.size() > 0", "message": "words" }],
            "items": { "description": "words", "type": "string", "default": "" },
        });
        let expected = json!({
            "type": "array",
            "maxItems": 4,
            "list": { "map": ["name"] },
            "rules": ["self.size() > 0"],
            "items": { "type": "string", "default": "" },
        });
        assert_eq!(compact(&node).unwrap(), expected);
    }

    #[test]
    fn a_keyword_that_is_not_understood_is_an_error() {
        assert!(compact(&json!({ "type": "string", "multipleOf": 2 })).is_err());
    }

    #[test]
    fn served_versions_with_one_schema_are_one_entry() {
        let version = |name: &str, served: bool| {
            json!({ "name": name, "served": served, "schema": { "openAPIV3Schema": {
                "type": "object", "properties": { "spec": { "type": "object" }, "status": { "type": "object" } }
            } } })
        };
        let crd = json!({ "spec": {
            "group": "g", "names": { "kind": "K" }, "scope": "Namespaced",
            "versions": [version("v1", true), version("v1beta1", true), version("v1alpha1", false)],
        } });
        let kinds = kinds(&crd).unwrap();
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds[0]["versions"], json!(["v1", "v1beta1"]));
        assert_eq!(
            kinds[0]["schema"]["properties"],
            json!({ "spec": { "type": "object" } })
        );
    }
}
