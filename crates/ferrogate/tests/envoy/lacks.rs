//! What Envoy cannot do, as every command says it, and as it is served.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ground::{gateway, start};
use crate::support::client::Client;
use crate::support::process::output;
use crate::support::{Echo, Folder, until};

/// Rules that Envoy cannot do, wholly or in part, beside others.
const RULES: &str = r#"
    - matches: [{path: {value: /cart}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /sessions}}]
      sessionPersistence: {type: Header, header: {name: x-cart}}
      backendRefs: [{name: shop, port: 80}, {name: more, port: 80}]
    - matches: [{path: {value: /cors}}]
      filters: [&cors {type: CORS, cors: {allowOrigins: ["https://a.test"], allowCredentials: true, exposeHeaders: ["*"]}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /share}}]
      backendRefs:
        - {name: shop, port: 80}
        - {name: more, port: 80, weight: 0}
    - matches: [{path: {value: /one}}]
      backendRefs:
        - name: shop
          port: 80
          filters: [*cors]
    - matches: [{path: {value: /match}, headers: [{name: x-drink, type: RegularExpression, value: "caf(\\xe9|e)"}]}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /match}}]
      backendRefs: [{name: more, port: 80}]
    - matches: [{path: {value: /guarded}, headers: [{name: x-drink, type: RegularExpression, value: "caf(\\xe9|e)"}]}]
      filters: [{type: URLRewrite, urlRewrite: {hostname: a.test}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /guarded}}]
      backendRefs: [{name: more, port: 80}]
"#;

/// Requests, each with whether it says what it drinks.
const REQUESTS: [(&str, bool); 9] = [
    ("/cart", false),
    ("/sessions", false),
    ("/cors", false),
    ("/share", false),
    ("/one", false),
    ("/match", true),
    ("/match", false),
    ("/guarded", true),
    ("/guarded", false),
];

/// A folder of these rules, of class `ferrogate`.
fn folder(ip: &str, shop: &Echo, more: &Echo) -> Folder {
    let folder = Folder::new();
    folder.write("gateway.yaml", &gateway("web", "ferrogate", ip, 80));
    folder.service("shop", shop.address);
    folder.service("more", more.address);
    folder.route("rules", RULES);
    folder
}

/// The lines that say what Envoy cannot do, without what a log puts before them.
fn lacks(lines: impl Iterator<Item = String>) -> BTreeSet<String> {
    let lines = lines.filter(|line| line.contains("Envoy cannot do"));
    let words = lines.map(|line| match line.split_once(" findings: ") {
        Some((_, words)) => words.to_owned(),
        None => line,
    });
    words.collect()
}

#[test]
fn check_says_before_a_start_what_run_would() {
    let ip = "127.34.7.1";
    let (shop, more) = (Echo::start(ip, 9101, "shop"), Echo::start(ip, 9102, "more"));
    let folder = folder(ip, &shop, &more);
    let check = |args: &[&str]| {
        let output = output(&[&["check", folder.arg()], args].concat());
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), lacks(text.lines().map(str::to_owned)))
    };
    assert_eq!(check(&[]), (Some(0), BTreeSet::new()));
    let (code, said) = check(&["--plane", "envoy"]);
    assert_eq!(code, Some(1));
    assert_eq!(said.len(), 5, "{said:#?}");
    let sessions = said.iter().find(|line| line.contains("rules[1]"));
    let sessions = sessions.expect("the rule is named");
    assert!(sessions.contains("write one backend"), "{sessions}");

    let gateway = start(ip, &folder, &["--plane", "envoy"]);
    let told = until("all of it", || {
        let told = lacks(gateway.process.stderr().into_iter());
        (told.len() >= said.len()).then_some(told)
    });
    assert_eq!(told, said);
}

#[test]
fn explain_says_what_envoy_does() {
    let ip = "127.34.7.2";
    let (shop, more) = (Echo::start(ip, 9101, "shop"), Echo::start(ip, 9102, "more"));
    let folder = folder(ip, &shop, &more);
    let gateway = start(ip, &folder, &["--plane", "envoy"]);
    let mut client = Client::connect(gateway.listener()).expect("it listens");
    let mut closed = 0;
    for (path, drinks) in REQUESTS {
        let field = "x-drink: cafe";
        let fields = if drinks { &[field][..] } else { &[] };
        let reply = client.request("GET", path, "localhost", fields);
        let reply = reply.expect("the connection stays");
        let url = format!("http://localhost{path}");
        let mut args = vec!["explain", folder.arg(), &url, "--plane", "envoy"];
        args.extend(["-o", "json"]);
        if drinks {
            args.extend(["-H", field]);
        }
        let by_command = output(&args);
        let told: Value = serde_json::from_slice(&by_command.stdout).expect("JSON");
        let query = if drinks {
            "&header=x-drink:%20cafe"
        } else {
            ""
        };
        let page = gateway.admin(&format!("/explain?output=json&url={url}{query}"));
        assert_eq!(page.json()["answer"], told["answer"], "{path}");
        let what = format!("{path} {drinks}: {reply:?}\n{told:#}");
        assert_eq!(told["listener"]["plane"], "Envoy", "{what}");
        if reply.status == 200 {
            assert_eq!(told["answer"], Value::Null, "{what}");
            let backend = format!("Service default/{}:80", reply.echo().expect("an echo"));
            assert_eq!(told["backends"][0]["backend"], backend, "{what}");
            assert_eq!(by_command.status.code(), Some(0), "{what}");
        } else {
            assert_eq!(told["answer"]["status"], reply.status, "{what}");
            let reason = reply.header("x-ferrogate-reason");
            assert_eq!(told["answer"]["reason"].as_str(), reason, "{what}");
            let why = told["answer"]["why"].as_str().unwrap_or_default();
            assert!(why.starts_with("Envoy cannot do "), "{what}");
            assert_eq!(by_command.status.code(), Some(1), "{what}");
            closed += 1;
        }
    }
    assert_eq!(closed, 5);
}
