//! Rules of the kinds whose schema is written by hand bite.

use super::*;

#[test]
fn services() {
    let of = |spec: &str| judge("v1", "Service", spec);
    assert_eq!(of("ports: [{port: 80, targetPort: http}]"), [""; 0]);
    assert_eq!(of("clusterIP: None"), [""; 0]);
    assert_eq!(of("{type: ExternalName, externalName: a.com}"), [""; 0]);
    one(
        &of("type: ExternalName"),
        "spec.externalName: must be a DNS name",
    );
    one(&of("{}"), "spec.ports: is required");
    one(
        &of("ports: [{port: 80, name: a}, {port: 81}]"),
        "spec.ports[1].name: is required when",
    );
    one(
        &of("ports: [{port: 80, name: a}, {port: 81, name: a}]"),
        "spec.ports[1].name: another port",
    );
    one(
        &of("ports: [{port: 80, name: a}, {port: 80, name: b}]"),
        "spec.ports[1].port: another entry has port 80",
    );
    one(
        &of("ports: [{port: 80, targetPort: 65536}]"),
        "spec.ports[0].targetPort: must be 1 to 65535",
    );
    // As the API server has it: these count as absent.
    let empty = "{type: '', ports: [{port: 80, targetPort: 0, protocol: ''}]}";
    assert_eq!(of(empty), [""; 0]);
    assert_eq!(of("ports: [{port: 80, targetPort: ''}]"), [""; 0]);
    one(
        &of("ports: [{port: 80, targetPort: '80'}]"),
        "spec.ports[0].targetPort: must be 1 to 65535",
    );
}

#[test]
fn backends() {
    let of = |spec: &str| judge("gateway.kgateway.dev/v1alpha1", "Backend", spec);
    assert_eq!(of("static: {hosts: [{host: a.com, port: 80}]}"), [""; 0]);
    assert_eq!(
        of("type: Static\nstatic: {hosts: [{host: a.com, port: 80}]}"),
        [""; 0]
    );
    one(
        &of("type: AWS\nstatic: {hosts: [{host: a.com, port: 80}]}"),
        "spec.type: must be `Static`",
    );
    one(&of("type: Static"), "spec: exactly one of `static`, `aws`");
    one(
        &of("gcp: {host: a}\nstatic: {hosts: [{host: a.com, port: 80}]}"),
        "spec: exactly one of",
    );
    one(
        &of("static: {hosts: []}"),
        "spec.static.hosts: must have at least 1 entry, not 0",
    );
}
