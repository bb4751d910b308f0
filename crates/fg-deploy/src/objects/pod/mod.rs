//! The pod of a proxy: what is the same on both planes; in what they differ is in [`Proxy`]. Nothing
//! here depends on listeners: a change would restart it.

mod envoy;
mod image;
mod native;

use std::collections::BTreeMap;

use fg_api::deployment::Deployment;
use fg_api::gateway_parameters::{Bootstrap, ContainerParameters, PodParameters};
use fg_model::Plane;
use serde_json::{Map, Value, json};

use super::{AUTHORITY, AUTHORITY_KEY, Fleet, labels, put};
use crate::name::{digest, name};

/// The user that a proxy runs as. Source: kgateway.
const USER: u32 = 10101;

/// Where readiness is answered. Source: architecture decision 13.
const READINESS: u16 = 8082;

/// Where metrics are. Source: architecture decision 13.
const METRICS: u16 = 9091;

/// Who the token of a proxy is for.
const AUDIENCE: &str = "ferrogate";

/// How long a token holds. Units: seconds. It is replaced when a fifth of it is left.
const TOKEN: u32 = 3600;

const AUTHORITY_FOLDER: &str = "/var/run/ferrogate/ca";
const TOKEN_FOLDER: &str = "/var/run/ferrogate/token";

/// How long connections may stay open once the proxy is not ready. Units: seconds. Source:
/// kgateway.
const DRAIN: u32 = 10;

/// How long the proxy serves in any case once it is not ready, so that balancers can learn of it.
/// Units: seconds.
const NOTICE: u32 = 5;

/// How long the end of a pod may take once it has drained: Kubernetes deletes a namespace in steps
/// as long as half of all that its pods may take, so that more than is needed is waited for. Units:
/// seconds.
const GRACE: u32 = 20;

/// The annotation with the hash of what is in the ConfigMap: a proxy reads it when it starts.
const CONFIG: &str = "ferrogate.dev/config";

/// In what the pods of the planes differ.
pub(super) struct Proxy<'a> {
    /// The image, unless settings say another.
    image: &'a str,
    args: Vec<String>,
    /// Variables beside those that all have.
    env: Vec<Value>,
    /// What takes the proxy out of service before SIGTERM stops it.
    pre_stop: Option<Value>,
    /// What it asks for, unless settings say so. Enough to be scheduled sensibly.
    requests: Value,
    /// Files that it starts with.
    pub(super) config: Option<Config>,
    has_metrics: bool,
}

/// Files in a ConfigMap.
pub(super) struct Config {
    /// The ConfigMap's name.
    pub(super) name: String,
    /// Where they are in the container.
    folder: &'static str,
    /// By name.
    pub(super) files: BTreeMap<String, String>,
}

/// The proxy of the Gateway's plane.
pub(super) fn proxy<'a>(wish: &Deployment, fleet: &'a Fleet) -> Proxy<'a> {
    match wish.plane {
        Plane::Native => native::proxy(wish, fleet),
        Plane::Envoy => envoy::proxy(wish, fleet),
    }
}

/// The template of the Deployment.
pub(super) fn template(wish: &Deployment, proxy: &Proxy<'_>) -> Value {
    let none = PodParameters::default();
    let settings = wish.parameters.pod_template.as_ref().unwrap_or(&none);
    let mut annotations = labels::annotations(wish, Some(&settings.extra_annotations));
    // Labels may hold less than a name.
    annotations.insert(super::GATEWAY_LABEL.into(), wish.gateway.name.to_string());
    let scrape = [
        ("prometheus.io/scrape", "true".to_owned()),
        ("prometheus.io/path", "/metrics".to_owned()),
        ("prometheus.io/port", METRICS.to_string()),
    ];
    for (key, value) in scrape.into_iter().filter(|_| proxy.has_metrics) {
        annotations.entry(key.to_owned()).or_insert(value);
    }
    if let Some(config) = &proxy.config {
        let files = config.files.iter();
        let files: Vec<&str> = files.flat_map(|(name, text)| [&**name, &**text]).collect();
        annotations.insert(CONFIG.to_owned(), digest(&files));
    }
    json!({
        "metadata": {
            "labels": labels::of_pod(wish, Some(&settings.extra_labels)),
            "annotations": annotations,
        },
        "spec": pod(wish, settings, proxy),
    })
}

