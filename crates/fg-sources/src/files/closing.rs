//! What stands in for an object that is refused and never was good, where it was to protect something.
//!
//! Nobody knows what it would have done; but what it was for can be read, most often, and that is closed
//! until the object is right: requests are answered 500. Left out, they would go where somebody wanted
//! them checked first, or encrypted.

use fg_api::schema::{Decoded, decode};
use serde_json::{Map, Value, json};

/// The filters without which a request may pass: those whose policies are not `Meta::protective`. All
/// others may protect something, also those that are not known.
pub const HARMLESS: [&str; 4] = [
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestMirror",
    "CORS",
];

/// The stand-in of an object as it is written; `None` when it protects nothing, or nothing can be read of
/// what it is for.
pub(super) fn closing(written: &Value) -> Option<Closing> {
    let kind = written.get("kind")?.as_str()?;
    let spec = written.get("spec")?.as_object()?;
    let metadata = written.get("metadata")?.as_object()?;
    let metadata = only(metadata, &["name", "namespace", "creationTimestamp"]);
    let (spec, rules) = match kind {
        "BackendTLSPolicy" => (policy(spec)?, Vec::new()),
        "HTTPRoute" | "GRPCRoute" => {
            let rules = spec
                .get("rules")?
                .as_array()?
                .iter()
                .filter(|rule| protects(rule));
            let rules: Vec<Value> = rules.map(|rule| picked(rule, &["matches"])).collect();
            if rules.is_empty() {
                return None;
            }
            (only(spec, &["parentRefs", "hostnames"]), rules)
        }
        _ => return None,
    };
    let object = json!({
        "apiVersion": written.get("apiVersion")?,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    });
    Some(Closing { object, rules })
}

/// What is made of the object when it is refused.
pub(super) struct Closing {
    /// Without its rules.
    object: Value,
    /// Those that protect something.
    rules: Vec<Value>,
}

impl Closing {
    /// The stand-in; `None` when what it is for cannot be read.
    pub(super) fn decoded(self) -> Option<Decoded> {
        let Self { object, rules } = self;
        let with = |rules: Value| {
            let mut object = object.clone();
            if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                spec.insert("rules".to_owned(), rules);
            }
            decode(object).ok()
        };
        let decoded = if rules.is_empty() {
            decode(object).ok()?
        } else {
            // A rule whose matches are what is wrong is for all that it could be for.
            let rules = rules.into_iter().map(|rule| match with(json!([rule])) {
                Some(_) => rule,
                None => json!({}),
            });
            with(rules.collect())?
        };
        Some(Decoded {
            resource: decoded.resource.into_stand_in()?,
            ..decoded
        })
    }
}

/// A policy for the same targets.
fn policy(spec: &Map<String, Value>) -> Option<Map<String, Value>> {
    let targets = spec.get("targetRefs")?.as_array()?.iter();
    let targets = targets.filter(|target| target.get("name").is_some_and(Value::is_string));
    let targets: Vec<Value> = targets
        .map(|target| {
            let mut target = picked(target, &["group", "kind", "name", "sectionName"]);
            for (field, usual) in [("group", ""), ("kind", "Service")] {
                if !target.get(field).is_some_and(Value::is_string) {
                    target[field] = usual.into();
                }
            }
            target
        })
        .collect();
    if targets.is_empty() {
        return None;
    }
    let mut spec = Map::new();
    spec.insert("targetRefs".to_owned(), targets.into());
    let validation = json!({"hostname": "refused.invalid", "wellKnownCACertificates": "System"});
    spec.insert("validation".to_owned(), validation);
    Some(spec)
}

/// Whether a rule, or a backend of it, has a filter that may protect something.
fn protects(rule: &Value) -> bool {
    let of = |holder: &Value| {
        let filters = holder.get("filters").and_then(Value::as_array);
        let mut filters = filters.into_iter().flatten();
        filters.any(|filter| {
            let kind = filter.get("type").and_then(Value::as_str);
            kind.is_none_or(|kind| !HARMLESS.contains(&kind))
        })
    };
    let backends = rule.get("backendRefs").and_then(Value::as_array);
    of(rule) || backends.into_iter().flatten().any(of)
}

