//! What backends see of requests, and clients of replies.

use fg_ads::Protocol;
use fg_envoy::Settings;
use fg_testkit::envoy::VERSIONS;
use fg_testkit::ir::everything_to;
use fg_testkit::{Client, Upstream, address, ask, get, upstream};

use crate::ground::Ground;

#[test]
fn a_request_goes_to_its_backend_by_both_protocols() {
    for version in VERSIONS {
        for protocol in [Protocol::Delta, Protocol::StateOfTheWorld] {
            let backend = Upstream::replying(upstream::ok("here"));
            let at = address::own_address();
            let change = everything_to(at, &[backend.address()]);
            let _ground = Ground::with(version, protocol, Settings::default(), change);
            let reply = get(at, "a.com", "/x?y=1");
            assert_eq!((reply.status, reply.text()), (200, "here"), "{version}");
            let request = backend.only_request();
            assert_eq!(request.target, "/x?y=1");
        }
    }
}

#[test]
fn backends_are_told_who_the_client_is_and_nothing_that_it_claims() {
    for version in VERSIONS {
        let backend = Upstream::replying(upstream::ok(""));
        let at = address::own_address();
        let _ground = Ground::new(version, everything_to(at, &[backend.address()]));
        let request = "GET / HTTP/1.1\r\nHost: Shop.example:81\r\n\
            X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
            X-Forwarded-Client-Cert: By=me\r\nX-Forwarded-Else: evil\r\nForwarded: for=evil\r\n\
            X-Real-Ip: 9.9.9.9\r\nX-Request-Id: mine\r\nX-Original-Url: /evil\r\n\
            X_Under_Score: evil\r\nX-Mixed-CASE: kept\r\n\r\n";
        let mut client = Client::connect(at);
        client.send(request);
        assert_eq!(client.reply().status, 200);
        let request = backend.only_request();
        let all = format!("{:?}", request);
        let ours = |name: &str| request.field(name).unwrap_or_default().to_owned();
        assert_eq!(ours("x-forwarded-for"), client.address().ip().to_string());
        assert_eq!(ours("x-forwarded-proto"), "http");
        assert_eq!(ours("x-forwarded-host"), "Shop.example:81");
        assert_eq!(request.host, "Shop.example:81");
        assert_eq!(ours("x-mixed-case"), "kept");
        assert_eq!(ours("x-request-id").len(), 36, "{all}");
        assert!(!all.contains("evil") && !all.contains("By=me"), "{all}");
        assert!(!all.to_lowercase().contains("envoy"), "{all}");
        assert!(!all.contains("ferrogate"), "{all}");
    }
}

#[test]
fn a_reply_is_passed_on_as_it_came() {
    for version in VERSIONS {
        let reply = "HTTP/1.1 200 Fine\r\nServer: mine\r\nX-Mixed-CASE: kept\r\n\
            Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok";
        let backend = Upstream::replying(reply);
        let at = address::own_address();
        let _ground = Ground::new(version, everything_to(at, &[backend.address()]));
        let mut client = Client::connect(at);
        client.send("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 200 Fine\r\n"), "{head}");
        assert!(head.contains("\r\nX-Mixed-CASE: kept\r\n"), "{head}");
        assert!(head.contains("erver: mine\r\n"), "{head}");
        assert!(!head.to_lowercase().contains("envoy"), "{head}");
    }
}

#[test]
fn paths_are_canonical_or_refused() {
    for version in VERSIONS {
        let backend = Upstream::replying(upstream::ok(""));
        let at = address::own_address();
        let _ground = Ground::new(version, everything_to(at, &[backend.address()]));
        for (raw, canonical) in [
            ("/a/../b", "/b"),
            ("/a/%2e%2e/b", "/b"),
            ("/%7Ea/%61", "/~a/a"),
            ("//a//b;c", "//a//b;c"),
            ("/a?b=%2F..", "/a?b=%2F.."),
            // Our own proxy refuses it.
            ("/a\\b", "/a/b"),
        ] {
            assert_eq!(get(at, "a.com", raw).status, 200, "{version} {raw}");
            let last = backend.requests().pop().unwrap();
            assert_eq!(last.target, canonical, "{version} {raw}");
        }
        for raw in [
            "/a%2Fb", "/a%2fb", "/a%5Cb", "/%00", "/%", "/%a", "/%zz", "/a%",
        ] {
            let reply = get(at, "a.com", raw);
            assert_eq!(reply.status, 400, "{version} {raw}: {reply:?}");
            assert_eq!(reply.reason(), Some("bad_path"), "{version} {raw}");
        }
    }
}

