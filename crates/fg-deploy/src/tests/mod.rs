//! What users and the fleet rely on, of the objects of a Gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_api::deployment::Deployment;
use fg_base::Text;
use fg_model::{ObjectRef, Plane};
use serde_json::{Value, json};

mod envoy;

use crate::{Fleet, GATEWAY_LABEL, Owner, authority, label_value, name, objects};

fn fleet() -> Fleet {
    Fleet {
        image: "registry.example:5000/ferrogate/ferrogate:1.2.3".to_owned(),
        envoy_image: "registry.example:5000/envoy:1.40".to_owned(),
        control: "ferrogate.ferrogate-system.svc:9977".to_owned(),
        version: "1.2.3".to_owned(),
    }
}

/// The wish of a Gateway `shop/<name>` on ports 80 and 443, with these settings.
fn wish(name: &str, kube: Value) -> Deployment {
    Deployment {
        gateway: Arc::new(ObjectRef::new(
            "gateway.networking.k8s.io",
            "Gateway",
            "shop",
            name,
        )),
        uid: "0b0a".into(),
        class: "ferrogate".into(),
        plane: Plane::Native,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        ports: BTreeSet::from([80, 443]),
        address: None,
        parameters: serde_json::from_value(kube).expect("the settings have their shape"),
    }
}

/// The object of a kind among those of a wish.
fn of(wish: &Deployment, kind: &str) -> Option<Value> {
    let mut objects = objects(wish, &fleet()).into_iter();
    objects.find(|object| object["kind"] == kind)
}

