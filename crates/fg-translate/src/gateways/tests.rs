//! Gateways: classes, addresses, listeners, conflicts inside one and across several, who attaches.

use fg_api::gateway::LabelSelector;
use fg_api::report::Subject;
use fg_model::HostPattern;

use crate::testing::{findings, line, listeners, only, put, remove, report, translated};

/// A Gateway; `rest` is YAML of its spec in flow style.
fn gateway(name: &str, rest: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec: {{gatewayClassName: ferrogate, {rest}}}
"
    )
}

/// The same with a creation time.
fn aged(name: &str, created: u32, rest: &str) -> String {
    gateway(name, rest).replace(
        &format!("{{name: {name}}}"),
        &format!("{{name: {name}, creationTimestamp: {created}}}"),
    )
}

const HTTP: &str = "listeners: [{name: http, port: 80, protocol: HTTP}]";

#[test]
fn classes_of_ours_exist_without_being_written() {
    for (class, expected) in [
        ("ferrogate", vec![]),
        ("ferrogate-envoy", vec![]),
        (
            "ferrogate-waypoint",
            vec!["Error ClassNotAccepted Gateway default/g spec.gatewayClassName"],
        ),
    ] {
        let world =
            translated(&gateway("g", HTTP).replace("Name: ferrogate,", &format!("Name: {class},")));
        assert_eq!(findings(&world), expected, "{class}");
        let served = class != "ferrogate-waypoint";
        assert_eq!(
            listeners(&world, "g"),
            [if served { "http=0" } else { "-http=0" }]
        );
        assert_eq!(world.ir().listeners.len(), usize::from(served));
    }
}

#[test]
fn two_planes_do_not_share_a_port() {
    let of_envoy = gateway("h", HTTP).replace("Name: ferrogate,", "Name: ferrogate-envoy,");
    let world = translated(&format!("{}\n---\n{of_envoy}", gateway("g", HTTP)));
    let finding = only(&world);
    assert_eq!(
        line(&finding),
        "Error PortUnavailable Gateway default/h spec.listeners[0]"
    );
    assert!(
        finding.text.contains("another data plane"),
        "{}",
        finding.text
    );
    assert_eq!(listeners(&world, "g"), ["http=0"]);
    assert_eq!(listeners(&world, "h"), ["-http=0"]);
}

#[test]
fn a_class_that_does_not_exist_is_guessed_and_waited_for() {
    let mut world = translated(&gateway("g", HTTP).replace("Name: ferrogate,", "Name: ferogate,"));
    let finding = only(&world);
    assert_eq!(
        line(&finding),
        "Error ClassNotFound Gateway default/g spec.gatewayClassName"
    );
    assert_eq!(finding.hint.as_deref(), Some("did you mean `ferrogate`?"));
    assert!(world.reports().is_empty());
    let class = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ferogate}
spec: {controllerName: ferrogate.dev/gateway}
";
    let outcome = put(&mut world, class);
    assert_eq!(outcome.resolved.len(), 1);
    assert_eq!(outcome.appeared.len(), 0);
    assert_eq!(listeners(&world, "g"), ["http=0"]);
    let outcome = remove(&mut world, class);
    assert_eq!(outcome.appeared.len(), 1);
    assert!(world.ir().listeners.is_empty());
}

#[test]
fn a_class_that_is_written_hides_the_one_that_exists_anyway() {
    let class = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ferrogate}
spec: {controllerName: example.org/them}
";
    let mut world = translated(&format!("{class}{}", gateway("g", HTTP)));
    assert!(world.reports().is_empty());
    remove(&mut world, class);
    assert_eq!(listeners(&world, "g"), ["http=0"]);
}

#[test]
fn classes_of_ours_that_cannot_be_used_say_so() {
    for (spec, expected) in [
        ("{controllerName: ferrogate.dev/gateway}", vec![]),
        (
            "{controllerName: ferrogate.dev/waypoint}",
            vec!["Error UnsupportedClass GatewayClass c spec.controllerName"],
        ),
        (
            "{controllerName: ferrogate.dev/gatewy}",
            vec!["Error UnsupportedClass GatewayClass c spec.controllerName"],
        ),
        (
            "{controllerName: ferrogate.dev/gateway, parametersRef: {group: a.io, kind: P, name: p}}",
            vec!["Error InvalidParameters GatewayClass c spec.parametersRef"],
        ),
    ] {
        let class = format!(
            "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: c}}
spec: {spec}
"
        );
        let world = translated(&class);
        assert_eq!(findings(&world), expected);
        assert_eq!(
            report(&world, "GatewayClass", "c").subject,
            Subject::GatewayClass(fg_model::Plane::Native)
        );
    }
}

