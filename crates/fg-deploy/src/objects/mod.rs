//! The objects of one Gateway.

mod labels;
mod pod;
mod quantity;
mod scaling;
mod service;

use fg_api::deployment::Deployment;
use fg_model::{ObjectRef, kinds};
use serde_json::{Map, Value, json};

pub use labels::{GATEWAY_LABEL, MANAGED_BY, MANAGER};

use self::pod::Proxy;
use crate::name::name;

/// The image of Envoy unless another one is said.
pub const ENVOY_IMAGE: &str = "envoyproxy/envoy:distroless-v1.40.0";

/// The name of the ConfigMap that proxies know the control plane by.
pub const AUTHORITY: &str = "ferrogate-ca";

/// The key of [`AUTHORITY`] that holds the certificates, as PEM.
pub const AUTHORITY_KEY: &str = "ca.crt";

/// What is the same for all Gateways of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// The image of our own proxy, unless a Gateway's settings say another.
    pub image: String,
    /// The image of Envoy, unless a Gateway's settings say another.
    pub envoy_image: String,
    /// Where proxies reach the control plane: host and port.
    pub control: String,
    /// The version of this control plane, for the label of that name.
    pub version: String,
}

/// A Gateway that something belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The Gateway's name.
    pub name: String,
    /// The Gateway's `metadata.uid`.
    pub uid: String,
}

/// What is to be there for a Gateway, in the order in which it is to be applied: ServiceAccount,
/// Service, the ConfigMap with Envoy's bootstrap, Deployment, and those that settings ask for. All in the Gateway's namespace, named by
/// [`name`] (with `-envoy` behind it for the ConfigMap), and owned by the Gateway, so that they go with it.
///
/// A Service needs a port: without any there is none.
///
/// Nothing of the Deployment depends on listeners, so that no change of theirs restarts a pod.
pub fn objects(wish: &Deployment, fleet: &Fleet) -> Vec<Value> {
    let mut objects = vec![account(wish, fleet)];
    objects.extend(service::service(wish, fleet));
    let proxy = pod::proxy(wish, fleet);
    objects.extend(config(wish, fleet, &proxy));
    objects.push(deployment(wish, fleet, &proxy));
    objects.extend(scaling::scaling(wish, fleet));
    objects
}

/// The ConfigMap that all proxies of a namespace know the control plane by; `bundle` is PEM. It
/// goes when the last of its owners does.
pub fn authority(namespace: &str, bundle: &str, owners: &[Owner]) -> Value {
    let owners: Vec<Value> = owners.iter().map(|owner| reference(owner, false)).collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": AUTHORITY,
            "namespace": namespace,
            "labels": { MANAGED_BY: MANAGER },
            "ownerReferences": owners,
        },
        "data": { AUTHORITY_KEY: bundle },
    })
}

fn account(wish: &Deployment, fleet: &Fleet) -> Value {
    let extras = wish.parameters.service_account.as_ref();
    let extras = extras.map(|extras| (&extras.extra_labels, &extras.extra_annotations));
    let mut account = object("v1", "ServiceAccount", wish, fleet, extras);
    // A proxy shows only the token that its pod asks for by itself.
    account.insert("automountServiceAccountToken".into(), false.into());
    Value::Object(account)
}

fn config(wish: &Deployment, fleet: &Fleet, proxy: &Proxy<'_>) -> Option<Value> {
    let config = proxy.config.as_ref()?;
    let mut object = object("v1", "ConfigMap", wish, fleet, None);
    if let Some(metadata) = object.get_mut("metadata") {
        metadata["name"] = (*config.name).into();
    }
    object.insert("data".into(), json!(config.files));
    Some(Value::Object(object))
}

fn deployment(wish: &Deployment, fleet: &Fleet, proxy: &Proxy<'_>) -> Value {
    let settings = wish.parameters.deployment.as_ref();
    let mut spec = Map::new();
    // Whoever scales decides; without settings it is the API server that says 1 at first.
    let replicas = settings
        .and_then(|settings| settings.replicas)
        .filter(|_| wish.parameters.horizontal_pod_autoscaler.is_none());
    put(&mut spec, "replicas", replicas.map(Value::from));
    let strategy = settings.and_then(|settings| settings.strategy.clone());
    put(&mut spec, "strategy", strategy);
    spec.insert(
        "selector".into(),
        json!({ "matchLabels": labels::selector(&wish.gateway) }),
    );
    spec.insert("template".into(), pod::template(wish, proxy));
    let mut deployment = object("apps/v1", "Deployment", wish, fleet, None);
    deployment.insert("spec".into(), Value::Object(spec));
    Value::Object(deployment)
}

/// More labels and annotations, that infrastructure's win over.
type Extras<'a> = (
    &'a std::collections::BTreeMap<fg_base::Text, fg_base::Text>,
    &'a std::collections::BTreeMap<fg_base::Text, fg_base::Text>,
);

/// An object of the Gateway without its body.
fn object(
    api_version: &str,
    kind: &str,
    wish: &Deployment,
    fleet: &Fleet,
    extras: Option<Extras<'_>>,
) -> Map<String, Value> {
    let mut labels = labels::of_object(wish, extras.map(|extras| extras.0));
    labels.insert(labels::VERSION.into(), crate::label_value(&fleet.version));
    let mut metadata = json!({
        "name": name(&wish.gateway.name),
        "namespace": wish.gateway.namespace,
        "labels": labels,
        "ownerReferences": [reference(&owner(&wish.gateway, &wish.uid), true)],
    });
    let annotations = labels::annotations(wish, extras.map(|extras| extras.1));
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    let mut object = Map::new();
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    object.insert("metadata".into(), metadata);
    object
}

fn owner(gateway: &ObjectRef, uid: &str) -> Owner {
    Owner {
        name: gateway.name.to_string(),
        uid: uid.to_owned(),
    }
}

/// What makes an object go when its Gateway goes.
fn reference(owner: &Owner, controls: bool) -> Value {
    json!({
        "apiVersion": format!("{}/v1", kinds::GATEWAY_API),
        "kind": kinds::GATEWAY.1,
        "name": owner.name,
        "uid": owner.uid,
        "controller": controls,
        // Nobody who deletes a Gateway waits for its pods.
        "blockOwnerDeletion": false,
    })
}

/// Puts a field that is there.
fn put(map: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(field.to_owned(), value);
    }
}
