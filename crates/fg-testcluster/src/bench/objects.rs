//! The objects that measurements make.

use serde_json::{Value, json};

use super::http::Target;
use super::looking::EDITION;
use super::origin;

/// The namespace of the Gateway, and of the routes that are edited.
pub(super) const HOME: &str = "bench";
/// The Gateway.
pub(super) const GATEWAY: &str = "edge";
/// The Service of the server that answers for all, in each namespace.
pub(super) const ORIGIN: &str = "origin";
/// The Deployment of pods, and its Service.
pub(super) const PODS: &str = "pods";

/// An object and the path it is applied at.
#[derive(Debug, Clone)]
pub(super) struct Object {
    /// Its URL.
    pub(super) path: String,
    /// Its text.
    pub(super) value: Value,
}

/// A route of one path on one host.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// Where it answers.
    pub(super) target: Target,
    /// The Service behind it.
    pub(super) service: String,
}

impl Route {
    /// One of those that are edited.
    pub(super) fn edited(number: usize) -> Self {
        Self::named("edited", number)
    }

    /// One in the Gateway's own namespace.
    pub(super) fn named(name: &str, number: usize) -> Self {
        Self {
            namespace: HOME.to_owned(),
            name: format!("{name}-{number}"),
            target: Target {
                host: format!("{name}.bench.example"),
                path: format!("/{name}/{number}"),
            },
            service: ORIGIN.to_owned(),
        }
    }

    /// One of the many. Those of the first numbers lead to the one server, the rest to `services` Services.
    pub(super) fn of_many(number: usize, namespaces: usize, plain: usize, services: usize) -> Self {
        let place = number % namespaces;
        Self {
            namespace: namespace(place),
            name: format!("many-{number}"),
            target: Target {
                host: format!("many-{place}.bench.example"),
                path: format!("/many/{number}"),
            },
            service: if number < plain {
                ORIGIN.to_owned()
            } else {
                service_name(number % services)
            },
        }
    }

    /// Its URL.
    pub(super) fn path(&self) -> String {
        format!(
            "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/{}",
            self.namespace, self.name
        )
    }

    /// It as an object; an edition is a field of its answers.
    pub(super) fn object(&self, edition: Option<&str>) -> Object {
        let mut rule = json!({
            "matches": [{"path": {"type": "PathPrefix", "value": self.target.path}}],
            "backendRefs": [{"name": self.service, "port": 80}],
        });
        if let (Some(edition), Some(rule)) = (edition, rule.as_object_mut()) {
            let set = json!([{"name": EDITION, "value": edition}]);
            let filter = json!([{
                "type": "ResponseHeaderModifier",
                "responseHeaderModifier": {"set": set},
            }]);
            rule.insert("filters".to_owned(), filter);
        }
        Object {
            path: self.path(),
            value: json!({
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": {
                    "parentRefs": [{"name": GATEWAY, "namespace": HOME}],
                    "hostnames": [self.target.host],
                    "rules": [rule],
                },
            }),
        }
    }
}

/// The name of one of the namespaces of the many.
pub(super) fn namespace(number: usize) -> String {
    format!("bench-{number}")
}

fn service_name(number: usize) -> String {
    format!("service-{number}")
}

/// A namespace.
pub(super) fn space(name: &str) -> Object {
    Object {
        path: format!("/api/v1/namespaces/{name}"),
        value: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
    }
}

/// The Gateway: one listener, for routes of all namespaces.
pub(super) fn gateway(class: &str) -> Object {
    Object {
        path: format!("/apis/gateway.networking.k8s.io/v1/namespaces/{HOME}/gateways/{GATEWAY}"),
        value: json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": GATEWAY, "namespace": HOME},
            "spec": {
                "gatewayClassName": class,
                "listeners": [{
                    "name": "http",
                    "port": 80,
                    "protocol": "HTTP",
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                }],
            },
        }),
    }
}

/// The Service of the one server in a namespace, with its only endpoint.
pub(super) fn origin_of(namespace: &str) -> [Object; 2] {
    [
        service(namespace, ORIGIN, None),
        slice(namespace, ORIGIN, &[0]),
    ]
}

/// One of the many Services, and where its first endpoint is; the others follow.
pub(super) fn service_of(number: usize, namespaces: usize, endpoints: usize) -> [Object; 2] {
    let (space, name) = (namespace(number % namespaces), service_name(number));
    let addresses = endpoints_of(number, endpoints);
    [
        service(&space, &name, None),
        slice(&space, &name, &addresses),
    ]
}

/// The EndpointSlice of one of the many Services with one endpoint in another place.
pub(super) fn moved(number: usize, namespaces: usize, endpoints: usize, turn: usize) -> Object {
    let mut addresses = endpoints_of(number, endpoints);
    if let Some(first) = addresses.first_mut() {
        // Far from all that are in use.
        *first = 30_000 + turn;
    }
    slice(
        &namespace(number % namespaces),
        &service_name(number),
        &addresses,
    )
}

fn endpoints_of(number: usize, endpoints: usize) -> Vec<usize> {
    (number * endpoints..(number + 1) * endpoints).collect()
}

fn service(namespace: &str, name: &str, selector: Option<&str>) -> Object {
    let port = json!([{"name": "http", "port": 80, "targetPort": origin::PORT}]);
    let mut spec = json!({"ports": port});
    if let (Some(app), Some(spec)) = (selector, spec.as_object_mut()) {
        spec.insert("selector".to_owned(), json!({"app": app}));
    }
    Object {
        path: format!("/api/v1/namespaces/{namespace}/services/{name}"),
        value: json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }),
    }
}

fn slice(namespace: &str, service: &str, endpoints: &[usize]) -> Object {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|number| {
            json!({"addresses": [origin::address(*number)], "conditions": {"ready": true}})
        })
        .collect();
    Object {
        path: format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{service}-1"
        ),
        value: json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{service}-1"),
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": origin::PORT, "protocol": "TCP"}],
            "endpoints": endpoints,
        }),
    }
}

/// Pods that can be scaled, and their Service. A pod that is to go serves for two seconds more, as one does whose
/// clients must hear of it first.
pub(super) fn pods() -> [Object; 2] {
    let container = json!({
        "name": "echo",
        "image": "gateway-api/conformance/echo-basic:v0.1.0",
        "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
        "readinessProbe": {"tcpSocket": {"port": origin::PORT}, "periodSeconds": 1},
    });
    let labels = json!({"app": PODS});
    let deployment = Object {
        path: format!("/apis/apps/v1/namespaces/{HOME}/deployments/{PODS}"),
        value: json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": PODS, "namespace": HOME},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container]},
                },
            },
        }),
    };
    [deployment, service(HOME, PODS, Some(PODS))]
}