#[test]
fn addresses_are_bound_or_refused() {
    for (addresses, expected, served) in [
        ("[]", None, Some(vec![])),
        (
            "[{value: 127.0.0.2}, {type: IPAddress, value: '::1'}]",
            None,
            Some(vec!["127.0.0.2", "::1"]),
        ),
        ("[{type: IPAddress}]", None, Some(vec![])),
        (
            "[{type: Hostname, value: a.example}]",
            Some("UnsupportedAddress Gateway default/g spec.addresses[0].type"),
            None,
        ),
        (
            "[{type: own.io/x, value: a}]",
            Some("UnsupportedAddress Gateway default/g spec.addresses[0].type"),
            None,
        ),
        (
            "[{value: 127.0.0.2, routability: Cluster}]",
            Some("UnsupportedAddress Gateway default/g spec.addresses[0].routability"),
            None,
        ),
        (
            "[{value: here}]",
            Some("AddressNotUsable Gateway default/g spec.addresses[0].value"),
            None,
        ),
        (
            "[{value: here}, {value: 127.0.0.1}]",
            Some("AddressNotUsable Gateway default/g spec.addresses[0].value"),
            Some(vec!["127.0.0.1"]),
        ),
    ] {
        let world = translated(&gateway("g", &format!("addresses: {addresses}, {HTTP}")));
        let expected: Vec<String> = expected
            .iter()
            .map(|words| format!("Error {words}"))
            .collect();
        assert_eq!(findings(&world), expected, "{addresses}");
        let bound = world.ir().listeners.values().next();
        let bound = bound.map(|listener| {
            listener
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        });
        assert_eq!(
            bound,
            served.map(|list| list.into_iter().map(str::to_owned).collect()),
            "{addresses}"
        );
    }
}

#[test]
fn fields_that_are_not_supported_are_named() {
    for (rest, expected, served) in [
        (
            "defaultScope: All",
            "Warning UnsupportedValue Gateway default/g spec.defaultScope",
            true,
        ),
        (
            "infrastructure: {labels: {a: b}}",
            "Info UnsupportedValue Gateway default/g spec.infrastructure",
            true,
        ),
        (
            "infrastructure: {parametersRef: {group: a.io, kind: P, name: p}}",
            "Error InvalidParameters Gateway default/g spec.infrastructure.parametersRef",
            false,
        ),
    ] {
        let world = translated(&gateway("g", &format!("{rest}, {HTTP}")));
        assert_eq!(findings(&world), [expected]);
        assert_eq!(!world.ir().listeners.is_empty(), served, "{rest}");
    }
}

#[test]
fn a_listener_that_cannot_serve_says_why_and_the_others_serve() {
    for (listener, expected) in [
        (
            "port: 443, protocol: HTTPS",
            "InvalidCertificateRef Gateway default/g spec.listeners[1].tls.certificateRefs",
        ),
        (
            "port: 443, protocol: TLS",
            "UnsupportedProtocol Gateway default/g spec.listeners[1].protocol",
        ),
        (
            "port: 90, protocol: TCP",
            "UnsupportedProtocol Gateway default/g spec.listeners[1].protocol",
        ),
        (
            "port: 90, protocol: http",
            "UnsupportedProtocol Gateway default/g spec.listeners[1].protocol",
        ),
        (
            "port: 19000, protocol: HTTP",
            "PortUnavailable Gateway default/g spec.listeners[1].port",
        ),
        (
            "port: 8082, protocol: HTTP",
            "PortUnavailable Gateway default/g spec.listeners[1].port",
        ),
        (
            "port: 9091, protocol: HTTP",
            "PortUnavailable Gateway default/g spec.listeners[1].port",
        ),
        (
            "port: 90, protocol: HTTP, hostname: 'a b'",
            "UnsupportedValue Gateway default/g spec.listeners[1].hostname",
        ),
        (
            "port: 90, protocol: HTTP, filters: {}",
            "UnsupportedValue Gateway default/g spec.listeners[1].filters",
        ),
    ] {
        let rest = format!(
            "listeners: [{{name: http, port: 80, protocol: HTTP}}, {{name: bad, {listener}}}]"
        );
        let world = translated(&gateway("g", &rest));
        assert_eq!(findings(&world), [format!("Error {expected}")]);
        assert_eq!(listeners(&world, "g"), ["http=0", "-bad=0"], "{listener}");
        assert_eq!(world.ir().listeners.len(), 1);
    }
}

