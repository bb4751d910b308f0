//! What a Gateway wants to be deployed: `spec.infrastructure` and its settings over those of its
//! class.

use std::sync::Arc;

use fg_api::Object;
use fg_api::deployment::{Deployment, Wish};
use fg_api::gateway::{GatewaySpec, Infrastructure};
use fg_api::gateway_parameters::GatewayParametersSpec;
use fg_ir::Protocol;
use fg_model::Plane;

use super::Draft;
use super::listeners::RESERVED;
use crate::classes::Class;
use crate::lookup::Lookup;
use crate::notes::Notes;
use crate::options::Ground;
use crate::parameters::{self, Parameters};

/// Where a Gateway names its settings.
const PARAMETERS: &str = "spec.infrastructure.parametersRef";

/// The reference to settings cannot be used.
pub(super) struct Unusable;

/// The Gateway's own settings, if it names some.
///
/// # Errors
/// It names some that cannot be used; what is wrong is noted.
pub(super) fn parameters(
    gateway: &Object<GatewaySpec>,
    ground: Ground,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Result<Option<Parameters>, Unusable> {
    let infrastructure = gateway.spec.infrastructure.as_ref();
    let Some(reference) = infrastructure.and_then(|found| found.parameters_ref.as_ref()) else {
        return Ok(None);
    };
    let path = PARAMETERS;
    let namespace = Some(&gateway.id.namespace);
    let found = parameters::resolve(reference, namespace, path, lookup, notes).ok_or(Unusable)?;
    parameters::without_effect(path, ground, notes);
    Ok(Some(found))
}

/// Says which of the Gateway's own settings its proxies cannot heed.
pub(super) fn of_another_plane(found: Option<&Parameters>, plane: Plane, notes: &mut Notes) {
    if let Some(found) = found {
        parameters::of_another_plane(PARAMETERS, found, plane, notes);
    }
}

/// What the Gateway wants; `parameters` are its own, `None` when it cannot be accepted as it is.
pub(super) fn wish(
    gateway: &Object<GatewaySpec>,
    class: &Class,
    parameters: Option<Option<Parameters>>,
    draft: &Draft,
) -> Option<Wish> {
    let Some(own) = parameters else {
        return Some(Wish::Keep);
    };
    let nothing = GatewayParametersSpec::default();
    let of = |found: &Option<Parameters>| {
        found
            .as_ref()
            .map_or(nothing.clone(), |found| found.spec.clone())
    };
    let merged = of(&own).over(&of(&class.parameters));
    let uid = gateway.meta.uid.clone().unwrap_or_default();
    if merged.self_managed.is_some() {
        return Some(Wish::Elsewhere(uid));
    }
    let none = Infrastructure::default();
    let infrastructure = gateway.spec.infrastructure.as_ref().unwrap_or(&none);
    let address = match draft.requested[..] {
        [address] => Some(address),
        _ => None,
    };
    let sets = draft.sets.iter().flat_map(|set| &set.listeners);
    let ports = draft.listeners.iter().chain(sets).filter(|listener| {
        // Also those that do not serve for another reason, so that mending it does not change the
        // Service.
        let speaks = matches!(listener.protocol, Some(Protocol::Http | Protocol::Https));
        speaks && !RESERVED.iter().any(|(port, _)| *port == listener.port)
    });
    Some(Wish::Deploy(Arc::new(Deployment {
        gateway: gateway.id.clone(),
        uid,
        class: gateway.spec.gateway_class_name.clone(),
        plane: draft.plane,
        labels: infrastructure.labels.clone(),
        annotations: infrastructure.annotations.clone(),
        ports: ports.map(|listener| listener.port).collect(),
        address,
        parameters: merged.kube.unwrap_or_default(),
    })))
}
