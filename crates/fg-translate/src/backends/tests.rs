//! Backends: Services with their slices, and kgateway's `Backend`.

use std::collections::BTreeSet;

use fg_ir::BackendKind;
use fg_testkit::objects::objects;

use crate::testing::{BASE, action, findings, only, put, remove, report, route, rule, translated};
use crate::{Options, Translator};

/// The world of a Service with these ports and slices, and a route to its port 80.
fn service(ports: &str, slices: &[&str]) -> String {
    let mut yaml = format!(
        "{BASE}
---
apiVersion: v1
kind: Service
metadata: {{name: s}}
spec: {{ports: {ports}}}
{}",
        route("r", "  rules: [{backendRefs: [{name: s, port: 80}]}]")
    );
    for (at, slice) in slices.iter().enumerate() {
        yaml += &format!(
            "
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: s-{at}, labels: {{kubernetes.io/service-name: s}}}}
{slice}
"
        );
    }
    yaml
}

fn addresses(world: &Translator) -> Vec<String> {
    let endpoints = world
        .ir()
        .endpoints
        .values()
        .find(|endpoints| &*endpoints.key.object.name == "s");
    let endpoints = endpoints.expect("the Service has endpoints, maybe none");
    endpoints
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A slice of IPv4 addresses.
fn slice(ports: &str, endpoints: &str) -> String {
    format!("addressType: IPv4\nports: {ports}\nendpoints: {endpoints}")
}

#[test]
fn the_slices_port_is_found_by_the_name_of_the_services_port() {
    let endpoints = "[{addresses: [10.0.0.1, 10.0.0.9]}]";
    for (service_ports, slice_ports, expected) in [
        ("[{port: 80}]", "[{port: 8080}]", Some("10.0.0.1:8080")),
        (
            "[{port: 80, targetPort: web}]",
            "[{name: '', port: 8080}]",
            Some("10.0.0.1:8080"),
        ),
        (
            "[{name: web, port: 80, targetPort: 3000}]",
            "[{name: web, port: 3000}]",
            Some("10.0.0.1:3000"),
        ),
        (
            "[{name: a, port: 81}, {name: b, port: 80}]",
            "[{name: a, port: 1}, {name: b, port: 2}]",
            Some("10.0.0.1:2"),
        ),
        (
            "[{name: dns, port: 80, protocol: UDP}, {name: web, port: 80}]",
            "[{name: dns, port: 53, protocol: UDP}, {name: web, port: 2}]",
            Some("10.0.0.1:2"),
        ),
        ("[{name: web, port: 80}]", "[{port: 8080}]", None),
        ("[{port: 80}]", "[{name: web, port: 8080}]", None),
        (
            "[{name: web, port: 80}]",
            "[{name: web, port: 53, protocol: UDP}]",
            None,
        ),
    ] {
        let world = translated(&service(service_ports, &[&slice(slice_ports, endpoints)]));
        assert_eq!(
            addresses(&world),
            expected.into_iter().collect::<Vec<_>>(),
            "{service_ports} {slice_ports}"
        );
        let empty = findings(&world)
            .iter()
            .any(|finding| finding.starts_with("Warning NoEndpoints Service default/s"));
        assert_eq!(empty, expected.is_none());
    }
}

#[test]
fn only_ready_endpoints_count_unless_none_is_left() {
    let ready = "{addresses: [10.0.0.1]}";
    let also = "{addresses: [10.0.0.2], conditions: {ready: true, serving: true}}";
    let down = "{addresses: [10.0.0.3], conditions: {ready: false}}";
    let draining =
        "{addresses: [10.0.0.4], conditions: {ready: false, serving: true, terminating: true}}";
    let dead =
        "{addresses: [10.0.0.5], conditions: {ready: false, serving: false, terminating: true}}";
    for (endpoints, expected) in [
        (
            vec![ready, also, down, draining, dead],
            vec!["10.0.0.1:8", "10.0.0.2:8"],
        ),
        (vec![down, draining, dead], vec!["10.0.0.4:8"]),
        (vec![down, dead], vec![]),
    ] {
        let endpoints = format!("[{}]", endpoints.join(", "));
        let world = translated(&service(
            "[{port: 80}]",
            &[&slice("[{port: 8}]", &endpoints)],
        ));
        assert_eq!(addresses(&world), expected);
    }
}

#[test]
fn endpoints_of_all_slices_are_sorted_and_counted_once() {
    let six = "addressType: IPv6\nports: [{port: 8}]\nendpoints: [{addresses: ['fd00::1']}]";
    let names = "addressType: FQDN\nports: [{port: 8}]\nendpoints: [{addresses: [a.example]}]";
    let a = slice(
        "[{port: 8}]",
        "[{addresses: [10.0.0.2]}, {addresses: [10.0.0.1]}, {addresses: ['::1']}, {addresses: []}]",
    );
    let b = slice("[{port: 8}]", "[{addresses: [10.0.0.1]}]");
    let world = translated(&service("[{port: 80}]", &[&a, &b, six, names]));
    assert_eq!(
        addresses(&world),
        ["10.0.0.1:8", "10.0.0.2:8", "[fd00::1]:8"]
    );
    assert_eq!(
        findings(&world),
        [
            "Warning UnsupportedValue EndpointSlice default/s-0 endpoints[2].addresses[0]",
            "Warning UnsupportedValue EndpointSlice default/s-3 addressType",
        ]
    );
}

#[test]
fn a_service_that_nothing_stands_behind_says_what_to_add() {
    let world = translated(&service("[{port: 80}]", &[]));
    assert_eq!(addresses(&world), Vec::<String>::new());
    assert_eq!(
        action(&rule(&world, "r", 0)),
        "s:80=1",
        "the data plane answers 503"
    );
    let finding = only(&world);
    assert_eq!(finding.about.to_string(), "Service default/s spec.ports[0]");
    assert_eq!(
        finding.hint.as_deref(),
        Some(
            "add an EndpointSlice in namespace `default` with the label kubernetes.io/service-name: s"
        )
    );
    // Nobody asks for a Service that no route refers to.
    assert_eq!(
        findings(&translated(
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}"
        ))
        .len(),
        0
    );
}

