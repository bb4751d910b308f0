//! The environment of a container.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod};

use super::{
    Missing,
    fields::{Facts, expand, field, resource},
};
use crate::{network::API_SERVICE, node::objects::Objects};

/// Variables in the order of Kubernetes: the node's own, `envFrom`, `env`.
///
/// # Errors
/// A ConfigMap, a Secret or a key of one is missing and not optional.
pub(super) fn env(
    pod: &Pod,
    container: &Container,
    facts: &Facts,
    hostname: &str,
    objects: &Objects,
) -> Result<BTreeMap<String, String>, Missing> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mut env = BTreeMap::from(
        [
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/",
            ),
            ("HOME", "/"),
            ("HOSTNAME", hostname),
            ("KUBERNETES_SERVICE_HOST", &API_SERVICE.to_string()),
            ("KUBERNETES_SERVICE_PORT", "443"),
            ("KUBERNETES_SERVICE_PORT_HTTPS", "443"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        let data = if let Some(wanted) = &source.config_map_ref {
            config_map(objects, namespace, &wanted.name, wanted.optional)?
        } else if let Some(wanted) = &source.secret_ref {
            secret(objects, namespace, &wanted.name, wanted.optional)?
        } else {
            continue;
        };
        env.extend(
            data.into_iter()
                .map(|(name, value)| (format!("{prefix}{name}"), value)),
        );
    }
    let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
    for variable in container.env.iter().flatten() {
        let value = match &variable.value {
            Some(value) => Some(expand(value, &env)),
            None => referenced(pod, containers, container, facts, objects, variable)?,
        };
        if let Some(value) = value {
            env.insert(variable.name.clone(), value);
        }
    }
    Ok(env)
}

fn referenced(
    pod: &Pod,
    containers: &[Container],
    container: &Container,
    facts: &Facts,
    objects: &Objects,
    variable: &EnvVar,
) -> Result<Option<String>, Missing> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let Some(source) = &variable.value_from else {
        return Ok(Some(String::new()));
    };
    let unknown = |what: &str| {
        Missing(format!(
            "variable {}: there is no field {what}",
            variable.name
        ))
    };
    if let Some(wanted) = &source.field_ref {
        return field(pod, facts, &wanted.field_path)
            .map(Some)
            .ok_or_else(|| unknown(&wanted.field_path));
    }
    if let Some(wanted) = &source.resource_field_ref {
        return resource(containers, container, facts, wanted)
            .map(Some)
            .ok_or_else(|| unknown(&wanted.resource));
    }
    let (data, kind, name, key, optional) = if let Some(wanted) = &source.config_map_key_ref {
        let data = config_map(objects, namespace, &wanted.name, wanted.optional)?;
        (
            data,
            "ConfigMap",
            &wanted.name,
            &wanted.key,
            wanted.optional,
        )
    } else if let Some(wanted) = &source.secret_key_ref {
        let data = secret(objects, namespace, &wanted.name, wanted.optional)?;
        (data, "Secret", &wanted.name, &wanted.key, wanted.optional)
    } else {
        return Err(Missing(format!(
            "variable {}: unknown kind of valueFrom",
            variable.name
        )));
    };
    match data.get(key) {
        Some(value) => Ok(Some(value.clone())),
        None if optional == Some(true) => Ok(None),
        None => Err(Missing(format!(
            "{kind} {namespace}/{name} has no key {key}"
        ))),
    }
}

fn config_map(
    objects: &Objects,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<BTreeMap<String, String>, Missing> {
    match objects.config_map(namespace, name) {
        Some(found) => Ok(found.data.clone().unwrap_or_default()),
        None if optional == Some(true) => Ok(BTreeMap::new()),
        None => Err(Missing(format!(
            "ConfigMap {namespace}/{name} does not exist"
        ))),
    }
}

fn secret(
    objects: &Objects,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<BTreeMap<String, String>, Missing> {
    match objects.secret(namespace, name) {
        Some(found) => {
            let text = |(key, bytes): (&String, &k8s_openapi::ByteString)| {
                (key.clone(), String::from_utf8_lossy(&bytes.0).into_owned())
            };
            Ok(found.data.iter().flatten().map(text).collect())
        }
        None if optional == Some(true) => Ok(BTreeMap::new()),
        None => Err(Missing(format!("Secret {namespace}/{name} does not exist"))),
    }
}
