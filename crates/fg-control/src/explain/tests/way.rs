//! The way of a request that is served: rule, policies, backends, what is sent, and who lost.

use fg_api::Resource;
use fg_model::kinds;
use serde_json::{Value, json};

use super::{ask, backend, gateway, listener, object, route, shop};
use crate::explain::{PolicyStep, Source};

#[test]
fn the_whole_way_is_told() {
    let explanation = ask(
        &shop(),
        Some(80),
        "GET /cart/a?q=1 HTTP/1.1\nHost: shop.com\nA: c",
    );
    let rule = explanation.rule.as_ref().expect("a rule");
    assert_eq!((rule.rule, rule.match_index), (1, 1));
    assert_eq!(rule.matches, "path prefix /cart");
    assert_eq!(
        rule.source,
        Source {
            object: "HTTPRoute default/shop".to_owned(),
            field: "spec.rules[1]".to_owned(),
            place: Some("routes.yaml:7".to_owned()),
        }
    );
    let policies: Vec<_> = explanation.policies.iter().map(|p| &*p.policy).collect();
    assert_eq!(policies, ["header_modifier", "url_rewrite"]);
    assert_eq!(explanation.answer, None);
    let [backend] = explanation.backends.as_slice() else {
        panic!("one backend: {explanation:#?}");
    };
    assert_eq!(backend.share, 10_000);
    assert_eq!(backend.endpoints, ["10.0.0.1:9000"]);
    assert_eq!(
        backend.sent,
        [
            "GET /x/a?q=1 HTTP/1.1",
            "Host: shop.com",
            "x-announced: yes",
            "a: b"
        ]
    );
}

#[test]
fn configured_credentials_are_not_told() {
    let rules = json!([{
        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {
            "set": [{"name": "Authorization", "value": "Bearer hunter2"}],
            "add": [{"name": "X-Auth-Token", "value": "hunter2"}, {"name": "x-team", "value": "blue"}],
        }}],
        "backendRefs": [{"name": "one", "port": 80, "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {
                "set": [{"name": "x-api-key", "value": "hunter2"}]}},
        ]}],
    }]);
    let mut resources = vec![gateway(listener(80)), route("shop", rules)];
    resources.extend(backend("one"));
    let head = "GET / HTTP/1.1\nHost: h\nAuthorization: mine\nX-Auth-Token: mine\nCookie: a=b";
    let explanation = ask(&resources, Some(80), head);
    assert_eq!(
        explanation.backends[0].sent,
        [
            "GET / HTTP/1.1",
            "Host: h",
            "X-Auth-Token: mine",
            "Cookie: a=b",
            "x-announced: yes",
            "authorization: [redacted]",
            "x-auth-token: [redacted]",
            "x-team: blue",
            "x-api-key: [redacted]",
        ]
    );
    let json = serde_json::to_string(&explanation).expect("it serializes");
    assert!(!json.contains("hunter2"), "{json}");
    assert!(!explanation.to_string().contains("hunter2"));
}

#[test]
fn the_others_say_why_they_lost() {
    let explanation = ask(&shop(), Some(80), "GET /cart HTTP/1.1\nHost: shop.com");
    let others: Vec<_> = explanation
        .others
        .iter()
        .map(|other| (other.step.rule, other.fits, &*other.why))
        .collect();
    assert_eq!(
        others,
        [
            (1, false, "does not fit: it is for method POST"),
            (0, true, "fits too, but the longer prefix wins"),
        ]
    );
}

#[test]
fn a_redirect_is_shown_with_its_target() {
    let explanation = ask(&shop(), Some(80), "GET /old HTTP/1.1\nHost: shop.com");
    let answer = explanation.answer.expect("an answer");
    assert_eq!(answer.status, 301);
    assert_eq!(answer.headers, ["location: http://new.com/old"]);
    assert_eq!(explanation.backends, []);
}

#[test]
fn policies_name_their_own_lines() {
    let rules = json!([{
        "timeouts": {"request": "5s"},
        "filters": [
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["a"]}},
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}},
        ],
        "backendRefs": [{"name": "one", "port": 80,
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["b"]}}]}],
    }]);
    let mut resources = vec![gateway(listener(80)), route("shop", rules)];
    resources.extend(backend("one"));
    let explanation = ask(&resources, Some(80), "GET / HTTP/1.1\nHost: shop.com");
    let fields = |steps: &[PolicyStep]| -> Vec<String> {
        let sources = steps.iter().flat_map(|step| &step.sources);
        sources.map(|source| source.field.clone()).collect()
    };
    assert_eq!(
        fields(&explanation.policies),
        [
            "spec.rules[0].timeouts",
            "spec.rules[0].filters[0]",
            "spec.rules[0].filters[1]",
        ]
    );
    assert_eq!(
        fields(&explanation.backends[0].policies),
        ["spec.rules[0].backendRefs[0].filters[0]"]
    );
}

