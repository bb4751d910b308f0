//! The child killed, stalled, drained; and ourselves killed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use fg_testkit::envoy::{NEWEST, OLDEST};
use rustix::process::Signal;

use crate::ground::{
    child, condition, envoy, fake, folder, folder_of_two, is_alive, is_confirmed, program, signal,
    start, wait_for_words, wrapper,
};
use crate::support::client::Client;
use crate::support::{Gateway, get, until};

#[test]
fn an_envoy_that_is_killed_is_started_again_with_what_has_changed_since() {
    let ip = "127.34.2.1";
    let (folder, _echoes) = folder_of_two(ip);
    let gateway = start(ip, &folder, &[]);
    let first = child(&gateway);
    signal(first, Signal::KILL);
    let said = wait_for_words(
        &gateway,
        "error: Gateway default/web: Envoy does not serve it",
    );
    assert!(said.contains("Envoy was ended by signal 9"), "{said}");
    folder.route("shop", "[{backendRefs: [{name: two, port: 80}]}]");
    gateway.wait_for_echo("/", "two");
    wait_for_words(&gateway, "resolved: ");
    assert_ne!(child(&gateway), first);
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "True/Programmed"
    );
}

/// Older ones take their routes in another shape.
#[test]
fn a_program_that_was_replaced_is_looked_at_before_it_is_started_again() {
    let ip = "127.34.2.6";
    let (folder, _echoes) = folder_of_two(ip);
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("envoy");
    wrapper(&file, &program(NEWEST));
    let flag = file.to_str().expect("its path is UTF-8");
    let gateway = Gateway::start(ip, &folder, &["--envoy", flag]);
    gateway.wait_for_echo("/", "one");
    wrapper(&file, &program(OLDEST));
    let first = child(&gateway);
    signal(first, Signal::KILL);
    wait_for_words(&gateway, "version=1.36");
    folder.route("shop", "[{backendRefs: [{name: two, port: 80}]}]");
    gateway.wait_for_echo("/", "two");
    wait_for_words(&gateway, "resolved: ");
    // It is gone for good.
    std::fs::remove_file(&file).expect("it is ours");
    signal(child(&gateway), Signal::KILL);
    wait_for_words(&gateway, "is no Envoy: No such file");
    let told = until("the word that it is not ready", || {
        let told = get(gateway.socket(8082), "/ready").expect("it answers");
        (told.status == 503).then_some(told.body)
    });
    assert!(told.contains("is no Envoy"), "{told}");
}

#[test]
fn nobody_is_told_that_a_dead_envoy_is_ready() {
    let ip = "127.34.2.5";
    let (folder, _echoes) = folder_of_two(ip);
    let place = tempfile::tempdir().expect("a folder");
    let program = place.path().join("envoy");
    wrapper(&program, &envoy());
    let flag = program.to_str().expect("its path is UTF-8");
    let gateway = Gateway::start(ip, &folder, &["--envoy", flag]);
    until("Envoy's word", || is_confirmed(&gateway).then_some(()));
    // It cannot come back.
    fake(
        &program,
        "envoy  version: 0123/1.40.0/Clean/RELEASE/BoringSSL",
    );
    signal(child(&gateway), Signal::KILL);
    let ready = || get(gateway.socket(8082), "/ready").expect("it answers");
    let told = until("the word that it is not ready", || {
        let told = ready();
        (told.status == 503).then_some(told.body)
    });
    assert!(told.starts_with("not ready: Envoy "), "{told}");
    assert!(told.ends_with("; it is started again\n"), "{told}");
    assert!(!is_confirmed(&gateway));
    wrapper(&program, &envoy());
    gateway.wait_for_echo("/", "one");
    gateway.wait_ready();
    until("Envoy's word", || is_confirmed(&gateway).then_some(()));
}

#[test]
fn what_changes_while_envoy_hangs_is_live_when_it_goes_on() {
    let ip = "127.34.2.2";
    let (folder, _echoes) = folder_of_two(ip);
    let gateway = start(ip, &folder, &[]);
    let process = child(&gateway);
    signal(process, Signal::STOP);
    let before = gateway.metric("ferrogate_configuration_generation");
    folder.route("shop", "[{backendRefs: [{name: two, port: 80}]}]");
    until("the edit to be read", || {
        let now = gateway.metric("ferrogate_configuration_generation");
        (now > before).then_some(())
    });
    let is_confirmed = || {
        gateway.metric("ferrogate_configuration_confirmed_generation")
            == gateway.metric("ferrogate_configuration_generation")
    };
    assert!(!is_confirmed(), "Envoy cannot have said so");
    signal(process, Signal::CONT);
    gateway.wait_for_echo("/", "two");
    until("Envoy's word", || is_confirmed().then_some(()));
    assert_eq!(child(&gateway), process);
}

#[test]
fn envoy_ends_with_us_however_we_end() {
    let ip = "127.34.2.3";
    let folder = folder(ip);
    let gateway = start(ip, &folder, &[]);
    let process = child(&gateway);
    gateway.process.signal(Signal::KILL);
    until("the end of the child", || {
        (!is_alive(process)).then_some(())
    });
    drop(gateway);

    let mut gateway = start(ip, &folder, &[]);
    let process = child(&gateway);
    gateway.process.signal(Signal::TERM);
    assert_eq!(gateway.process.exit_code(), Some(0));
    assert!(!is_alive(process));
}

#[test]
fn requests_under_way_at_envoy_are_finished_at_the_end() {
    let ip = "127.34.2.4";
    let backend = TcpListener::bind((ip, 9001)).expect("the address is ours");
    let folder = folder(ip);
    folder.service("slow", backend.local_addr().expect("bound"));
    folder.route("slow", "[{backendRefs: [{name: slow, port: 80}]}]");
    let mut gateway = start(ip, &folder, &[]);
    let mut client = Client::connect(gateway.listener()).expect("it listens");
    client
        .send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("sent");
    let (mut upstream, _) = backend.accept().expect("a connection");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        upstream.read_exact(&mut byte).expect("a head");
        head.extend_from_slice(&byte);
    }
    gateway.process.signal(Signal::TERM);
    until("no new connections", || {
        Client::connect(gateway.listener()).is_err().then_some(())
    });
    let ready = get(gateway.socket(8082), "/ready").expect("readiness answers while draining");
    assert_eq!(ready.status, 503);
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        .expect("sent");
    let reply = client.response(false).expect("a reply");
    assert_eq!((reply.status, &*reply.body), (200, "done"));
    assert_eq!(gateway.process.exit_code(), Some(0));
}
