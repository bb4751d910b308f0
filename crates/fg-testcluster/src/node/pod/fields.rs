//! What a container may ask about its own pod: `fieldRef`, `resourceFieldRef`, `$(VAR)`. Pure.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};

use k8s_openapi::{
    api::core::v1::{Container, Pod, ResourceFieldSelector},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::ResourceExt;

use crate::network::HOST;

/// What the node knows about a pod beyond its object.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) address: Ipv4Addr,
    pub(super) node: String,
    /// What `limits.*` says where a container has no limit.
    pub(super) cpus: usize,
    pub(super) memory_bytes: u64,
}

/// The value of a `fieldRef`; none: there is no such field.
pub(super) fn field(pod: &Pod, facts: &Facts, path: &str) -> Option<String> {
    let spec = pod.spec.as_ref();
    let account = spec.and_then(|spec| spec.service_account_name.clone());
    Some(match path {
        "metadata.name" => pod.name_any(),
        "metadata.namespace" => pod.namespace().unwrap_or_default(),
        "metadata.uid" => pod.uid().unwrap_or_default(),
        "metadata.labels" => lines(pod.labels()),
        "metadata.annotations" => lines(pod.annotations()),
        "spec.nodeName" => facts.node.clone(),
        "spec.serviceAccountName" => account.unwrap_or_else(|| "default".to_owned()),
        "status.podIP" | "status.podIPs" => facts.address.to_string(),
        "status.hostIP" | "status.hostIPs" => HOST.to_string(),
        _ => {
            let (map, key) = path.strip_suffix("']")?.split_once("['")?;
            let map = match map {
                "metadata.labels" => pod.labels(),
                "metadata.annotations" => pod.annotations(),
                _ => return None,
            };
            map.get(key).cloned().unwrap_or_default()
        }
    })
}

fn lines(map: &BTreeMap<String, String>) -> String {
    map.iter()
        .map(|(key, value)| format!("{key}={value:?}\n"))
        .collect()
}

/// The value of a `resourceFieldRef`, rounded up to whole divisors; none: there is no such resource.
pub(super) fn resource(
    containers: &[Container],
    own: &Container,
    facts: &Facts,
    selector: &ResourceFieldSelector,
) -> Option<String> {
    let container = match &selector.container_name {
        Some(name) => containers
            .iter()
            .find(|container| container.name == *name)?,
        None => own,
    };
    let (kind, name) = selector.resource.split_once('.')?;
    let resources = container.resources.as_ref();
    let limits = resources
        .and_then(|all| all.limits.as_ref())
        .and_then(|all| all.get(name));
    let requests = resources
        .and_then(|all| all.requests.as_ref())
        .and_then(|all| all.get(name));
    let default = match name {
        "cpu" => facts.cpus as f64,
        "memory" => facts.memory_bytes as f64,
        _ => 0.0,
    };
    let value = match kind {
        "limits" => limits.and_then(quantity).unwrap_or(default),
        "requests" => requests.and_then(quantity).unwrap_or(0.0),
        _ => return None,
    };
    let divisor = selector
        .divisor
        .as_ref()
        .and_then(quantity)
        .filter(|divisor| *divisor > 0.0)
        .unwrap_or(1.0);
    Some(format!("{:.0}", (value / divisor - 1e-9).ceil() + 0.0))
}

fn quantity(quantity: &Quantity) -> Option<f64> {
    let text = quantity.0.trim();
    let unit = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return text.parse().ok(),
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

/// Replaces `$(NAME)` by the variable's value; `$$` stands for one `$`, and an unknown name stays as it is.
pub(super) fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = from
            .strip_prefix("$(")
            .and_then(|inside| inside.split_once(')'))
        {
            match env.get(name) {
                Some(value) => out.push_str(value),
                None => _ = write!(out, "$({name})"),
            }
            rest = after;
        } else {
            out.push('$');
            rest = from.strip_prefix('$').unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts() -> Facts {
        Facts {
            address: Ipv4Addr::new(10, 244, 0, 7),
            node: "node".to_owned(),
            cpus: 2,
            memory_bytes: 1 << 30,
        }
    }

    #[test]
    fn variables_are_replaced_as_kubernetes_says() {
        let env = BTreeMap::from([("A".to_owned(), "x".to_owned())]);
        assert_eq!(
            expand("$(A)-$(B)-$$(A)-$A $( $", &env),
            "x-$(B)-$(A)-$A $( $"
        );
    }

    #[test]
    fn fields_of_the_pod_are_known() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "labels": {"app.kubernetes.io/name": "web"}}, "spec": null}))
        .unwrap();
        let ask = |path: &str| field(&pod, &facts(), path);
        assert_eq!(
            ask("metadata.labels['app.kubernetes.io/name']").as_deref(),
            Some("web")
        );
        assert_eq!(
            ask("metadata.labels").as_deref(),
            Some("app.kubernetes.io/name=\"web\"\n")
        );
        assert_eq!(ask("status.podIP").as_deref(), Some("10.244.0.7"));
        assert_eq!(ask("spec.serviceAccountName").as_deref(), Some("default"));
        assert_eq!(ask("spec.colour"), None);
    }

    #[test]
    fn resources_are_rounded_up_to_the_divisor() {
        let container: Container = serde_json::from_value(json!({
            "name": "c", "resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "100m"}}}))
        .unwrap();
        let ask = |resource_name: &str, divisor: &str| {
            let selector = ResourceFieldSelector {
                container_name: None,
                divisor: (!divisor.is_empty()).then(|| Quantity(divisor.to_owned())),
                resource: resource_name.to_owned(),
            };
            resource(&[], &container, &facts(), &selector)
        };
        assert_eq!(ask("limits.cpu", "").as_deref(), Some("2"));
        assert_eq!(ask("limits.cpu", "1m").as_deref(), Some("1500"));
        assert_eq!(ask("limits.memory", "1Mi").as_deref(), Some("64"));
        assert_eq!(ask("requests.cpu", "1m").as_deref(), Some("100"));
        assert_eq!(ask("requests.memory", "").as_deref(), Some("0"));
    }
}
