//! Copies of requests: what is in them, and that nobody ever waits for a mirror.

use std::sync::Arc;
use std::time::Instant;

use fg_ir::{Action, CredentialKind, Rule, Target, TlsOrigination, Trust};
use fg_model::Origin;
use fg_policies::request_mirror::{Ir, Mirror};
use fg_policies::{header_modifier, retry};
use fg_proxy::Settings;
use fg_testkit::certificates::Authority;
use fg_testkit::tls::{Serving, authorities};
use fg_testkit::{Client, PATIENCE, Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: shop\r\nX-One: 1\r\n\r\n";

fn to(name: &str, numerator: u32, denominator: u32) -> Mirror {
    Mirror {
        backend: ir::backend_key(name),
        numerator,
        denominator,
    }
}

/// Everything to `backend`, copies to the mirrors `m0`, `m1`, ….
fn gateway_with(
    settings: Settings,
    backend: &Upstream,
    mirrors: &[std::net::SocketAddr],
    with: impl FnOnce(&mut Rule),
) -> Gateway {
    let at = address::own_address();
    let mut rule = ir::rule("all", "http", "/", "backend");
    let all = (0..mirrors.len()).map(|at| to(&format!("m{at}"), 1, 1));
    rule.policies.request_mirror = Some(Arc::new(Ir {
        mirrors: all.collect(),
    }));
    with(&mut rule);
    let mut changes = ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .backend("backend", &[backend.address()]);
    for (at, address) in mirrors.iter().enumerate() {
        changes = changes.backend(&format!("m{at}"), &[*address]);
    }
    Gateway::serving(settings, at, &changes.build())
}

fn gateway(backend: &Upstream, mirrors: &[&Upstream]) -> Gateway {
    let addresses: Vec<_> = mirrors.iter().map(|mirror| mirror.address()).collect();
    gateway_with(plain(), backend, &addresses, |_| ())
}

fn count(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!(
        "ferrogate_mirrored_requests_total{{outcome=\"{outcome}\"}}"
    ))
}

/// Waits until so many copies came out so.
pub(crate) fn wait_for(gateway: &Gateway, outcome: &str, wanted: f64) {
    let end = Instant::now() + PATIENCE;
    while count(gateway, outcome) < wanted {
        assert!(Instant::now() < end, "waited too long for {outcome}");
        std::thread::yield_now();
    }
}

#[test]
fn every_mirror_gets_the_request_and_the_client_the_backends_answer() {
    let backend = Upstream::replying(upstream::ok("real"));
    let first = Upstream::replying("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno");
    let second = Upstream::echo();
    let gateway = gateway(&backend, &[&first, &second]);
    let mut client = gateway.connect();
    for _ in 0..3 {
        client.send(GET);
        assert_eq!(client.reply().text(), "real");
    }
    wait_for(&gateway, "sent", 6.0);
    for mirror in [&first, &second] {
        assert_eq!(mirror.lines(), ["GET shop /a?b=c"; 3]);
        assert!(
            mirror
                .requests()
                .iter()
                .all(|one| one.fields.contains(&("x-one".into(), "1".into())))
        );
    }
}

#[test]
fn bodies_are_copied_whole_however_they_come() {
    let backend = Upstream::replying(upstream::ok("real"));
    let mirror = Upstream::replying(upstream::ok("copy"));
    let gateway = gateway(&backend, &[&mirror]);
    let mut client = gateway.connect();
    let body = "0123456789".repeat(9_000);
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(client.reply().status, 200);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.as_bytes().chunks(7_000) {
        client.send(format!("{:x}\r\n", part.len()));
        client.send(part);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    mirror.wait_for_requests(2);
    for request in mirror.requests() {
        assert!(request.body == body.as_bytes());
    }
    wait_for(&gateway, "sent", 2.0);
}

#[test]
fn a_body_is_copied_while_it_passes() {
    let backend = Upstream::replying(upstream::ok("real"));
    let mirror = Upstream::replying(upstream::ok("copy"));
    let gateway = gateway(&backend, &[&mirror]);
    let mut client = gateway.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n01234",
    );
    // The copy does not wait for the rest, and not for a word on the body either.
    mirror.wait_for_bytes(5);
    client.send("56789");
    assert_eq!(client.reply_to_head().status, 200);
    let copy = mirror.only_request();
    assert_eq!(copy.body, b"0123456789");
    assert!(!copy.fields.iter().any(|(name, _)| name == "expect"));
}

