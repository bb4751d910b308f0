//! Our own kinds as the API server must know them: `CustomResourceDefinition`s, made of the same
//! schema that files are judged by.

use serde_json::{Map, Value, json};

use super::catalog::KGATEWAY;

/// Rules of ours as the API server reads them: name, expression and message of each.
///
/// Source: the functions of those names in `core_rules`.
const RULES: &[(&str, &[(&str, &str)])] = &[
    (
        "ours: backend",
        &[
            (
                "[has(self.static), has(self.aws), has(self.dynamicForwardProxy), has(self.gcp), has(self.priorityGroups)].filter(set, set).size() == 1",
                "exactly one of static, aws, dynamicForwardProxy, gcp or priorityGroups must be set",
            ),
            (
                "!has(self.type) || (self.type == 'Static' ? has(self.static) : self.type == 'AWS' ? has(self.aws) : self.type == 'DynamicForwardProxy' ? has(self.dynamicForwardProxy) : self.type == 'GCP' ? has(self.gcp) : has(self.priorityGroups))",
                "type must fit the destination that is set; it may be left out",
            ),
        ],
    ),
    (
        "ours: gateway parameters",
        &[(
            "!(has(self.kube) && has(self.selfManaged))",
            "only one of kube and selfManaged may be set",
        )],
    ),
    (
        "ours: log format",
        &[(
            "has(self.json) != has(self.text)",
            "exactly one of json and text must be set",
        )],
    ),
    (
        "ours: stats matcher",
        &[(
            "has(self.inclusionList) != has(self.exclusionList)",
            "exactly one of inclusionList and exclusionList must be set",
        )],
    ),
    (
        "ours: string matcher",
        &[(
            "[has(self.exact), has(self.prefix), has(self.suffix), has(self.contains), has(self.safeRegex)].filter(set, set).size() == 1",
            "exactly one of exact, prefix, suffix, contains and safeRegex must be set",
        )],
    ),
];

/// The definitions of the kinds of `gateway.kgateway.dev` that are read, for a cluster that does
/// not have them from elsewhere.
///
/// Shape: `apiextensions.k8s.io/v1`, ordered as in the schema, each with a status.
pub fn definitions() -> Vec<Value> {
    let file: Value = serde_json::from_str(KGATEWAY).unwrap_or_default();
    let kinds = file["kinds"].as_array().cloned().unwrap_or_default();
    kinds.iter().map(definition).collect()
}

fn definition(entry: &Value) -> Value {
    let kind = entry["kind"].as_str().unwrap_or_default();
    let group = entry["group"].as_str().unwrap_or_default();
    let singular = kind.to_lowercase();
    let plural = if singular.ends_with('s') {
        singular.clone()
    } else {
        format!("{singular}s")
    };
    let mut schema = node(&entry["schema"]);
    let properties = &mut schema["properties"];
    for field in ["apiVersion", "kind"] {
        properties[field] = json!({ "type": "string" });
    }
    properties["metadata"] = json!({ "type": "object" });
    properties["status"] = status();
    let versions = entry["versions"].as_array().cloned().unwrap_or_default();
    let versions = versions.iter().enumerate().map(|(at, version)| {
        json!({
            "name": version,
            "served": true,
            "storage": at == 0,
            "schema": { "openAPIV3Schema": schema },
            "subresources": { "status": {} },
        })
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            "labels": { "app.kubernetes.io/part-of": "ferrogate" },
        },
        "spec": {
            "group": group,
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": singular,
                "categories": ["ferrogate"],
            },
            "scope": if entry["namespaced"] == false { "Cluster" } else { "Namespaced" },
            "versions": versions.collect::<Vec<_>>(),
        },
    })
}

/// One node, and all below it, in the words of OpenAPI.
fn node(ours: &Value) -> Value {
    let mut theirs = Map::new();
    for (keyword, value) in ours.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "properties" => {
                let below = value.as_object().into_iter().flatten();
                let below = below.map(|(name, property)| (name.clone(), node(property)));
                merge(&mut theirs, below.collect());
            }
            "others" => {
                let names = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                let below = names.map(|name| (name.to_owned(), anything()));
                merge(&mut theirs, below.collect());
            }
            "items" | "additionalProperties" => {
                theirs.insert(keyword.clone(), node(value));
            }
            "open" => {
                theirs.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
            }
            "rules" => {
                let names = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                let rules: Vec<Value> = names.flat_map(rules).collect();
                theirs.insert("x-kubernetes-validations".into(), rules.into());
            }
            _ => {
                theirs.insert(keyword.clone(), value.clone());
            }
        }
    }
    Value::Object(theirs)
}

fn merge(theirs: &mut Map<String, Value>, below: Map<String, Value>) {
    match theirs.get_mut("properties") {
        Some(Value::Object(properties)) => properties.extend(below),
        _ => {
            theirs.insert("properties".into(), Value::Object(below));
        }
    }
}

fn anything() -> Value {
    json!({ "x-kubernetes-preserve-unknown-fields": true })
}

fn rules(name: &str) -> Vec<Value> {
    let rules = RULES.iter().find(|(known, _)| *known == name);
    let rules = rules.into_iter().flat_map(|(_, rules)| rules.iter());
    rules
        .map(|(rule, message)| json!({ "rule": rule, "message": message }))
        .collect()
}

fn status() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "properties": {
            "conditions": {
                "type": "array",
                "maxItems": 8,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["lastTransitionTime", "message", "reason", "status", "type"],
                    "properties": {
                        "type": text,
                        "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                        "reason": text,
                        "message": text,
                        "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
                        "lastTransitionTime": { "type": "string", "format": "date-time" },
                    },
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::definitions;

    /// Every keyword that stands somewhere in a schema; names of fields are none.
    fn keywords(schema: &Value, found: &mut Vec<String>) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            found.push(keyword.clone());
            match keyword.as_str() {
                "properties" => value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .for_each(|(_, below)| keywords(below, found)),
                "items" | "additionalProperties" => keywords(value, found),
                _ => {}
            }
        }
    }

    #[test]
    fn definitions_are_in_words_that_the_api_server_knows() {
        let all = definitions();
        let names: Vec<_> = all
            .iter()
            .map(|found| found["metadata"]["name"].clone())
            .collect();
        assert_eq!(
            names,
            [
                "backends.gateway.kgateway.dev",
                "gatewayparameters.gateway.kgateway.dev"
            ]
        );
        let known = [
            "type",
            "properties",
            "required",
            "enum",
            "items",
            "additionalProperties",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "pattern",
            "format",
            "default",
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-validations",
            "x-kubernetes-list-type",
            "x-kubernetes-list-map-keys",
        ];
        for definition in all {
            let version = &definition["spec"]["versions"][0];
            assert_eq!(version["subresources"]["status"], serde_json::json!({}));
            let schema = &version["schema"]["openAPIV3Schema"];
            let rules = &schema["properties"]["spec"]["x-kubernetes-validations"];
            assert!(
                rules[0]["rule"].is_string(),
                "rules of ours have their expressions"
            );
            let mut found = Vec::new();
            keywords(schema, &mut found);
            for keyword in found {
                assert!(known.contains(&keyword.as_str()), "{keyword}");
            }
        }
    }
}
