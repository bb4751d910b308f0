//! What people get wrong at first, and that they are told what to do.

mod near;

use std::net::TcpListener;

use crate::support::folder::{gateway, route};
use crate::support::process::output;
use crate::support::{Folder, Gateway, until};

const TO_A: &str = "[{backendRefs: [{name: a, port: 80}]}]";

fn good() -> Folder {
    let folder = Folder::new();
    folder.gateway("127.0.0.1");
    folder.service("a", ([127, 0, 0, 1], 9001).into());
    folder.route("shop", TO_A);
    folder
}

fn check(folder: &Folder) -> String {
    let output = output(&["check", folder.arg()]);
    String::from_utf8(output.stdout).expect("text")
}

fn explain(folder: &Folder, url: &str) -> (Option<i32>, String) {
    let output = output(&["explain", folder.arg(), url]);
    let text = String::from_utf8(output.stdout).expect("text");
    (output.status.code(), text)
}

/// A route on `web` for a host.
fn for_host(name: &str, host: &str, rules: &str) -> String {
    route(name, rules).replace("  rules:", &format!("  hostnames: ['{host}']\n  rules:"))
}

/// Another rule has the request; whoever wrote this one wonders why it has not.
#[test]
fn what_would_have_had_a_request_is_told_beside_the_rule_that_has_it() {
    let folder = good();
    let typo = "[{matchs: []}]";
    folder.write("exact.yaml", &for_host("exact", "shop.example", typo));
    folder.write("wide.yaml", &for_host("wide", "*.example", typo));
    folder.route("alike", typo);
    let lost = for_host("lost", "lost.example", TO_A);
    folder.write(
        "lost.yaml",
        &lost.replace("{name: web}", "{name: web, sectionName: htpp}"),
    );
    let expressions = "[{matches: [{path: {type: RegularExpression, value: '/('}}], backendRefs: [{name: a, port: 80}]}]";
    folder.write(
        "match.yaml",
        &for_host("match", "match.example", expressions),
    );
    let second = gateway("127.0.0.2").replace("name: web", "name: second");
    folder.write("second.yaml", &second);
    let there = for_host("there", "shop.example", typo).replace("name: web", "name: second");
    folder.write("there.yaml", &there);
    folder.write("own.yaml", &for_host("own", "own.example", TO_A));

    let all = [
        "HTTPRoute default/exact would have been asked first, but was refused: unknown field `matchs` (did you mean `matches`?",
        "HTTPRoute default/wide would have been asked first, but was refused: unknown field `matchs`",
        "HTTPRoute default/alike would have been asked, too, but was refused: unknown field `matchs`",
        "HTTPRoute default/lost would have been asked first, but is not attached here: the Gateway has no listener `htpp`",
        "a rule of HTTPRoute default/match might have been asked first: ",
        "default/there",
    ];
    for (url, told) in [
        ("http://shop.example/", &[0, 1, 2][..]),
        ("http://lost.example/", &[1, 2, 3]),
        ("http://match.example/", &[1, 2, 4]),
        ("http://other/", &[2]),
        // What is less specific than its own host is never asked.
        ("http://own.example/", &[]),
    ] {
        let (code, text) = explain(&folder, url);
        assert_eq!(code, Some(0), "{text}");
        for (at, words) in all.iter().enumerate() {
            assert_eq!(
                text.contains(words),
                told.contains(&at),
                "{words} in {text}"
            );
        }
    }
    let (_, text) = explain(&folder, "http://shop.example/");
    let place = "exact.yaml:7)";
    assert!(text.contains(place), "{place} in {text}");
}

/// Letters beyond ASCII are what keeps a route from its host.
#[test]
fn a_host_that_is_refused_for_its_letters_is_known_by_its_other_form() {
    let folder = good();
    folder.write("b.yaml", &for_host("b", "bücher.example", TO_A));
    let (_, text) = explain(&folder, "http://bücher.example/");
    let words = "HTTPRoute default/b would have been asked first, but was refused";
    assert!(text.contains(words), "{text}");
}

