//! Every expression that we take and that names ASCII only, Envoy takes as well: its RE2 knows what is kept of the syntax, and
//! every class by the spelling that is kept.

use std::process::Command;

use fg_model::Pattern;
use fg_testkit::envoy::{VERSIONS, program};
use serde_json::{Value, json};

/// Expressions of every kind that is taken, and of the sizes that are.
const TAKEN: &[&str] = &[
    "a|bc|",
    "()",
    "(?m)^a$",
    "(?i-s:a.)(?U)b+",
    "(?P<n>a)(?<m>b)",
    r"\Aa\z",
    r"\Qa.b\E+",
    r"\d\D\s\S\w\W\b\B",
    r"\x41\x{7F}\123\a\f\v",
    r"[[:^alpha:]_-][^\d\s][a&&b][]a]",
    r"\pN\PN\p{^Lu}",
    "a{3}b{2,}c{1,5}?d*?",
    "x{1000}",
    "(?:ab){500}",
    "(?:(?:x{10}){10}){10}",
    r"(?:\pL[^a]){5}",
];

/// The classes by name, as the source of the crate lists them.
fn classes() -> Vec<String> {
    let source = include_str!("../src/pattern/class.rs");
    let lists = source.split("const CATEGORIES").nth(1).expect("the lists");
    let (lists, _) = lists.split_once("/// Translates").expect("their end");
    let names = lists.split('"').skip(1).step_by(2);
    names.map(|name| format!(r"\p{{{name}}}")).collect()
}

/// A configuration with a route for each expression.
fn bootstrap(expressions: &[String]) -> Value {
    let route = |regex: &String| {
        json!({
            "match": {"safe_regex": {"regex": regex}},
            "direct_response": {"status": 200},
        })
    };
    let routes: Vec<Value> = expressions.iter().map(route).collect();
    let types = "type.googleapis.com/envoy.extensions.filters";
    let router = json!({"@type": format!("{types}.http.router.v3.Router")});
    let manager = json!({
        "@type": format!(
            "{types}.network.http_connection_manager.v3.HttpConnectionManager"
        ),
        "stat_prefix": "http",
        "http_filters": [{"name": "router", "typed_config": router}],
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
        },
    });
    let filter = json!({"name": "http", "typed_config": manager});
    // As `fg_deploy::bootstrap` has it: how large an expression may be we say ourselves.
    let size = json!({"re2.max_program_size.error_level": 1 << 20});
    json!({
        "layered_runtime": {"layers": [{"name": "static", "static_layer": size}]},
        "static_resources": {"listeners": [{
            "name": "http",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [filter]}],
        }]},
    })
}

#[test]
fn envoy_takes_what_we_take() {
    let mut expressions = classes();
    assert!(expressions.len() > 150, "{expressions:?}");
    expressions.extend(TAKEN.iter().map(|taken| (*taken).to_owned()));
    for expression in &expressions {
        let pattern = Pattern::new(expression);
        let pattern = pattern.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(pattern.lacks_on_envoy(), None, "{expression}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bootstrap.json");
    std::fs::write(&file, bootstrap(&expressions).to_string()).expect("a file");
    for version in VERSIONS {
        let mut envoy = Command::new(program(version));
        envoy.args([
            "--mode",
            "validate",
            "--log-level",
            "error",
            "--config-path",
        ]);
        let said = envoy.arg(&file).output().expect("Envoy runs");
        let words = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "Envoy {version}: {words}");
    }
}
