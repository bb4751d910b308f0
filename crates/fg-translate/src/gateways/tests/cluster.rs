//! Gateways in a cluster: what they want to be deployed, settings, addresses.

use std::sync::Arc;

use fg_api::deployment::{Deployment, Wish};
use fg_api::report::Subject;
use fg_model::{ObjectRef, Plane, kinds};
use fg_testkit::objects::objects;

use crate::testing::{findings, listeners, put, remove, report, translated};
use crate::{Ground, Options, Translator};

/// A translator for a cluster that was given these objects.
fn cluster(yaml: &str) -> Translator {
    let mut translator = Translator::new(Options {
        ground: Ground::Cluster,
        ..Options::default()
    });
    translator.apply(&objects(yaml), &[]);
    translator
}

/// A Gateway; `rest` is YAML of its spec in flow style.
fn gateway(name: &str, rest: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, uid: uid-{name}}}
spec: {{gatewayClassName: ferrogate, {rest}}}
"
    )
}

const HTTP: &str = "listeners: [{name: http, port: 80, protocol: HTTP}]";

fn parameters(name: &str, spec: &str) -> String {
    format!(
        "
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: GatewayParameters
metadata: {{name: {name}}}
spec: {spec}
"
    )
}

/// A Gateway `g` that names these settings.
fn with(reference: &str) -> String {
    gateway(
        "g",
        &format!("infrastructure: {{parametersRef: {reference}}}, {HTTP}"),
    )
}

const OWN: &str = "{group: gateway.kgateway.dev, kind: GatewayParameters, name: own}";

fn wish(world: &Translator, name: &str) -> Option<Wish> {
    let id = ObjectRef::new(kinds::GATEWAY.0, kinds::GATEWAY.1, "default", name);
    world.deployments().get(&id).cloned()
}

fn deployed(world: &Translator, name: &str) -> Arc<Deployment> {
    match wish(world, name) {
        Some(Wish::Deploy(deployment)) => deployment,
        other => panic!("nothing is to be deployed for {name}: {other:?}"),
    }
}

fn replicas(world: &Translator) -> Option<u32> {
    let deployment = deployed(world, "g");
    deployment.parameters.deployment.as_ref()?.replicas
}

#[test]
fn gateways_have_pods_of_their_own_and_are_in_nobodys_way() {
    let mut world = cluster(&format!("{}{}", gateway("a", HTTP), gateway("b", HTTP)));
    assert_eq!(findings(&world), Vec::<String>::new());
    assert_eq!(listeners(&world, "a"), ["http=0"]);
    assert_eq!(listeners(&world, "b"), ["http=0"]);
    assert_eq!(world.deployments().len(), 2);
    let outcome = remove(&mut world, &gateway("a", HTTP));
    assert_eq!(
        outcome.deployments.into_values().collect::<Vec<_>>(),
        [None]
    );
    assert_eq!(world.deployments().len(), 1);
}

#[test]
fn what_is_deployed_follows_the_gateway_and_nothing_else() {
    let infrastructure = "infrastructure: {labels: {team: a}, annotations: {note: b}}";
    let ports = "listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP, hostname: b.example}, {name: c, port: 443, protocol: HTTPS}, {name: d, port: 9091, protocol: HTTP}, {name: e, port: 53, protocol: UDP}]";
    let mut world = cluster(&gateway("g", &format!("{infrastructure}, {ports}")));
    let before = deployed(&world, "g");
    assert_eq!(&*before.uid, "uid-g");
    assert_eq!(&*before.class, "ferrogate");
    assert_eq!(before.labels.get("team").map(|value| &**value), Some("a"));
    assert_eq!(
        before.annotations.get("note").map(|value| &**value),
        Some("b")
    );
    // Port 443 has no certificate yet; 9091 is for metrics of the proxy, and it serves without.
    assert_eq!(before.ports.iter().copied().collect::<Vec<_>>(), [80, 443]);
    assert_eq!(
        listeners(&world, "g"),
        ["a=0", "b=0", "-c=0", "-d=0", "-e=0"]
    );
    let hostname = ports.replace("b.example", "c.example");
    let outcome = put(
        &mut world,
        &gateway("g", &format!("{infrastructure}, {hostname}")),
    );
    assert!(
        outcome.deployments.is_empty(),
        "a hostname changes nothing about pods"
    );
    let set = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: s}
