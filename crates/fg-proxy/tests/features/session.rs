//! Sessions: the requests of one client stay at one endpoint.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fg_base::Secret;
use fg_ir::{Change, Rule, RuleBackend, Target};
use fg_policies::session_persistence::{Carrier, Ir};
use fg_proxy::Settings;
use fg_testkit::{Client, PATIENCE, Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

/// An upstream that answers with its name.
fn named(name: &'static str) -> Upstream {
    Upstream::replying(upstream::ok(name))
}

fn cookie(lifetime: Option<Duration>, permanent: bool) -> Ir {
    Ir {
        carrier: Carrier::Cookie {
            name: Some("sid".into()),
            path: "/".into(),
            permanent,
        },
        lifetime,
    }
}

/// A rule over these backends with their weights.
fn rule(session: Ir, backends: &[(&str, u32)]) -> Rule {
    let mut rule = ir::rule("r", "http", "/", "unused");
    rule.policies.session_persistence = Some(session.into());
    let backends = backends.iter().map(|(name, weight)| RuleBackend {
        origin: rule.origin.clone(),
        weight: *weight,
        target: Target::Backend(ir::backend_key(name)),
        policies: Default::default(),
    });
    rule.action = fg_ir::Action::Forward(backends.collect());
    rule
}

fn change(at: SocketAddr, rule: Rule, backends: &[(&str, &[&Upstream])]) -> Change {
    let mut changes = ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule);
    for (name, upstreams) in backends {
        let addresses: Vec<_> = upstreams.iter().map(|one| one.address()).collect();
        changes = changes.backend(name, &addresses);
    }
    changes.build()
}

/// Settings with a secret that is the same for all gateways of a test.
fn settings(secret: &str) -> Settings {
    Settings {
        session_secret: Secret::new(secret.as_bytes().to_vec()),
        ..plain()
    }
}

/// One request with this cookie; who answered, and the new cookie if there is one.
fn ask(client: &mut Client, cookie: Option<&str>) -> (String, Option<String>) {
    let cookie = cookie.map(|cookie| format!("Cookie: other=1; {cookie}\r\n"));
    let cookie = cookie.unwrap_or_default();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{cookie}\r\n"));
    let reply = client.reply();
    assert_eq!(reply.status, 200, "{reply:?}");
    let new = reply.field("set-cookie").map(|cookie| {
        let (pair, _) = cookie.split_once(';').expect("attributes");
        pair.to_owned()
    });
    (reply.text().to_owned(), new)
}

/// Who answers `count` requests with this cookie; none of them may begin a new session.
fn stays(client: &mut Client, cookie: &str, count: usize) -> BTreeSet<String> {
    (0..count)
        .map(|_| {
            let (who, new) = ask(client, Some(cookie));
            assert_eq!(new, None, "the session goes on");
            who
        })
        .collect()
}

#[test]
fn a_client_stays_at_its_endpoint_when_endpoints_are_added_and_moves_when_its_own_goes() {
    let upstreams = [named("a"), named("b"), named("c"), named("d")];
    let [a, b, c, d] = &upstreams;
    let at = address::own_address();
    let session = || rule(cookie(None, false), &[("web", 1)]);
    let two = change(at, session(), &[("web", &[a, b])]);
    let gateway = Gateway::serving(settings("s"), at, &two);
    let mut client = gateway.connect();

    let (first, new) = ask(&mut client, None);
    let token = new.expect("a new client gets a session");
    assert_eq!(
        stays(&mut client, &token, 20),
        BTreeSet::from([first.clone()])
    );

    let four = change(at, session(), &[("web", &[a, b, c, d])]);
    gateway.apply(&four);
    assert_eq!(
        stays(&mut client, &token, 20),
        BTreeSet::from([first.clone()])
    );

    let without = if first == "a" { [b, c, d] } else { [a, c, d] };
    gateway.apply(&change(at, session(), &[("web", &without)]));
    let (second, new) = ask(&mut client, Some(&token));
    assert_ne!(second, first);
    let moved = new.expect("the session is a new one");
    assert_eq!(stays(&mut client, &moved, 20), BTreeSet::from([second]));
}

#[test]
fn a_session_moves_when_its_endpoint_cannot_be_reached() {
    let (mut a, b) = (named("a"), named("b"));
    let at = address::own_address();
    let gone = a.address();
    let all = [a.address(), b.address()];
    let everything = ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule(cookie(None, false), &[("web", 1)]))
        .backend("web", &all)
        .build();
    let gateway = Gateway::serving(settings("s"), at, &everything);
    let token = loop {
        let (who, new) = ask(&mut gateway.connect(), None);
        if who == "a" {
            break new.expect("a session");
        }
    };
    // A restart: the address refuses for a while.
    a = named("not here");
    assert_ne!(a.address(), gone);
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(gone).is_ok() {
        assert!(Instant::now() < end, "it never ends");
    }
    let mut client = gateway.connect();
    let (who, new) = ask(&mut client, Some(&token));
    assert_eq!(who, "b");
    let moved = new.expect("a new session");
    assert_eq!(stays(&mut client, &moved, 5), BTreeSet::from([who]));
}

