//! Descriptors run out, memory is needed for a while: what happens then, and afterwards.

use std::net::{SocketAddr, TcpStream};

use crate::support::client::Client;
use crate::support::folder::gateway as gateway_text;
use crate::support::{Echo, Folder, Gateway, until};

/// A folder that sends everything to an echo server.
fn echoing(ip: &str) -> (Echo, Folder) {
    let echo = Echo::start(ip, 9001, "a");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("a", echo.address);
    folder.route("all", "[{backendRefs: [{name: a, port: 80}]}]");
    (echo, folder)
}

fn says(gateway: &Gateway, words: &str) -> bool {
    let said = gateway.process.stderr();
    said.iter().any(|line| line.contains(words))
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("the kernel takes connections in")
}

#[test]
fn without_descriptors_accepting_pauses_and_goes_on() {
    let ip = "127.20.9.1";
    let (_echo, folder) = echoing(ip);
    let gateway = Gateway::start_with_open_files(80, ip, &folder, &["--workers", "1"]);
    let mut held = Client::connect(gateway.listener()).expect("the listener accepts");
    let mut ask = || {
        held.request("GET", "/", "a", &[])
            .expect("an answer")
            .echo()
    };
    assert_eq!(ask().as_deref(), Some("a"));
    let crowd: Vec<_> = (0..100).map(|_| connect(gateway.listener())).collect();
    until("the pause", || {
        says(&gateway, "accepting pauses").then_some(())
    });
    assert_eq!(ask().as_deref(), Some("a"), "who is in is served");
    drop(crowd);
    gateway.wait_for_echo("/", "a");
    assert!(gateway.metric("ferrogate_accept_pauses_total") >= 1.0);
}

#[test]
fn a_worker_short_of_descriptors_listens_as_soon_as_there_are_some() {
    let ip = "127.20.9.2";
    let (_echo, folder) = echoing(ip);
    let limit = 120;
    // Those that take descriptors say nothing for as long as the test may take.
    let flags = ["--workers", "4", "--head-timeout", "5m"];
    let gateway = Gateway::start_with_open_files(limit, ip, &folder, &flags);
    let mut held: Vec<_> = (0..16)
        .map(|_| Client::connect(gateway.listener()).expect("the listener accepts"))
        .collect();
    for client in &mut held {
        let reply = client.request("GET", "/", "a", &[]).expect("an answer");
        assert_eq!(reply.status, 200);
    }
    // Enough is left to read the folder and to bind a socket for each worker, and no more. What the
    // gateway opens for itself comes and goes, so that the number counts when it stays.
    let mut crowd = Vec::new();
    let mut stays = 0;
    until("descriptors to run short", || {
        if gateway.process.open_files() >= limit - 5 {
            stays += 1;
        } else {
            stays = 0;
            let client = fg_testkit::Client::connect(gateway.listener());
            // It is in when this was read.
            client.send("G");
            client.wait_until_read();
            crowd.push(client);
        }
        (stays == 100).then_some(())
    });
    let second = "    - {name: second, protocol: HTTP, port: 8181}\n";
    folder.write("gateway.yaml", &(gateway_text(ip) + second));
    until("a worker without a socket", || {
        says(&gateway, "a worker cannot listen yet").then_some(())
    });
    for client in &mut held {
        let reply = client.request("GET", "/", "a", &[]);
        assert_eq!(reply.expect("idle connections stay").status, 200);
    }
    drop((crowd, held));
    // Each worker has a queue of its own: one that did not listen would leave some unanswered. They are
    // few enough for all of them, and what they need of backends, to be in at one time.
    let clients: Vec<_> = (0..40)
        .map(|_| Client::connect(gateway.socket(8181)))
        .collect();
    for client in clients {
        let mut client = client.expect("the listener accepts");
        let reply = client.request("GET", "/", "a", &[]).expect("an answer");
        assert_eq!(reply.status, 200);
    }
}

#[test]
fn the_memory_of_a_burst_is_given_back() {
    let ip = "127.20.9.3";
    let (_echo, folder) = echoing(ip);
    let gateway = Gateway::start(ip, &folder, &["--workers", "1"]);
    gateway.wait_for_echo("/", "a");
    let before = gateway.process.private_memory();
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(50_000));
    let mut crowd = Vec::new();
    for _ in 0..400 {
        let mut client = Client::connect(gateway.listener()).expect("the listener accepts");
        client.send(head.as_bytes()).expect("sent");
        crowd.push(client);
    }
    let burst = crowd.len() * head.len();
    let grown = || gateway.process.private_memory().saturating_sub(before);
    until("the burst", || (grown() > burst / 4 * 3).then_some(()));
    drop(crowd);
    // Requests go on: the allocator gives pages back when it is at work.
    until("most of it to be given back", || {
        gateway.get("/");
        (grown() < burst / 4).then_some(())
    });
}
