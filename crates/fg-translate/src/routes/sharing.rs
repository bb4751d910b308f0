//! HTTPRoutes and GRPCRoutes that want the same hosts of a listener: the older one has them.
//!
//! Rules of the two kinds are never merged, since their orders of precedence do not compare. Source:
//! Gateway API `GRPCRouteSpec.hostnames`: the oldest route is accepted, then the first by namespace
//! and name; the other one is not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use fg_ir::RouteKind;
use fg_model::{Age, HostPattern, ObjectRef};

/// What a route wants on one listener.
pub(crate) struct Claim<'a> {
    /// The route.
    pub(crate) route: &'a Arc<ObjectRef>,
    /// Its kind.
    pub(crate) kind: RouteKind,
    /// Its age.
    pub(crate) age: Age,
    /// Its hostnames that share hosts with the listener's.
    pub(crate) hostnames: &'a [HostPattern],
}

/// The routes that do not get what they want on a listener, each with the one in its way.
pub(crate) type Losers = BTreeMap<Arc<ObjectRef>, Arc<ObjectRef>>;

/// Settles the claims of one listener.
///
/// Cost: no more than sorting, whatever the hostnames.
pub(crate) fn settle(mut claims: Vec<Claim<'_>>) -> Losers {
    claims.sort_by(|a, b| (&a.age, a.route).cmp(&(&b.age, b.route)));
    let mut accepted = [Hosts::default(), Hosts::default()];
    let mut losers = Losers::new();
    for claim in claims {
        let [http, grpc] = &mut accepted;
        let (own, others) = match claim.kind {
            RouteKind::Http => (http, grpc),
            RouteKind::Grpc => (grpc, http),
        };
        match claim.hostnames.iter().find_map(|name| others.owner(name)) {
            Some(owner) => {
                losers.insert(claim.route.clone(), owner.clone());
            }
            None => {
                for name in claim.hostnames {
                    own.names
                        .entry(reversed(name))
                        .or_insert_with(|| claim.route.clone());
                }
            }
        }
    }
    losers
}

/// Hostnames with the route that has them: byte by byte from the end, so that what a wildcard
/// covers begins as it does. A wildcard keeps its dot, and no name is the empty one.
#[derive(Default)]
struct Hosts {
    names: BTreeMap<Vec<u8>, Arc<ObjectRef>>,
}

impl Hosts {
    /// A route that has hosts of this name.
    fn owner(&self, name: &HostPattern) -> Option<&Arc<ObjectRef>> {
        let name = reversed(name);
        let is_wildcard = name.last().is_none_or(|&b| b == b'.');
        let wider = (0..=name.len())
            .filter(|&end| end == 0 || name.get(end - 1) == Some(&b'.'))
            .filter_map(|end| self.names.get(name.get(..end)?));
        let narrower = self
            .names
            .range::<[u8], _>((Bound::Included(&name[..]), Bound::Unbounded))
            .next()
            .filter(|(other, _)| **other == name || (is_wildcard && other.starts_with(&name)))
            .map(|(_, owner)| owner);
        wider.chain(narrower).next()
    }
}

fn reversed(name: &HostPattern) -> Vec<u8> {
    match name {
        HostPattern::Any => Vec::new(),
        HostPattern::Wildcard(name) | HostPattern::Exact(name) => name.bytes().rev().collect(),
    }
}

/// The routes whose lot differs.
pub(crate) fn changed(before: &Losers, after: &Losers) -> BTreeSet<Arc<ObjectRef>> {
    before
        .keys()
        .chain(after.keys())
        .filter(|route| before.get(*route) != after.get(*route))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use fg_model::kinds;
    use proptest::prelude::*;

    use super::*;

    const NAMES: &[&str] = &[
        "",
        "a.com",
        "b.a.com",
        "*.a.com",
        "*.b.a.com",
        "*.com",
        "com",
        "xa.com",
        "c.b.a.com",
    ];

    fn parse(name: &str) -> HostPattern {
        HostPattern::parse(Some(name)).expect("a hostname")
    }

    /// One after the other by age, each against all that were accepted.
    fn slowly(mut claims: Vec<&(Arc<ObjectRef>, RouteKind, Age, Vec<HostPattern>)>) -> Vec<String> {
        claims.sort_by_key(|claim| (claim.2.clone(), claim.0.clone()));
        let mut accepted: Vec<&(Arc<ObjectRef>, RouteKind, Age, Vec<HostPattern>)> = Vec::new();
        let mut lost = Vec::new();
        for claim in claims {
            let meets = |other: &&(Arc<ObjectRef>, RouteKind, Age, Vec<HostPattern>)| {
                other.1 != claim.1
                    && other
                        .3
                        .iter()
                        .any(|a| claim.3.iter().any(|b| a.intersection(b).is_some()))
            };
            if accepted.iter().any(meets) {
                lost.push(claim.0.to_string());
            } else {
                accepted.push(claim);
            }
        }
        lost.sort();
        lost
    }

    proptest! {
        #[test]
        fn it_is_as_if_each_were_compared_with_each(
            claims in prop::collection::vec(
                (any::<bool>(), 0_i64..3, prop::sample::subsequence(NAMES, 1..=2)),
                0..8,
            )
        ) {
            let claims: Vec<_> = claims
                .iter()
                .enumerate()
                .map(|(at, (grpc, created, names))| {
                    let (kind, (group, word)) = if *grpc {
                        (RouteKind::Grpc, kinds::GRPC_ROUTE)
                    } else {
                        (RouteKind::Http, kinds::HTTP_ROUTE)
                    };
                    let name = format!("r{at}");
                    let age = Age { created: *created, namespace: "n".into(), name: name.as_str().into() };
                    let names = names.iter().map(|name| parse(name)).collect::<Vec<_>>();
                    (Arc::new(ObjectRef::new(group, word, "n", &name)), kind, age, names)
                })
                .collect();
            let losers = settle(
                claims
                    .iter()
                    .map(|(route, kind, age, hostnames)| Claim {
                        route,
                        kind: *kind,
                        age: age.clone(),
                        hostnames,
                    })
                    .collect(),
            );
            let mut lost: Vec<String> = losers.keys().map(ToString::to_string).collect();
            lost.sort();
            prop_assert_eq!(lost, slowly(claims.iter().collect()));
            for winner in losers.values() {
                prop_assert!(!losers.contains_key(winner), "a winner is accepted itself");
            }
        }
    }
}
