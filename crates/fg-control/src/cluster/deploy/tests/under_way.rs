//! What happens while something is being done.

use std::sync::Arc;

use fg_api::deployment::Wish;
use serde_json::json;

use super::super::kinds::Kind;
use super::super::state::{Done, Failure};
use super::super::unit::Unit;
use super::{child, deploy, deployed, gateway};

#[test]
fn one_that_is_under_way_is_not_begun_again_until_it_ends() {
    let (mut state, mut server, now) = deployed();
    let (slow, authority) = (
        Unit::Gateway(gateway("web")),
        Unit::Authority("shop".into()),
    );
    state.wish(&gateway("web"), deploy("web", &[80, 443]));
    assert_eq!(state.due(now), std::slice::from_ref(&authority));
    state.start(&authority);
    assert_eq!(
        state.due(now),
        [],
        "pods need the ConfigMap of their namespace"
    );
    state.finish(&authority, Vec::new(), now);
    assert_eq!(state.due(now), std::slice::from_ref(&slow));
    let plan = state.start(&slow);
    assert_eq!(plan.len(), 1);
    // Something else is wanted meanwhile, of it and of another one.
    state.wish(&gateway("web"), deploy("web", &[81]));
    state.wish(&gateway("api"), deploy("api", &[80]));
    let others = server.settle(&mut state, now);
    assert_eq!(others.len(), 4, "{others:?}");
    assert_eq!(state.due(now), []);
    // What failed is old: what is wanted now is tried at once.
    let failure = Failure {
        words: "no room".to_owned(),
        passes: false,
    };
    let done = Done {
        child: child(Kind::Service, "web"),
        result: Err(failure),
    };
    state.finish(&slow, vec![done], now);
    assert_eq!(server.settle(&mut state, now), ["+Service web"]);
}

#[test]
fn what_was_let_go_of_is_begun_again() {
    let (mut state, mut server, now) = deployed();
    state.wish(&gateway("web"), deploy("web", &[81]));
    for unit in [
        Unit::Authority("shop".into()),
        Unit::Gateway(gateway("web")),
    ] {
        assert_eq!(state.due(now), std::slice::from_ref(&unit));
        state.start(&unit);
        state.abandon();
        assert_eq!(state.due(now).first(), Some(&unit));
        if matches!(unit, Unit::Authority(_)) {
            state.start(&unit);
            state.finish(&unit, Vec::new(), now);
        }
    }
    assert_eq!(server.settle(&mut state, now), ["+Service web"]);
}

#[test]
fn what_nobody_wants_any_more_goes_although_it_was_not_seen_yet() {
    let (mut state, mut server, now) = deployed();
    let unit = Unit::Gateway(gateway("web"));
    let Some(Wish::Deploy(wish)) = deploy("web", &[80]) else {
        panic!("a wish");
    };
    let mut wish = Arc::unwrap_or_clone(wish);
    wish.parameters = serde_json::from_value(json!({"podDisruptionBudget": {}})).expect("settings");
    state.wish(&gateway("web"), Some(Wish::Deploy(Arc::new(wish))));
    let authority = Unit::Authority("shop".into());
    state.start(&authority);
    state.finish(&authority, Vec::new(), now);
    let plan = state.start(&unit);
    // It is not wanted any more while it is made.
    state.wish(&gateway("web"), deploy("web", &[80]));
    let mut words = Vec::new();
    let (done, seen): (Vec<_>, Vec<_>) = plan
        .into_iter()
        .map(|action| server.perform(action, &mut words))
        .unzip();
    assert_eq!(words, ["+PodDisruptionBudget web"]);
    state.finish(&unit, done, now);
    assert_eq!(server.settle(&mut state, now), ["-PodDisruptionBudget web"]);
    for (child, seen) in seen.into_iter().flatten() {
        state.see(child.clone(), seen, now);
        state.see(child, None, now);
    }
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
}