#[test]
fn listeners_of_one_gateway_that_cannot_be_told_apart_all_lose() {
    for (a, b, kind) in [
        (
            "port: 81, protocol: HTTP",
            "port: 81, protocol: HTTP",
            Some("HostnameConflict"),
        ),
        (
            "port: 81, protocol: HTTP, hostname: a.io",
            "port: 81, protocol: HTTP, hostname: A.io",
            Some("HostnameConflict"),
        ),
        (
            "port: 81, protocol: HTTP, hostname: a.io",
            "port: 81, protocol: HTTP",
            None,
        ),
        (
            "port: 81, protocol: HTTP, hostname: '*.a.io'",
            "port: 81, protocol: HTTP, hostname: b.a.io",
            None,
        ),
        ("port: 81, protocol: HTTP", "port: 82, protocol: HTTP", None),
        (
            "port: 81, protocol: HTTP",
            "port: 81, protocol: HTTPS",
            Some("ProtocolConflict"),
        ),
        (
            "port: 81, protocol: HTTP",
            "port: 81, protocol: TCP",
            Some("ProtocolConflict"),
        ),
        ("port: 81, protocol: HTTP", "port: 81, protocol: UDP", None),
    ] {
        let rest = format!(
            "listeners: [{{name: ok, port: 80, protocol: HTTP}}, {{name: a, {a}}}, {{name: b, {b}}}]"
        );
        let world = translated(&gateway("g", &rest));
        let conflicts: Vec<String> = findings(&world)
            .into_iter()
            .filter(|finding| finding.contains("Conflict"))
            .collect();
        match kind {
            None => assert_eq!(conflicts, Vec::<String>::new()),
            Some(kind) => {
                let expected =
                    [1, 2].map(|at| format!("Error {kind} Gateway default/g spec.listeners[{at}]"));
                assert_eq!(conflicts, expected);
                assert_eq!(listeners(&world, "g"), ["ok=0", "-a=0", "-b=0"]);
            }
        }
    }
}

#[test]
fn the_older_gateway_keeps_port_and_hostname() {
    let old = aged("z-old", 100, HTTP);
    let mut world = translated(&aged("a-new", 200, HTTP));
    assert_eq!(listeners(&world, "a-new"), ["http=0"]);
    put(&mut world, &old);
    assert_eq!(listeners(&world, "z-old"), ["http=0"]);
    assert_eq!(listeners(&world, "a-new"), ["-http=0"]);
    let finding = only(&world);
    assert_eq!(
        line(&finding),
        "Error PortUnavailable Gateway default/a-new spec.listeners[0]"
    );
    assert!(
        finding.text.contains("older Gateway default/z-old"),
        "{}",
        finding.text
    );
    assert_eq!(world.ir().listeners.len(), 1);
    // An undated one is younger than every dated one, and among equals the name decides.
    put(&mut world, &gateway("0-undated", HTTP));
    assert_eq!(listeners(&world, "0-undated"), ["-http=0"]);
    put(&mut world, &gateway("1-undated", HTTP));
    remove(&mut world, &old);
    assert_eq!(listeners(&world, "a-new"), ["http=0"]);
    remove(&mut world, &aged("a-new", 200, HTTP));
    assert_eq!(listeners(&world, "0-undated"), ["http=0"]);
    assert_eq!(listeners(&world, "1-undated"), ["-http=0"]);
}

#[test]
fn gateways_share_a_port_by_hostname_and_by_address() {
    let listener = |hostname: &str| {
        format!("listeners: [{{name: http, port: 80, protocol: HTTP, hostname: {hostname}}}]")
    };
    for (a, b, both) in [
        (listener("a.io"), listener("b.io"), true),
        (listener("'*.io'"), listener("b.io"), true),
        (listener("a.io"), listener("a.io"), false),
        (
            format!("addresses: [{{value: 127.0.0.1}}], {HTTP}"),
            format!("addresses: [{{value: 127.0.0.2}}], {HTTP}"),
            true,
        ),
        (
            format!("addresses: [{{value: 127.0.0.1}}], {HTTP}"),
            HTTP.to_owned(),
            false,
        ),
        (
            HTTP.to_owned(),
            format!("addresses: [{{value: 127.0.0.2}}], {HTTP}"),
            false,
        ),
        (
            format!("addresses: [{{value: 0.0.0.0}}], {HTTP}"),
            format!("addresses: [{{value: 127.0.0.2}}], {HTTP}"),
            false,
        ),
        (
            format!("addresses: [{{value: 0.0.0.0}}], {HTTP}"),
            format!("addresses: [{{value: '::1'}}], {HTTP}"),
            true,
        ),
        (
            format!("addresses: [{{value: 127.0.0.1}}, {{value: 127.0.0.2}}], {HTTP}"),
            format!("addresses: [{{value: 127.0.0.2}}, {{value: 127.0.0.3}}], {HTTP}"),
            false,
        ),
    ] {
        let world = translated(&format!("{}{}", gateway("a", &a), gateway("b", &b)));
        assert_eq!(listeners(&world, "a"), ["http=0"]);
        assert_eq!(
            listeners(&world, "b"),
            [if both { "http=0" } else { "-http=0" }],
            "{a} | {b}"
        );
    }
}

