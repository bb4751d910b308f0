//! Which rule gets a request, and what is answered when none does: as our own proxy, by both ways to
//! cut routes into resources.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fg_envoy::{Kind, RouteShape};
use fg_exchange::Reason;
use fg_ir::{Action, Attachment, Refusal, RefusalKind, Rule, RuleBackend, Target};
use fg_model::{
    GrpcMatch, HeaderMatch, HostPattern, Match, PathMatch, Pattern, QueryMatch, ValueMatch,
};
use fg_policies::path_modifier::PathChange;
use fg_policies::{timeouts, url_rewrite};
use fg_testkit::certificates::Authority;
use fg_testkit::ir::{Changes, backend_key, listener, listener_key, rule, secure_listener};
use fg_testkit::tls::{Handshake, key_pair};
use fg_testkit::{Upstream, address, ask, envoy, get, upstream};

use crate::ground::Ground;

/// How routes may be cut into resources for each version.
const SHAPES: [(&str, RouteShape); 3] = [
    (envoy::OLDEST, RouteShape::Whole),
    (envoy::NEWEST, RouteShape::Whole),
    (envoy::NEWEST, RouteShape::PerHost),
];

/// The best for each version.
const BEST: [(&str, RouteShape); 2] = [
    (envoy::OLDEST, RouteShape::Whole),
    (envoy::NEWEST, RouteShape::PerHost),
];

/// A rule that is served under these hostnames and goes to the backend of its own name.
fn served(name: &str, hostnames: &[&str], matches: Vec<Match>) -> Rule {
    let host = |name: &&str| HostPattern::parse(Some(name)).unwrap();
    Rule {
        attachments: Arc::new([Attachment {
            listener: listener_key("http"),
            hostnames: hostnames.iter().map(host).collect(),
        }]),
        matches: (0..).zip(matches).collect(),
        ..rule(name, "http", "/", name)
    }
}

fn path(path: PathMatch) -> Match {
    Match {
        path,
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    }
}

fn prefix(text: &str) -> Match {
    path(PathMatch::Prefix(text.into()))
}

fn value(text: &str) -> ValueMatch {
    match text.strip_prefix('~') {
        Some(regex) => ValueMatch::Regex(Pattern::new(regex).unwrap()),
        None => ValueMatch::Exact(text.into()),
    }
}

fn call(service: &str, method: &str) -> Match {
    let part = |text: &str| (!text.is_empty()).then(|| value(text));
    path(PathMatch::Grpc(GrpcMatch {
        service: part(service),
        method: part(method),
    }))
}

/// An Envoy with one listener and these rules, each with a backend that says the rule's name.
struct Served {
    ground: Ground,
    at: SocketAddr,
    backends: BTreeMap<String, Upstream>,
}

impl Served {
    fn new(version: &str, shape: RouteShape, host: Option<&str>, rules: Vec<Rule>) -> Self {
        let at = address::own_address();
        let mut changes = Changes::new().listener(listener("http", at, host));
        let mut backends = BTreeMap::new();
        for rule in rules {
            let name = rule.key.route.name.to_string();
            let backend = Upstream::replying(upstream::ok(&name));
            changes = changes.backend(&name, &[backend.address()]).rule(rule);
            backends.insert(name, backend);
        }
        Self {
            ground: Ground::shaped(version, shape, changes.build()),
            at,
            backends,
        }
    }

    /// The rule that gets a request, or the reason why none does.
    fn owner(&self, host: &str, path: &str) -> String {
        let reply = get(self.at, host, path);
        let reason = reply.reason().map(str::to_owned);
        reason.unwrap_or_else(|| reply.text().to_owned())
    }
}