#[test]
fn a_part_of_the_requests_is_copied() {
    let backend = Upstream::replying(upstream::ok("real"));
    let mirror = Upstream::replying(upstream::ok("copy"));
    let gateway = gateway_with(plain(), &backend, &[mirror.address()], |rule| {
        rule.policies.request_mirror = Some(Arc::new(Ir {
            mirrors: vec![to("m0", 30, 100), to("m0", 0, 100)],
        }));
    });
    let mut client = gateway.connect();
    for _ in 0..1000 {
        client.send(GET);
        client.reply();
    }
    let end = Instant::now() + PATIENCE;
    while gateway.metric("ferrogate_mirrored_requests_total") < mirror.requests().len() as f64 {
        assert!(Instant::now() < end, "waited too long for copies");
    }
    let copies = gateway.metric("ferrogate_mirrored_requests_total");
    assert!((200.0..400.0).contains(&copies), "{copies}");
}

#[test]
fn mirrors_that_are_not_there_or_never_answer_fail_no_request() {
    let backend = Upstream::replying(upstream::ok("real"));
    let silent = Upstream::start(|connection, _| connection.drain());
    let resets = Upstream::start(|connection, _| {
        connection.request_head();
        connection.reset();
    });
    let mirrors = [address::own_address(), silent.address(), resets.address()];
    let gateway = gateway_with(plain(), &backend, &mirrors, |_| ());
    let mut client = gateway.connect();
    for _ in 0..20 {
        client.send(GET);
        assert_eq!(client.reply().text(), "real");
    }
    wait_for(&gateway, "failed", 40.0);
    assert_eq!(gateway.metric("ferrogate_request_failures_total"), 0.0);
}

#[test]
fn a_mirror_that_does_not_read_loses_its_copy_and_slows_nobody() {
    let backend = Upstream::echo();
    let stuck = Upstream::start(|connection, _| connection.stall(1));
    let gateway = gateway(&backend, &[&stuck]);
    let mut client = gateway.connect();
    let body = vec![b'x'; 32 * 1024 * 1024];
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(&body);
    assert!(client.reply().body == body);
    wait_for(&gateway, "dropped", 1.0);
    stuck.release();
}

