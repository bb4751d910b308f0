//! `ferrogate explain`, and that it tells the truth.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fg_testkit::certificates::Authority;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::process::output;
use crate::support::{Echo, Folder, Gateway};

#[test]
fn the_command_explains_a_folder() {
    let folder = Folder::new();
    folder.gateway("127.0.0.1");
    folder.service("a", ([127, 0, 0, 1], 9001).into());
    folder.route(
        "shop",
        "[{matches: [{headers: [{name: x-a, value: b}]}], backendRefs: [{name: a, port: 80}]}]",
    );
    let ask = |more: &[&str]| {
        let mut args = vec!["explain", folder.arg(), "http://shop.example/cart?x=1"];
        args.extend(more);
        let output = output(&args);
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
        )
    };
    let (code, text) = ask(&["-H", "x-a: b"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("rule      HTTPRoute default/shop rule 0 match 0\n"),
        "{text}"
    );
    assert!(
        text.contains("GET /cart?x=1 HTTP/1.1\n          Host: shop.example\n          x-a: b\n"),
        "{text}"
    );
    let (code, text) = ask(&["-H", "x-a: c", "-X", "POST"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("answer    404 no_route"), "{text}");
    assert!(
        text.contains("it needs header x-a = b; the request has c"),
        "{text}"
    );
    let (code, text) = ask(&["-o", "json"]);
    assert_eq!(code, Some(1));
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["answer"]["status"], 404);
}