#[test]
fn where_requests_of_a_match_that_is_left_out_go_is_told() {
    let folder = good();
    folder.route(
        "shop",
        "[{matches: [{path: {type: RegularExpression, value: '/('}}], backendRefs: [{name: a, port: 80}]}]",
    );
    let text = check(&folder);
    for part in [
        "spec.rules[0].matches[0].path.value: ",
        "this match is left out: its requests go to the rules that fit without it",
        "the rule is left out: its requests go to the rules that fit without it, and are answered 404 where there is none",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn nobody_is_called_older_without_being_so() {
    let folder = good();
    let twin = gateway("127.0.0.1").replace("name: web", "name: twin");
    folder.write("twin.yaml", &twin);
    let lines = check(&folder);
    let words = "port 80 with all hostnames belongs to listener `http` of Gateway default/twin, which goes first by namespace and name";
    assert!(lines.contains(words), "{lines}");
    let old = "metadata: {name: web, creationTimestamp: '2020-01-01T00:00:00Z'}";
    let old = gateway("127.0.0.1").replace("metadata: {name: web}", old);
    folder.write("gateway.yaml", &old);
    let lines = check(&folder);
    let words = "belongs to listener `http` of the older Gateway default/web";
    assert!(lines.contains(words), "{lines}");
}

#[test]
fn the_file_of_a_certificate_that_is_no_good_is_told() {
    let folder = good();
    let secure =
        "    - {name: https, protocol: HTTPS, port: 443, tls: {certificateRefs: [{name: cert}]}}\n";
    folder.write("gateway.yaml", &(gateway("127.0.0.1") + secure));
    folder.write(
        "secret.yaml",
        "# words\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: cert}\ntype: kubernetes.io/tls\nstringData: {tls.crt: none, tls.key: none}\n",
    );
    let text = check(&folder);
    let line = text
        .lines()
        .find(|line| line.contains("spec.listeners[1].tls.certificateRefs[0]"));
    let line = line.unwrap_or_else(|| panic!("a finding in {text}"));
    assert!(line.contains("gateway.yaml:9: "), "{line}");
    let place = format!("Secret `cert` is at {}/secret.yaml:3", folder.arg());
    assert!(line.contains(&place), "{place} in {line}");
}

/// One log, whose lines can be put in order with others'.
#[test]
fn every_line_of_the_log_says_when_and_how_bad() {
    let ip = "127.20.13.1";
    let folder = Folder::new();
    folder.gateway(ip);
    folder.route("shop", "[{matchs: []}]");
    let gateway = Gateway::start(ip, &folder, &[]);
    let find = |words: &str| {
        until(words, || {
            let said = gateway.process.stderr();
            said.into_iter().find(|line| line.contains(words))
        })
    };
    let finding = find("unknown field `matchs`");
    assert!(finding.contains(" ERROR findings: "), "{finding}");
    folder.route("shop", "[]");
    let resolved = find("resolved: ");
    assert!(resolved.contains(" INFO findings: "), "{resolved}");
    for line in gateway.process.stderr() {
        let mut letters = line.chars();
        let begins = letters.by_ref().take(4).all(|one| one.is_ascii_digit());
        let time = line.split(' ').next().unwrap_or_default();
        let is_time = begins && letters.next() == Some('-') && time.ends_with('Z');
        assert!(is_time, "{line}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_with_a_way_out() {
    let ip = "127.20.13.2";
    let taken = TcpListener::bind((ip, 0)).expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let folder = Folder::new();
    folder.gateway(ip);
    let map = format!("80={port}");
    let gateway = Gateway::begin(ip, Some(folder.arg()), &["--port-map", &map]);
    let find = |gateway: &Gateway, words: &str| {
        until(words, || {
            let said = gateway.process.stderr();
            said.into_iter().find(|line| line.contains(words))
        })
    };
    let line = find(&gateway, "another process");
    for part in [
        "Gateway default/web spec.listeners[0]",
        &format!("{ip}:{port}"),
        "`--port-map 80=",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }

    // The example listens on all addresses.
    let map = format!("8080={port}");
    let gateway = Gateway::begin("127.20.13.3", None, &["--port-map", &map]);
    let line = find(&gateway, "another process");
    for part in [
        "Gateway default/quickstart",
        &format!(":{port}"),
        "`--port-map 8080=",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    until("the word about the example", || {
        let said = gateway.process.stdout();
        said.iter()
            .any(|line| line.contains("`--port-map 8080=PORT`"))
            .then_some(())
    });
}
