//! The pod of a proxy. Nothing here depends on listeners: a change would restart it.

use fg_api::deployment::Deployment;
use fg_api::gateway_parameters::{ContainerParameters, Image, PodParameters};
use serde_json::{Map, Value, json};

use super::{AUTHORITY, AUTHORITY_KEY, Fleet, labels, put};
use crate::name::name;

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

/// Units: seconds. Source: kgateway.
const GRACE: u32 = 60;

/// The template of the Deployment.
pub(super) fn template(wish: &Deployment, fleet: &Fleet) -> Value {
    let none = PodParameters::default();
    let settings = wish.parameters.pod_template.as_ref().unwrap_or(&none);
    let mut annotations = labels::annotations(wish, Some(&settings.extra_annotations));
    // Labels may hold less than a name.
    annotations.insert(super::GATEWAY_LABEL.into(), wish.gateway.name.to_string());
    for (key, value) in [
        ("prometheus.io/scrape", "true".to_owned()),
        ("prometheus.io/path", "/metrics".to_owned()),
        ("prometheus.io/port", METRICS.to_string()),
    ] {
        annotations.entry(key.to_owned()).or_insert(value);
    }
    json!({
        "metadata": {
            "labels": labels::of_pod(wish, Some(&settings.extra_labels)),
            "annotations": annotations,
        },
        "spec": pod(wish, settings, fleet),
    })
}

fn pod(wish: &Deployment, settings: &PodParameters, fleet: &Fleet) -> Value {
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
        grace.unwrap_or(GRACE).into(),
    );
    spec.insert(
        "containers".into(),
        vec![container(wish, settings, fleet)].into(),
    );
    spec.insert("volumes".into(), volumes(settings).into());
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

fn volumes(settings: &PodParameters) -> Vec<Value> {
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
    own.into_iter()
        .chain(settings.extra_volumes.iter().cloned())
        .collect()
}

fn container(wish: &Deployment, pod: &PodParameters, fleet: &Fleet) -> Value {
    let none = ContainerParameters::default();
    let settings = wish.parameters.envoy_container.as_ref().unwrap_or(&none);
    let (image, policy) = image(settings.image.as_ref(), fleet);
    let mut container = Map::new();
    container.insert("name".into(), "ferrogate-proxy".into());
    container.insert("image".into(), image.into());
    container.insert("imagePullPolicy".into(), policy.into());
    container.insert("args".into(), json!(["proxy"]));
    container.insert("env".into(), environment(wish, settings, fleet).into());
    container.insert(
        "ports".into(),
        json!([
            { "name": "readiness", "containerPort": READINESS, "protocol": "TCP" },
            { "name": "metrics", "containerPort": METRICS, "protocol": "TCP" },
        ]),
    );
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
    put(&mut container, "lifecycle", lifecycle(pod));
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
        // Enough to be scheduled sensibly. No limits: they are for those who know their traffic.
        resources.unwrap_or_else(|| json!({ "requests": { "cpu": "100m", "memory": "64Mi" } })),
    );
    let mounts = [
        json!({ "name": "ca", "mountPath": AUTHORITY_FOLDER, "readOnly": true }),
        json!({ "name": "token", "mountPath": TOKEN_FOLDER, "readOnly": true }),
    ];
    let more = settings.extra_volume_mounts.iter().cloned();
    let mounts: Vec<Value> = mounts.into_iter().chain(more).collect();
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

/// Takes the proxy out of service before SIGTERM stops it.
fn lifecycle(pod: &PodParameters) -> Option<Value> {
    let shutdown = pod.graceful_shutdown.as_ref();
    let is_graceful = shutdown.and_then(|shutdown| shutdown.enabled) != Some(false);
    let most = shutdown.and_then(|shutdown| shutdown.sleep_time_seconds);
    let most = most.unwrap_or(DRAIN);
    let least = most.min(NOTICE);
    is_graceful.then(|| {
        json!({ "preStop": { "exec": { "command": [
            "ferrogate",
            "drain",
            format!("--at-least={least}s"),
            format!("--at-most={most}s"),
        ] } } })
    })
}

/// What the pod tells the proxy. Of two entries of one name the last counts, so that ours come
/// last: they cannot be set to anything else.
fn environment(wish: &Deployment, settings: &ContainerParameters, fleet: &Fleet) -> Vec<Value> {
    let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
    let plain = |name: &str, value: &str| json!({ "name": name, "value": value });
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
        plain("FERROGATE_GATEWAY", &wish.gateway.name),
        plain("FERROGATE_CONTROL", &fleet.control),
        plain(
            "FERROGATE_CA_FILE",
            &format!("{AUTHORITY_FOLDER}/{AUTHORITY_KEY}"),
        ),
        plain("FERROGATE_TOKEN_FILE", &format!("{TOKEN_FOLDER}/token")),
    ];
    let level = settings.bootstrap.as_ref();
    if let Some(level) = level.and_then(|bootstrap| bootstrap.log_level.as_deref()) {
        own.push(plain("FERROGATE_LOG", log_level(level)));
    }
    let is_own = |entry: &Value| own.iter().any(|own| own["name"] == entry["name"]);
    let theirs = settings.env.iter().filter(|entry| !is_own(entry));
    theirs
        .cloned()
        .collect::<Vec<_>>()
        .into_iter()
        .chain(own)
        .collect()
}

/// Our word for a level of kgateway's.
fn log_level(level: &str) -> &str {
    match level {
        "warning" => "warn",
        "critical" => "error",
        other => other,
    }
}

/// The image of the proxy, and when it is pulled. Parts that are not set are those of the fleet's.
fn image(settings: Option<&Image>, fleet: &Fleet) -> (String, String) {
    let none = Image::default();
    let settings = settings.unwrap_or(&none);
    let set = |part: &Option<fg_base::Text>| {
        let part = part.as_deref().filter(|part| !part.is_empty());
        part.map(str::to_owned)
    };
    let policy = set(&settings.pull_policy).unwrap_or_else(|| "IfNotPresent".to_owned());
    let parts = Parts::of(&fleet.image);
    let registry = set(&settings.registry).or(parts.registry.map(str::to_owned));
    let repository = set(&settings.repository).unwrap_or_else(|| parts.repository.to_owned());
    let (mut tag, mut digest) = (set(&settings.tag), set(&settings.digest));
    if tag.is_none() && digest.is_none() {
        tag = parts.tag.map(str::to_owned);
        digest = parts.digest.map(str::to_owned);
    }
    let mut image = match registry {
        Some(registry) => format!("{registry}/{repository}"),
        None => repository,
    };
    for (sign, part) in [(':', tag), ('@', digest)] {
        if let Some(part) = part {
            image.push(sign);
            image.push_str(&part);
        }
    }
    (image, policy)
}

/// An image taken apart: the registry is all before the last `/`.
struct Parts<'a> {
    registry: Option<&'a str>,
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(image: &'a str) -> Self {
        let (image, digest) = match image.split_once('@') {
            Some((image, digest)) => (image, Some(digest)),
            None => (image, None),
        };
        let (registry, rest) = match image.rsplit_once('/') {
            Some((registry, rest)) => (Some(registry), rest),
            None => (None, image),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        Self {
            registry,
            repository,
            tag,
            digest,
        }
    }
}