#[test]
fn whether_a_port_speaks_tls_is_told() {
    let issued = Authority::new("explain").issue(&["a.test"]);
    let [certificate, key] = [issued.certificate, issued.key].map(|pem| pem.replace('\n', "\\n"));
    let folder = Folder::new();
    folder.write(
        "gateway.yaml",
        &format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: ferrogate
  listeners:
    - {{name: http, protocol: HTTP, port: 80}}
    - {{name: https, protocol: HTTPS, port: 443, tls: {{certificateRefs: [{{name: web}}]}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: web}}
type: kubernetes.io/tls
stringData: {{tls.crt: \"{certificate}\", tls.key: \"{key}\"}}
"
        ),
    );
    folder.service("a", ([127, 0, 0, 1], 9001).into());
    folder.route("shop", "[{backendRefs: [{name: a, port: 80}]}]");
    for (url, code, words) in [
        ("http://a.test/", 0, "rule "),
        ("https://a.test/", 0, "rule "),
        ("a.test:443/", 0, "rule "),
        ("http://a.test:443/", 1, "port 443 is for TLS only"),
        ("http://a.test:443/", 1, "ask for https://a.test:443"),
        ("https://a.test:80/", 1, "port 80 speaks no TLS"),
    ] {
        let output = output(&["explain", folder.arg(), url]);
        let text = String::from_utf8(output.stdout).expect("text");
        assert_eq!(output.status.code(), Some(code), "{url}: {text}");
        assert!(text.contains(words), "{url}: {text}");
    }
}

#[test]
fn mapped_ports_and_errors_of_our_own_are_told() {
    let folder = Folder::new();
    folder.gateway("127.0.0.1");
    folder.service("a", ([127, 0, 0, 1], 9001).into());
    folder.route(
        "shop",
        "[{backendRefs: [{name: a, port: 80}]}, {matches: [{path: {value: /gone}}], backendRefs: [{name: gone, port: 80}]}]",
    );
    let ask = |url: &str, more: &[&str]| {
        let output = output(&[&["explain", folder.arg(), url], more].concat());
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text)
    };
    let (code, text) = ask("http://a:8080/", &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("none no_connection"), "{text}");
    let (code, text) = ask("http://a:8080/", &["--port-map", "80=8080"]);
    assert_eq!(code, Some(0), "{text}");
    // A rule has it, but only to answer 500.
    let (code, text) = ask("http://a/gone", &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("answer    500 "), "{text}");
}

/// A route on `web` for a host.
fn for_host(name: &str, host: &str, rules: &str) -> String {
    let route = crate::support::folder::route(name, rules);
    route.replace("  rules:", &format!("  hostnames: [{host}]\n  rules:"))
}

#[test]
fn only_errors_that_may_be_the_reason_are_told() {
    let folder = Folder::new();
    folder.gateway("127.0.0.1");
    for number in 0..20 {
        let (name, host) = (format!("far{number}"), format!("far{number}.example"));
        // A match that is left out, or a route that is refused as a whole.
        let rules = match number % 2 {
            0 => "[{matches: [{headers: [{name: a, type: RegularExpression, value: '('}]}]}]",
            _ => "[{matchs: []}]",
        };
        folder.write(&format!("{name}.yaml"), &for_host(&name, &host, rules));
    }
    let left_out = "[{matches: [{headers: [{name: a, type: RegularExpression, value: '('}]}]}]";
    folder.write("near.yaml", &for_host("near", "near.example", left_out));
    folder.write(
        "nigh.yaml",
        &for_host("nigh", "'*.example'", "[{matchs: []}]"),
    );
    // What it would ask for is not known.
    folder.route("refused", "[{matchs: []}]");
    let ask = |url: &str| {
        let output = output(&["explain", folder.arg(), url]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).expect("text")
    };
    let text = ask("http://near.example/a");
    assert!(text.contains("answer    404 no_route"), "{text}");
    let (_, told) = text.split_once("look at ").expect("something to look at");
    assert!(
        told.contains("HTTPRoute default/near spec.rules[0].matches[0]"),
        "{told}"
    );
    for refused in ["refused", "nigh"] {
        let about = format!("HTTPRoute default/{refused} spec.rules[0]");
        assert!(told.contains(&about), "{about} in {told}");
    }
    assert!(!told.contains("far"), "{told}");
    let more = "more errors elsewhere: `ferrogate check` lists them all\n";
    assert!(told.ends_with(more), "{told}");
}

#[test]
fn hosts_and_paths_beyond_ascii_are_asked_for_as_they_are_sent() {
    let folder = Folder::new();
    folder.gateway("127.0.0.1");
    folder.service("a", ([127, 0, 0, 1], 9001).into());
    let rules = "[{matches: [{path: {value: /caf%C3%A9}}], backendRefs: [{name: a, port: 80}]}]";
    folder.write("b.yaml", &for_host("b", "xn--bcher-kva.example", rules));
    let output = output(&["explain", folder.arg(), "http://bücher.example/café?x=1"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in [
        "GET /caf%C3%A9?x=1 (host xn--bcher-kva.example)\n",
        "note      `bücher.example` is sent as xn--bcher-kva.example, as browsers do\n",
        "rule      HTTPRoute default/b rule 0 match 0 host xn--bcher-kva.example\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // What is refused has a host as well.
    let output = self::output(&["explain", folder.arg(), "http://b.example/%2F"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.starts_with("GET /%2F (host b.example)\n"), "{text}");
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const HOSTS: [&str; 4] = ["", "a.example", "*.example", "b.a.example"];
const PATHS: [&str; 7] = ["/", "/x", "/x/y", "/x/y/z", "/xy", "/y", "/x/"];
const METHODS: [&str; 3] = ["", "GET", "POST"];

/// A route of random rules; each rule says in a header who it is.
fn route(numbers: &mut Numbers, name: &str) -> String {
    let mut rules = String::new();
    for rule in 0..1 + numbers.below(3) {
        let kind = numbers.one(&["PathPrefix", "Exact", "PathPrefix"]);
        let path = numbers.one(&PATHS);
        let mut more = String::new();
        if numbers.below(3) == 0 {
            more.push_str(", headers: [{name: x-a, value: b}]");
        }
        if numbers.below(4) == 0 {
            more.push_str(", queryParams: [{name: q, value: '1'}]");
        }
        match numbers.one(&METHODS) {
            "" => {}
            method => more.push_str(&format!(", method: {method}")),
        }
        // One backend is the echo server, the other does not exist: its share is answered 500.
        let backend = if numbers.below(5) == 0 { "gone" } else { "a" };
        writeln!(
            rules,
            "\n    - matches: [{{path: {{type: {kind}, value: {path}}}{more}}}]
      filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-rule, value: default/{name}-{rule}}}]}}}}]
      backendRefs: [{{name: {backend}, port: 80}}]"
        )
        .expect("text");
    }
    let host = match numbers.one(&HOSTS) {
        "" => String::new(),
        host => format!("  hostnames: ['{host}']\n"),
    };
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: web}}]
{host}  rules: {rules}"
    )
}