fn pod(wish: &Deployment, settings: &PodParameters, proxy: &Proxy<'_>) -> Value {
    let mut spec = Map::new();
    let defaults = wish.parameters.omit_default_security_context != Some(true);
    let security = settings.security_context.clone().or_else(|| {
        // Ports below 1024 need no rights of their own: the sysctl counts for this pod only, and
        // is one of those that every cluster deems safe.
        defaults.then(|| {
            json!({
                "runAsNonRoot": true,
                "runAsUser": USER,
                "seccompProfile": { "type": "RuntimeDefault" },
                "sysctls": [{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" }],
            })
        })
    });
    put(&mut spec, "securityContext", security);
    spec.insert("serviceAccountName".into(), name(&wish.gateway.name).into());
    spec.insert("automountServiceAccountToken".into(), false.into());
    // Variables for each Service of the namespace would mean nothing to a proxy.
    spec.insert("enableServiceLinks".into(), false.into());
    let grace = settings.termination_grace_period_seconds;
    spec.insert(
        "terminationGracePeriodSeconds".into(),
        grace
            .unwrap_or(drain_seconds(wish).unwrap_or_default() + GRACE)
            .into(),
    );
    spec.insert(
        "containers".into(),
        vec![container(wish, settings, proxy)].into(),
    );
    spec.insert("volumes".into(), volumes(settings, proxy).into());
    let list = |list: &Vec<Value>| (!list.is_empty()).then(|| json!(list));
    put(
        &mut spec,
        "imagePullSecrets",
        list(&settings.image_pull_secrets),
    );
    let nodes = &settings.node_selector;
    let nodes = (!nodes.is_empty()).then(|| json!(nodes));
    put(&mut spec, "nodeSelector", nodes);
    put(&mut spec, "affinity", settings.affinity.clone());
    put(&mut spec, "tolerations", list(&settings.tolerations));
    let spread = list(&settings.topology_spread_constraints);
    put(&mut spec, "topologySpreadConstraints", spread);
    let priority = settings.priority_class_name.as_deref().map(Value::from);
    put(&mut spec, "priorityClassName", priority);
    Value::Object(spec)
}

fn volumes(settings: &PodParameters, proxy: &Proxy<'_>) -> Vec<Value> {
    let own = [
        json!({
            "name": "ca",
            "configMap": {
                "name": AUTHORITY,
                "items": [{ "key": AUTHORITY_KEY, "path": AUTHORITY_KEY }],
            },
        }),
        json!({
            "name": "token",
            "projected": { "sources": [{ "serviceAccountToken": {
                "audience": AUDIENCE,
                "expirationSeconds": TOKEN,
                "path": "token",
            } }] },
        }),
    ];
    let config = proxy.config.iter();
    let config =
        config.map(|config| json!({ "name": "config", "configMap": { "name": config.name } }));
    own.into_iter()
        .chain(config)
        .chain(settings.extra_volumes.iter().cloned())
        .collect()
}

fn container(wish: &Deployment, pod: &PodParameters, proxy: &Proxy<'_>) -> Value {
    let none = ContainerParameters::default();
    let settings = wish.parameters.envoy_container.as_ref().unwrap_or(&none);
    let (image, policy) = image::image(settings.image.as_ref(), proxy.image);
    let mut container = Map::new();
    container.insert("name".into(), "ferrogate-proxy".into());
    container.insert("image".into(), image.into());
    container.insert("imagePullPolicy".into(), policy.into());
    container.insert("args".into(), json!(proxy.args));
    container.insert("env".into(), environment(settings, proxy).into());
    let port =
        |name: &str, port: u16| json!({ "name": name, "containerPort": port, "protocol": "TCP" });
    let metrics = proxy.has_metrics.then(|| port("metrics", METRICS));
    let ports = [port("readiness", READINESS)].into_iter().chain(metrics);
    container.insert("ports".into(), ports.collect::<Vec<_>>().into());
    let startup = pod.startup_probe.clone();
    container.insert(
        "startupProbe".into(),
        // A pod whose control plane is away waits; it is not restarted over and over.
        startup.unwrap_or_else(|| probe(1, 600)),
    );
    let readiness = pod.readiness_probe.clone();
    container.insert(
        "readinessProbe".into(),
        readiness.unwrap_or_else(|| probe(5, 2)),
    );
    put(&mut container, "livenessProbe", pod.liveness_probe.clone());
    let pre_stop = proxy.pre_stop.as_ref();
    let lifecycle = pre_stop.map(|action| json!({ "preStop": action }));
    put(&mut container, "lifecycle", lifecycle);
    let defaults = wish.parameters.omit_default_security_context != Some(true);
    let security = settings.security_context.clone().or_else(|| {
        defaults.then(|| {
            json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
                "runAsUser": USER,
                "capabilities": { "drop": ["ALL"] },
            })
        })
    });
    put(&mut container, "securityContext", security);
    let resources = settings.resources.clone();
    container.insert(
        "resources".into(),
        // No limits: they are for those who know their traffic.
        resources.unwrap_or_else(|| json!({ "requests": proxy.requests })),
    );
    let mounts = [
        json!({ "name": "ca", "mountPath": AUTHORITY_FOLDER, "readOnly": true }),
        json!({ "name": "token", "mountPath": TOKEN_FOLDER, "readOnly": true }),
    ];
    let config = proxy
        .config
        .iter()
        .map(|config| json!({ "name": "config", "mountPath": config.folder, "readOnly": true }));
    let more = settings.extra_volume_mounts.iter().cloned();
    let mounts: Vec<Value> = mounts.into_iter().chain(config).chain(more).collect();
    container.insert("volumeMounts".into(), mounts.into());
    Value::Object(container)
}

