//! What a policy does to the backends that it is for, and when.

use fg_ir::{Backend, BackendProtocol, BackendTls, SubjectAltName, Trust};
use fg_testkit::certificates::{Authority, config_map};

use crate::Translator;
use crate::testing::{BASE, action, findings, put, remove, route, rule, translated};

/// Service `web` with ports `http` (80), `https` (443) and one without name (9), a route to each.
fn base(app_protocol: &str) -> String {
    let service = format!(
        "
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{ports: [{{name: http, port: 80}}, {{name: https, port: 443{app_protocol}}}, {{port: 9}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}, {{name: https, port: 8443}}, {{port: 9}}]
endpoints: [{{addresses: [10.0.0.1]}}]
"
    );
    let rule = |port: u16| format!("  - backendRefs: [{{name: web, port: {port}}}]\n");
    let rules = [80, 443, 9].map(rule).concat();
    let route = route("r", &format!("  rules:\n{rules}"));
    format!("{BASE}{service}{route}")
}

/// A policy; `target` is what follows the Service's name.
fn policy(name: &str, created: u32, target: &str, validation: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}, creationTimestamp: {created}}}
spec:
  targetRefs: [{{group: '', kind: Service, name: web{target}}}]
  validation: {{hostname: {name}.example, {validation}}}
"
    )
}

const SYSTEM: &str = "wellKnownCACertificates: System";
const OWN: &str = "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]";

fn backend(world: &Translator, port: u16) -> Backend {
    let mut backends = world.ir().backends.values();
    let found = backends.find(|backend| backend.key.port == port);
    (**found.expect("there is one")).clone()
}

/// The hostname asked for on ports 80, 443 and 9; `off`, or `broken`.
fn asked(world: &Translator) -> [String; 3] {
    [80, 443, 9].map(|port| match backend(world, port).tls {
        BackendTls::Off => "off".to_owned(),
        BackendTls::Broken(_) => "broken".to_owned(),
        BackendTls::Verify(origination) => origination.hostname.to_string(),
    })
}

#[test]
fn a_policy_is_for_a_service_or_a_port() {
    for (policies, expected) in [
        (
            [policy("a", 1, "", SYSTEM), String::new()],
            ["a.example"; 3],
        ),
        (
            [
                policy("a", 1, ", sectionName: https", SYSTEM),
                String::new(),
            ],
            ["off", "a.example", "off"],
        ),
        (
            [
                policy("a", 1, "", SYSTEM),
                policy("b", 2, ", sectionName: https", SYSTEM),
            ],
            ["a.example", "b.example", "a.example"],
        ),
        (
            [policy("a", 2, "", SYSTEM), policy("b", 1, "", SYSTEM)],
            ["b.example"; 3],
        ),
        // Of the same age: by name.
        (
            [policy("b", 1, "", SYSTEM), policy("a", 1, "", SYSTEM)],
            ["a.example"; 3],
        ),
        // The older one holds, whether it can be used or not.
        (
            [policy("b", 1, "", OWN), policy("a", 2, "", SYSTEM)],
            ["broken"; 3],
        ),
    ] {
        let world = translated(&format!("{}{}", base(""), policies.concat()));
        assert_eq!(asked(&world), expected, "{policies:?}");
    }
}

#[test]
fn what_is_asked_of_a_certificate_is_handed_on() {
    let names = "subjectAltNames: [{type: Hostname, hostname: A.Example}, {type: URI, uri: 'spiffe://a/b'}]";
    let yaml = format!(
        "{}{}{}",
        base(""),
        policy("a", 1, "", &format!("{OWN}, {names}")),
        config_map("ca", &Authority::new("test").pem)
    );
    let world = translated(&yaml);
    assert_eq!(findings(&world), [""; 0]);
    let BackendTls::Verify(origination) = backend(&world, 80).tls else {
        panic!("it is checked")
    };
    assert_eq!(
        origination.names,
        [
            SubjectAltName::Dns("a.example".into()),
            SubjectAltName::Uri("spiffe://a/b".into())
        ]
    );
    assert_eq!(&*origination.origin.object.name, "a");
    let Trust::Authorities(keys) = origination.trust else {
        panic!("authorities of its own")
    };
    let used: Vec<_> = world.ir().credentials.keys().cloned().collect();
    assert_eq!(keys, used);
}