#[test]
fn the_text_is_for_people() {
    let text = ask(&shop(), Some(80), "GET /cart HTTP/1.1\nHost: shop.com").to_string();
    let expected = "\
GET /cart (host shop.com)

listener  default/web http: port 80, every host
          Gateway default/web spec.listeners[0]
rule      HTTPRoute default/shop rule 1 `cart` match 1
          matches path prefix /cart
          HTTPRoute default/shop spec.rules[1] (routes.yaml:7)
others    HTTPRoute default/shop rule 1 `cart` match 0: path prefix /cart, method POST
            does not fit: it is for method POST
          HTTPRoute default/shop rule 0 match 0: path prefix /
            fits too, but the longer prefix wins
policies  header_modifier: request headers: set a: b
            HTTPRoute default/shop spec.rules[1].filters[1] (routes.yaml:7)
          url_rewrite: ";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains("\nbackends  100 % (weight 1) Service default/one:80 → 10.0.0.1:9000\n"),
        "{text}"
    );
    assert!(
        text.contains("\nsent      GET /x HTTP/1.1\n          Host: shop.com\n"),
        "{text}"
    );
}

#[test]
fn the_tls_of_a_backend_is_told_with_its_policy() {
    let policy = |validation: Value| {
        let spec = json!({
            "targetRefs": [{"group": "", "kind": "Service", "name": "shop"}],
            "validation": validation,
        });
        Resource::BackendTlsPolicy(object(kinds::BACKEND_TLS_POLICY, "secure", spec))
    };
    let mut all = vec![
        gateway(listener(80)),
        route(
            "shop",
            json!([{"backendRefs": [{"name": "shop", "port": 80}]}]),
        ),
    ];
    all.extend(backend("shop"));
    let get = "GET / HTTP/1.1\nHost: a.example";
    let plain = ask(&all, None, get);
    assert_eq!(plain.backends[0].tls, None);

    let names = json!([{"type": "URI", "uri": "spiffe://a/b"}]);
    let good = json!({"hostname": "shop.example", "wellKnownCACertificates": "System", "subjectAltNames": names});
    all.push(policy(good));
    let text = ask(&all, None, get).to_string();
    assert!(
        text.contains("over TLS to shop.example: a certificate for spiffe://a/b, signed by System")
            && text.contains("BackendTLSPolicy default/secure"),
        "{text}"
    );

    all.push(policy(
        json!({"hostname": "shop.example", "wellKnownCACertificates": "own.io/x"}),
    ));
    let closed = ask(&all, None, get);
    let answer = closed.answer.expect("the gateway answers");
    assert_eq!(answer.status, 500);
    assert!(answer.why.contains("`secure`"), "{}", answer.why);
}

#[test]
fn a_preflight_is_explained_by_the_rule_of_the_method_that_it_asks_about() {
    let rules = json!([
        {
            "matches": [{"method": "PUT"}],
            "filters": [{"type": "CORS", "cors": {"allowOrigins": ["https://a.com"]}}],
            "backendRefs": [{"name": "a", "port": 80}],
        },
        {"backendRefs": [{"name": "a", "port": 80}]},
    ]);
    let mut resources = vec![gateway(listener(80)), route("shop", rules)];
    resources.extend(backend("a"));
    let head = |method: &str| {
        format!(
            "OPTIONS / HTTP/1.1\nHost: x\nOrigin: https://a.com\n\
             Access-Control-Request-Method: {method}"
        )
    };
    let explanation = ask(&resources, None, &head("PUT"));
    assert_eq!(explanation.rule.expect("a rule").rule, 0);
    assert_eq!(explanation.answer.expect("an answer").status, 204);
    assert!(explanation.notes.iter().any(|note| note.contains("PUT")));
    let explanation = ask(&resources, None, &head("GET"));
    assert_eq!(explanation.rule.expect("a rule").rule, 1);
    assert_eq!(explanation.answer, None);
}
