//! Gateways that are not ours any more, or whose proxies are somebody else's.

use std::time::Instant;

use fg_api::deployment::Wish;

use super::{Server, deploy, deployed, gateway, state};

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
    state.wish(&gateway("web"), None);
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
