//! From objects to conditions: every condition that routing needs, with its reason.

mod classes;
mod cluster;
mod findings;
mod gateways;
mod routes;
mod sets;
mod tls;

use fg_testkit::objects::objects;
use fg_translate::{Options, Translator};
use serde_json::Value;

use super::{Ack, Acknowledgements, document};

fn translated(yaml: &str) -> Translator {
    let mut translator = Translator::new(Options::default());
    translator.apply(&objects(yaml), &[]);
    translator
}

/// All listeners are bound.
fn bound(translator: &Translator) -> Acknowledgements {
    let mut acks = Acknowledgements::default();
    for listener in translator.ir().listeners.keys() {
        acks.take(Ack {
            listener: listener.clone(),
            bound: Ok(()),
        });
    }
    acks
}

/// The document of an object by kind and name.
fn shown(
    translator: &Translator,
    acks: &Acknowledgements,
    kind: (&str, &str),
    name: &str,
) -> Value {
    let (_, report) = translator
        .reports()
        .iter()
        .find(|(id, _)| id.is(kind) && &*id.name == name)
        .expect("there is a report");
    serde_json::to_value(document(report, acks)).expect("it serializes")
}

/// `Accepted=True/Accepted`, for each condition, in their order; generations must be `generation`.
fn conditions(holder: &Value, generation: i64) -> Vec<String> {
    let list = holder["conditions"].as_array().expect("conditions");
    list.iter()
        .map(|condition| {
            assert_eq!(condition["observedGeneration"], generation, "{condition}");
            assert!(!condition["message"].as_str().expect("a message").is_empty());
            let word = |field: &str| condition[field].as_str().expect("a word").to_owned();
            format!("{}={}/{}", word("type"), word("status"), word("reason"))
        })
        .collect()
}

const ROUTE: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}, {name: own, port: 81, appProtocol: example.com/own}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, generation: 5}
spec:
";

/// A Gateway of generation 3.
fn gateway(rest: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, generation: 3}}
spec:
  gatewayClassName: ferrogate
{rest}
"
    )
}

const PLAIN: &str = "  listeners: [{name: http, port: 80, protocol: HTTP}]";
