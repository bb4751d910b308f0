//! References to backends: what each mistake costs, and who permits them.

use super::to;
use crate::testing::{action, findings, listeners, only, put, remove, rule, translated};

#[test]
fn a_backend_that_cannot_be_used_keeps_its_share() {
    for (reference, kind, path) in [
        (
            "{name: wob, port: 80, weight: 3}",
            "BackendNotFound",
            ".name",
        ),
        (
            "{name: web, port: 81, weight: 3}",
            "BackendNotFound",
            ".port",
        ),
        ("{name: web, weight: 3}", "BackendNotFound", ".port"),
        (
            "{kind: Pod, name: web, port: 80, weight: 3}",
            "InvalidKind",
            ".kind",
        ),
        (
            "{group: other.io, kind: Service, name: web, port: 80, weight: 3}",
            "InvalidKind",
            ".kind",
        ),
        (
            "{name: web, namespace: else, port: 80, weight: 3}",
            "RefNotPermitted",
            "",
        ),
        (
            "{name: nothing, namespace: else, port: 80, weight: 3}",
            "RefNotPermitted",
            "",
        ),
        (
            "{group: gateway.kgateway.dev, kind: Backend, name: gone, weight: 3}",
            "BackendNotFound",
            ".name",
        ),
    ] {
        let world = translated(&to(&format!("[{{name: web, port: 80}}, {reference}]")));
        let expected =
            format!("Error {kind} HTTPRoute default/r spec.rules[0].backendRefs[1]{path}");
        assert_eq!(findings(&world), [expected]);
        assert_eq!(
            action(&rule(&world, "r", 0)),
            format!("web:80=1 broken({kind})=3")
        );
        assert_eq!(
            listeners(&world, "gw"),
            ["http=1"],
            "it is attached nevertheless"
        );
    }
}

#[test]
fn a_misspelt_service_is_guessed() {
    let world = translated(&to("[{name: wbe, port: 80}]"));
    assert_eq!(only(&world).hint.as_deref(), Some("did you mean `web`?"));
    let world = translated(&to("[{name: web, port: 8080}]"));
    assert_eq!(only(&world).hint.as_deref(), Some("it has port 80 (http)"));
}

#[test]
fn a_grant_permits_and_its_removal_revokes() {
    let other = "
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: else}
spec: {ports: [{port: 80}]}
";
    let grant = |from: &str, to: &str| {
        format!(
            "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: g, namespace: else}}
spec: {{from: [{from}], to: [{to}]}}
"
        )
    };
    let from = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}";
    let good = grant(from, "{group: '', kind: Service}");
    let yaml = format!("{}{other}", to("[{name: web, namespace: else, port: 80}]"));
    let mut world = translated(&yaml);
    assert_eq!(action(&rule(&world, "r", 0)), "broken(RefNotPermitted)=1");
    assert_eq!(put(&mut world, &good).translated_routes, 1);
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
    remove(&mut world, &good);
    assert_eq!(action(&rule(&world, "r", 0)), "broken(RefNotPermitted)=1");
    for bad in [
        grant(
            "{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: default}",
            "{group: '', kind: Service}",
        ),
        grant(
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: else}",
            "{group: '', kind: Service}",
        ),
        grant(from, "{group: '', kind: Secret}"),
        grant(from, "{group: '', kind: Service, name: another}"),
    ] {
        put(&mut world, &bad);
        assert_eq!(
            action(&rule(&world, "r", 0)),
            "broken(RefNotPermitted)=1",
            "{bad}"
        );
    }
    put(
        &mut world,
        &grant(from, "{group: '', kind: Service, name: web}"),
    );
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
}

#[test]
fn a_rule_without_a_positive_weight_is_answered_by_the_gateway() {
    for backends in ["[]", "[{name: web, port: 80, weight: 0}]"] {
        let world = translated(&to(backends));
        assert_eq!(action(&rule(&world, "r", 0)), "refuse(NoBackends)");
        assert_eq!(
            findings(&world),
            ["Warning NoBackends HTTPRoute default/r spec.rules[0].backendRefs"]
        );
        assert_eq!(listeners(&world, "gw"), ["http=1"]);
    }
    let world = translated(&to(
        "[{name: web, port: 80, weight: 0}, {name: gone, port: 1, weight: 2}]",
    ));
    assert_eq!(
        action(&rule(&world, "r", 0)),
        "web:80=0 broken(BackendNotFound)=2"
    );
}