fn pod(wish: &Deployment) -> Value {
    let deployment = of(wish, "Deployment").expect("there is a Deployment");
    deployment["spec"]["template"].clone()
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<Text, Text> {
    let entries = entries.iter();
    entries
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}

#[test]
fn names_are_kept_where_a_service_may_have_them() {
    let longest = "a".repeat(63);
    for kept in ["web", "a-1", &longest] {
        assert_eq!(name(kept), kept);
    }
    let long = "gateway-".repeat(31);
    for cut in [
        "web.example",
        "1web",
        &"a".repeat(64),
        &long,
        &long[..253 - 8],
    ] {
        let made = name(cut);
        assert!(made.len() <= 63, "{made}");
        assert!(
            made.starts_with(|first: char| first.is_ascii_lowercase()),
            "{made}"
        );
        assert!(
            made.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "{made}"
        );
        assert_ne!(made, cut);
    }
    // `printf '%s' web.example | sha256sum`
    assert_eq!(name("web.example"), "web-example-03bbe82aa48c");
    assert_ne!(name("web.example"), name("web-example"));
    assert_ne!(name(&"a".repeat(64)), name(&"a".repeat(65)));
}

#[test]
fn labels_hold_names_of_any_length() {
    assert_eq!(label_value("web.example"), "web.example");
    let long = format!("{}.{}", "a".repeat(49), "b".repeat(203));
    let value = label_value(&long);
    assert_eq!(value.len(), 49 + 1 + 12);
    assert!(value.starts_with(&format!("{}-", "a".repeat(49))));
}

#[test]
fn everything_of_a_gateway_with_the_longest_name_can_be_applied() {
    let long = "long-name-".repeat(26)[..253].to_owned();
    let wish = wish(
        &long,
        json!({"podDisruptionBudget": {}, "horizontalPodAutoscaler": {"spec": {"maxReplicas": 3}}}),
    );
    let all = objects(&wish, &fleet());
    assert_eq!(all.len(), 5);
    for object in all {
        let metadata = &object["metadata"];
        assert_eq!(metadata["name"], name(&long));
        assert_eq!(metadata["ownerReferences"][0]["name"], long);
        let labels = metadata["labels"].as_object().expect("labels");
        assert!(
            labels
                .values()
                .all(|value| value.as_str().is_some_and(|value| value.len() <= 63))
        );
        assert_eq!(metadata["labels"][GATEWAY_LABEL], label_value(&long));
    }
    let pod = pod(&wish);
    let env = pod["spec"]["containers"][0]["env"]
        .as_array()
        .expect("env")
        .clone();
    assert!(env.contains(&json!({"name": "FERROGATE_GATEWAY", "value": long})));
}

#[test]
fn objects_belong_to_their_gateway() {
    for object in objects(&wish("web", json!({})), &fleet()) {
        assert_eq!(object["metadata"]["namespace"], "shop");
        assert_eq!(
            object["metadata"]["ownerReferences"],
            json!([{
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "name": "web",
                "uid": "0b0a",
                "controller": true,
                "blockOwnerDeletion": false,
            }])
        );
    }
}

#[test]
fn no_change_of_listeners_or_addresses_touches_the_deployment() {
    let before = wish("web", json!({}));
    let mut after = before.clone();
    after.ports = BTreeSet::from([8080, 8443, 22]);
    after.address = Some("10.0.0.1".parse().expect("an address"));
    assert_eq!(of(&before, "Deployment"), of(&after, "Deployment"));
    assert_ne!(of(&before, "Service"), of(&after, "Service"));
    let text = pod(&before).to_string();
    assert!(!text.contains("443"), "a listener's port is in the pod");
}

#[test]
fn the_service_has_each_port_once_and_leads_to_the_same_port() {
    let service = of(&wish("web", json!({})), "Service").expect("a Service");
    assert_eq!(service["spec"]["type"], "LoadBalancer");
    assert_eq!(
        service["spec"]["ports"],
        json!([
            {"name": "listener-80", "port": 80, "targetPort": 80, "protocol": "TCP"},
            {"name": "listener-443", "port": 443, "targetPort": 443, "protocol": "TCP"},
        ])
    );
    let pod = pod(&wish("web", json!({})));
    let selector = service["spec"]["selector"].as_object().expect("a selector");
    for (label, value) in selector {
        assert_eq!(&pod["metadata"]["labels"][label], value);
    }
    let mut bare = wish("web", json!({}));
    bare.ports.clear();
    assert_eq!(
        of(&bare, "Service"),
        None,
        "the API server refuses a Service without ports"
    );
    assert!(of(&bare, "Deployment").is_some());
}

#[test]
fn the_service_is_read_where_only_labeled_ones_are() {
    let mut wish = wish("web", json!({}));
    wish.labels = map(&[("kgateway.dev/watch", "false")]);
    let service = of(&wish, "Service").expect("a Service");
    assert_eq!(service["metadata"]["labels"]["kgateway.dev/watch"], "true");
    let selector = &service["spec"]["selector"];
    assert_eq!(selector["kgateway.dev/watch"], Value::Null);
}

#[test]
fn the_service_asks_for_an_address() {
    let mut wish = wish("web", json!({}));
    wish.address = Some("10.0.0.1".parse().expect("an address"));
    let service = of(&wish, "Service").expect("a Service");
    assert_eq!(service["spec"]["loadBalancerIP"], "10.0.0.1");
    wish.parameters =
        serde_json::from_value(json!({"service": {"type": "ClusterIP"}})).expect("settings");
    let service = of(&wish, "Service").expect("a Service");
    assert_eq!(service["spec"]["loadBalancerIP"], Value::Null);
}

#[test]
fn infrastructure_is_on_everything_and_wins_over_settings() {
    let mut wish = wish(
        "web",
        json!({
            "podTemplate": {"extraLabels": {"team": "settings", "tier": "edge"}, "extraAnnotations": {"note": "settings"}},
            "service": {"extraLabels": {"team": "settings"}, "extraAnnotations": {"lb": "internal"}},
            "serviceAccount": {"extraAnnotations": {"role": "arn"}},
        }),
    );
    wish.labels = map(&[("team", "a"), (GATEWAY_LABEL, "stolen")]);
    wish.annotations = map(&[("note", "b")]);
    for object in objects(&wish, &fleet()) {
        let metadata = &object["metadata"];
        assert_eq!(metadata["labels"]["team"], "a");
        assert_eq!(metadata["labels"][GATEWAY_LABEL], "web");
        assert_eq!(metadata["annotations"]["note"], "b");
    }
    let pod = pod(&wish);
    assert_eq!(pod["metadata"]["labels"]["team"], "a");
    assert_eq!(pod["metadata"]["labels"]["tier"], "edge");
    assert_eq!(pod["metadata"]["annotations"]["note"], "b");
    let annotation = |kind: &str, key: &str| {
        of(&wish, kind).expect("the object")["metadata"]["annotations"][key].clone()
    };
    assert_eq!(annotation("Service", "lb"), "internal");
    assert_eq!(annotation("ServiceAccount", "role"), "arn");
}

#[test]
fn a_pod_has_no_rights_that_it_does_not_need() {
    let closed = pod(&wish("web", json!({})));
    let spec = &closed["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(
        spec["securityContext"],
        json!({
            "runAsNonRoot": true,
            "runAsUser": 10101,
            "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        })
    );
    let container = &spec["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}));
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(container["args"], json!(["proxy"]));
    assert_eq!(container["startupProbe"]["periodSeconds"], 1);
    assert_eq!(
        container["readinessProbe"]["httpGet"],
        json!({"path": "/ready", "port": 8082})
    );
    let open = pod(&wish("web", json!({"omitDefaultSecurityContext": true})));
    assert_eq!(open["spec"]["securityContext"], Value::Null);
    assert_eq!(
        open["spec"]["containers"][0]["securityContext"],
        Value::Null
    );
}

#[test]
fn a_pod_leaves_in_time() {
    let command = |kube: Value| {
        let pod = pod(&wish("web", kube));
        pod["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"].clone()
    };
    assert_eq!(
        command(json!({})),
        json!(["ferrogate", "drain", "--at-least=5s", "--at-most=10s"])
    );
    let shutdown = |shutdown: Value| json!({"podTemplate": {"gracefulShutdown": shutdown}});
    assert_eq!(
        command(shutdown(json!({"sleepTimeSeconds": 2}))),
        json!(["ferrogate", "drain", "--at-least=2s", "--at-most=2s"])
    );
    assert_eq!(command(shutdown(json!({"enabled": false}))), Value::Null);
}

#[test]
fn images_are_put_together_of_parts() {
    for (parts, expected) in [
        (json!({}), "registry.example:5000/ferrogate/ferrogate:1.2.3"),
        (
            json!({"tag": "2"}),
            "registry.example:5000/ferrogate/ferrogate:2",
        ),
        (
            json!({"digest": "sha256:ab"}),
            "registry.example:5000/ferrogate/ferrogate@sha256:ab",
        ),
        (
            json!({"registry": "r", "repository": "own", "tag": "1"}),
            "r/own:1",
        ),
    ] {
        let pod = pod(&wish("web", json!({"envoyContainer": {"image": parts}})));
        assert_eq!(pod["spec"]["containers"][0]["image"], expected);
    }
}

#[test]
fn own_variables_cannot_be_replaced() {
    let kube = json!({"envoyContainer": {"env": [
        {"name": "FERROGATE_CONTROL", "value": "evil:1"},
        {"name": "FERROGATE_WORKERS", "value": "2"},
    ], "bootstrap": {"logLevel": "warning"}}});
    let pod = pod(&wish("web", kube));
    let env = pod["spec"]["containers"][0]["env"]
        .as_array()
        .expect("env")
        .clone();
    let value = |name: &str| {
        let found: Vec<_> = env.iter().filter(|entry| entry["name"] == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0]["value"].clone()
    };
    assert_eq!(
        value("FERROGATE_CONTROL"),
        "ferrogate.ferrogate-system.svc:9977"
    );
    assert_eq!(value("FERROGATE_WORKERS"), "2");
    assert_eq!(value("FERROGATE_LOG"), "warn");
}

#[test]
fn an_autoscaler_decides_alone() {
    let replicas = |kube: Value| {
        of(&wish("web", kube), "Deployment").expect("a Deployment")["spec"]["replicas"].clone()
    };
    assert_eq!(replicas(json!({})), Value::Null);
    assert_eq!(replicas(json!({"deployment": {"replicas": 0}})), 0);
    let both = json!({"deployment": {"replicas": 3}, "horizontalPodAutoscaler": {"spec": {"maxReplicas": 9}}});
    assert_eq!(replicas(both.clone()), Value::Null);
    let scaler = of(&wish("web", both), "HorizontalPodAutoscaler").expect("a scaler");
    assert_eq!(
        scaler["spec"],
        json!({"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}})
    );
}

#[test]
fn the_authority_goes_with_the_last_gateway() {
    let owner = |name: &str| Owner {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
    };
    let map = authority("shop", "PEM", &[owner("a"), owner("b")]);
    assert_eq!(map["data"], json!({"ca.crt": "PEM"}));
    let owners = map["metadata"]["ownerReferences"]
        .as_array()
        .expect("owners");
    let names: Vec<_> = owners.iter().map(|owner| owner["name"].clone()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(owners.iter().all(|owner| owner["controller"] == false));
}