#[test]
fn slices_move_between_services() {
    let mut world = translated(&service(
        "[{port: 80}]",
        &[&slice("[{port: 8}]", "[{addresses: [10.0.0.1]}]")],
    ));
    assert_eq!(addresses(&world), ["10.0.0.1:8"]);
    let moved = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s-0, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8}]
endpoints: [{addresses: [10.0.0.1]}]
";
    let outcome = put(&mut world, moved);
    assert_eq!(outcome.translated_routes, 0);
    assert_eq!(addresses(&world), Vec::<String>::new());
    assert_eq!(outcome.appeared.len(), 1);
    let outcome = remove(&mut world, moved);
    assert!(outcome.change.is_empty());
}

#[test]
fn protocols_of_services() {
    use fg_ir::BackendProtocol::{Auto, Http1, Http2};
    for (protocol, spoken) in [
        ("http", Some(Auto)),
        ("HTTP", Some(Auto)),
        ("tcp", Some(Auto)),
        ("kubernetes.io/ws", Some(Http1)),
        ("kubernetes.io/h2c", Some(Http2)),
        ("grpc", Some(Http2)),
        ("http2", Some(Http2)),
        // Nothing tells whose certificate to believe.
        ("https", None),
        ("kubernetes.io/wss", None),
        ("example.com/own", None),
    ] {
        let good = spoken.is_some();
        let port = format!("[{{port: 80, appProtocol: {protocol}}}]");
        let world = translated(&service(
            &port,
            &[&slice("[{port: 8}]", "[{addresses: [10.0.0.1]}]")],
        ));
        let expected: &[&str] = if good {
            &[]
        } else {
            &[
                "Error UnsupportedBackendProtocol HTTPRoute default/r spec.rules[0].backendRefs[0].port",
            ]
        };
        assert_eq!(findings(&world), expected, "{protocol}");
        let action = action(&rule(&world, "r", 0));
        assert_eq!(
            action,
            if good {
                "s:80=1"
            } else {
                "broken(UnsupportedBackendProtocol)=1"
            }
        );
        let backend = world.ir().backends.values().next();
        assert_eq!(
            backend.map(|backend| backend.protocol),
            spoken,
            "{protocol}"
        );
    }
    let world = translated(&service("[{port: 80, protocol: UDP}]", &[]));
    assert_eq!(
        action(&rule(&world, "r", 0)),
        "broken(UnsupportedBackendProtocol)=1"
    );
}