fn only(map: &Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let fields = fields.iter();
    let fields = fields.filter_map(|field| Some(((*field).to_owned(), map.get(*field)?.clone())));
    fields.collect()
}

fn picked(value: &Value, fields: &[&str]) -> Value {
    let map = value.as_object().map(|map| only(map, fields));
    Value::Object(map.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use fg_api::Resource;

    use super::*;

    fn stand_in(kind: &str, spec: Value) -> Option<Resource> {
        let written = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": "it", "labels": 7},
            "spec": spec,
        });
        let resource = closing(&written)?.decoded()?.resource;
        assert!(resource.meta().is_stand_in);
        Some(resource)
    }

    #[test]
    fn a_policy_stands_for_the_targets_that_can_be_read() {
        let targets = json!([
            {"group": "", "kind": "Service", "name": "a", "sectionName": "http", "port": 80},
            {"knid": "Service", "name": "b"},
            {"group": "", "kind": "Service"},
        ]);
        let spec = json!({"targetRefs": targets, "validation": {"hostnam": "x"}});
        let Some(Resource::BackendTlsPolicy(policy)) = stand_in("BackendTLSPolicy", spec) else {
            panic!("it stands in");
        };
        let targets = policy.spec.target_refs.iter();
        let targets =
            targets.map(|target| (&*target.kind, &*target.name, target.section_name.as_deref()));
        assert_eq!(
            targets.collect::<Vec<_>>(),
            [("Service", "a", Some("http")), ("Service", "b", None)]
        );
        for spec in [
            json!({}),
            json!({"targetRefs": [{"kind": "Service"}]}),
            json!({"targetRefs": 1}),
        ] {
            assert_eq!(stand_in("BackendTLSPolicy", spec), None);
        }
    }

    #[test]
    fn a_route_stands_for_the_rules_that_may_protect_something() {
        let path = |path: &str| json!([{"path": {"type": "Exact", "value": path}}]);
        let filter = |kind: &str| json!([{"type": kind}]);
        let rules = json!([
            {"matches": path("/a"), "filters": filter("ExternalAuth"), "backendRefs": 3},
            {"matches": path("/b"), "filters": filter("RequestMirror")},
            {"matches": path("/c"), "backendRefs": [{"name": "x", "filters": filter("Unknown")}]},
            {"matchs": path("/d"), "filters": [{"typ": "ExternalAuth"}]},
            {"matches": [{"path": 1}], "filters": filter("ExtensionRef")},
        ]);
        let spec = json!({"parentRefs": [{"name": "web"}], "hostnames": ["a.com"], "rules": rules});
        let Some(Resource::HttpRoute(route)) = stand_in("HTTPRoute", spec) else {
            panic!("it stands in");
        };
        let paths = route.spec.rules.iter().map(|rule| {
            let paths = rule.matches.iter().filter_map(|one| one.path.as_ref());
            paths
                .filter_map(|path| Some(path.value.as_ref()?.to_string()))
                .collect::<Vec<_>>()
                .join(" ")
        });
        // Without matches a rule is for everything.
        let paths: Vec<String> = paths.collect();
        assert_eq!(paths[..2], ["/a", "/c"]);
        assert!(
            paths[2..].iter().all(|path| path.is_empty() || path == "/"),
            "{paths:?}"
        );
        assert_eq!(paths.len(), 4);
        let harmless =
            json!({"parentRefs": [{"name": "web"}], "rules": [{"filters": filter("CORS")}]});
        assert_eq!(stand_in("HTTPRoute", harmless), None);
        let nowhere = json!({"parentRefs": 1, "rules": [{"filters": filter("ExternalAuth")}]});
        assert_eq!(stand_in("HTTPRoute", nowhere), None);
    }
}
