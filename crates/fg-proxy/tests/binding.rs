//! Sockets that cannot be had at once, and backends that are known by name.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use fg_ir::{Backend, BackendKind, StaticHost};
use fg_proxy::{Proxy, Settings};
use fg_telemetry::Registry;
use fg_testkit::{Client, PATIENCE, Upstream, address, ir, upstream};

fn proxy() -> Proxy {
    let registry = Arc::new(Registry::new(100, Proxy::reasons()));
    let settings = Settings {
        workers: 2,
        ..Settings::default()
    };
    Proxy::start(settings, registry).expect("threads can be started")
}

#[test]
fn a_taken_port_is_named_and_served_once_it_is_free() {
    let upstream = Upstream::replying(upstream::ok("served"));
    let at = address::own_address();
    let taken = TcpListener::bind(at).expect("the port is free");
    let mut proxy = proxy();
    let acks = proxy.apply(&ir::everything_to(at, &[upstream.address()]));
    let words = acks[0].bound.clone().expect_err("the port is taken");
    assert!(
        words.contains("another process listens on") && words.contains(&at.to_string()),
        "{words}"
    );
    assert_eq!(proxy.bind_again(), None, "nothing changed");
    drop(taken);
    let acks = proxy.bind_again().expect("the port is free now");
    assert_eq!(acks[0].bound, Ok(vec![at]));
    let mut client = Client::connect(at);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().text(), "served");
}

#[test]
fn two_proxies_do_not_share_a_port_unnoticed() {
    let at = address::own_address();
    let change = ir::everything_to(at, &[]);
    let mut first = proxy();
    assert_eq!(first.apply(&change)[0].bound, Ok(vec![at]));
    let mut second = proxy();
    assert!(second.apply(&change)[0].bound.is_err());
}

#[test]
fn a_static_backend_is_found_by_its_name() {
    let at: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let upstream = Upstream::start_at(at, |connection, _| {
        while connection.request().is_some() {
            connection.send(upstream::ok("by name"));
        }
    });
    let listener = address::own_address();
    let mut change = ir::everything_to(listener, &[]);
    let host = StaticHost {
        host: "localhost".into(),
        port: upstream.address().port(),
    };
    let backend = Backend {
        kind: BackendKind::Static(vec![host]),
        ..ir::backend("backend")
    };
    change
        .backends
        .insert(backend.key.clone(), Some(Arc::new(backend)));
    change.endpoints.clear();
    let mut proxy = proxy();
    proxy.apply(&change);
    // Until the name is resolved there is no endpoint, which is a 503.
    let end = Instant::now() + PATIENCE;
    loop {
        let mut client = Client::connect(listener);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let reply = client.reply();
        if reply.status == 200 {
            assert_eq!(reply.text(), "by name");
            return;
        }
        assert_eq!(reply.reason(), Some("no_endpoints"));
        assert!(Instant::now() < end, "the name was never resolved");
    }
}

#[test]
fn a_port_that_only_changes_its_address_is_never_without_a_socket() {
    let upstream = Upstream::replying(upstream::ok("served"));
    let at = address::own_address();
    let mut proxy = proxy();
    let narrow = ir::everything_to(at, &[upstream.address()]);
    let mut wide = narrow.clone();
    for listener in wide.listeners.values_mut().flatten() {
        *listener = Arc::new(fg_ir::Listener {
            addresses: Vec::new(),
            ..(**listener).clone()
        });
    }
    for change in [&narrow, &wide, &narrow, &wide] {
        let acks = proxy.apply(change);
        assert!(acks[0].bound.is_ok(), "{acks:?}");
        let mut client = Client::connect(at);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.reply().text(), "served");
    }
}