#[test]
fn external_names_are_refused_unless_the_operator_allows_them() {
    let yaml = format!(
        "{BASE}
---
apiVersion: v1
kind: Service
metadata: {{name: s}}
spec: {{type: ExternalName, externalName: up.example}}
{}",
        route("r", "  rules: [{backendRefs: [{name: s, port: 80}]}]")
    );
    let world = translated(&yaml);
    assert_eq!(action(&rule(&world, "r", 0)), "broken(InvalidKind)=1");
    assert_eq!(
        findings(&world),
        ["Error InvalidKind HTTPRoute default/r spec.rules[0].backendRefs[0]"]
    );
    assert!(world.ir().backends.is_empty());

    let mut world = Translator::new(Options {
        allow_external_name: true,
        ..Options::default()
    });
    world.apply(&objects(&yaml), &[]);
    assert_eq!(action(&rule(&world, "r", 0)), "s:80=1");
    assert_eq!(findings(&world), Vec::<String>::new());
    let backend = world.ir().backends.values().next().expect("a backend");
    let BackendKind::Static(hosts) = &backend.kind else {
        panic!("written down")
    };
    assert_eq!((&*hosts[0].host, hosts[0].port), ("up.example", 80));
    assert!(world.ir().endpoints.is_empty());
}

/// A route to a kgateway `Backend` of this spec.
fn backend(spec: &str) -> String {
    format!(
        "{BASE}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {{name: b}}
spec: {spec}
{}",
        route(
            "r",
            "  rules: [{backendRefs: [{group: gateway.kgateway.dev, kind: Backend, name: b}]}]"
        )
    )
}

#[test]
fn fixed_hosts_are_backends() {
    let world = translated(&backend(
        "{type: Static, static: {hosts: [{host: 127.0.0.1, port: 1}, {host: up.example., port: 2}]}}",
    ));
    assert_eq!(findings(&world), Vec::<String>::new());
    assert_eq!(action(&rule(&world, "r", 0)), "b:0=1");
    let backend = world.ir().backends.values().next().expect("a backend");
    let BackendKind::Static(hosts) = &backend.kind else {
        panic!("written down")
    };
    assert_eq!(hosts.len(), 2);
    assert!(world.ir().endpoints.is_empty());
    assert!(report(&world, "Backend", "b").findings.is_empty());
}

#[test]
fn a_backend_that_cannot_be_used_is_named_on_both_sides() {
    for (spec, kind, path) in [
        ("{aws: {}}", "InvalidBackend", "spec.aws"),
        (
            "{dynamicForwardProxy: {}}",
            "InvalidBackend",
            "spec.dynamicForwardProxy",
        ),
        (
            "{aws: {}, static: {hosts: [{host: a, port: 1}]}}",
            "InvalidBackend",
            "spec.aws",
        ),
        ("{}", "InvalidBackend", "spec"),
        (
            "{static: {hosts: []}}",
            "InvalidBackend",
            "spec.static.hosts",
        ),
        (
            "{static: {hosts: [{host: 'a b', port: 1}]}}",
            "InvalidBackend",
            "spec.static.hosts[0].host",
        ),
        (
            "{type: AWS, static: {hosts: [{host: a, port: 1}]}}",
            "InvalidBackend",
            "spec.type",
        ),
        (
            "{static: {appProtocol: own.io/x, hosts: [{host: a, port: 1}]}}",
            "UnsupportedBackendProtocol",
            "spec.static.appProtocol",
        ),
    ] {
        let world = translated(&backend(spec));
        let found: BTreeSet<String> = findings(&world).into_iter().collect();
        let expected = [
            format!("Error {kind} Backend default/b {path}"),
            format!("Error {kind} HTTPRoute default/r spec.rules[0].backendRefs[0]"),
        ];
        assert_eq!(found, expected.into(), "{spec}");
        assert_eq!(action(&rule(&world, "r", 0)), format!("broken({kind})=1"));
        assert!(world.ir().backends.is_empty());
    }
}

#[test]
fn a_backend_is_gone_with_the_last_route_that_refers_to_it() {
    let yaml = service("[{port: 80}]", &[]);
    let mut world = translated(&yaml);
    assert_eq!(world.ir().backends.len(), 1);
    let outcome = remove(&mut world, &route("r", "  rules: []"));
    assert!(
        world.ir().backends.is_empty()
            && world.ir().endpoints.is_empty()
            && world.ir().rules.is_empty()
    );
    assert_eq!(
        outcome.resolved.len(),
        1,
        "nobody misses its endpoints any more"
    );
    assert_eq!(outcome.translated_routes, 0);
}