#[test]
fn the_written_hostname_decides_first_and_falls_through() {
    let exact = |text: &str| path(PathMatch::Exact(text.into()));
    let rules = || {
        vec![
            served("none", &[""], vec![exact("/any"), exact("/a")]),
            served("wide", &["*.com"], vec![exact("/a"), exact("/wide")]),
            served("narrow", &["*.a.com"], vec![prefix("/narrow")]),
            served(
                "exact",
                &["b.a.com"],
                vec![exact("/a"), prefix("/narrow/x")],
            ),
        ]
    };
    for (version, shape) in SHAPES {
        let served = Served::new(version, shape, Some("*.com"), rules());
        for (host, path, owner) in [
            ("b.a.com", "/a", "exact"),
            ("b.a.com", "/narrow/x/y", "exact"),
            ("b.a.com", "/narrow/y", "narrow"),
            ("B.A.com:81", "/wide", "wide"),
            ("b.a.com", "/any?b=c", "none"),
            ("c.a.com", "/a", "wide"),
            ("c.a.com", "/narrow", "narrow"),
            ("c.b.a.com", "/narrow/x", "narrow"),
            ("a.com", "/narrow", "no_route"),
            ("a.com", "/a", "wide"),
            ("a.com", "/", "no_route"),
            ("com", "/a", "no_listener"),
            ("a.org", "/a", "no_listener"),
        ] {
            let got = served.owner(host, path);
            assert_eq!(got, owner, "{version} {shape:?} {host} {path}");
        }
    }
}

#[test]
fn an_edit_changes_its_host_alone_and_a_host_may_go() {
    for (version, shape) in BEST {
        let rules = vec![
            served("none", &[""], vec![prefix("")]),
            served("one", &["one.com"], vec![prefix("")]),
            served("two", &["two.com"], vec![prefix("")]),
        ];
        let mut served_by = Served::new(version, shape, None, rules);
        assert_eq!(served_by.owner("one.com", "/"), "one");
        let edit = Changes::new().rule(served("one", &["one.com"], vec![prefix("/a")]));
        let update = served_by.ground.apply(edit.build());
        let changed: Vec<_> = update.upserts.iter().map(|one| one.kind).collect();
        let expected = match shape {
            RouteShape::PerHost => Kind::VirtualHost,
            RouteShape::Whole => Kind::RouteConfiguration,
        };
        assert_eq!(changed, [expected]);
        assert_eq!(served_by.owner("one.com", "/a"), "one");
        assert_eq!(served_by.owner("one.com", "/"), "none");
        let moved = Changes::new().rule(served("one", &["three.com"], vec![prefix("")]));
        served_by.ground.apply(moved.build());
        assert_eq!(served_by.owner("one.com", "/"), "none");
        assert_eq!(served_by.owner("three.com", "/"), "one");
        assert_eq!(served_by.owner("two.com", "/"), "two");
    }
}

#[test]
fn what_is_asked_besides_the_path() {
    let asks = |name: &str, mut matched: Match, query: &[(&str, &str)], field: &[(&str, &str)]| {
        for (name, text) in query {
            let (name, value) = ((*name).into(), value(text));
            matched.query.push(QueryMatch { name, value });
        }
        for (name, text) in field {
            let (name, value) = ((*name).into(), value(text));
            matched.headers.push(HeaderMatch { name, value });
        }
        served(name, &[""], vec![matched])
    };
    let mut put = prefix("/m");
    put.method = Some("PUT".into());
    let rules = || {
        vec![
            asks("query", prefix("/q"), &[("q", "a b+c")], &[]),
            asks("empty", prefix("/q"), &[("empty", "")], &[]),
            asks("pattern", prefix("/q"), &[("q", "~x.+")], &[]),
            asks("list", prefix("/h"), &[], &[("x-team", "red, blue")]),
            asks("field", prefix("/h"), &[], &[("x-team", "~r.*d")]),
            asks("host", prefix("/h"), &[], &[("host", "a.com:81")]),
            asks("method", put.clone(), &[], &[]),
            asks("slashes", prefix("/s/"), &[], &[]),
            asks(
                "regex",
                path(PathMatch::Regex(Pattern::new("/r/[0-9]+").unwrap())),
                &[],
                &[],
            ),
        ]
    };
    for (version, shape) in BEST {
        let served = Served::new(version, shape, None, rules());
        for (line, fields, owner) in [
            ("GET /q?q=a+b%2Bc", "", "query"),
            ("GET /q?q=a%20b%2bc&q=x", "", "query"),
            ("GET /q?z&q=%61+b%2Bc", "", "query"),
            ("GET /q?q=a+b+c", "", "no_route"),
            ("GET /q?empty&q=1", "", "empty"),
            ("GET /q?q=xyz", "", "pattern"),
            ("GET /q?q=x", "", "no_route"),
            ("GET /h", "X-Team: red, blue\r\n", "list"),
            ("GET /h", "x-team: red\r\nX-TEAM: blue\r\n", "list"),
            ("GET /h", "x-team: rod\r\n", "field"),
            ("GET /h", "x-team: blue\r\n", "no_route"),
            ("PUT /m", "Content-Length: 0\r\n", "method"),
            ("GET /m", "", "no_route"),
            ("GET /s//a", "", "slashes"),
            ("GET /s/a", "", "no_route"),
            ("GET /r/42?x=y", "", "regex"),
            ("GET /r/42/", "", "no_route"),
        ] {
            // Newer Envoys ask each field by itself: one of the differences that stay.
            if version == envoy::NEWEST && fields.starts_with("x-team: red\r\nX-TEAM") {
                continue;
            }
            let request = format!("{line} HTTP/1.1\r\nHost: a.com\r\n{fields}\r\n");
            let reply = ask(served.at, request);
            let got = reply.reason().unwrap_or_else(|| reply.text());
            assert_eq!(got, owner, "{version} {line} {fields:?}");
        }
        assert_eq!(served.owner("a.com:81", "/h"), "host", "{version}");
    }
}

