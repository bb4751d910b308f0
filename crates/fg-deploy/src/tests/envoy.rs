//! What users and the fleet rely on, of the pod of an Envoy.

use std::collections::{BTreeMap, BTreeSet};

use fg_api::deployment::Deployment;
use fg_model::Plane;
use serde_json::{Value, json};

use super::{fleet, of};
use crate::{Fleet, objects};

fn wish(kube: Value) -> Deployment {
    Deployment {
        plane: Plane::Envoy,
        ..super::wish("web", kube)
    }
}

fn pod(kube: Value) -> Value {
    super::pod(&wish(kube))
}

fn container(kube: Value) -> Value {
    pod(kube)["spec"]["containers"][0].clone()
}

fn arguments(kube: Value) -> Vec<String> {
    serde_json::from_value(container(kube)["args"].clone()).expect("texts")
}

/// A file of the ConfigMap.
fn file(kube: Value, name: &str) -> Value {
    let map = of(&wish(kube), "ConfigMap").expect("there is one");
    let text = map["data"][name].as_str().expect("there is the file");
    serde_json::from_str(text).expect("it is JSON")
}

fn bootstrap(kube: Value) -> Value {
    file(kube, "envoy.json")
}

/// What a setting changes in the bootstrap.
fn changed(kube: Value) -> bool {
    bootstrap(kube) != bootstrap(json!({}))
}

#[test]
fn the_pod_starts_with_the_files_of_the_configmap() {
    let map = of(&wish(json!({})), "ConfigMap").expect("there is one");
    let pod = pod(json!({}));
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    let volume = volumes
        .iter()
        .find(|volume| volume["configMap"]["name"] == map["metadata"]["name"])
        .expect("it is a volume");
    let container = &pod["spec"]["containers"][0];
    let mounts = container["volumeMounts"].as_array().expect("mounts");
    let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]);
    let folder = mount.expect("it is mounted")["mountPath"].clone();
    let folder = folder.as_str().expect("a path");
    let arguments = arguments(json!({}));
    assert!(arguments.contains(&format!("{folder}/envoy.json")));
    let named = map["data"]["envoy.json"].as_str().expect("a file");
    for file in ["authorities.json", "token.json"] {
        assert!(map["data"][file].is_string());
        assert!(named.contains(&format!("{folder}/{file}")), "{named}");
    }
    for (file, path) in [("authorities.json", "/ca.crt"), ("token.json", "/token")] {
        let text = self::file(json!({}), file).to_string();
        let mounted = mounts
            .iter()
            .filter_map(|mount| mount["mountPath"].as_str());
        let mut mounted = mounted.map(|folder| format!("\"{folder}{path}\""));
        assert!(mounted.any(|path| text.contains(&path)), "{text}");
    }
    assert_eq!(container["image"], fleet().envoy_image);
    assert_eq!(container["command"], Value::Null, "images have one");
}

#[test]
fn an_envoy_says_which_gateway_and_which_pod_it_is_of() {
    let bootstrap = bootstrap(json!({}));
    assert_eq!(bootstrap["node"]["metadata"]["gateway"], "shop/web");
    assert_eq!(bootstrap["node"]["cluster"], "web.shop");
    let arguments = arguments(json!({}));
    let at = arguments.iter().position(|word| word == "--config-yaml");
    let said = &arguments[at.expect("it is said") + 1];
    let said: Value = serde_json::from_str(said).expect("it is JSON");
    assert_eq!(said["node"]["id"], "$(POD_NAME)");
    assert_eq!(said["node"]["metadata"]["address"], "$(POD_IP)");
    let env = container(json!({}))["env"].as_array().expect("env").clone();
    let names: BTreeSet<&str> = env
        .iter()
        .filter_map(|entry| entry["name"].as_str())
        .collect();
    for part in said.to_string().split("$(").skip(1) {
        let name = part.split(')').next().expect("a name");
        assert!(names.contains(name), "{name} would not be filled in");
    }
}

#[test]
fn a_changed_bootstrap_replaces_the_pods_and_a_changed_listener_does_not() {
    let annotation = |wish: &Deployment| {
        super::pod(wish)["metadata"]["annotations"]["ferrogate.dev/config"].clone()
    };
    let before = wish(json!({}));
    assert!(annotation(&before).is_string());
    let mut listeners = before.clone();
    listeners.ports = BTreeSet::from([8080]);
    assert_eq!(of(&before, "Deployment"), of(&listeners, "Deployment"));
    assert_eq!(of(&before, "ConfigMap"), of(&listeners, "ConfigMap"));
    let other = wish(json!({"stats": {"matcher": {"exclusionList": [{"prefix": "cluster."}]}}}));
    assert_ne!(annotation(&before), annotation(&other));
    let moved = Fleet {
        control: "other.svc:9977".to_owned(),
        ..fleet()
    };
    let moved = objects(&before, &moved);
    assert!(!moved.contains(&of(&before, "Deployment").expect("a Deployment")));
}