spec: {parentRef: {name: g}, listeners: [{name: x, port: 8443, protocol: HTTP}]}
";
    let open = "allowedListeners: {namespaces: {from: Same}}";
    put(&mut world, &gateway("g", &format!("{open}, {HTTP}")));
    let outcome = put(&mut world, set);
    assert_eq!(outcome.deployments.len(), 1);
    let ports: Vec<u16> = deployed(&world, "g").ports.iter().copied().collect();
    assert_eq!(ports, [80, 8443]);
}

#[test]
fn settings_that_cannot_be_used_leave_what_is_deployed() {
    for (reference, path) in [
        ("{group: a.io, kind: GatewayParameters, name: own}", ""),
        ("{group: gateway.kgateway.dev, kind: Other, name: own}", ""),
        (
            "{group: gateway.kgateway.dev, kind: GatewayParameters, name: none}",
            ".name",
        ),
    ] {
        let mut world = cluster(&format!(
            "{}{}",
            parameters("own", "{}"),
            gateway("g", HTTP)
        ));
        assert!(matches!(wish(&world, "g"), Some(Wish::Deploy(_))));
        put(&mut world, &with(reference));
        let expected = format!(
            "Error InvalidParameters Gateway default/g spec.infrastructure.parametersRef{path}"
        );
        assert_eq!(findings(&world), [expected]);
        assert_eq!(wish(&world, "g"), Some(Wish::Keep));
        assert_eq!(
            listeners(&world, "g"),
            ["http=0"],
            "what serves goes on serving"
        );
    }
}

#[test]
fn settings_are_waited_for_and_followed() {
    let mut world = cluster(&with(OWN));
    assert_eq!(wish(&world, "g"), Some(Wish::Keep));
    put(
        &mut world,
        &parameters("own", "{kube: {deployment: {replicas: 2}}}"),
    );
    assert_eq!(findings(&world), Vec::<String>::new());
    assert_eq!(replicas(&world), Some(2));
    let outcome = put(
        &mut world,
        &parameters("own", "{kube: {deployment: {replicas: 3}}}"),
    );
    assert_eq!(outcome.deployments.len(), 1);
    assert_eq!(replicas(&world), Some(3));
    put(&mut world, &parameters("own", "{selfManaged: {}}"));
    assert_eq!(
        wish(&world, "g"),
        Some(Wish::Elsewhere("uid-g".into())),
        "the proxies are somebody else's"
    );
    assert_eq!(listeners(&world, "g"), ["http=0"]);
    remove(&mut world, &parameters("own", "{}"));
    assert_eq!(wish(&world, "g"), Some(Wish::Keep));
}

#[test]
fn settings_of_the_class_lie_below() {
    let class = |name: &str| {
        format!(
            "
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: ferrogate}}
spec: {{controllerName: ferrogate.dev/gateway, parametersRef: {{group: gateway.kgateway.dev, kind: GatewayParameters, name: {name}, namespace: default}}}}
"
        )
    };
    let mut world = cluster(&format!(
        "{}{}{}{}",
        class("base"),
        parameters(
            "base",
            "{kube: {deployment: {replicas: 2}, service: {type: NodePort}}}"
        ),
        parameters("own", "{kube: {deployment: {replicas: 5}}}"),
        with(OWN),
    ));
    assert_eq!(findings(&world), Vec::<String>::new());
    assert_eq!(replicas(&world), Some(5));
    let kind = |world: &Translator| {
        let deployment = deployed(world, "g");
        deployment.parameters.service.as_ref()?.kind.clone()
    };
    assert_eq!(kind(&world).as_deref(), Some("NodePort"));
    put(
        &mut world,
        &parameters("base", "{kube: {service: {type: ClusterIP}}}"),
    );
    assert_eq!(kind(&world).as_deref(), Some("ClusterIP"));
    put(&mut world, &class("none"));
    assert_eq!(
        findings(&world),
        [
            "Error ClassNotAccepted Gateway default/g spec.gatewayClassName",
            "Error InvalidParameters GatewayClass ferrogate spec.parametersRef.name",
        ]
    );
    assert_eq!(wish(&world, "g"), Some(Wish::Keep));
    put(&mut world, &parameters("none", "{}"));
    assert_eq!(replicas(&world), Some(5));
}

