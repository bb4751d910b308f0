//! The objects that subjects make.

use anyhow::Context as _;
use serde_json::{Value, json};

/// A namespace with an echo server and a Gateway, whose routes are `r0`, `r1`, … on hosts of their own.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) gateway: String,
}

impl Place {
    /// The one of this namespace.
    pub(crate) fn named(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            gateway: "edge".to_owned(),
        }
    }

    /// The path of the Gateway.
    pub(crate) fn path(&self) -> String {
        format!(
            "/apis/gateway.networking.k8s.io/v1/namespaces/{}/gateways/{}",
            self.namespace, self.gateway
        )
    }

    /// The path of an `HTTPRoute`.
    pub(crate) fn route_path(&self, name: &str) -> String {
        format!(
            "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/{name}",
            self.namespace
        )
    }

    /// The host of a route.
    pub(crate) fn host(&self, number: usize) -> String {
        format!("r{number}.{}.example", self.namespace)
    }

    /// The Gateway with one listener on port 80.
    pub(crate) fn plain_gateway(&self) -> Value {
        self.gateway(json!([{"name": "http", "port": 80, "protocol": "HTTP"}]))
    }

    /// The Gateway with these listeners.
    pub(crate) fn gateway(&self, listeners: Value) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": self.gateway, "namespace": self.namespace},
            "spec": {"gatewayClassName": "ferrogate", "listeners": listeners},
        })
    }

    /// A route to the echo server. The edition is a field of its answers.
    pub(crate) fn route(&self, number: usize, edition: &str) -> Value {
        let set = json!([{"name": "edition", "value": edition}]);
        self.http_route(
            &format!("r{number}"),
            json!({
                "parentRefs": [{"name": self.gateway}],
                "hostnames": [self.host(number)],
                "rules": [{
                    "filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": set}}],
                    "backendRefs": [{"name": "echo", "port": 80}],
                }],
            }),
        )
    }

    /// Any `HTTPRoute`.
    pub(crate) fn http_route(&self, name: &str, spec: Value) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        })
    }
}

/// A namespace.
pub(crate) fn space(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A Deployment of our echo server, and its Service.
pub(crate) fn echo(namespace: &str) -> [Value; 2] {
    let labels = json!({"app": "echo"});
    let container = json!({
        "name": "echo",
        "image": "ferrogate",
        "args": ["echo", "--address=0.0.0.0:3000"],
        "ports": [{"containerPort": 3000}],
    });
    [
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "echo", "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "echo", "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 3000}]},
        }),
    ]
}

/// The path of an object.
pub(crate) fn path(object: &Value) -> anyhow::Result<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let version = text(&object["apiVersion"]).context("no apiVersion")?;
    let kind = text(&object["kind"]).context("no kind")?;
    let name = text(&object["metadata"]["name"]).context("no name")?;
    let plural = match kind.as_str() {
        "GatewayClass" => "gatewayclasses".to_owned(),
        "GatewayParameters" => "gatewayparameters".to_owned(),
        other => format!("{}s", other.to_lowercase()),
    };
    let group = if version.contains('/') { "apis" } else { "api" };
    Ok(match text(&object["metadata"]["namespace"]) {
        Some(namespace) => format!("/{group}/{version}/namespaces/{namespace}/{plural}/{name}"),
        None => format!("/{group}/{version}/{plural}/{name}"),
    })
}
