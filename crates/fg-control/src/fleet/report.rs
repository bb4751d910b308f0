//! What a report's status needs of the fleet.

use std::collections::BTreeSet;

use fg_api::http_route::ParentReference;
use fg_api::report::{Report, Subject};
use fg_model::{ObjectRef, kinds};
use fg_status::{Addresses, GatewayKey, Verdicts};

use super::{Fleet, Moment};

/// Finds the Gateway of a `ListenerSet`; `None` when it is not known.
pub type OfSet<'a> = &'a dyn Fn(&ObjectRef) -> Option<GatewayKey>;

/// The Gateways that have to serve an object: those whose proxies its status waits for.
pub fn gateways(report: &Report, of_set: OfSet<'_>) -> BTreeSet<GatewayKey> {
    match &report.subject {
        Subject::Gateway(_) => BTreeSet::from([own(report)]),
        Subject::ListenerSet(set) => BTreeSet::from([GatewayKey {
            namespace: set.gateway.0.clone(),
            name: set.gateway.1.clone(),
        }]),
        Subject::Route(route) => {
            let parents = route.parents.iter();
            let gateways = parents.filter_map(|parent| gateway_of(report, &parent.parent, of_set));
            gateways.collect()
        }
        Subject::Policy(policy) => {
            let ancestors = policy.ancestors.iter().map(|ancestor| GatewayKey {
                namespace: ancestor.namespace.clone(),
                name: ancestor.name.clone(),
            });
            ancestors.collect()
        }
        Subject::GatewayClass | Subject::Backend => BTreeSet::new(),
    }
}

/// All that `fg_status::cluster_status` needs besides the report. `addresses` matter to Gateways
/// only.
pub fn verdicts(
    report: &Report,
    fleet: &Fleet,
    of_set: OfSet<'_>,
    addresses: Addresses,
    now: Moment,
) -> Verdicts {
    let gateways = gateways(report, of_set);
    let mut verdicts = Verdicts {
        addresses,
        ..Verdicts::default()
    };
    match &report.subject {
        Subject::Route(route) => {
            let parents = route.parents.iter();
            let gateways = parents.map(|parent| gateway_of(report, &parent.parent, of_set));
            verdicts.parents = gateways.collect();
        }
        Subject::Gateway(_) => {
            verdicts.remark = fleet.remark(&own(report));
            verdicts.refused = fleet.refused_listeners(&own(report));
        }
        Subject::ListenerSet(_) => {
            for gateway in &gateways {
                verdicts
                    .refused
                    .append(&mut fleet.refused_listeners(gateway));
            }
        }
        Subject::GatewayClass | Subject::Backend | Subject::Policy(_) => {}
    }
    for gateway in gateways {
        // What was said of an older generation says nothing about this one.
        let confirmation = if fleet.generation(&report.object, &gateway) == Some(report.generation)
        {
            fleet.confirmation(&report.object, &gateway, now)
        } else {
            fg_status::Confirmation::Undecided
        };
        verdicts.confirmations.insert(gateway, confirmation);
    }
    verdicts
}

fn own(report: &Report) -> GatewayKey {
    GatewayKey {
        namespace: report.object.namespace.clone(),
        name: report.object.name.clone(),
    }
}

fn gateway_of(report: &Report, parent: &ParentReference, of_set: OfSet<'_>) -> Option<GatewayKey> {
    let namespace = parent.namespace.as_ref();
    let namespace = namespace.unwrap_or(&report.object.namespace);
    let (group, kind) = kinds::LISTENER_SET;
    if parent.kind.as_deref() == Some(kind) {
        return of_set(&ObjectRef::new(group, kind, namespace, &parent.name));
    }
    Some(GatewayKey {
        namespace: namespace.clone(),
        name: parent.name.clone(),
    })
}
