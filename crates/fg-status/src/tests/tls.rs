//! The conditions that TLS adds: of listeners, of Gateways, and of policies on their ancestors.

use fg_model::kinds;
use fg_testkit::certificates::{Authority, config_map, secret};
use fg_testkit::objects::objects;
use serde_json::{Value, json};

use super::{PLAIN, bound, conditions, shown, translated};

/// A Gateway of generation 3 with an HTTP listener, an HTTPS listener, and this `spec.tls`.
fn gateway(tls: &str) -> String {
    super::gateway(&format!(
        "  listeners:
  - {{name: http, port: 80, protocol: HTTP}}
  - {{name: tls, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: cert}}]}}}}
  tls: {tls}"
    ))
}

/// A Secret `cert` and a ConfigMap `ca`.
fn held() -> String {
    let authority = Authority::new("test");
    let cert = secret("cert", &authority.issue(&["a.example"]));
    cert + &config_map("ca", &authority.pem)
}

/// The Gateway's conditions and those of its listeners.
fn gateway_status(yaml: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let world = translated(yaml);
    let shown = shown(&world, &bound(&world), kinds::GATEWAY, "gw");
    let listeners = shown["status"]["listeners"].as_array().expect("listeners");
    (
        conditions(&shown["status"], 3),
        listeners
            .iter()
            .map(|listener| conditions(listener, 3))
            .collect(),
    )
}

const GOOD: [&str; 4] = [
    "Accepted=True/Accepted",
    "Conflicted=False/NoConflicts",
    "ResolvedRefs=True/ResolvedRefs",
    "Programmed=True/Programmed",
];

#[test]
fn an_https_listener_is_as_good_as_any() {
    let (gateway, listeners) = gateway_status(&format!("{}{}", gateway("{}"), held()));
    assert_eq!(gateway[2], "ResolvedRefs=True/ResolvedRefs");
    assert_eq!(listeners, [GOOD, GOOD]);
}

#[test]
fn bad_authorities_break_https_listeners_alone() {
    for (reference, reason) in [
        (
            "{group: '', kind: ConfigMap, name: gone}",
            "InvalidCACertificateRef",
        ),
        (
            "{group: '', kind: Pod, name: ca}",
            "InvalidCACertificateKind",
        ),
        (
            "{group: '', kind: ConfigMap, name: ca, namespace: other}",
            "RefNotPermitted",
        ),
    ] {
        let tls = format!(
            "{{frontend: {{default: {{validation: {{caCertificateRefs: [{reference}]}}}}}}}}"
        );
        let (gateway, listeners) = gateway_status(&format!("{}{}", gateway(&tls), held()));
        assert_eq!(
            gateway,
            [
                "Accepted=True/ListenersNotValid",
                "Programmed=True/Programmed",
                "ResolvedRefs=False/ListenersNotResolved"
            ]
        );
        assert_eq!(listeners[0], GOOD);
        assert_eq!(
            listeners[1],
            [
                "Accepted=False/NoValidCACertificate".to_owned(),
                "Conflicted=False/NoConflicts".to_owned(),
                format!("ResolvedRefs=False/{reason}"),
                "Programmed=False/Invalid".to_owned(),
            ]
        );
    }
}

#[test]
fn an_insecure_fallback_is_shown_while_it_is_set() {
    let tls = "{frontend: {default: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}], mode: AllowInsecureFallback}}}}";
    let (gateway, listeners) = gateway_status(&format!("{}{}", gateway(tls), held()));
    assert_eq!(
        gateway[3],
        "InsecureFrontendValidationMode=True/ConfigurationChanged"
    );
    assert_eq!(listeners, [GOOD, GOOD]);
}

#[test]
fn a_bad_certificate_for_backends_leaves_the_gateway_serving() {
    for (reference, reason) in [
        ("{name: gone}", "InvalidClientCertificateRef"),
        ("{kind: ConfigMap, name: ca}", "InvalidClientCertificateRef"),
        ("{name: cert, namespace: other}", "RefNotPermitted"),
    ] {
        let tls = format!("{{backend: {{clientCertificateRef: {reference}}}}}");
        let (gateway, listeners) = gateway_status(&format!("{}{}", gateway(&tls), held()));
        let expected = [
            "Accepted=True/Accepted".to_owned(),
            "Programmed=True/Programmed".to_owned(),
            format!("ResolvedRefs=False/{reason}"),
        ];
        assert_eq!(gateway, expected, "{reference}");
        assert_eq!(listeners, [GOOD, GOOD]);
    }
}