#[test]
fn what_does_not_serve_takes_nothing_from_others() {
    let bad = gateway(
        "a",
        &format!("addresses: [{{type: Hostname, value: x.io}}], {HTTP}"),
    );
    let world = translated(&format!("{bad}{}", gateway("b", HTTP)));
    assert_eq!(listeners(&world, "b"), ["http=0"]);
    // b loses to a; c overlaps b only, which has nothing.
    let at = |address: &str| format!("addresses: [{{value: 127.0.0.{address}}}], {HTTP}");
    let three = [
        gateway("a", &at("1")),
        gateway(
            "b",
            &format!("addresses: [{{value: 127.0.0.1}}, {{value: 127.0.0.2}}], {HTTP}"),
        ),
        gateway("c", &at("2")),
    ];
    let world = translated(&three.concat());
    assert_eq!(listeners(&world, "b"), ["-http=0"]);
    assert_eq!(listeners(&world, "c"), ["http=0"]);
}

#[test]
fn kinds_of_routes_are_those_of_the_protocol_and_of_the_wish() {
    for (protocol, allowed, kinds, expected) in [
        ("HTTP", "{}", vec!["HTTPRoute", "GRPCRoute"], None),
        (
            "HTTP",
            "{kinds: [{kind: HTTPRoute}]}",
            vec!["HTTPRoute"],
            None,
        ),
        (
            "HTTP",
            "{kinds: [{kind: HTTPRoute}, {kind: TCPRoute}]}",
            vec!["HTTPRoute"],
            Some(1),
        ),
        (
            "HTTP",
            "{kinds: [{kind: GRPCRoute}]}",
            vec!["GRPCRoute"],
            None,
        ),
        (
            "HTTP",
            "{kinds: [{group: other.io, kind: HTTPRoute}]}",
            vec![],
            Some(0),
        ),
        ("HTTPS", "{}", vec!["HTTPRoute", "GRPCRoute"], None),
        ("TCP", "{}", vec![], None),
        ("own.io/x", "{}", vec![], None),
    ] {
        let rest = format!(
            "listeners: [{{name: l, port: 80, protocol: {protocol}, allowedRoutes: {allowed}}}]"
        );
        let world = translated(&gateway("g", &rest));
        let Subject::Gateway(gateway) = &report(&world, "Gateway", "g").subject.clone() else {
            panic!("a Gateway")
        };
        let found: Vec<&str> = gateway.listeners[0]
            .supported_kinds
            .iter()
            .map(|kind| &*kind.kind)
            .collect();
        assert_eq!(found, kinds, "{protocol} {allowed}");
        let bad = findings(&world)
            .into_iter()
            .find(|finding| finding.contains("InvalidRouteKinds"));
        let expected = expected
            .map(|at| format!("Error InvalidRouteKinds Gateway default/g spec.listeners[0].allowedRoutes.kinds[{at}]"));
        assert_eq!(bad, expected);
    }
}

