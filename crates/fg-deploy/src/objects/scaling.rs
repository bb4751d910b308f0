//! Objects about how many pods there are, while settings ask for them.

use fg_api::deployment::Deployment;
use fg_api::gateway_parameters::Overlay;
use serde_json::{Map, Value, json};

use super::{Fleet, labels, object};
use crate::name::name;

/// The `PodDisruptionBudget` and the `HorizontalPodAutoscaler` that are asked for, aimed at the
/// Deployment.
pub(super) fn scaling(wish: &Deployment, fleet: &Fleet) -> Vec<Value> {
    let parameters = &wish.parameters;
    let budget = parameters.pod_disruption_budget.as_ref().map(|overlay| {
        let target = json!({ "matchLabels": labels::selector(&wish.gateway) });
        let kind = ("policy/v1", "PodDisruptionBudget");
        aimed(kind, overlay, ("selector", target), wish, fleet)
    });
    let scaler = parameters.horizontal_pod_autoscaler.as_ref();
    let scaler = scaler.map(|overlay| {
        let target = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": name(&wish.gateway.name),
        });
        let kind = ("autoscaling/v2", "HorizontalPodAutoscaler");
        aimed(kind, overlay, ("scaleTargetRef", target), wish, fleet)
    });
    budget.into_iter().chain(scaler).collect()
}

fn aimed(
    (api_version, kind): (&str, &str),
    overlay: &Overlay,
    (field, target): (&str, Value),
    wish: &Deployment,
    fleet: &Fleet,
) -> Value {
    let extras = overlay.metadata.as_ref();
    let extras = extras.map(|metadata| (&metadata.labels, &metadata.annotations));
    let mut object = object(api_version, kind, wish, fleet, extras);
    let mut spec = match &overlay.spec {
        Some(Value::Object(spec)) => spec.clone(),
        _ => Map::new(),
    };
    spec.insert(field.to_owned(), target);
    object.insert("spec".into(), Value::Object(spec));
    Value::Object(object)
}
