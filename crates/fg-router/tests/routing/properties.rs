//! Laws: the router owns what the reference says, and a history gives what a fresh start gives.

use std::net::IpAddr;
use std::sync::Arc;

use fg_ir::{Change, Ir, Rule};
use fg_router::{Builder, Outcome, Router};
use fg_testkit::routing::Plain;
use fg_testkit::routing::generate::the_end;
use proptest::prelude::*;

use crate::generate::{PORTS, a_change, a_request, addresses};
use crate::reference::{self, Owner};

type Snapshot = Router<Arc<Rule>>;

/// What the router says, and that a trace says the same.
fn owner(router: &Snapshot, address: Option<IpAddr>, port: u16, plain: &Plain) -> Owner {
    let request = plain.request();
    let Some(listener) = router
        .socket(address, port)
        .and_then(|socket| socket.listener(request.host()))
    else {
        return Owner::NoListener;
    };
    let found = listener.find(&request);
    let mut won = Vec::new();
    let mut fitted_before = false;
    listener.trace(&request, &mut |tried| match tried.outcome {
        Outcome::Won => {
            assert!(!fitted_before, "the winner is the first that fits");
            fitted_before = true;
            won.push((tried.found.rule.key.clone(), tried.found.match_index));
        }
        Outcome::RunnerUp => assert!(fitted_before, "a runner-up comes after the winner"),
        Outcome::Lost(_) => {}
    });
    let expected: Vec<_> = found
        .iter()
        .map(|found| (found.rule.key.clone(), found.match_index))
        .collect();
    assert_eq!(won, expected, "a trace names the rule that is found");
    match found {
        None => Owner::NoRule,
        Some(found) => Owner::Rule {
            route: found.rule.key.route.name.to_string(),
            rule: found.rule.key.rule,
            index: found.match_index,
            prefix: found.matched_prefix,
            hostname: found.hostname.to_string(),
        },
    }
}

/// Every socket that may be there, and one that is not.
fn sockets() -> impl Iterator<Item = (Option<IpAddr>, u16)> {
    let all = [None, Some(addresses()[0]), Some(addresses()[1])];
    PORTS
        .iter()
        .flat_map(move |&port| all.map(|address| (address, port)))
}

/// Whether some listener binds exactly that.
fn is_bound(ir: &Ir, address: Option<IpAddr>, port: u16) -> bool {
    ir.listeners.values().any(|listener| {
        listener.port == port
            && match address {
                None => listener.addresses.is_empty(),
                Some(address) => listener.addresses.contains(&address),
            }
    })
}

/// Everything that can be listed of a router, in order.
fn listed(router: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for (socket, table) in router.sockets() {
        for listener in table.listeners() {
            let key = &listener.listener().key;
            lines.extend(listener.entries().map(|entry| {
                format!(
                    "{socket:?} {key} {} {} {} {:?}",
                    entry.hostname, entry.rule.key, entry.match_index, entry.matched
                )
            }));
        }
    }
    lines
}

fn from_scratch(ir: &Ir) -> Arc<Snapshot> {
    Builder::new().apply(&Change::from(ir), &mut Arc::clone)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_history_owns_what_the_reference_says_and_equals_a_fresh_start(
        history in prop::collection::vec(a_change(), 1..6),
        requests in prop::collection::vec(a_request(), 1..12),
    ) {
        let mut ir = Ir::default();
        let mut builder = Builder::new();
        for change in &history {
            ir.apply(change);
            let router = builder.apply(change, &mut Arc::clone);
            let fresh = from_scratch(&ir);
            prop_assert_eq!(listed(&router), listed(&fresh));
            for (address, port) in sockets() {
                prop_assert_eq!(router.socket(address, port).is_some(), is_bound(&ir, address, port));
                if !is_bound(&ir, address, port) {
                    continue;
                }
                for request in &requests {
                    let expected = reference::owner(&ir, address, port, request);
                    prop_assert_eq!(
                        owner(&router, address, port, request),
                        expected,
                        "{:?} {} {:?}", address, port, request
                    );
                }
            }
        }
        let end = builder.apply(&the_end(), &mut Arc::clone);
        prop_assert_eq!(end.sockets().count(), 0);
    }
}
