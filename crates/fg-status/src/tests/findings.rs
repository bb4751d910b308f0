//! Findings as entries of a list, and how many there are.

use std::collections::BTreeSet;

use serde_json::json;

use super::{PLAIN, ROUTE, gateway, translated};
use crate::{FindingEntry, summary};

#[test]
fn findings_are_counted_and_listed() {
    let world = translated(&format!(
        "{}{ROUTE}  parentRefs: [{{name: gw}}]\n  useDefaultGateways: All\n  rules: [{{backendRefs: [{{name: gone, port: 80}}]}}]",
        gateway(PLAIN)
    ));
    let findings: Vec<_> = world.findings().map(|finding| &**finding).collect();
    let counted = summary(findings.iter().copied());
    assert_eq!((counted.errors, counted.warnings, counted.infos), (1, 1, 0));
    let entry = serde_json::to_value(FindingEntry::from(findings[0])).expect("it serializes");
    assert_eq!(
        entry,
        json!({
            "severity": "error",
            "reason": "BackendNotFound",
            "kind": "HTTPRoute",
            "namespace": "default",
            "name": "r",
            "path": "spec.rules[0].backendRefs[0].name",
            "message": "there is no Service `gone` in namespace `default`",
            "hint": "the only one there is `web`",
        })
    );
    let fields: BTreeSet<&str> = ["severity", "reason"].into();
    assert!(fields.iter().all(|field| entry.get(field).is_some()));
}
