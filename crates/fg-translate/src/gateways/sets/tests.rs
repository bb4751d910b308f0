//! Sets: who is let in, who wins, and which routes reach what.

use fg_api::report::Subject;
use fg_testkit::certificates::{Authority, secret};

use crate::Translator;
use crate::testing::{findings, listeners, put, remove, report, translated};

/// A Gateway `g` of namespace `default` with one HTTP listener on port 80, that lets sets in from
/// there.
fn gateway(from: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: g}}
spec:
  gatewayClassName: ferrogate
  listeners: [{{name: http, port: 80, protocol: HTTP, hostname: g.example}}]
  {from}
---
apiVersion: v1
kind: Namespace
metadata: {{name: other, labels: {{team: a}}}}
"
    )
}

const ALL: &str = "allowedListeners: {namespaces: {from: All}}";

fn set(meta: &str, listeners: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{{meta}}}
spec:
  parentRef: {{name: g, namespace: default}}
  listeners: [{listeners}]
"
    )
}

fn route(meta: &str, parents: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{{meta}}}
spec:
  parentRefs: [{parents}]
  rules: [{{backendRefs: [{{name: gone, port: 80}}]}}]
"
    )
}

/// The listeners of a set in namespace `default`, as [`listeners`] of a Gateway.
fn of_set(world: &Translator, name: &str) -> Vec<String> {
    let Subject::ListenerSet(set) = &report(world, "ListenerSet", name).subject.clone() else {
        panic!("a set")
    };
    let word = |listener: &fg_api::report::ListenerReport| {
        let mark = if listener.served { "" } else { "-" };
        format!("{mark}{}={}", listener.name, listener.attached_routes)
    };
    set.listeners.iter().map(word).collect()
}

fn sections(world: &Translator) -> Vec<String> {
    let keys = world.ir().listeners.keys();
    keys.map(|key| key.section.to_string()).collect()
}

#[test]
fn a_gateway_lets_in_whom_it_names() {
    let plain = "{name: http, port: 80, protocol: HTTP, hostname: s.example}";
    for (from, own, other) in [
        ("", false, false),
        ("allowedListeners: {}", false, false),
        ("allowedListeners: {namespaces: {from: None}}", false, false),
        ("allowedListeners: {namespaces: {from: Same}}", true, false),
        (ALL, true, true),
        (
            "allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}",
            false,
            true,
        ),
    ] {
        let yaml = [
            gateway(from),
            set("name: own", plain),
            set(
                "name: away, namespace: other",
                &plain.replace("s.example", "o.example"),
            ),
        ];
        let world = translated(&yaml.concat());
        let mut expected = vec!["http".to_owned()];
        expected.extend(own.then(|| "default/own/http".to_owned()));
        expected.extend(other.then(|| "other/away/http".to_owned()));
        expected.sort();
        assert_eq!(sections(&world), expected, "{from}");
        let refused = findings(&world).len();
        assert_eq!(refused, usize::from(!own) + usize::from(!other), "{from}");
        assert!(
            findings(&world)
                .iter()
                .all(|finding| finding.contains("SetNotAllowed"))
        );
        let Subject::Gateway(gateway) = &report(&world, "Gateway", "g").subject.clone() else {
            panic!("a Gateway")
        };
        assert_eq!(
            gateway.attached_sets.unwrap_or(0),
            u32::from(own) + u32::from(other)
        );
        assert_eq!(
            gateway.listeners.len(),
            1,
            "the Gateway's status has its own"
        );
    }
}

#[test]
fn the_gateway_goes_first_then_the_older_set() {
    let of =
        |hostname: &str| format!("{{name: l, port: 80, protocol: HTTP, hostname: {hostname}}}");
    let yaml = [
        gateway(ALL),
        set("name: a-new, creationTimestamp: 2", &of("s.example")),
        set("name: z-old, creationTimestamp: 1", &of("s.example")),
        set("name: same, creationTimestamp: 1", &of("g.example")),
        set(
            "name: twins, creationTimestamp: 3",
            "{name: a, port: 81, protocol: HTTP}, {name: b, port: 81, protocol: HTTP}, {name: c, port: 80, protocol: TCP}, {name: d, port: 82, protocol: HTTP}",
        ),
    ];
    let mut world = translated(&yaml.concat());
    assert_eq!(listeners(&world, "g"), ["http=0"]);
    assert_eq!(of_set(&world, "z-old"), ["l=0"]);
    assert_eq!(of_set(&world, "a-new"), ["-l=0"]);
    assert_eq!(of_set(&world, "same"), ["-l=0"]);
    assert_eq!(of_set(&world, "twins"), ["-a=0", "-b=0", "-c=0", "d=0"]);
    let conflicts = |world: &Translator| {
        let mut found = findings(world);
        found.retain(|finding| finding.contains("Conflict"));
        found
    };
    assert_eq!(
        conflicts(&world),
        [
            "Error HostnameConflict ListenerSet default/a-new spec.listeners[0]",
            "Error HostnameConflict ListenerSet default/same spec.listeners[0]",
            "Error HostnameConflict ListenerSet default/twins spec.listeners[0]",
            "Error HostnameConflict ListenerSet default/twins spec.listeners[1]",
            "Error ProtocolConflict ListenerSet default/twins spec.listeners[2]",
        ]
    );
    remove(&mut world, &yaml[2]);
    assert_eq!(of_set(&world, "a-new"), ["l=0"], "its place is free");
}

