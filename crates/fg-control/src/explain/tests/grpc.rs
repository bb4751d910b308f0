//! Calls of gRPC methods, in their words.

use fg_api::Resource;
use fg_model::kinds;
use serde_json::json;

use super::{ask, backend, gateway, listener, object};

const CALL: &str = "content-type: application/grpc\nte: trailers";

fn carts() -> Vec<Resource> {
    let rules = json!([
        {"backendRefs": [{"name": "gone", "port": 80}]},
        {"name": "carts",
         "matches": [
            {"method": {"service": "shop.v1.Carts", "method": "Add"}},
            {"method": {"service": "shop.v1.Carts"}, "headers": [{"name": "x-beta", "value": "yes"}]},
            {"method": {"type": "RegularExpression", "method": "Get.*"}},
         ],
         "backendRefs": [{"name": "one", "port": 80}]},
    ]);
    let spec = json!({"parentRefs": [{"name": "web"}], "rules": rules});
    let mut resources = vec![
        gateway(listener(80)),
        Resource::GrpcRoute(object(kinds::GRPC_ROUTE, "carts", spec)),
    ];
    resources.extend(backend("one"));
    resources
}

#[test]
fn calls_of_grpc_methods_are_explained_in_their_words() {
    let asked = |path: &str| {
        let head = format!("POST {path} HTTP/1.1\nhost: a\n{CALL}");
        ask(&carts(), None, &head)
    };
    let found = asked("/shop.v1.Carts/Add");
    let rule = found.rule.as_ref().expect("a rule");
    assert_eq!(rule.kind, "GRPCRoute");
    assert_eq!(rule.matches, "gRPC method shop.v1.Carts/Add");
    let others: Vec<_> = found
        .others
        .iter()
        .map(|other| format!("{}: {}", other.step.matches, other.why))
        .collect();
    assert_eq!(
        others,
        [
            "gRPC service shop.v1.Carts, header x-beta = yes: does not fit: it needs header x-beta = yes; the request has none",
            "gRPC method matching Get.* of any service: does not fit: gRPC method matching Get.* of any service",
            "every gRPC method: fits too, but an exact service wins",
        ]
    );
    assert_eq!(found.backends[0].sent[0], "POST /shop.v1.Carts/Add HTTP/2");
    assert!(
        found
            .to_string()
            .contains("GRPCRoute default/carts rule 1 `carts`")
    );

    let found = asked("/bank.Cards/Put");
    let answer = found.answer.as_ref().expect("an answer");
    assert_eq!(answer.grpc.as_deref(), Some("14 UNAVAILABLE"));
    assert!(
        found
            .to_string()
            .contains("500 invalid_backend (grpc-status 14 UNAVAILABLE): "),
        "{found}"
    );
}

#[test]
fn a_call_that_no_route_takes_is_unimplemented() {
    let resources = [gateway(listener(80))];
    let head = format!("POST /a/B HTTP/1.1\nhost: a\n{CALL}");
    let answer = ask(&resources, None, &head).answer.expect("an answer");
    assert_eq!(answer.grpc.as_deref(), Some("12 UNIMPLEMENTED"));
    let plain = ask(&resources, None, "POST /a/B HTTP/1.1\nhost: a");
    assert_eq!(plain.answer.expect("an answer").grpc, None);
}
