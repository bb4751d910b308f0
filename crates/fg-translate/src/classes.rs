//! `GatewayClass`: which classes are ours, and which of those can be used.
//!
//! Source: Gateway API `GatewayClass`.

use fg_api::Object;
use fg_api::classes::{BUILT_IN, ENVOY, GATEWAY, OURS, WAYPOINT};
use fg_api::gateway::GatewayClassSpec;
use fg_base::Text;
use fg_model::{FindingKind, Plane};

use crate::lookup::Lookup;
use crate::notes::Notes;
use crate::options::Ground;
use crate::parameters::{self, Parameters};
use fg_api::schema::nearest;

/// Who serves a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Our own data plane.
    Native,
    /// Envoy.
    Envoy,
    /// Ours by name, but not supported (yet).
    Unsupported,
    /// Another controller: not ours to judge.
    Foreign,
}

/// A class, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// `spec.controllerName`.
    pub controller: Text,
    /// Who serves it.
    pub served: Served,
    /// Whether Gateways of it can be served.
    pub accepted: bool,
    /// Its settings; `None` without, or when they cannot be used.
    pub(crate) parameters: Option<Parameters>,
}

fn served(controller: &str) -> Served {
    match controller {
        GATEWAY => Served::Native,
        ENVOY => Served::Envoy,
        other if other.starts_with(OURS) => Served::Unsupported,
        _ => Served::Foreign,
    }
}

/// A class that exists without being written down.
pub(crate) fn built_in(name: &str) -> Option<Class> {
    let (_, controller) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    let served = served(controller);
    Some(Class {
        controller: (*controller).into(),
        served,
        accepted: served != Served::Unsupported,
        parameters: None,
    })
}

/// Judges a class that is written down.
pub(crate) fn judge(class: &Object<GatewayClassSpec>, lookup: &dyn Lookup) -> Class {
    let served = served(&class.spec.controller_name);
    let parameters = named(class).and_then(|(namespace, name)| lookup.parameters(namespace, name));
    Class {
        controller: class.spec.controller_name.clone(),
        served,
        accepted: matches!(served, Served::Native | Served::Envoy)
            && (class.spec.parameters_ref.is_none() || parameters.is_some()),
        parameters,
    }
}

/// Namespace and name of the settings that a class names; `None` without, or when they are of
/// another kind or of no namespace.
pub(crate) fn named(class: &Object<GatewayClassSpec>) -> Option<(&Text, &Text)> {
    let reference = class.spec.parameters_ref.as_ref()?;
    let namespace = reference.namespace.as_ref()?;
    parameters::is_named(reference).then_some((namespace, &reference.name))
}

/// What is wrong with a class of ours; nothing about foreign ones.
pub(crate) fn findings(
    class: &Object<GatewayClassSpec>,
    ground: Ground,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) {
    let served = served(&class.spec.controller_name);
    if served == Served::Foreign {
        return;
    }
    if served == Served::Unsupported {
        let controller = &class.spec.controller_name;
        let text = if &**controller == WAYPOINT {
            "waypoints are not supported yet".to_owned()
        } else {
            format!("there is no controller `{controller}`")
        };
        notes
            .error("spec.controllerName", FindingKind::UnsupportedClass, text)
            .hint_if(
                nearest(controller, [GATEWAY, ENVOY])
                    .filter(|_| &**controller != WAYPOINT)
                    .map(|name| format!("did you mean `{name}`?")),
            );
    }
    if let Some(reference) = &class.spec.parameters_ref {
        let path = "spec.parametersRef";
        let namespace = reference.namespace.as_ref();
        if let Some(found) = parameters::resolve(reference, namespace, path, lookup, notes) {
            parameters::without_effect(path, ground, notes);
            if ground == Ground::Cluster && served == Served::Native {
                parameters::of_another_plane(path, &found, Plane::Native, notes);
            }
        }
    }
}
