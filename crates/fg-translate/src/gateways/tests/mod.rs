//! Gateways: classes, addresses, listeners, conflicts inside one and across several, who attaches.

mod allowed;
mod classes;
mod cluster;
mod conflicts;
mod fields;
mod listeners;

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

const HTTP: &str = "listeners: [{name: http, port: 80, protocol: HTTP}]";