#[test]
fn it_names_the_rule_and_backend_that_serve() {
    let ip = "127.20.4.1";
    let echo = Echo::start(ip, 9001, "a");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("a", echo.address);
    let mut numbers = Numbers(7);
    for i in 0..12 {
        let name = format!("r{i}");
        folder.write(&format!("{name}.yaml"), &route(&mut numbers, &name));
    }
    let gateway = Gateway::start(ip, &folder, &[]);
    let mut client = Client::connect(gateway.listener()).expect("the listener accepts");
    let (mut served, mut refused, mut lost) = (0, 0, 0);
    for _ in 0..150 {
        let host = numbers.one(&["a.example", "b.example", "b.a.example", "other"]);
        let path = numbers.one(&["/", "/x", "/x/y", "/x/y/z/w", "/xyz", "/y/", "/x//y", "/q"]);
        let query = numbers.one(&["", "?q=1", "?q=2"]);
        let method = numbers.one(&["GET", "POST"]);
        let mut fields = vec!["Content-Length: 0"];
        fields.extend((numbers.below(2) == 0).then_some("x-a: b"));
        // What a client may not say about itself is no part of what is sent.
        fields.extend((numbers.below(4) == 0).then_some("X-Forwarded-For: 10.0.0.1"));
        let target = format!("{path}{query}");
        let reply = client
            .request(method, &target, host, &fields)
            .expect("an answer");

        let headers: String = fields
            .iter()
            .map(|field| format!("&header={}", field.replace(' ', "%20")))
            .collect();
        let url = format!("http://{host}:8080{}", target.replace('?', "%3F"));
        let page = format!("/explain?output=json&method={method}&url={url}{headers}");
        let told = gateway.admin(&page).json();
        let what = format!("{method} {host} {target} {fields:?}\n{reply:?}\n{told:#}");
        match reply.status {
            200 => {
                let rule = reply.json()["headers"]["x-rule"].clone();
                let told_rule =
                    format!("{}-{}", text(&told["rule"]["route"]), told["rule"]["rule"]);
                assert_eq!(rule, told_rule.as_str(), "{what}");
                assert_eq!(
                    told["backends"][0]["backend"], "Service default/a:80",
                    "{what}"
                );
                assert_eq!(names_told(&told), names_got(&reply.json()), "{what}");
                served += 1;
            }
            status => {
                assert_eq!(told["answer"]["status"], status, "{what}");
                let reason = reply.header("x-ferrogate-reason");
                assert_eq!(told["answer"]["reason"].as_str(), reason, "{what}");
                if status == 404 {
                    lost += 1
                } else {
                    refused += 1
                }
            }
        }
    }
    assert!(
        served > 20 && lost > 5 && refused > 5,
        "{served} {lost} {refused}"
    );
}

/// The names of the header fields that explain says are sent.
fn names_told(told: &Value) -> BTreeSet<String> {
    let sent = told["backends"][0]["sent"].as_array().expect("lines");
    let fields = sent.iter().skip(1).map(text);
    let names = fields.filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.to_ascii_lowercase()).collect()
}

/// The names of the header fields that the backend got, but for framing.
fn names_got(echo: &Value) -> BTreeSet<String> {
    let headers = echo["headers"].as_object().expect("headers");
    let names = headers.keys().filter(|name| *name != "content-length");
    names.cloned().collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
