//! What installs Ferrogate itself: plain manifests, with no right that the control plane does not
//! use.

use fg_api::classes::{BUILT_IN, ENVOY, GATEWAY};
use fg_model::kinds;
use serde_json::{Value, json};

use crate::objects::{AUTHORITY, MANAGER};

/// The name of all that is installed.
const NAME: &str = "ferrogate";

/// The user that the control plane runs as; the same as that of proxies.
const USER: u32 = 10101;

/// Ports of the control plane: discovery, metrics, readiness. Source: kgateway.
const DISCOVERY: u16 = 9977;
const METRICS: u16 = 9092;
const READINESS: u16 = 9093;

/// What an installation can differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The namespace of the control plane.
    pub namespace: String,
    /// The image of the control plane and, unless settings say another, of proxies.
    pub image: String,
    /// How many control planes; one of them leads.
    pub replicas: u16,
}

/// The definitions of our own kinds, see [`fg_api::schema::definitions`].
pub fn definitions() -> Vec<Value> {
    fg_api::schema::definitions()
}

/// Namespace, rights, control plane and classes, in the order in which they are to be applied. The
/// definitions of the Gateway API must be there before.
pub fn manifests(installation: &Installation) -> Vec<Value> {
    vec![
        labelled(json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": installation.namespace },
        })),
        object(installation, "v1", "ServiceAccount", json!({})),
        labelled(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": { "name": NAME },
            "rules": rights(),
        })),
        labelled(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": { "name": NAME },
            "roleRef": role("ClusterRole"),
            "subjects": subjects(installation),
        })),
        object(
            installation,
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({ "rules": rights_at_home() }),
        ),
        object(
            installation,
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({ "roleRef": role("Role"), "subjects": subjects(installation) }),
        ),
        service(installation),
        deployment(installation),
    ]
    .into_iter()
    .chain(classes())
    .collect()
}

/// What is read and written in all namespaces.
fn rights() -> Value {
    const READ: &[&str] = &["get", "list", "watch"];
    const OWN: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({ "apiGroups": [group], "resources": resources, "verbs": verbs });
    json!([
        // What is translated.
        rule("", &["namespaces", "secrets"], READ),
        rule("discovery.k8s.io", &["endpointslices"], READ),
        rule(
            kinds::GATEWAY_API,
            &[
                "backendtlspolicies",
                "gatewayclasses",
                "gateways",
                "grpcroutes",
                "httproutes",
                "listenersets",
                "referencegrants",
            ],
            READ,
        ),
        rule(kinds::BACKEND.0, &["backends", "gatewayparameters"], READ),
        // Which of those there are.
        rule("apiextensions.k8s.io", &["customresourcedefinitions"], READ),
        // What is said about them.
        rule(
            kinds::GATEWAY_API,
            &[
                "backendtlspolicies/status",
                "gatewayclasses/status",
                "gateways/status",
                "grpcroutes/status",
                "httproutes/status",
                "listenersets/status",
            ],
            &["patch"],
        ),
        rule(kinds::BACKEND.0, &["backends/status"], &["patch"]),
        // What is deployed; Services and ConfigMaps are translated too.
        rule("", &["configmaps", "serviceaccounts", "services"], OWN),
        rule("apps", &["deployments"], OWN),
        rule("policy", &["poddisruptionbudgets"], OWN),
        rule("autoscaling", &["horizontalpodautoscalers"], OWN),
        // Who proxies are.
        rule("authentication.k8s.io", &["tokenreviews"], &["create"]),
    ])
}

/// What is written in the namespace of the control plane: who leads, and the authority. What is
/// there is changed by its name alone; no name can be given where one is made. The Secret is read by
/// the rights in all namespaces.
fn rights_at_home() -> Value {
    json!([
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": ["create"],
        },
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [NAME],
            "verbs": ["get", "patch"],
        },
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["create"],
        },
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [AUTHORITY],
            "verbs": ["update"],
        },
    ])
}

fn service(installation: &Installation) -> Value {
    let port = |name: &str, port: u16| json!({ "name": name, "port": port, "targetPort": name, "protocol": "TCP" });
    let spec = json!({
        "selector": selector(),
        "ports": [
            port("discovery", DISCOVERY),
            port("metrics", METRICS),
            port("readiness", READINESS),
        ],
    });
    object(installation, "v1", "Service", json!({ "spec": spec }))
}

fn deployment(installation: &Installation) -> Value {
    let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
    let port =
        |name: &str, port: u16| json!({ "name": name, "containerPort": port, "protocol": "TCP" });
    let container = json!({
        "name": "control",
        "image": installation.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["control"],
        "env": [
            field("POD_NAME", "metadata.name"),
            field("POD_NAMESPACE", "metadata.namespace"),
            field("POD_IP", "status.podIP"),
            { "name": "FERROGATE_PROXY_IMAGE", "value": installation.image },
        ],
        "ports": [
            port("discovery", DISCOVERY),
            port("metrics", METRICS),
            port("readiness", READINESS),
        ],
        "startupProbe": probe(1, 600),
        "readinessProbe": probe(5, 2),
        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": USER,
            "capabilities": { "drop": ["ALL"] },
        },
    });
    let template = json!({
        "metadata": {
            "labels": selector(),
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/path": "/metrics",
                "prometheus.io/port": METRICS.to_string(),
            },
        },
        "spec": {
            "serviceAccountName": NAME,
            "enableServiceLinks": false,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [container],
        },
    });
    let spec = json!({
        "replicas": installation.replicas,
        "selector": { "matchLabels": selector() },
        "template": template,
    });
    object(
        installation,
        "apps/v1",
        "Deployment",
        json!({ "spec": spec }),
    )
}