#[test]
fn calls_by_service_and_method() {
    let rules = || {
        vec![
            served("both", &[""], vec![call("a.B", "C")]),
            served("service", &[""], vec![call("a.B", "")]),
            served("pattern", &[""], vec![call("~x|y", "~C?")]),
            served("method", &[""], vec![call("", "D")]),
        ]
    };
    for (version, shape) in BEST {
        let served = Served::new(version, shape, None, rules());
        for (path, owner) in [
            ("/a.B/C", "both"),
            ("/a.B/CC", "service"),
            ("/axB/C", "no_route"),
            ("/x/C?y/z", "pattern"),
            ("/x/E", "no_route"),
            ("/q/D", "method"),
            ("//D", "no_route"),
        ] {
            assert_eq!(served.owner("a.com", path), owner, "{version} {path}");
        }
    }
}

fn share(backend: &str, weight: u32) -> RuleBackend {
    let mut all = match rule("any", "http", "/", backend).action {
        Action::Forward(all) => all,
        Action::Refuse(_) => Vec::new(),
    };
    all[0].weight = weight;
    all[0].target = Target::Backend(backend_key(backend));
    all.remove(0)
}

#[test]
fn what_goes_nowhere_is_answered_with_its_reason() {
    let refusal = |kind| Refusal {
        kind,
        finding: None,
        text: "".into(),
    };
    for (version, shape) in BEST {
        let mut refused = served("refused", &[""], vec![prefix("/refused")]);
        refused.action = Action::Refuse(refusal(RefusalKind::FilterNotFound));
        let mut missing = served("missing", &[""], vec![prefix("/missing")]);
        missing.action = Action::Forward(vec![share("nobody", 1)]);
        let mut half = served("half", &[""], vec![prefix("/half")]);
        let broken = RuleBackend {
            target: Target::Broken(refusal(RefusalKind::InvalidBackend)),
            ..share("any", 1)
        };
        half.action = Action::Forward(vec![share("half", 1), broken]);
        let served = Served::new(version, shape, None, vec![refused, missing, half]);
        for (path, reason) in [
            ("/refused", Reason::FilterNotFound),
            ("/missing", Reason::InvalidBackend),
            ("/", Reason::NoRoute),
        ] {
            let reply = get(served.at, "a.com", path);
            assert_eq!(reply.status, reason.status(), "{version}: {reply:?}");
            assert_eq!(reply.reason(), Some(reason.text()), "{version}: {reply:?}");
            assert_eq!(reply.text(), format!("{}\n", reason.words()), "{version}");
        }
        let all: Vec<String> = (0..60).map(|_| served.owner("a.com", "/half")).collect();
        let well = all.iter().filter(|owner| *owner == "half").count();
        assert!((10..50).contains(&well), "{version}: {well}");
        assert!(
            all.iter()
                .all(|one| one == "half" || one == "invalid_backend")
        );
    }
}