#[test]
fn overlapping_tls_is_shown_on_both_listeners() {
    let gateway = gateway("{}").replace(
        "  tls: {}",
        "  - {name: more, port: 443, hostname: '*.example', protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}",
    );
    let (_, listeners) = gateway_status(&format!("{gateway}{}", held()));
    assert_eq!(listeners[0], GOOD);
    for listener in &listeners[1..] {
        assert_eq!(listener[..4], GOOD);
        assert_eq!(
            listener[4],
            "OverlappingTLSConfig=True/OverlappingCertificates"
        );
    }
}

/// A Gateway with a route to port 443 (`https`) of Service `web`.
fn routed() -> String {
    super::gateway(PLAIN)
        + "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80}, {name: https, port: 443, appProtocol: https}]}
"
}

/// A policy of generation 5.
fn policy(name: &str, created: u32, target: &str, validation: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}, generation: 5, creationTimestamp: {created}}}
spec:
  targetRefs: [{{group: '', kind: Service, name: web{target}}}]
  validation: {{hostname: web.example, {validation}}}
"
    )
}

fn policy_status(yaml: &str, name: &str) -> Value {
    let world = translated(yaml);
    shown(&world, &bound(&world), kinds::BACKEND_TLS_POLICY, name)["status"].clone()
}

#[test]
fn a_policy_has_an_entry_for_each_gateway_that_leads_to_it() {
    let system = "wellKnownCACertificates: System";
    let status = policy_status(&format!("{}{}", routed(), policy("p", 1, "", system)), "p");
    let [ancestor] = status["ancestors"].as_array().expect("a list").as_slice() else {
        panic!("one ancestor: {status}")
    };
    assert_eq!(
        ancestor["ancestorRef"],
        json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "default", "name": "gw"})
    );
    assert_eq!(ancestor["controllerName"], "ferrogate.dev/gateway");
    assert_eq!(
        conditions(ancestor, 5),
        ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"]
    );
    for (target, ancestors) in [(", sectionName: https", 1), (", sectionName: http", 0)] {
        let yaml = format!("{}{}", routed(), policy("p", 1, target, system));
        let status = policy_status(&yaml.replace(", appProtocol: https", ""), "p");
        assert_eq!(
            status["ancestors"].as_array().expect("a list").len(),
            ancestors
        );
    }
}

#[test]
fn policies_say_what_is_wrong_with_them() {
    let good = "Accepted=True/Accepted";
    let resolved = "ResolvedRefs=True/ResolvedRefs";
    let invalid = "Accepted=False/NoValidCACertificate";
    for (validation, expected) in [
        (
            "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]",
            [good, resolved],
        ),
        (
            "caCertificateRefs: [{group: '', kind: ConfigMap, name: gone}]",
            [invalid, "ResolvedRefs=False/InvalidCACertificateRef"],
        ),
        (
            "caCertificateRefs: [{group: '', kind: Pod, name: ca}]",
            [invalid, "ResolvedRefs=False/InvalidKind"],
        ),
        (
            "caCertificateRefs: [{group: '', kind: ConfigMap, name: gone}, {group: '', kind: ConfigMap, name: ca}]",
            [good, "ResolvedRefs=False/InvalidCACertificateRef"],
        ),
        (
            "wellKnownCACertificates: example.com/own",
            ["Accepted=False/Invalid", resolved],
        ),
    ] {
        let yaml = format!("{}{}{}", routed(), policy("p", 1, "", validation), held());
        let status = policy_status(&yaml, "p");
        assert_eq!(
            conditions(&status["ancestors"][0], 5),
            expected,
            "{validation}"
        );
    }
}

#[test]
fn of_two_policies_for_the_same_the_older_holds() {
    let system = "wellKnownCACertificates: System";
    let section = ", sectionName: https";
    for (old, new, conflict) in [
        ("", "", true),
        (section, section, true),
        ("", section, false),
        (section, "", false),
    ] {
        let yaml = [
            routed(),
            policy("z-old", 1, old, system),
            policy("a-new", 2, new, system),
        ]
        .concat();
        for (name, loses) in [("z-old", false), ("a-new", conflict)] {
            let status = policy_status(&yaml, name);
            let accepted = &conditions(&status["ancestors"][0], 5)[0];
            let expected = match loses {
                true => "Accepted=False/Conflicted",
                false => "Accepted=True/Accepted",
            };
            assert_eq!(accepted, expected, "{name}: {old} {new}");
        }
    }
}

#[test]
fn a_policy_without_a_target_is_still_reported() {
    let yaml = policy("p", 1, "", "wellKnownCACertificates: System");
    assert_eq!(objects(&yaml).len(), 1);
    let world = translated(&yaml);
    let status = policy_status(&yaml, "p");
    assert_eq!(status, json!({"ancestors": []}));
    let finding = world.findings().next().expect("a finding");
    assert_eq!(finding.kind, fg_model::FindingKind::TargetNotFound);
}