#[test]
fn a_policy_that_cannot_be_used_closes_its_backends() {
    for (validation, found) in [
        (OWN, vec!["InvalidCaCertificateRef", "NoValidCaCertificate"]),
        (
            "caCertificateRefs: [{group: '', kind: Pod, name: ca}]",
            vec!["InvalidKind", "NoValidCaCertificate"],
        ),
        ("wellKnownCACertificates: own.io/x", vec!["InvalidPolicy"]),
        ("subjectAltNames: []", vec!["InvalidPolicy"]),
        (
            "wellKnownCACertificates: System, subjectAltNames: [{type: URI}]",
            vec!["InvalidPolicy"],
        ),
    ] {
        let world = translated(&format!("{}{}", base(""), policy("a", 1, "", validation)));
        assert_eq!(asked(&world), ["broken"; 3], "{validation}");
        let mut kinds: Vec<String> = world
            .findings()
            .map(|finding| format!("{:?}", finding.kind))
            .collect();
        kinds.sort();
        assert_eq!(kinds, found, "{validation}");
        assert_eq!(
            action(&rule(&world, "r", 0)),
            "web:80=1",
            "the route is good"
        );
    }
}

#[test]
fn authorities_come_and_go() {
    let map = config_map("ca", &Authority::new("test").pem);
    let mut world = translated(&format!("{}{}", base(""), policy("a", 1, "", OWN)));
    assert_eq!(asked(&world), ["broken"; 3]);
    let outcome = put(&mut world, &map);
    assert_eq!(asked(&world), ["a.example"; 3]);
    assert_eq!(outcome.change.credentials.len(), 1);
    let outcome = put(&mut world, &config_map("ca", &Authority::new("new").pem));
    assert_eq!(outcome.change.credentials.len(), 1);
    assert!(outcome.change.backends.is_empty() && outcome.translated_routes == 0);
    remove(&mut world, &map);
    assert_eq!(asked(&world), ["broken"; 3]);
    assert!(world.ir().credentials.is_empty());
    remove(&mut world, &policy("a", 1, "", OWN));
    assert_eq!(asked(&world), ["off"; 3]);
    assert_eq!(findings(&world), [""; 0]);
}

#[test]
fn a_port_that_speaks_tls_needs_a_policy() {
    for (protocol, spoken) in [
        ("https", BackendProtocol::Auto),
        ("HTTPS", BackendProtocol::Auto),
        ("kubernetes.io/wss", BackendProtocol::Http1),
    ] {
        let base = base(&format!(", appProtocol: {protocol}"));
        let mut world = translated(&base);
        let broken = "broken(UnsupportedBackendProtocol)=1";
        assert_eq!(action(&rule(&world, "r", 1)), broken);
        assert_eq!(
            findings(&world),
            [
                "Error UnsupportedBackendProtocol HTTPRoute default/r spec.rules[1].backendRefs[0].port"
            ]
        );
        let other = policy("a", 1, ", sectionName: http", SYSTEM);
        put(&mut world, &other);
        assert_eq!(
            action(&rule(&world, "r", 1)),
            broken,
            "it is for another port"
        );
        let policy = policy("b", 2, "", SYSTEM);
        put(&mut world, &policy);
        assert_eq!(action(&rule(&world, "r", 1)), "web:443=1");
        assert_eq!(asked(&world), ["a.example", "b.example", "b.example"]);
        assert_eq!(backend(&world, 443).protocol, spoken);
        remove(&mut world, &policy);
        assert_eq!(action(&rule(&world, "r", 1)), broken);
    }
}

#[test]
fn a_target_that_is_not_there_is_named() {
    for (target, path) in [
        (", sectionName: htps", "spec.targetRefs[0].sectionName"),
        ("x", "spec.targetRefs[0].name"),
    ] {
        let world = translated(&format!("{}{}", base(""), policy("a", 1, target, SYSTEM)));
        assert_eq!(
            findings(&world),
            [format!(
                "Error TargetNotFound BackendTLSPolicy default/a {path}"
            )]
        );
        assert_eq!(asked(&world), ["off"; 3]);
    }
    let several = policy("a", 1, ", sectionName: http", SYSTEM)
        .replace("[{group", "[{group: '', kind: Service, name: gone}, {group");
    let world = translated(&format!("{}{several}", base("")));
    assert_eq!(
        findings(&world),
        ["Warning TargetNotFound BackendTLSPolicy default/a spec.targetRefs[0].name"],
        "the other one holds"
    );
    assert_eq!(asked(&world), ["a.example", "off", "off"]);
    let other = policy("a", 1, "", SYSTEM).replace("kind: Service", "kind: Pod");
    let world = translated(&format!("{}{other}", base("")));
    assert_eq!(
        findings(&world),
        ["Error InvalidPolicy BackendTLSPolicy default/a spec.targetRefs[0].kind"]
    );
}