#[test]
fn the_session_decides_the_backend_too_while_it_has_weight() {
    let (a, b) = (named("a"), named("b"));
    let at = address::own_address();
    let backends: [(&str, &[&Upstream]); 2] = [("one", &[&a]), ("two", &[&b])];
    let with_weights = |one, two| {
        let rule = rule(cookie(None, false), &[("one", one), ("two", two)]);
        change(at, rule, &backends)
    };
    let gateway = Gateway::serving(settings("s"), at, &with_weights(1, 1));
    let mut client = gateway.connect();
    let (first, new) = ask(&mut client, None);
    let token = new.expect("a session");
    let here = BTreeSet::from([first.clone()]);
    assert_eq!(stays(&mut client, &token, 20), here);
    // New clients go elsewhere, those that are here stay.
    let (one, two) = if first == "a" { (1, 1000) } else { (1000, 1) };
    gateway.apply(&with_weights(one, two));
    assert_eq!(stays(&mut client, &token, 20), here);
    // A backend without weight gets no requests at all.
    let (one, two) = if first == "a" { (0, 1) } else { (1, 0) };
    gateway.apply(&with_weights(one, two));
    let (second, new) = ask(&mut client, Some(&token));
    assert_ne!(second, first);
    assert!(new.is_some());
}

#[test]
fn a_token_shows_nothing_and_only_its_own_rule_and_secret_take_it() {
    let (a, b) = (named("a"), named("b"));
    let at = address::own_address();
    let serve = |secret: &str, route: &str| {
        let at = address::own_address();
        let mut rule = rule(cookie(None, false), &[("web", 1)]);
        let mut route_id = (*rule.key.route).clone();
        route_id.name = route.into();
        rule.key.route = route_id.into();
        Gateway::serving(
            settings(secret),
            at,
            &change(at, rule, &[("web", &[&a, &b])]),
        )
    };
    let gateway = serve("secret", "r");
    let (first, new) = ask(&mut gateway.connect(), None);
    let token = new.expect("a session");
    for part in [a.address().to_string(), at.ip().to_string()] {
        assert!(!token.contains(&part), "{token}");
    }
    // Another replica with the same secret.
    let replica = serve("secret", "r");
    assert_eq!(
        stays(&mut replica.connect(), &token, 10),
        BTreeSet::from([first])
    );
    let (_, new) = ask(&mut serve("other", "r").connect(), Some(&token));
    assert!(new.is_some(), "another secret");
    let (_, new) = ask(&mut serve("secret", "another").connect(), Some(&token));
    assert!(new.is_some(), "another route");

    let mut client = gateway.connect();
    for at in 0..token.len() - "sid=".len() {
        let mut forged = token.clone().into_bytes();
        let byte = &mut forged[at + "sid=".len()];
        *byte = if *byte == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("text");
        let (_, new) = ask(&mut client, Some(&forged));
        assert!(new.is_some(), "changed at {at}: a session of its own");
    }
    for forged in ["sid=", "sid=AAAA", "sid=!!!", &format!("{token}A")] {
        let (_, new) = ask(&mut client, Some(forged));
        assert!(new.is_some(), "{forged}");
    }
    // Among others of the name, the good one counts.
    let both = format!("sid=old; {token}");
    assert_eq!(stays(&mut client, &both, 5).len(), 1);
}

#[test]
fn a_session_ends_with_its_time() {
    let (a, b) = (named("a"), named("b"));
    let at = address::own_address();
    let one_second = cookie(Some(Duration::from_secs(1)), true);
    let hour = cookie(Some(Duration::from_secs(3600)), true);
    let backends: [(&str, &[&Upstream]); 1] = [("web", &[&a, &b])];
    let gateway = Gateway::serving(
        settings("s"),
        at,
        &change(at, rule(hour, &[("web", 1)]), &backends),
    );
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply();
    let set = reply.field("set-cookie").expect("a session").to_owned();
    assert!(set.contains("; Max-Age=3600;"), "{set}");
    assert!(set.ends_with("; HttpOnly; SameSite=Strict"), "{set}");
    let (token, _) = set.split_once(';').expect("attributes");
    assert_eq!(stays(&mut client, token, 5).len(), 1);
    // With a shorter time its age counts against that.
    gateway.apply(&change(at, rule(one_second, &[("web", 1)]), &backends));
    let end = Instant::now() + PATIENCE;
    while ask(&mut client, Some(token)).1.is_none() {
        assert!(Instant::now() < end, "it never ends");
    }
}

#[test]
fn a_header_carries_a_session_like_a_cookie() {
    let (a, b) = (named("a"), named("b"));
    let at = address::own_address();
    let session = Ir {
        carrier: Carrier::Header("x-session".into()),
        lifetime: None,
    };
    let change = change(at, rule(session, &[("web", 1)]), &[("web", &[&a, &b])]);
    let gateway = Gateway::serving(settings("s"), at, &change);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply();
    let token = reply.field("x-session").expect("a token").to_owned();
    for _ in 0..20 {
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Session: {token}\r\n\r\n"
        ));
        let again = client.reply();
        assert_eq!(again.text(), reply.text());
        assert_eq!(again.field("x-session"), None);
    }
    let told = |upstream: &Upstream| {
        let requests = upstream.requests();
        let tokens = requests.iter().filter_map(|one| one.field("x-session"));
        tokens.filter(|one| *one == token).count()
    };
    assert_eq!(told(&a) + told(&b), 20, "the backend sees it too");
}