#[test]
fn copies_under_way_are_bounded() {
    let backend = Upstream::replying(upstream::ok("real"));
    let silent = Upstream::start(|connection, _| connection.drain());
    let settings = Settings {
        max_mirrors: 3,
        ..plain()
    };
    let gateway = gateway_with(settings, &backend, &[silent.address()], |_| ());
    let mut client = gateway.connect();
    for _ in 0..10 {
        client.send(GET);
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(count(&gateway, "dropped"), 7.0);
}

#[test]
fn a_request_that_is_cut_cuts_its_copy() {
    let backend = Upstream::replying(upstream::ok("real"));
    let mirror = Upstream::start(|connection, _| connection.drain());
    let gateway = gateway(&backend, &[&mirror]);
    let client: Client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    mirror.wait_for_bytes(5);
    client.abort();
    wait_for(&gateway, "dropped", 1.0);
    mirror.wait_for_ends(1);
}

#[test]
fn a_retry_makes_no_second_copy() {
    let backend = Upstream::start(|connection, number| {
        while connection.request().is_some() {
            connection.send(if number == 0 {
                b"HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()
            } else {
                upstream::ok("real")
            });
        }
    });
    let mirror = Upstream::replying(upstream::ok("copy"));
    let gateway = gateway_with(plain(), &backend, &[mirror.address()], |rule| {
        rule.policies.retry = Some(Arc::new(retry::Ir {
            codes: vec![503],
            attempts: 1,
            backoff: None,
        }));
    });
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n01234");
    assert_eq!(client.reply().text(), "real");
    wait_for(&gateway, "sent", 1.0);
    assert_eq!(backend.requests().len(), 2);
    assert_eq!(mirror.only_request().body, b"01234");
}

#[test]
fn a_backends_own_mirror_gets_what_that_backend_gets() {
    let (one, two) = (
        Upstream::replying(upstream::ok("one")),
        Upstream::replying(upstream::ok("two")),
    );
    let mirror = Upstream::echo();
    let at = address::own_address();
    let mut rule = ir::rule("all", "http", "/", "one");
    let Action::Forward(backends) = &mut rule.action else {
        panic!("it forwards");
    };
    let mut second = backends[0].clone();
    second.target = Target::Backend(ir::backend_key("two"));
    second.policies.request_mirror = Some(Arc::new(Ir {
        mirrors: vec![to("m0", 1, 1)],
    }));
    backends.push(second);
    let changes = ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .backend("one", &[one.address()])
        .backend("two", &[two.address()])
        .backend("m0", &[mirror.address()]);
    let gateway = Gateway::serving(plain(), at, &changes.build());
    let mut client = gateway.connect();
    while two.requests().len() < 3 || one.requests().is_empty() {
        client.send(GET);
        client.reply();
    }
    let copied = two.requests().len();
    wait_for(&gateway, "sent", copied as f64);
    assert_eq!(mirror.requests().len(), copied);
    assert_eq!(count(&gateway, "sent"), copied as f64);
}

#[test]
fn what_a_backends_filter_answers_is_not_copied_and_what_it_changes_is_not_in_the_copy() {
    let backend = Upstream::echo();
    let mirror = Upstream::echo();
    let gateway = gateway_with(plain(), &backend, &[mirror.address()], |rule| {
        let Action::Forward(backends) = &mut rule.action else {
            panic!("it forwards");
        };
        let policies = &mut backends[0].policies;
        policies.cors = Some(crate::cors::policy().into());
        policies.header_modifier = Some(Arc::new(header_modifier::Ir {
            request: header_modifier::Changes {
                remove: vec!["x-one".into()],
                ..header_modifier::Changes::default()
            },
            ..header_modifier::Ir::default()
        }));
    });
    let mut client = gateway.connect();
    client.send(crate::cors::PREFLIGHT);
    assert_eq!(client.reply().status, 204);
    client.send(GET);
    assert_eq!(client.reply().status, 200);
    wait_for(&gateway, "sent", 1.0);
    assert_eq!(mirror.lines(), ["GET shop /a?b=c"]);
    let has = |one: &Upstream| {
        let fields = one.only_request().fields;
        fields.contains(&("x-one".into(), "1".into()))
    };
    assert!(has(&mirror));
    assert!(!has(&backend));
}

#[test]
fn a_mirror_over_tls_that_does_not_read_loses_its_copy() {
    let issued = Authority::new("ca");
    let pair = issued.issue(&["a.test"]);
    let backend = Upstream::echo();
    let mirror = Upstream::start_secure(Serving::new(&pair), |connection, _| {
        connection.request_head();
        connection.stall(1);
    });
    let at = address::own_address();
    let mut rule = ir::rule("all", "http", "/", "backend");
    rule.policies.request_mirror = Some(Arc::new(Ir {
        mirrors: vec![to("m0", 1, 1)],
    }));
    let tls = TlsOrigination {
        origin: Origin::of(ir::backend_key("m0").object, 1),
        hostname: "a.test".into(),
        names: Vec::new(),
        trust: Trust::Authorities(vec![ir::credential_key("ca", CredentialKind::Authorities)]),
    };
    let changes = ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .backend("backend", &[backend.address()])
        .credential("ca", authorities(&[&issued]))
        .secure_backend("m0", &[mirror.address()], tls);
    let gateway = Gateway::serving(plain(), at, &changes.build());
    let mut client = gateway.connect();
    // More than sockets, TLS and our own buffers take.
    let body = vec![b'x'; 24 << 20];
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    std::thread::scope(|scope| {
        scope.spawn(|| backend.wait_for_bytes(body.len()));
        client.send(&body);
    });
    assert_eq!(client.reply().body.len(), body.len());
    wait_for(&gateway, "dropped", 1.0);
    mirror.release();
}

#[test]
fn an_upgrade_is_not_copied() {
    let backend = Upstream::replying(upstream::ok("real"));
    let mirror = Upstream::replying(upstream::ok("copy"));
    let gateway = gateway(&backend, &[&mirror]);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    client.reply();
    client.send(GET);
    client.reply();
    wait_for(&gateway, "sent", 1.0);
    assert_eq!(mirror.lines(), ["GET shop /a?b=c"]);
}
