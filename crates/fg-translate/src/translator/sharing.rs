//! Which routes want something of a listener, and which of them do not get it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_ir::{Attachment, ListenerKey};
use fg_model::{ObjectRef, kinds};

use super::Translator;
use crate::routes::Written;
use crate::routes::sharing::{Claim, Losers, changed, settle};

/// The routes that want something, by listener.
#[derive(Default)]
pub(super) struct Claimants(BTreeMap<ListenerKey, OfListener>);

#[derive(Default)]
struct OfListener {
    http: BTreeSet<Arc<ObjectRef>>,
    grpc: BTreeSet<Arc<ObjectRef>>,
    losers: Losers,
}

impl Claimants {
    /// The route of another kind that has the hosts of this one.
    pub(super) fn in_the_way(
        &self,
        listener: &ListenerKey,
        route: &ObjectRef,
    ) -> Option<Arc<ObjectRef>> {
        self.0.get(listener)?.losers.get(route).cloned()
    }

    /// Replaces what a route wants; gives the listeners that it is about.
    pub(super) fn replace(
        &mut self,
        route: &Arc<ObjectRef>,
        before: &[Attachment],
        after: &[Attachment],
    ) -> BTreeSet<ListenerKey> {
        for claim in before {
            if let Some(of) = self.0.get_mut(&claim.listener) {
                of.of_kind(route).remove(route);
            }
        }
        for claim in after {
            let of = self.0.entry(claim.listener.clone()).or_default();
            of.of_kind(route).insert(route.clone());
        }
        let touched = before.iter().chain(after);
        touched.map(|claim| claim.listener.clone()).collect()
    }
}

impl OfListener {
    fn of_kind(&mut self, route: &ObjectRef) -> &mut BTreeSet<Arc<ObjectRef>> {
        if route.is(kinds::GRPC_ROUTE) {
            &mut self.grpc
        } else {
            &mut self.http
        }
    }
}

impl Translator {
    /// Settles who gets what on these listeners; gives the routes that get something else than
    /// before. Where all routes are of one kind there is nothing to settle.
    pub(super) fn settle(&mut self, listeners: BTreeSet<ListenerKey>) -> BTreeSet<Arc<ObjectRef>> {
        let mut again = BTreeSet::new();
        for listener in listeners {
            let Some(of) = self.claimants.0.get_mut(&listener) else {
                continue;
            };
            let losers = if of.http.is_empty() || of.grpc.is_empty() {
                Losers::new()
            } else {
                let routes = of.http.iter().chain(&of.grpc);
                let claim = |route| claim(route, &listener, &self.world.routes, &self.routes);
                settle(routes.filter_map(claim).collect())
            };
            again.extend(changed(&of.losers, &losers));
            of.losers = losers;
            if of.http.is_empty() && of.grpc.is_empty() {
                self.claimants.0.remove(&listener);
            }
        }
        again.retain(|route| self.world.routes.contains_key(route));
        again
    }
}

fn claim<'a>(
    route: &'a Arc<ObjectRef>,
    listener: &ListenerKey,
    written: &BTreeMap<Arc<ObjectRef>, Written>,
    translated: &'a BTreeMap<Arc<ObjectRef>, super::Route>,
) -> Option<Claim<'a>> {
    let claims = &translated.get(route)?.claims;
    let at = claims
        .binary_search_by(|claim| claim.listener.cmp(listener))
        .ok()?;
    let written = written.get(route)?;
    Some(Claim {
        route,
        kind: written.kind(),
        age: written.age(),
        hostnames: &claims.get(at)?.hostnames,
    })
}
