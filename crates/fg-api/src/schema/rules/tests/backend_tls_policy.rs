//! Rules of `BackendTLSPolicy`.

use super::{judge, one};

fn policy(targets: &str, validation: &str) -> Vec<String> {
    let spec = format!("targetRefs: {targets}\nvalidation: {validation}");
    judge("gateway.networking.k8s.io/v1", "BackendTLSPolicy", &spec)
}

const TARGET: &str = "[{group: '', kind: Service, name: a}]";
const SYSTEM: &str = "{hostname: a.example, wellKnownCACertificates: System}";

#[test]
fn targets_are_told_apart() {
    let two = |one: &str, other: &str| {
        let targets = format!(
            "[{{group: '', kind: Service, name: a{one}}}, {{group: '', kind: Service, name: a{other}}}]"
        );
        policy(&targets, SYSTEM)
    };
    assert_eq!(two(", sectionName: x", ", sectionName: z"), [""; 0]);
    assert_eq!(
        policy(
            "[{group: '', kind: Service, name: a}, {group: '', kind: Service, name: b}]",
            SYSTEM
        ),
        [""; 0]
    );
    one(
        &two("", ", sectionName: z"),
        "spec.targetRefs[0].sectionName: is required",
    );
    one(
        &two("", ""),
        "spec.targetRefs[1]: another entry names the same object",
    );
    one(
        &two(", sectionName: x", ", sectionName: x"),
        "spec.targetRefs[1].sectionName: another entry names the section `x`",
    );
}

#[test]
fn authorities_come_from_one_source() {
    assert_eq!(policy(TARGET, SYSTEM), [""; 0]);
    one(
        &policy(TARGET, "{hostname: a.example}"),
        "spec.validation: one of",
    );
    let both = "{hostname: a.example, wellKnownCACertificates: System, caCertificateRefs: [{group: '', kind: ConfigMap, name: a}]}";
    one(
        &policy(TARGET, both),
        "spec.validation.wellKnownCACertificates: must not be set together",
    );
    one(
        &policy(
            TARGET,
            "{hostname: a.example, wellKnownCACertificates: Sys}",
        ),
        "spec.validation.wellKnownCACertificates: ",
    );
}

#[test]
fn names_fit_their_type() {
    let names = |name: &str| {
        let validation = format!(
            "{{hostname: a.example, wellKnownCACertificates: System, subjectAltNames: [{name}]}}"
        );
        policy(TARGET, &validation)
    };
    assert_eq!(names("{type: Hostname, hostname: '*.a.example'}"), [""; 0]);
    assert_eq!(names("{type: URI, uri: 'spiffe://a/b'}"), [""; 0]);
    let at = "spec.validation.subjectAltNames[0]";
    one(
        &names("{type: Hostname}"),
        &format!("{at}.hostname: is required"),
    );
    one(&names("{type: URI}"), &format!("{at}.uri: is required"));
    one(
        &names("{type: URI, uri: 'spiffe://a/b', hostname: a.example}"),
        &format!("{at}.hostname: `hostname` goes only with `type: Hostname`"),
    );
    one(&names("{type: URI, uri: words}"), &format!("{at}.uri: "));
}