/// A route in namespace `other`, which has the label `team: a`, attached to a listener with these
/// `allowedRoutes`.
fn from_elsewhere(allowed: &str) -> String {
    let rest =
        format!("listeners: [{{name: l, port: 80, protocol: HTTP, allowedRoutes: {allowed}}}]");
    format!(
        "{}
---
apiVersion: v1
kind: Namespace
metadata: {{name: other, labels: {{team: a}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r, namespace: other}}
spec: {{parentRefs: [{{name: g, namespace: default}}]}}
",
        gateway("g", &rest)
    )
}

#[test]
fn routes_of_other_namespaces_attach_when_allowed() {
    for (allowed, attached) in [
        ("{}", false),
        ("{namespaces: {from: Same}}", false),
        ("{namespaces: {from: All}}", true),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}",
            true,
        ),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}",
            false,
        ),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: other}}}}",
            true,
        ),
        ("{namespaces: {from: Selector, selector: {}}}", true),
        (
            "{namespaces: {from: All}, kinds: [{kind: GRPCRoute}]}",
            false,
        ),
    ] {
        let world = translated(&from_elsewhere(allowed));
        assert_eq!(
            listeners(&world, "g"),
            [format!("l={}", u32::from(attached))],
            "{allowed}"
        );
        let refused = findings(&world).contains(
            &"Error NotAllowedByListeners HTTPRoute other/r spec.parentRefs[0]".to_owned(),
        );
        assert_eq!(refused, !attached, "{allowed}");
    }
}

#[test]
fn a_selector_that_cannot_be_used_lets_nobody_in() {
    for (namespaces, path) in [
        ("{from: Selector}", "selector"),
        ("{from: Everyone}", "from"),
        (
            "{from: Selector, selector: {matchExpressions: [{key: a, operator: In}]}}",
            "selector.matchExpressions[0]",
        ),
        (
            "{from: Selector, selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
            "selector.matchExpressions[0]",
        ),
        (
            "{from: Selector, selector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}",
            "selector.matchExpressions[0]",
        ),
    ] {
        let world = translated(&from_elsewhere(&format!("{{namespaces: {namespaces}}}")));
        let expected = format!(
            "Error InvalidSelector Gateway default/g spec.listeners[0].allowedRoutes.namespaces.{path}"
        );
        assert!(
            findings(&world).contains(&expected),
            "{:?}",
            findings(&world)
        );
        assert_eq!(listeners(&world, "g"), ["-l=0"]);
    }
}

#[test]
fn a_label_edit_lets_routes_in_and_out() {
    let mut world = translated(&from_elsewhere(
        "{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: NotIn, values: [a]}]}}}",
    ));
    assert_eq!(listeners(&world, "g"), ["l=0"]);
    let labelled = "
apiVersion: v1
kind: Namespace
metadata: {name: other, labels: {team: b}}
";
    assert_eq!(put(&mut world, labelled).translated_routes, 1);
    assert_eq!(listeners(&world, "g"), ["l=1"]);
    remove(&mut world, labelled);
    assert_eq!(
        listeners(&world, "g"),
        ["l=1"],
        "no label is not in the list either"
    );
}

#[test]
fn label_requirements() {
    let labels = [("a".into(), "1".into())].into();
    for (requirement, fits) in [
        ("{key: a, operator: In, values: ['1', '2']}", true),
        ("{key: a, operator: In, values: ['2']}", false),
        ("{key: b, operator: In, values: ['1']}", false),
        ("{key: a, operator: NotIn, values: ['1']}", false),
        ("{key: b, operator: NotIn, values: ['1']}", true),
        ("{key: a, operator: Exists}", true),
        ("{key: b, operator: Exists}", false),
        ("{key: a, operator: DoesNotExist}", false),
        ("{key: b, operator: DoesNotExist}", true),
    ] {
        let selector: LabelSelector =
            fg_testkit::objects::value(&format!("{{matchExpressions: [{requirement}]}}"));
        assert_eq!(selector.fits(&labels), fits, "{requirement}");
    }
}

#[test]
fn routes_count_on_listeners_that_do_not_serve() {
    let route = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}]}
";
    let rest = "listeners: [{name: a, port: 443, protocol: HTTPS}, {name: b, port: 8082, protocol: HTTP}, {name: c, port: 90, protocol: TCP}]";
    let world = translated(&format!("{}{route}", gateway("g", rest)));
    assert_eq!(listeners(&world, "g"), ["-a=1", "-b=1", "-c=0"]);
    assert!(world.ir().rules.is_empty());
}

#[test]
fn hostnames_of_listeners_are_kept_lower_case() {
    let world = translated(&gateway(
        "g",
        "listeners: [{name: l, port: 80, protocol: HTTP, hostname: '*.Example.COM'}]",
    ));
    let listener = world
        .ir()
        .listeners
        .values()
        .next()
        .expect("a listener")
        .clone();
    assert_eq!(
        listener.hostname,
        HostPattern::Wildcard(".example.com".into())
    );
    assert_eq!(listener.origin.path.as_ref(), "spec.listeners[0]");
}
