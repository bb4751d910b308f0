//! The conditions of classes and backends, which have nothing else.

use fg_model::kinds;

use super::{conditions, shown, translated};
use crate::Acknowledgements;

#[test]
fn classes_and_backends_have_conditions_only() {
    let yaml = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: good, generation: 2}
spec: {controllerName: ferrogate.dev/gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: parameters, generation: 2}
spec: {controllerName: ferrogate.dev/gateway, parametersRef: {group: a.io, kind: P, name: p}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: waypoint, generation: 2}
spec: {controllerName: ferrogate.dev/waypoint}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: good, generation: 2}
spec: {static: {hosts: [{host: a.example, port: 80}]}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: bad, generation: 2}
spec: {aws: {}}
";
    let world = translated(yaml);
    let acks = Acknowledgements::default();
    for (name, accepted) in [
        ("good", "Accepted=True/Accepted"),
        ("parameters", "Accepted=False/InvalidParameters"),
        ("waypoint", "Accepted=False/Unsupported"),
    ] {
        let class = shown(&world, &acks, kinds::GATEWAY_CLASS, name);
        assert_eq!(
            conditions(&class["status"], 2),
            [accepted, "SupportedVersion=True/SupportedVersion"]
        );
        assert_eq!(class["metadata"].get("namespace"), None);
    }
    for (name, accepted) in [
        ("good", "Accepted=True/Accepted"),
        ("bad", "Accepted=False/Invalid"),
    ] {
        let backend = shown(&world, &acks, kinds::BACKEND, name);
        assert_eq!(conditions(&backend["status"], 2), [accepted]);
        assert_eq!(backend["apiVersion"], "gateway.kgateway.dev/v1alpha1");
    }
}