#[test]
fn an_envoy_leaves_in_time_and_nobody_guesses_how() {
    let hook = |kube: Value| container(kube)["lifecycle"]["preStop"]["httpGet"].clone();
    let asked = hook(json!({}));
    assert_eq!(asked["port"], 8082);
    let path = asked["path"].as_str().expect("a path").to_owned();
    assert!(path.len() > 30, "{path}");
    assert!(bootstrap(json!({})).to_string().contains(&path));
    let mut other = wish(json!({}));
    other.uid = "another".into();
    let other = super::pod(&other);
    assert!(!other.to_string().contains(&path));
    let shutdown = |shutdown: Value| json!({"podTemplate": {"gracefulShutdown": shutdown}});
    let delayed = bootstrap(shutdown(json!({"sleepTimeSeconds": 42})));
    assert!(delayed.to_string().contains("\"42s\""));
    let none = shutdown(json!({"enabled": false}));
    assert_eq!(hook(none.clone()), Value::Null);
    assert!(!bootstrap(none).to_string().contains("/drain/"));
}

#[test]
fn memory_and_processors_of_the_container_are_limits_of_envoy() {
    let resources = |limits: Value| json!({"envoyContainer": {"resources": {"limits": limits}}});
    let heap = |memory: &str| {
        let overload = bootstrap(resources(json!({"memory": memory})))["overload_manager"].clone();
        let monitors = overload["resource_monitors"]
            .as_array()
            .expect("monitors")
            .clone();
        let mut found = monitors.iter().filter_map(|monitor| {
            let most = &monitor["typed_config"]["max_heap_size_bytes"];
            most.as_str()?.parse::<u64>().ok()
        });
        found.next()
    };
    for memory in ["64Mi", "512Mi", "8Gi"] {
        let limit = match memory {
            "64Mi" => 64 << 20,
            "512Mi" => 512 << 20,
            _ => 8_u64 << 30,
        };
        let heap = heap(memory).expect("there is a limit");
        assert!(heap < limit && heap >= limit / 2, "{heap} of {memory}");
    }
    assert_eq!(heap("much"), None);
    assert!(!changed(json!({})));
    let words = arguments(resources(json!({"cpu": "1500m"})));
    let mut pairs = words.windows(2);
    assert!(
        pairs.any(|pair| pair == ["--concurrency", "2"]),
        "{words:?}"
    );
    let own = json!({"envoyContainer": {
        "resources": {"limits": {"cpu": 4}},
        "extraArgs": ["--concurrency", "1"],
    }});
    let own = arguments(own);
    assert_eq!(
        own.iter().filter(|word| *word == "--concurrency").count(),
        1
    );
}

#[test]
fn settings_of_envoy_are_heeded() {
    let log = arguments(json!({"envoyContainer": {
        "bootstrap": {"logLevel": "warn", "componentLogLevels": {"upstream": "debug", "lua": "off"}},
        "extraArgs": ["--drain-time-s", "30"],
    }}));
    let log = log.join(" ");
    for part in [
        "--log-level warn ",
        "--component-log-level lua:off,upstream:debug ",
        "--drain-time-s 30",
    ] {
        assert!(log.contains(part), "{log}");
    }
    let managed = arguments(json!({"envoyContainer": {"extraArgs": ["--mode", "validate"]}}));
    assert!(
        !managed
            .iter()
            .any(|word| word == "--mode" || word == "validate")
    );
    let bootstrap_of = |settings: Value| json!({"envoyContainer": {"bootstrap": settings}});
    for settings in [
        bootstrap_of(json!({"logFormat": {"json": {"words": "%j"}}})),
        bootstrap_of(json!({"logFormat": {"text": "%v"}})),
        bootstrap_of(json!({"dnsResolver": {"udpMaxQueries": 7}})),
        bootstrap_of(json!({"enableReadinessProbeProxyProtocol": true})),
        json!({"stats": {"routePrefixRewrite": "/stats/prometheus"}}),
        json!({"stats": {"statsRoutePrefixRewrite": "/stats?usedonly"}}),
        json!({"stats": {"matcher": {"inclusionList": [{"safeRegex": "a.*"}]}}}),
    ] {
        assert!(changed(settings.clone()), "{settings} has no effect");
    }
    let image = container(json!({"envoyContainer": {"image": {"tag": "distroless-v1.36.4"}}}));
    assert_eq!(
        image["image"],
        "registry.example:5000/envoy:distroless-v1.36.4"
    );
}

#[test]
fn figures_can_be_turned_off() {
    let scraped = |pod: &Value| {
        let annotations: BTreeMap<String, String> =
            serde_json::from_value(pod["metadata"]["annotations"].clone()).expect("texts");
        annotations.contains_key("prometheus.io/port")
    };
    let off = json!({"stats": {"enabled": false}});
    assert!(scraped(&pod(json!({}))));
    assert!(!scraped(&pod(off.clone())));
    assert!(!bootstrap(off.clone()).to_string().contains("9091"));
    assert!(!container(off)["ports"].to_string().contains("9091"));
}

#[test]
fn a_pod_of_envoy_has_no_right_that_another_has_not() {
    let native = super::pod(&super::wish("web", json!({})));
    let envoy = pod(json!({}));
    for field in [
        "securityContext",
        "automountServiceAccountToken",
        "serviceAccountName",
    ] {
        assert_eq!(native["spec"][field], envoy["spec"][field], "{field}");
    }
    let context = |pod: &Value| pod["spec"]["containers"][0]["securityContext"].clone();
    assert_eq!(context(&native), context(&envoy));
    assert_eq!(context(&envoy)["readOnlyRootFilesystem"], true);
    let probe = &envoy["spec"]["containers"][0]["readinessProbe"]["httpGet"];
    assert_eq!(*probe, json!({"path": "/ready", "port": 8082}));
}