#[test]
fn routes_reach_the_listeners_of_their_own_parent_only() {
    let listener = "port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Same}}";
    let yaml = [
        gateway(ALL),
        set(
            "name: s, namespace: other",
            &format!(
                "{{name: http, {listener}, hostname: s.example}}, {{name: more, {listener}, hostname: t.example}}"
            ),
        ),
        route("name: to-gateway", "{name: g}"),
        route("name: to-missing", "{name: g, sectionName: more}"),
        route(
            "name: away",
            "{kind: ListenerSet, name: s, namespace: other}",
        ),
        route(
            "name: whole, namespace: other",
            "{kind: ListenerSet, name: s}",
        ),
        route(
            "name: part, namespace: other",
            "{kind: ListenerSet, name: s, sectionName: more}",
        ),
        route(
            "name: gone, namespace: other",
            "{kind: ListenerSet, name: t}",
        ),
    ];
    let world = translated(&yaml.concat());
    let attached = |name: &str| -> Vec<String> {
        let rules = world.ir().rules.values();
        let rule = rules.filter(|rule| &*rule.key.route.name == name);
        rule.flat_map(|rule| rule.attachments.iter())
            .map(|attachment| attachment.listener.section.to_string())
            .collect()
    };
    assert_eq!(attached("to-gateway"), ["http"]);
    assert_eq!(attached("whole"), ["other/s/http", "other/s/more"]);
    assert_eq!(attached("part"), ["other/s/more"]);
    for name in ["to-missing", "away", "gone"] {
        assert_eq!(attached(name), [""; 0], "{name}");
    }
    let mut found = findings(&world);
    found.retain(|finding| !finding.contains("BackendNotFound"));
    assert_eq!(
        found,
        [
            "Error NotAllowedByListeners HTTPRoute default/away spec.parentRefs[0]",
            "Error NoMatchingParent HTTPRoute default/to-missing spec.parentRefs[0].sectionName",
            "Error NoMatchingParent HTTPRoute other/gone spec.parentRefs[0]",
        ]
    );
    assert_eq!(listeners(&world, "g"), ["http=1"]);
    let parent = report(&world, "HTTPRoute", "away").subject.clone();
    let Subject::Route(parent) = parent else {
        panic!("a route")
    };
    assert_eq!(
        parent.parents[0].parent.kind.as_deref(),
        Some("ListenerSet")
    );
}

#[test]
fn grants_of_the_gateway_are_not_the_sets() {
    let issued = Authority::new("test").issue(&["s.example"]);
    let elsewhere =
        secret("cert", &issued).replace("{name: cert}", "{name: cert, namespace: vault}");
    let grant = |kind: &str| {
        format!(
            "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: g, namespace: vault}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: {kind}, namespace: default}}]
  to: [{{group: '', kind: Secret}}]
"
        )
    };
    let tls = "{name: tls, port: 443, protocol: HTTPS, hostname: s.example, tls: {certificateRefs: [{name: cert, namespace: vault}]}}";
    let yaml = [gateway(ALL), elsewhere, set("name: s", tls)].concat();
    let mut world = translated(&format!("{yaml}{}", grant("Gateway")));
    assert_eq!(of_set(&world, "s"), ["-tls=0"]);
    assert_eq!(
        findings(&world),
        ["Error RefNotPermitted ListenerSet default/s spec.listeners[0].tls.certificateRefs[0]"]
    );
    put(&mut world, &grant("ListenerSet"));
    assert_eq!(of_set(&world, "s"), ["tls=0"]);
    assert_eq!(world.ir().credentials.len(), 1);
}

#[test]
fn a_set_waits_for_its_gateway() {
    let plain = "{name: http, port: 80, protocol: HTTP}";
    let mut world = translated(&set("name: s", plain));
    assert_eq!(
        findings(&world),
        ["Error NoMatchingParent ListenerSet default/s spec.parentRef"]
    );
    assert!(world.reports().is_empty());
    let foreign = gateway(ALL).replace("gatewayClassName: ferrogate", "gatewayClassName: gone");
    put(&mut world, &foreign);
    assert!(
        !findings(&world)
            .iter()
            .any(|finding| finding.contains("ListenerSet"))
    );
    put(&mut world, &gateway(ALL));
    assert_eq!(of_set(&world, "s"), ["http=0"]);
    assert_eq!(findings(&world), [""; 0]);
    remove(&mut world, &gateway(ALL));
    assert!(world.reports().is_empty() && world.ir().listeners.is_empty());
    assert_eq!(findings(&world).len(), 1);
}
