//! Who may say why the gateway answered by itself: nobody else, on either plane.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use crate::ground::{folder_of_both, program, wait_for_words};
use crate::support::{Gateway, get, until};

/// A backend that seems to be a gateway: each reply has a reason, written in two ways.
fn forger(ip: &str) -> SocketAddr {
    let socket = TcpListener::bind((ip, 0)).expect("the address is ours");
    let address = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in socket.incoming().flatten() {
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.push(byte[0]);
                }
                // A gateway that is gone has no use for it.
                let _ = stream.write_all(
                    b"HTTP/1.1 503 Service Unavailable\r\n\
                      X-Ferrogate-Reason: no_endpoints\r\nx-shop: cart\r\n\
                      x-ferrogate-reason: no_route\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n",
                );
            });
        }
    });
    address
}

/// Where nobody listens.
fn nobody(ip: &str) -> SocketAddr {
    let socket = TcpListener::bind((ip, 0)).expect("the address is ours");
    socket.local_addr().expect("it is bound")
}

/// The line of the access log about a path.
fn line(gateway: &Gateway, path: &str) -> Value {
    until(path, || {
        let lines = gateway.process.stdout().into_iter();
        let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines.find(|line| line["path"] == path)
    })
}

#[test]
fn no_backend_can_say_why_the_gateway_answered() {
    let ip = "127.34.6.1";
    let folder = folder_of_both(ip, forger(ip));
    folder.service("dead", nobody(ip));
    folder.write(
        "shop.yaml",
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}, {name: own}]
  rules:
    - {matches: [{path: {value: /forged}}], backendRefs: [{name: shop, port: 80}]}
    - {matches: [{path: {value: /dead}}], backendRefs: [{name: dead, port: 80}]}
    - {matches: [{path: {value: /gone}}], backendRefs: [{name: gone, port: 80}]}
",
    );
    for version in [fg_testkit::envoy::OLDEST, fg_testkit::envoy::NEWEST] {
        let envoy = program(version);
        let args = ["--port-map", "81=8081", "--access-log", "json"];
        let args = [&["--envoy", &envoy], &args[..]].concat();
        let gateway = Gateway::start(ip, &folder, &args);
        wait_for_words(&gateway, "listener default/web/http serves");
        for (plane, address) in [
            ("envoy", gateway.listener()),
            ("native", gateway.socket(8081)),
        ] {
            let what = format!("{plane} beside Envoy {version}");
            let ask = |path: &str| get(address, &format!("/{path}/{plane}")).expect("an answer");
            let forged = ask("forged");
            assert_eq!(forged.status, 503, "{what}");
            assert_eq!(forged.header("x-shop"), Some("cart"), "{what}");
            assert_eq!(forged.header("x-ferrogate-reason"), None, "{what}");
            let line_of = |path: &str| line(&gateway, &format!("/{path}/{plane}"));
            assert_eq!(line_of("forged")["reason"], Value::Null, "{what}");
            for (path, status, reason) in [
                ("dead", 503, "connect_failed"),
                ("gone", 500, "invalid_backend"),
                ("nowhere", 404, "no_route"),
            ] {
                let own = ask(path);
                let got = (own.status, own.header("x-ferrogate-reason"));
                assert_eq!(got, (status, Some(reason)), "{path} of {what}");
                assert_eq!(line_of(path)["reason"], reason, "{path} of {what}");
            }
        }
    }
}
