//! Gateways that are not ours any more, or whose proxies are somebody else's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_api::deployment::Wish;
use fg_deploy::AUTHORITY;
use fg_model::ObjectRef;

use super::super::kinds::{Child, Kind};
use super::super::state::Seen;
use super::{Server, child, deploy, deployed, gateway, state};

#[test]
fn proxies_of_somebody_else_are_given_the_authority_and_nothing_else() {
    let (mut state, mut server, now) = deployed();
    let elsewhere = Some(Wish::Elsewhere("uid-web".into()));
    state.wish(&gateway("web"), elsewhere.clone());
    assert_eq!(
        server.settle(&mut state, now),
        ["-ServiceAccount web", "-Service web", "-Deployment web"]
    );
    state.bundle("PEM\nPEM".into());
    assert_eq!(server.settle(&mut state, now), ["+ConfigMap ferrogate-ca"]);
    // What was deployed once does not come back because of something else.
    state.wish(&gateway("web"), Some(Wish::Keep));
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    state.wish(&gateway("web"), elsewhere);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
}

#[test]
fn what_was_made_before_the_start_goes_when_nobody_wants_it() {
    let (mut old, mut server, now) = (state(), Server::default(), Instant::now());
    old.wish(&gateway("web"), deploy("web", &[80]));
    old.wish(&gateway("api"), deploy("api", &[80]));
    server.settle(&mut old, now);
    let mut state = state();
    for (child, seen) in server.there.clone() {
        state.see(child, Some(seen), now);
    }
    // It exists, and is not ours any more. Of the other one nothing is known.
    state.wish(&gateway("web"), None);
    assert_eq!(
        server.settle(&mut state, now),
        ["-ServiceAccount web", "-Service web", "-Deployment web"]
    );
    state.wish(&gateway("api"), None);
    assert_eq!(
        server.settle(&mut state, now),
        [
            "-ConfigMap ferrogate-ca",
            "-ServiceAccount api",
            "-Service api",
            "-Deployment api"
        ]
    );
}

/// The ConfigMap of the namespace, made before the start for `web` and `api`.
fn authority_of_two() -> (Child, Seen) {
    let (mut old, mut server) = (state(), Server::default());
    old.wish(&gateway("web"), deploy("web", &[80]));
    old.wish(&gateway("api"), deploy("api", &[80]));
    server.settle(&mut old, Instant::now());
    let authority = child(Kind::ConfigMap, AUTHORITY);
    let seen = server.there.remove(&authority).expect("it was applied");
    assert_eq!(seen.owners.len(), 2);
    (authority, seen)
}

#[test]
fn an_authority_that_names_nobody_stays() {
    let (authority, mut seen) = authority_of_two();
    let (mut state, mut server, now) = (state(), Server::default(), Instant::now());
    seen.owners.clear();
    state.see(authority, Some(seen), now);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    // Nor is one Gateway that is not ours a reason to take it from others.
    state.wish(&gateway("web"), None);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
}

#[test]
fn an_authority_goes_when_the_last_that_may_need_it_is_gone() {
    let (authority, seen) = authority_of_two();
    let (mut state, mut server, now) = (state(), Server::default(), Instant::now());
    state.see(authority.clone(), Some(seen.clone()), now);
    state.wish(&gateway("web"), None);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    // The other was deleted before the start; its name is taken off only now.
    let mut left = seen;
    left.owners.retain(|owner| owner.name == "web");
    let later = now + Duration::from_secs(2);
    state.see(authority.clone(), Some(left.clone()), later);
    let deleted = [format!("-ConfigMap {AUTHORITY}")];
    assert_eq!(server.settle(&mut state, later), deleted);
    // Who makes it anew wants it.
    left.uid = "of another one".to_owned();
    let later = later + Duration::from_secs(2);
    state.see(authority, Some(left), later);
    assert_eq!(server.settle(&mut state, later), Vec::<String>::new());
}

#[test]
fn a_gateway_of_the_same_name_elsewhere_keeps_what_is_its() {
    let (mut state, mut server, now) = deployed();
    for namespace in ["aaa", "zzz"] {
        let other = server.there.clone().into_iter();
        for (child, seen) in other.filter(|(child, _)| *child.namespace == *"shop") {
            let namespace = namespace.into();
            state.see(Child { namespace, ..child }, Some(seen), now);
        }
    }
    let nobody = |namespace: &str| {
        let id = gateway("web");
        Arc::new(ObjectRef::new(&id.group, &id.kind, namespace, "web"))
    };
    for namespace in ["shop", "aaa", "zzz"] {
        state.wish(&nobody(namespace), None);
        assert_eq!(
            server.settle(&mut state, now),
            [
                &format!("-ConfigMap {AUTHORITY}"),
                "-ServiceAccount web",
                "-Service web",
                "-Deployment web"
            ],
            "{namespace}"
        );
    }
}

#[test]
fn what_was_wanted_of_one_that_is_gone_is_not_kept_for_its_successor() {
    let (mut state, mut server, now) = deployed();
    // It is deleted and made anew at once, with something that cannot be used.
    state.wish(&gateway("web"), None);
    state.wish(&gateway("web"), Some(Wish::Keep));
    state.see(child(Kind::Deployment, "web"), None, now);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
}