#[test]
fn upgrades_trailers_and_old_clients_are_served() {
    for version in VERSIONS {
        let backend = Upstream::start(|connection, _| {
            while let Some(request) = connection.request_head() {
                if request.field("upgrade").is_some() {
                    connection.send(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                         Connection: upgrade\r\n\r\nhello",
                    );
                    connection.receive_at_least(4);
                    let said = connection.take_unread();
                    connection.send(said);
                } else {
                    connection.send(
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                         2\r\nok\r\n0\r\nX-After: all\r\n\r\n",
                    );
                }
            }
        });
        let at = address::own_address();
        let _ground = Ground::new(version, everything_to(at, &[backend.address()]));
        let reply = get(at, "a.com", "/");
        let after = [("x-after".to_owned(), "all".to_owned())];
        assert_eq!(reply.trailers, after, "{version}: {reply:?}");
        let mut client = Client::connect(at);
        client.send(
            "GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        );
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{version}: {head}");
        assert_eq!(client.bytes(5), b"hello");
        client.send("ping");
        assert_eq!(client.bytes(4), b"ping", "{version}");
        let mut old = Client::connect(at);
        old.send("GET / HTTP/1.0\r\nHost: a.com\r\n\r\n");
        let head = old.head();
        assert!(head.contains(" 200 "), "{version}: {head}");
    }
}

#[test]
fn the_access_log_has_the_fields_of_our_own() {
    for version in VERSIONS {
        let backend = Upstream::replying(upstream::ok("four"));
        let at = address::own_address();
        let settings = Settings {
            access_log: true,
            ..Settings::default()
        };
        let change = everything_to(at, &[backend.address()]);
        let ground = Ground::with(version, Protocol::Delta, settings, change);
        let request = "POST /a%20b?secret HTTP/1.1\r\nHost: a.com\r\nUser-Agent: \"me\\\"\r\n\
            Content-Length: 3\r\n\r\nabc";
        assert_eq!(ask(at, request).status, 200);
        assert_eq!(
            ask(at, "GET /%2F HTTP/1.1\r\nHost: a.com\r\n\r\n").status,
            400
        );
        let lines = || -> Vec<serde_json::Value> {
            let said = ground.programmed.envoy.output();
            let lines = said.lines();
            lines
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()
        };
        let begun = std::time::Instant::now();
        while lines().len() < 2 {
            assert!(
                begun.elapsed() < 2 * fg_testkit::PATIENCE,
                "{}",
                ground.programmed.envoy.output()
            );
            std::thread::yield_now();
        }
        let (good, bad) = (&lines()[0], &lines()[1]);
        let endpoint = backend.address().to_string();
        for (key, value) in [
            ("method", "POST"),
            ("path", "/a%20b"),
            ("host", "a.com"),
            ("protocol", "HTTP/1.1"),
            ("user_agent", "\"me\\\""),
            ("backend", "Service test/backend:80"),
            ("endpoint", &endpoint),
        ] {
            assert_eq!(good[key], value, "{version}: {good}");
        }
        for (key, value) in [("status", 200), ("bytes_in", 3), ("bytes_out", 4)] {
            assert_eq!(good[key], value, "{version}: {good}");
        }
        for key in ["total_us", "upstream_us"] {
            assert!(good[key].as_u64().is_some(), "{version}: {good}");
        }
        assert!(good["reason"].is_null() && good["sni"].is_null(), "{good}");
        assert_eq!(bad["reason"], "bad_path", "{version}: {bad}");
        assert_eq!(bad["status"], 400, "{version}: {bad}");
    }
}
