//! Questions about small configurations, and what is told.

mod envoy;
mod grpc;
mod suspects;
mod way;

use std::net::Ipv4Addr;
use std::sync::Arc;

use fg_api::{Meta, Object, Resource};
use fg_exchange::Request;
use fg_http::Limits;
use fg_http::h1::parse_request;
use fg_model::{ObjectRef, Place, Plane, kinds};
use fg_translate::{Options, Translator};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Asking, Explanation, Question, explain};

fn object<S: DeserializeOwned>(kind: (&str, &str), name: &str, spec: Value) -> Arc<Object<S>> {
    Arc::new(Object {
        id: Arc::new(ObjectRef::new(kind.0, kind.1, "default", name)),
        meta: Meta {
            generation: 1,
            ..Meta::default()
        },
        spec: serde_json::from_value(spec).expect("a spec"),
    })
}

fn gateway(spec: Value) -> Resource {
    Resource::Gateway(object(kinds::GATEWAY, "web", spec))
}

fn route(name: &str, rules: Value) -> Resource {
    let spec = json!({"parentRefs": [{"name": "web"}], "rules": rules});
    Resource::HttpRoute(object(kinds::HTTP_ROUTE, name, spec))
}

fn backend(name: &str) -> [Resource; 2] {
    let service = json!({"ports": [{"name": "http", "port": 80}]});
    let slice = json!({
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 9000}],
        "endpoints": [{"addresses": ["10.0.0.1"]}],
    });
    let slice: Arc<Object<_>> = object(kinds::ENDPOINT_SLICE, name, slice);
    let mut slice = Arc::unwrap_or_clone(slice);
    let label = ("kubernetes.io/service-name".into(), name.into());
    slice.meta.labels.extend([label]);
    [
        Resource::Service(object(kinds::SERVICE, name, service)),
        Resource::EndpointSlice(Arc::new(slice)),
    ]
}

fn listener(port: u16) -> Value {
    json!({
        "gatewayClassName": "ferrogate",
        "listeners": [{"name": "http", "protocol": "HTTP", "port": port}],
    })
}

fn ask(resources: &[Resource], port: Option<u16>, head: &str) -> Explanation {
    ask_on(Plane::Native, resources, port, head)
}

/// As [`ask`], of a data plane that serves all Gateways.
fn ask_on(plane: Plane, resources: &[Resource], port: Option<u16>, head: &str) -> Explanation {
    let mut translator = Translator::new(Options {
        plane: Some(plane),
        ..Options::default()
    });
    translator.apply(resources, &[]);
    let findings: Vec<_> = translator.findings().cloned().collect();
    let head = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
    let request = || {
        let mut request = Request::new();
        request.head.bytes_mut().extend_from_slice(head.as_bytes());
        parse_request(&mut request, &Limits::default())
            .expect("a good head")
            .expect("a whole head");
        request
    };
    explain(
        translator.ir(),
        &Question {
            request: &request,
            port,
            is_secure: None,
            client: Ipv4Addr::LOCALHOST.into(),
            findings: &findings,
            asking: &|host| asking(resources, host),
            locate: &|origin| {
                (&*origin.object.kind == "HTTPRoute").then(|| Place {
                    file: "routes.yaml".into(),
                    line: 7,
                })
            },
            plane: &|_| plane,
            announce: &|request| request.head.set("x-announced", b"yes"),
        },
    )
}

fn asking(resources: &[Resource], host: &str) -> Asking {
    let mut asking = Asking::default();
    for resource in resources {
        let Resource::HttpRoute(route) = resource else {
            continue;
        };
        if route.spec.hostnames.iter().any(|name| &**name == host) {
            let named = route.origin().at("spec.hostnames[0]");
            asking.by_name.push(named);
        } else if !route.spec.hostnames.is_empty() {
            asking.others.insert(route.id.clone());
        }
    }
    asking
}

fn shop() -> Vec<Resource> {
    let rules = json!([
        {"backendRefs": [
            {"name": "one", "port": 80, "weight": 90},
            {"name": "gone", "port": 80, "weight": 10},
        ]},
        {"name": "cart",
         "matches": [
            {"path": {"type": "PathPrefix", "value": "/cart"}, "method": "POST"},
            {"path": {"type": "PathPrefix", "value": "/cart"}},
         ],
         "filters": [
            {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}},
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}},
         ],
         "backendRefs": [{"name": "one", "port": 80}]},
        {"matches": [{"path": {"type": "Exact", "value": "/old"}}],
         "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "new.com", "statusCode": 301}}]},
    ]);
    let mut resources = vec![gateway(listener(80)), route("shop", rules)];
    resources.extend(backend("one"));
    resources
}