fn probe(period: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": "/ready", "port": READINESS },
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    })
}

/// How the proxy starts, if settings say so.
fn bootstrap_settings(wish: &Deployment) -> Option<&Bootstrap> {
    let container = wish.parameters.envoy_container.as_ref()?;
    container.bootstrap.as_ref()
}

/// How long connections may stay open once the proxy is to go; `None` when it is not asked to.
/// Units: seconds.
fn drain_seconds(wish: &Deployment) -> Option<u32> {
    let pod = wish.parameters.pod_template.as_ref();
    let shutdown = pod.and_then(|pod| pod.graceful_shutdown.as_ref());
    let is_graceful = shutdown.and_then(|shutdown| shutdown.enabled) != Some(false);
    let seconds = shutdown.and_then(|shutdown| shutdown.sleep_time_seconds);
    is_graceful.then(|| seconds.unwrap_or(DRAIN))
}

fn plain(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// What the pod tells the proxy. Of two entries of one name the last counts, so that ours come
/// last: they cannot be set to anything else.
fn environment(settings: &ContainerParameters, proxy: &Proxy<'_>) -> Vec<Value> {
    let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
    let mut own = vec![
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("POD_IP", "status.podIP"),
        field("NODE_NAME", "spec.nodeName"),
        // The API server copies it from the node (Kubernetes 1.35); empty where it does not.
        field(
            "FERROGATE_ZONE",
            "metadata.labels['topology.kubernetes.io/zone']",
        ),
    ];
    own.extend(proxy.env.iter().cloned());
    let is_own = |entry: &Value| own.iter().any(|own| own["name"] == entry["name"]);
    let theirs = settings.env.iter().filter(|entry| !is_own(entry));
    let theirs: Vec<Value> = theirs.cloned().collect();
    theirs.into_iter().chain(own).collect()
}