#[test]
fn addresses_are_asked_for_not_bound() {
    for (addresses, expected, accepted, asked) in [
        ("[]", None, true, vec![]),
        ("[{type: IPAddress}]", None, true, vec![]),
        ("[{value: 10.0.0.1}]", None, true, vec!["10.0.0.1"]),
        (
            "[{value: 10.0.0.2}, {value: 10.0.0.1}]",
            None,
            true,
            vec!["10.0.0.1", "10.0.0.2"],
        ),
        (
            "[{type: Hostname, value: a.example}, {value: 10.0.0.1}]",
            Some("Error AddressNotUsable Gateway default/g spec.addresses[0]"),
            true,
            vec!["10.0.0.1"],
        ),
        (
            "[{type: a.io/other, value: x}, {value: 10.0.0.1}]",
            Some("Error UnsupportedAddress Gateway default/g spec.addresses[0].type"),
            false,
            vec![],
        ),
    ] {
        let world = cluster(&gateway("g", &format!("addresses: {addresses}, {HTTP}")));
        assert_eq!(findings(&world), Vec::from_iter(expected), "{addresses}");
        let Some(wish) = wish(&world, "g") else {
            panic!("no wish with {addresses}");
        };
        assert_eq!(matches!(wish, Wish::Deploy(_)), accepted, "{addresses}");
        if let Wish::Deploy(wish) = wish {
            let one = (asked.len() == 1).then(|| asked[0].parse().expect("an address"));
            assert_eq!(wish.address, one, "{addresses}");
        }
        for listener in world.ir().listeners.values() {
            assert!(listener.addresses.is_empty(), "a pod binds all that it has");
        }
        let report = report(&world, "Gateway", "g");
        let Subject::Gateway(gateway) = &report.subject else {
            panic!("no Gateway");
        };
        let reported: Vec<String> = gateway.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(reported, asked, "{addresses}");
    }
}

#[test]
fn fields_without_effect_are_told() {
    let spec = "{kube: {istio: {}, envoyContainer: {extraArgs: [-x]}, deployment: {replicas: 1}, horizontalPodAutoscaler: {}, service: {type: ExternalName}}}";
    let world = cluster(&parameters("own", spec));
    let at = |field: &str| {
        format!("Warning UnsupportedValue GatewayParameters default/own spec.kube.{field}")
    };
    assert_eq!(
        findings(&world),
        [at("deployment.replicas"), at("istio"), at("service.type")]
    );
}

#[test]
fn settings_of_envoy_have_no_effect_on_our_own_proxy_and_that_is_told() {
    let spec = "{kube: {envoyContainer: {extraArgs: [--x]}, stats: {enabled: false}}}";
    let objects = format!("{}{}", parameters("own", spec), with(OWN));
    assert_eq!(
        findings(&cluster(&objects)),
        ["Warning UnsupportedValue Gateway default/g spec.infrastructure.parametersRef"]
    );
    let of_envoy = objects.replace("Name: ferrogate,", "Name: ferrogate-envoy,");
    assert_eq!(findings(&cluster(&of_envoy)), Vec::<String>::new());
    let class = format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: edge}}
spec: {{controllerName: ferrogate.dev/gateway, parametersRef: {{group: gateway.kgateway.dev, kind: GatewayParameters, name: own, namespace: default}}}}
{}",
        parameters("own", spec)
    );
    assert_eq!(
        findings(&cluster(&class)),
        ["Warning UnsupportedValue GatewayClass edge spec.parametersRef"]
    );
}

#[test]
fn arguments_that_envoy_is_given_in_any_case_are_refused() {
    let spec = "{kube: {envoyContainer: {extraArgs: [--concurrency, '2', --log-level=debug]}}}";
    let world = cluster(&parameters("own", spec));
    let found = findings(&world);
    let refused = "Error InvalidParameters GatewayParameters default/own spec.kube.envoyContainer.extraArgs[2]";
    assert!(found.iter().any(|finding| finding == refused), "{found:?}");
}

#[test]
fn the_class_says_which_proxy_is_deployed() {
    let envoy = gateway("b", HTTP).replace(
        "gatewayClassName: ferrogate",
        "gatewayClassName: ferrogate-envoy",
    );
    let world = cluster(&format!("{}{envoy}", gateway("a", HTTP)));
    assert_eq!(deployed(&world, "a").plane, Plane::Native);
    assert_eq!(deployed(&world, "b").plane, Plane::Envoy);
}

#[test]
fn on_a_machine_nothing_is_deployed_and_settings_have_no_effect() {
    let spec = "{kube: {istio: {}}}";
    let world = translated(&format!("{}{}", parameters("own", spec), with(OWN)));
    assert_eq!(
        findings(&world),
        ["Info UnsupportedValue Gateway default/g spec.infrastructure.parametersRef"]
    );
    assert_eq!(listeners(&world, "g"), ["http=0"]);
    assert!(world.deployments().is_empty());
}
