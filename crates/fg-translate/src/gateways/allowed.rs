//! `listeners[].allowedRoutes`: which routes may attach.

use fg_api::gateway::{
    AllowedListeners, AllowedRoutes, LabelSelector, RouteGroupKind, RouteNamespaces,
};
use fg_api::schema::nearest;
use fg_base::Text;
use fg_ir::RouteKind;
use fg_model::{FindingKind, kinds};

use crate::lookup::Lookup;
use crate::notes::Notes;

/// The namespaces whose routes may attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// That of the Gateway.
    Same,
    /// All.
    All,
    /// Those with fitting labels.
    Selector(LabelSelector),
    /// None: what was written cannot be used.
    Nobody,
}

impl Allowed {
    /// Whether routes of `namespace` may attach to a listener of a Gateway in `own`.
    pub(crate) fn allows(&self, own: &Text, namespace: &Text, lookup: &dyn Lookup) -> bool {
        match self {
            Self::Same => own == namespace,
            Self::All => true,
            Self::Selector(selector) => selector.fits(&lookup.labels(namespace)),
            Self::Nobody => false,
        }
    }
}

/// Reads `allowedRoutes.namespaces`; default `Same`.
pub(super) fn namespaces(
    allowed: Option<&AllowedRoutes>,
    path: &str,
    notes: &mut Notes,
) -> Allowed {
    let Some(namespaces) = allowed.and_then(|allowed| allowed.namespaces.as_ref()) else {
        return Allowed::Same;
    };
    let path = format!("{path}.allowedRoutes.namespaces");
    match namespaces.from.as_deref().unwrap_or("Same") {
        "Same" => Allowed::Same,
        "All" => Allowed::All,
        "Selector" => selector(namespaces, &format!("{path}.selector"), notes),
        other => {
            notes.error(
                &format!("{path}.from"),
                FindingKind::InvalidSelector,
                format!("`{other}` is none of `Same`, `All`, `Selector`; no route can attach"),
            );
            Allowed::Nobody
        }
    }
}

/// Reads `spec.allowedListeners.namespaces`; default `None`.
pub(super) fn listeners(allowed: Option<&AllowedListeners>, notes: &mut Notes) -> Allowed {
    let Some(namespaces) = allowed.and_then(|allowed| allowed.namespaces.as_ref()) else {
        return Allowed::Nobody;
    };
    let path = "spec.allowedListeners.namespaces";
    match namespaces.from.as_deref().unwrap_or("None") {
        "None" => Allowed::Nobody,
        "Same" => Allowed::Same,
        "All" => Allowed::All,
        "Selector" => selector(namespaces, &format!("{path}.selector"), notes),
        other => {
            notes.error(
                &format!("{path}.from"),
                FindingKind::InvalidSelector,
                format!("`{other}` is none of `None`, `Same`, `All`, `Selector`"),
            );
            Allowed::Nobody
        }
    }
}

fn selector(namespaces: &RouteNamespaces, path: &str, notes: &mut Notes) -> Allowed {
    let Some(selector) = &namespaces.selector else {
        notes
            .error(
                path,
                FindingKind::InvalidSelector,
                "there is no selector; no route can attach",
            )
            .hint("add `selector`, or set `from: All`");
        return Allowed::Nobody;
    };
    let mut good = true;
    for (at, requirement) in selector.match_expressions.iter().enumerate() {
        let problem = match (&*requirement.operator, requirement.values.is_empty()) {
            ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => continue,
            ("In" | "NotIn", true) => "needs `values`",
            ("Exists" | "DoesNotExist", false) => "takes no `values`",
            _ => "is none of `In`, `NotIn`, `Exists`, `DoesNotExist`",
        };
        notes.error(
            &format!("{path}.matchExpressions[{at}]"),
            FindingKind::InvalidSelector,
            format!(
                "the operator `{}` {problem}; no route can attach",
                requirement.operator
            ),
        );
        good = false;
    }
    if good {
        Allowed::Selector(selector.clone())
    } else {
        Allowed::Nobody
    }
}

/// The kinds of routes that may attach: those that the protocol supports, or of these the ones
/// asked for. Source: `ListenerStatus.supportedKinds`.
pub(super) fn route_kinds(
    protocol: &str,
    allowed: Option<&AllowedRoutes>,
    path: &str,
    notes: &mut Notes,
) -> Vec<RouteGroupKind> {
    let supported: &[&str] = match protocol {
        "HTTP" | "HTTPS" => &[kinds::HTTP_ROUTE.1, kinds::GRPC_ROUTE.1],
        _ => &[],
    };
    let filled = |kind: &str| RouteGroupKind {
        group: Some(kinds::GATEWAY_API.into()),
        kind: kind.into(),
    };
    let asked = allowed.map_or(&[][..], |allowed| &allowed.kinds);
    if asked.is_empty() {
        return supported.iter().map(|kind| filled(kind)).collect();
    }
    let mut found = Vec::new();
    for (at, kind) in asked.iter().enumerate() {
        let group = kind.group.as_deref().unwrap_or(kinds::GATEWAY_API);
        if group == kinds::GATEWAY_API && supported.contains(&&*kind.kind) {
            let kind = filled(&kind.kind);
            if !found.contains(&kind) {
                found.push(kind);
            }
        } else {
            let hint = match supported {
                [] => None,
                supported => Some(match nearest(&kind.kind, supported.iter().copied()) {
                    Some(meant) if meant != &*kind.kind => format!("did you mean `{meant}`?"),
                    _ => format!(
                        "a listener of protocol {protocol} takes {}",
                        supported.join(", ")
                    ),
                }),
            };
            notes
                .error(
                    &format!("{path}.allowedRoutes.kinds[{at}]"),
                    FindingKind::InvalidRouteKinds,
                    format!("routes of kind {} cannot attach here", kind.kind),
                )
                .hint_if(hint);
        }
    }
    found
}

/// What stands for these kinds in the IR; [`route_kinds`] gives no others.
pub(super) fn served(allowed: &[RouteGroupKind]) -> Vec<RouteKind> {
    let one = |kind: &RouteGroupKind| match &*kind.kind {
        word if word == kinds::HTTP_ROUTE.1 => Some(RouteKind::Http),
        word if word == kinds::GRPC_ROUTE.1 => Some(RouteKind::Grpc),
        _ => None,
    };
    allowed.iter().filter_map(one).collect()
}
