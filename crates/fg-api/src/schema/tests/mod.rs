//! Objects are judged and read as in a cluster.

mod documents;
mod fields;
mod kubernetes;
mod metadata;

use serde_json::Value;

use super::{SchemaFinding, decode};
use crate::Resource;

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn read(text: &str) -> Resource {
    decode(yaml(text)).expect("a good object").resource
}

/// `path: text (hint)` of each finding.
fn refused(text: &str) -> Vec<String> {
    let refusal = decode(yaml(text)).expect_err("a bad object");
    let say = |found: SchemaFinding| match found.hint {
        Some(hint) => format!("{}: {} ({hint})", found.path, found.text),
        None => format!("{}: {}", found.path, found.text),
    };
    refusal.findings.into_iter().map(say).collect()
}

const ROUTE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
";

const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
";

fn route(spec: &str) -> String {
    format!("{ROUTE}spec:\n{spec}")
}
