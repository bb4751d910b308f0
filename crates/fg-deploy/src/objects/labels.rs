//! Labels and annotations of what is generated.

use std::collections::BTreeMap;

use fg_api::deployment::Deployment;
use fg_base::Text;
use fg_model::ObjectRef;

use crate::name::label_value;

/// The label that names the Gateway, cut and hashed when that is too long. Source: GEP-1762.
pub const GATEWAY_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// The label that says who made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The value of [`MANAGED_BY`], and the name under which fields are owned.
pub const MANAGER: &str = "ferrogate";

/// The label of the version; not on pods, which it would restart.
pub(super) const VERSION: &str = "app.kubernetes.io/version";

/// The label, and its value, of Services that are read where only labeled ones are: the addresses of a
/// Gateway come from its Service. Source: kgateway.
pub(super) const WATCHED: (&str, &str) = ("kgateway.dev/watch", "true");

/// Source: GEP-1762.
const CLASS_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";
const NAME: &str = "app.kubernetes.io/name";
const INSTANCE: &str = "app.kubernetes.io/instance";
const COMPONENT: &str = "app.kubernetes.io/component";

/// Labels by name.
pub(super) type Labels = BTreeMap<String, String>;

/// The labels by which the pods of a Gateway are found. A Deployment keeps them for ever.
pub(super) fn selector(gateway: &ObjectRef) -> Labels {
    let name = label_value(&gateway.name);
    [NAME, INSTANCE, GATEWAY_LABEL]
        .map(|label| (label.to_owned(), name.clone()))
        .into()
}

/// The labels of an object: settings, over which goes what the infrastructure of the Gateway says,
/// over which go those that others rely on.
pub(super) fn of_object(wish: &Deployment, extras: Option<&BTreeMap<Text, Text>>) -> Labels {
    let mut labels = merged(extras, &wish.labels);
    labels.extend(selector(&wish.gateway));
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    labels.insert(CLASS_LABEL.into(), label_value(&wish.class));
    labels
}

/// The labels of a pod.
pub(super) fn of_pod(wish: &Deployment, extras: Option<&BTreeMap<Text, Text>>) -> Labels {
    let mut labels = of_object(wish, extras);
    labels.insert(COMPONENT.into(), "proxy".into());
    labels
}

/// The annotations of an object: settings, over which goes what the infrastructure of the Gateway
/// says.
pub(super) fn annotations(wish: &Deployment, extras: Option<&BTreeMap<Text, Text>>) -> Labels {
    merged(extras, &wish.annotations)
}

fn merged(below: Option<&BTreeMap<Text, Text>>, over: &BTreeMap<Text, Text>) -> Labels {
    let all = below.into_iter().flatten().chain(over);
    all.map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}