#[test]
fn backends_may_have_policies_of_their_own() {
    for (version, shape) in BEST {
        let mut split = served("split", &[""], vec![prefix("/split")]);
        let mut rewritten = share("split", 1);
        rewritten.policies.url_rewrite = Some(Arc::new(url_rewrite::Ir {
            hostname: Some("other.com".into()),
            path: Some(PathChange::Prefix("/new".into())),
        }));
        split.action = Action::Forward(vec![rewritten, share("plain", 1)]);
        let plain = served("plain", &["plain.com"], vec![prefix("")]);
        let served = Served::new(version, shape, None, vec![split, plain]);
        for _ in 0..60 {
            assert_eq!(get(served.at, "a.com", "/split/x").status, 200);
        }
        let seen = |name: &str| -> Vec<(String, String)> {
            let all = served.backends[name].requests().into_iter();
            all.map(|request| (request.host, request.target)).collect()
        };
        let (rewritten, plain) = (seen("split"), seen("plain"));
        assert!(
            (10..50).contains(&rewritten.len()),
            "{version}: {}",
            rewritten.len()
        );
        assert_eq!(rewritten.len() + plain.len(), 60);
        let is = |host: &str, path: &str| (host.to_owned(), path.to_owned());
        assert!(
            rewritten
                .iter()
                .all(|one| *one == is("other.com", "/new/x")),
            "{rewritten:?}"
        );
        assert!(
            plain.iter().all(|one| *one == is("a.com", "/split/x")),
            "{plain:?}"
        );
    }
}

#[test]
fn time_limits_hold() {
    let silent = Upstream::start(|connection, _| while connection.request().is_some() {});
    for (version, shape) in BEST {
        let limited = |name: &str, request: Option<u64>, attempt: Option<u64>| {
            let mut rule = served(name, &[""], vec![prefix(&format!("/{name}"))]);
            rule.policies.timeouts = Some(Arc::new(timeouts::Ir {
                request: request.map(Duration::from_millis),
                backend_request: attempt.map(Duration::from_millis),
            }));
            rule.action = Action::Forward(vec![share("silent", 1)]);
            rule
        };
        let rules = vec![
            limited("whole", Some(300), None),
            limited("attempt", None, Some(300)),
            limited("both", Some(10_000), Some(300)),
        ];
        let mut served = Served::new(version, shape, None, rules);
        let silent = Changes::new().backend("silent", &[silent.address()]);
        served.ground.apply(silent.build());
        for (path, reason) in [
            ("/whole", Reason::RouteTimeout),
            ("/attempt", Reason::UpstreamTimeout),
            ("/both", Reason::UpstreamTimeout),
        ] {
            let reply = get(served.at, "a.com", path);
            assert_eq!(reply.status, 504, "{version} {path}: {reply:?}");
            assert_eq!(
                reply.reason(),
                Some(reason.text()),
                "{version} {path}: {reply:?}"
            );
        }
    }
}

#[test]
fn a_connection_serves_the_hosts_of_its_own_listener_alone() {
    let authority = Authority::new("ours");
    let issued = authority.issue(&["*.example.com", "other.org"]);
    for (version, shape) in BEST {
        let at = address::own_address();
        let backend = Upstream::replying(upstream::ok("wide"));
        let secure = |section: &str, host| secure_listener(section, at, Some(host), &["pair"]);
        let wide = rule("wide", "wide", "/", "wide");
        let change = Changes::new()
            .credential("pair", key_pair(&issued))
            .listener(secure("wide", "*.example.com"))
            .listener(secure("inner", "in.example.com"))
            .listener(secure("other", "other.org"))
            .backend("wide", &[backend.address()])
            .rule(wide);
        let mut ground = Ground::shaped(version, shape, change.build());
        let owner = |host: &str| {
            let mut client = Handshake::new().connect(at, "a.example.com");
            let reply = client.get(host);
            let reason = reply.reason().map(str::to_owned);
            (
                reply.status,
                reason.unwrap_or_else(|| reply.text().to_owned()),
            )
        };
        let is = |reason: Reason| (reason.status(), reason.text().to_owned());
        assert_eq!(
            owner("b.example.com"),
            (200, "wide".to_owned()),
            "{version}"
        );
        assert_eq!(
            owner("in.example.com"),
            is(Reason::Misdirected),
            "{version}"
        );
        assert_eq!(owner("other.org"), is(Reason::Misdirected), "{version}");
        assert_eq!(owner("nobody.org"), is(Reason::NoListener), "{version}");
        // What another listener owned belongs to this one when that is gone.
        ground.apply(Changes::new().without_listener("inner").build());
        assert_eq!(
            owner("in.example.com"),
            (200, "wide".to_owned()),
            "{version}"
        );
        ground.apply(Changes::new().without_listener("other").build());
        assert_eq!(owner("other.org"), is(Reason::NoListener), "{version}");
    }
}
