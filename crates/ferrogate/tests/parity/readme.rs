//! Every example of every policy's README as a scene.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::markdown::{self, Example};
use crate::scene::{Backend, Certificate, Does, Exchange, Scene, Tls};

/// The scenes, named after policy and number: `cors-0`.
pub(crate) fn all() -> Vec<Scene> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fg-policies/src");
    let mut scenes = Vec::new();
    for meta in fg_policies::traffic::ALL {
        let path = source.join(meta.name).join("README.md");
        let text = std::fs::read_to_string(path).expect("every policy has a README");
        for (number, example) in markdown::examples(&text).iter().enumerate() {
            let name = format!("{}-{number}", meta.name.replace('_', "-"));
            scenes.push(scene(name, example));
        }
    }
    scenes
}

fn scene(name: String, example: &Example) -> Scene {
    let mut rule: Value = serde_saphyr::from_str(&example.yaml).expect("a rule");
    let redirects = example.yaml.contains("RequestRedirect");
    if rule["backendRefs"].is_null() && !redirects {
        rule["backendRefs"] = json!([{"name": "shop", "port": 80}]);
    }
    let mut backends = BTreeMap::new();
    references(&rule, &mut backends);
    // What a part of the requests gets, they get by chance.
    let by_chance = example.yaml.contains("percent:") || example.yaml.contains("fraction:");
    let mirrors = example.yaml.contains("RequestMirror") && !backends.is_empty();
    let mut exchanges: Vec<Exchange> = example.exchanges.iter().map(exchange).collect();
    if exchanges.is_empty() && !by_chance {
        exchanges.push(Exchange {
            send: "GET shop.example.com /".to_owned(),
            arrivals: mirrors.then_some(backends.len()),
            ..Exchange::default()
        });
    }
    for exchange in &mut exchanges {
        for place in ["set-cookie", "x-session"] {
            if example.yaml.contains("sessionPersistence") {
                let place = format!("reply.header.{place}");
                exchange.keep.insert(format!("token {place}"), place);
            }
        }
    }
    Scene {
        listeners: listeners(&exchanges),
        certificates: BTreeMap::from([(
            "example".to_owned(),
            Certificate {
                names: vec!["example.com".to_owned()],
                by: "authority".to_owned(),
            },
        )]),
        objects: vec![json!({
            "kind": "HTTPRoute", "metadata": {"name": "example"}, "spec": {"rules": [rule]},
        })],
        name,
        backends,
        exchanges,
        ..Scene::default()
    }
}

fn listeners(exchanges: &[Exchange]) -> Vec<Value> {
    let mut listeners = vec![json!({"name": "http", "protocol": "HTTP", "port": 80})];
    if exchanges.iter().any(|one| one.port == Some(8080)) {
        listeners.push(json!({"name": "other", "protocol": "HTTP", "port": 8080}));
    }
    if exchanges.iter().any(|one| one.tls.is_some()) {
        listeners.push(json!({
            "name": "https", "protocol": "HTTPS", "port": 443,
            "tls": {"certificateRefs": [{"name": "example"}]},
        }));
    }
    listeners
}

/// Services for all references that shall work: those that do not are called `missing`.
fn references(value: &Value, into: &mut BTreeMap<String, Backend>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| references(one, into)),
        Value::Object(fields) => {
            let calls_grpc = value["protocol"] == "GRPC";
            for (field, one) in fields {
                let list = std::slice::from_ref(one);
                let list = one.as_array().map_or(list, Vec::as_slice);
                if field == "backendRef" || field == "backendRefs" {
                    for reference in list {
                        reference_of(reference, calls_grpc, into);
                    }
                }
                references(one, into);
            }
        }
        _ => {}
    }
}

fn reference_of(reference: &Value, grpc: bool, into: &mut BTreeMap<String, Backend>) {
    let name = reference["name"].as_str().unwrap_or_default();
    if name.starts_with("missing") {
        return;
    }
    let does = match (name, grpc) {
        ("auth", false) => Does::Decide,
        ("auth", true) => Does::Permit,
        _ => Does::Answer,
    };
    let backend = Backend {
        does,
        port: reference["port"]
            .as_u64()
            .and_then(|port| port.try_into().ok()),
        namespace: reference["namespace"].as_str().map(str::to_owned),
        ..Backend::default()
    };
    into.insert(name.to_owned(), backend);
}

fn exchange(shown: &markdown::Exchange) -> Exchange {
    let mut lines = shown.request.clone();
    let mut exchange = Exchange::default();
    let first = lines[0].clone();
    if let Some(rest) = first.split_once(" https://").map(|(_, rest)| rest) {
        let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        lines[0] = format!("GET {target}");
        lines.insert(1, format!("Host: {host}"));
        exchange.tls = Some(Tls {
            name: host.to_owned(),
            shows: None,
        });
    }
    if lines
        .iter()
        .any(|line| line.starts_with("Host:") && line.ends_with(":8080"))
    {
        exchange.port = Some(8080);
    }
    exchange.send = lines.join("\n");
    if !shown.answer.is_empty() {
        exchange.answer = vec![shown.answer.join("\n")];
    }
    if !shown.said.is_empty() {
        exchange.said = Some(shown.said.join("\n"));
    }
    exchange
}