fn probe(period: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": "/readyz", "port": "readiness" },
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    })
}

/// The classes that are served: that of our own proxy, and that of Envoy.
fn classes() -> impl Iterator<Item = Value> {
    let served = BUILT_IN
        .iter()
        .filter(|(_, controller)| matches!(*controller, GATEWAY | ENVOY));
    served.map(|(name, controller)| {
        labelled(json!({
            "apiVersion": format!("{}/v1", kinds::GATEWAY_API),
            "kind": kinds::GATEWAY_CLASS.1,
            "metadata": { "name": name },
            "spec": { "controllerName": controller },
        }))
    })
}

fn selector() -> Value {
    json!({ "app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "control" })
}

fn role(kind: &str) -> Value {
    json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": NAME })
}

fn subjects(installation: &Installation) -> Value {
    json!([{ "kind": "ServiceAccount", "name": NAME, "namespace": installation.namespace }])
}

/// An object in the control plane's namespace.
fn object(installation: &Installation, api_version: &str, kind: &str, body: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": { "name": NAME, "namespace": installation.namespace },
    });
    if let (Some(object), Value::Object(body)) = (object.as_object_mut(), body) {
        object.extend(body);
    }
    labelled(object)
}

/// With the labels of an installation. Not with that of what the control plane itself manages.
fn labelled(mut object: Value) -> Value {
    object["metadata"]["labels"] = json!({
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/part-of": MANAGER,
    });
    object
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::{Installation, manifests};
    use crate::MANAGED_BY;

    fn installed() -> Vec<Value> {
        manifests(&Installation {
            namespace: "home".to_owned(),
            image: "r/ferrogate:1".to_owned(),
            replicas: 2,
        })
    }

    fn of(kind: &str) -> Value {
        let found = installed()
            .into_iter()
            .find(|object| object["kind"] == kind);
        found.expect("it is installed")
    }

    #[test]
    fn parts_of_an_installation_fit_each_other() {
        let pod = of("Deployment")["spec"]["template"].clone();
        let selector = of("Service")["spec"]["selector"].clone();
        assert_eq!(pod["metadata"]["labels"], selector);
        assert_eq!(
            of("Deployment")["spec"]["selector"]["matchLabels"],
            selector
        );
        let container = &pod["spec"]["containers"][0];
        let ports = container["ports"].as_array().expect("ports");
        let ports: BTreeSet<&str> = ports
            .iter()
            .filter_map(|port| port["name"].as_str())
            .collect();
        let service = of("Service")["spec"]["ports"].clone();
        for port in service.as_array().expect("ports") {
            assert!(ports.contains(port["targetPort"].as_str().expect("a name")));
        }
        assert_eq!(
            pod["spec"]["serviceAccountName"],
            of("ServiceAccount")["metadata"]["name"]
        );
        for kind in ["ClusterRoleBinding", "RoleBinding"] {
            assert_eq!(
                of(kind)["subjects"],
                json!([{"kind": "ServiceAccount", "name": "ferrogate", "namespace": "home"}])
            );
        }
        for object in installed() {
            let labels = &object["metadata"]["labels"];
            assert_eq!(
                labels[MANAGED_BY],
                Value::Null,
                "the deployer takes it for its own"
            );
        }
    }

    #[test]
    fn at_home_only_what_is_ours_can_be_changed() {
        let rules = of("Role")["rules"].clone();
        let rules = rules.as_array().expect("rules");
        for (resource, name, verbs) in [
            ("leases", "ferrogate", json!(["get", "patch"])),
            ("secrets", "ferrogate-ca", json!(["update"])),
        ] {
            let of_it = rules
                .iter()
                .filter(|rule| rule["resources"] == json!([resource]));
            let (named, any): (Vec<&Value>, Vec<&Value>) =
                of_it.partition(|rule| rule["resourceNames"].is_array());
            assert_eq!(named.len(), 1, "{resource}");
            assert_eq!(named[0]["resourceNames"], json!([name]));
            assert_eq!(named[0]["verbs"], verbs);
            assert_eq!(any.len(), 1, "{resource}");
            assert_eq!(any[0]["verbs"], json!(["create"]));
        }
    }

    #[test]
    fn there_is_a_class_for_each_data_plane() {
        let classes = installed().into_iter();
        let classes = classes.filter(|object| object["kind"] == "GatewayClass");
        let classes: Vec<(Value, Value)> = classes
            .map(|class| {
                let controller = class["spec"]["controllerName"].clone();
                (class["metadata"]["name"].clone(), controller)
            })
            .collect();
        assert_eq!(
            classes,
            [
                (json!("ferrogate"), json!("ferrogate.dev/gateway")),
                (json!("ferrogate-envoy"), json!("ferrogate.dev/envoy")),
            ]
        );
    }

    #[test]
    fn no_right_is_for_everything() {
        for kind in ["ClusterRole", "Role"] {
            let role = of(kind);
            let rules = role["rules"].as_array().expect("rules");
            assert!(!rules.is_empty());
            for rule in rules {
                assert!(!rule.to_string().contains('*'), "{rule}");
            }
        }
        let rules = of("ClusterRole")["rules"].clone();
        for rule in rules.as_array().expect("rules") {
            let names = rule["resources"].as_array().expect("resources");
            if names.contains(&json!("secrets")) {
                assert_eq!(rule["verbs"], json!(["get", "list", "watch"]));
            }
        }
    }
}
