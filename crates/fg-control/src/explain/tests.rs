use std::net::Ipv4Addr;

use fg_api::{Meta, Object, Resource};
use fg_http::Limits;
use fg_http::h1::parse_request;
use fg_model::kinds;
use fg_translate::{Options, Translator};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

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

fn asking(resources: &[Resource], host: &str) -> Vec<Origin> {
    let named = resources.iter().filter_map(|resource| match resource {
        Resource::HttpRoute(route) if route.spec.hostnames.iter().any(|name| &**name == host) => {
            Some(route.origin().at("spec.hostnames[0]"))
        }
        _ => None,
    });
    named.collect()
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
fn a_broken_share_names_its_line() {
    let explanation = ask(&shop(), Some(80), "GET / HTTP/1.1\nHost: shop.com");
    let broken = &explanation.backends[1];
    assert_eq!(broken.share, 1_000);
    let answer = broken.answer.as_ref().expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (500, "invalid_backend"));
    assert_eq!(broken.source.field, "spec.rules[0].backendRefs[1]");
    assert_eq!(explanation.hints[0].source.as_ref(), Some(&broken.source));
    assert_eq!(explanation.answer, None, "the other share is served");
}

#[test]
fn no_rule_lists_what_is_near() {
    let rules = json!([{
        "matches": [{"path": {"type": "PathPrefix", "value": "/a"}, "headers": [{"name": "x", "value": "1"}]}],
        "backendRefs": [{"name": "one", "port": 80}],
    }]);
    let mut resources = vec![gateway(listener(80)), route("shop", rules)];
    resources.extend(backend("one"));
    let explanation = ask(&resources, Some(80), "GET /a HTTP/1.1\nHost: h\nX: 2");
    assert!(!explanation.is_served());
    let answer = explanation.answer.as_ref().expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (404, "no_route"));
    assert_eq!(
        explanation.others[0].why,
        "does not fit: it needs header x = 1; the request has 2"
    );
    let explanation = ask(&resources, Some(80), "GET /b HTTP/1.1\nHost: h");
    assert_eq!(
        explanation.others[0].why,
        "does not fit: the path is another"
    );
}

#[test]
fn no_listener_lists_those_there_are() {
    let mut spec = listener(8080);
    spec["listeners"][0]["hostname"] = json!("*.shop.com");
    let resources = [gateway(spec)];
    let explanation = ask(&resources, None, "GET / HTTP/1.1\nHost: other.com");
    assert_eq!(explanation.notes.len(), 1, "the only port was taken");
    let answer = explanation.answer.as_ref().expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (404, "no_listener"));
    assert_eq!(
        explanation.hints[0].text,
        "listener `default/web/http` on port 8080 serves *.shop.com only"
    );
    let explanation = ask(&resources, Some(81), "GET / HTTP/1.1\nHost: a.shop.com");
    assert_eq!(
        explanation.hints[0].text,
        "no listener has port 81; there are listeners on 8080"
    );
}

#[test]
fn errors_of_routes_are_suspects() {
    let rules = json!([{"backendRefs": [{"name": "one", "port": 80}]}]);
    let spec = json!({"parentRefs": [{"name": "web", "sectionName": "nope"}], "rules": rules});
    let resources = [
        gateway(listener(80)),
        Resource::HttpRoute(object(kinds::HTTP_ROUTE, "lost", spec)),
    ];
    let explanation = ask(&resources, Some(80), "GET / HTTP/1.1\nHost: h");
    let told = explanation.hints.iter().any(|hint| {
        let source = hint.source.as_ref();
        source.is_some_and(|source| source.object == "HTTPRoute default/lost")
    });
    assert!(told, "{:#?}", explanation.hints);
}

#[test]
fn a_route_that_asked_for_the_host_says_why_it_does_not_serve() {
    let spec = |name: &str, parent: Value| {
        let spec = json!({"parentRefs": [parent], "hostnames": ["shop.com"],
            "rules": [{"backendRefs": [{"name": "one", "port": 80}]}]});
        Resource::HttpRoute(object(kinds::HTTP_ROUTE, name, spec))
    };
    let mut listeners = listener(80);
    let other = json!({"name": "other", "protocol": "HTTP", "port": 81});
    let list = listeners["listeners"].as_array_mut();
    list.expect("a list").push(other);
    let resources = [
        gateway(listeners),
        spec("elsewhere", json!({"name": "web", "sectionName": "other"})),
        spec("lost", json!({"name": "web", "sectionName": "nope"})),
    ];
    let explanation = ask(&resources, Some(80), "GET / HTTP/1.1\nHost: shop.com");
    let told: Vec<_> = explanation
        .hints
        .iter()
        .filter_map(|hint| Some((&*hint.source.as_ref()?.object, &*hint.text)))
        .collect();
    let elsewhere = "asks for this host, but on `default/web/other` only";
    assert!(
        told.contains(&("HTTPRoute default/elsewhere", elsewhere)),
        "{told:#?}"
    );
    let lost = "asks for this host, but none of its rules is attached to a listener";
    let lost = told
        .iter()
        .position(|one| *one == ("HTTPRoute default/lost", lost));
    let (object, why) = told[lost.expect("the lost route") + 1];
    assert_eq!(object, "HTTPRoute default/lost");
    assert!(why.contains("nope"), "{why}");
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

#[test]
fn what_is_wrong_in_the_rule_is_said() {
    let mirror = json!([{
        "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "gone", "port": 80}}}],
        "backendRefs": [{"name": "a", "port": 80}],
    }]);
    let mut all = vec![gateway(listener(80)), route("shop", mirror)];
    all.extend(backend("a"));
    let explanation = ask(&all, None, "GET / HTTP/1.1\nHost: a");
    assert!(explanation.is_served(), "without its copies");
    let hint = explanation.hints.first().expect("a hint");
    assert!(hint.text.contains("gone"), "{hint:?}");
    let field = hint.source.as_ref().map(|source| &*source.field);
    assert!(
        field.is_some_and(|field| field.starts_with("spec.rules[0].filters[0]")),
        "{hint:?}"
    );

    let auth = json!([{
        "filters": [{"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}, "backendRef": {"name": "gone", "port": 80}}}],
        "backendRefs": [{"name": "a", "port": 80}],
    }]);
    let mut all = vec![gateway(listener(80)), route("shop", auth)];
    all.extend(backend("a"));
    let explanation = ask(&all, None, "GET / HTTP/1.1\nHost: a");
    assert!(!explanation.is_served());
    assert_eq!(
        explanation.answer.as_ref().map(|answer| answer.status),
        Some(500)
    );
    let cause = |hint: &Hint| {
        let field = hint.source.as_ref().map_or("", |source| &source.field);
        hint.text.contains("gone") && field.contains("externalAuth.backendRef")
    };
    assert!(
        explanation.hints.iter().any(cause),
        "{:?}",
        explanation.hints
    );
}

#[test]
fn a_listener_without_a_certificate_takes_no_connection() {
    let spec = json!({
        "gatewayClassName": "ferrogate",
        "listeners": [{
            "name": "https", "protocol": "HTTPS", "port": 443,
            "tls": {"certificateRefs": [{"name": "gone"}]},
        }],
    });
    let all = [gateway(spec), route("shop", json!([{}]))];
    let explanation = ask(&all, Some(443), "GET / HTTP/1.1\nHost: a");
    let answer = explanation.answer.expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (0, "no_connection"));
    let hints = &explanation.hints;
    assert!(
        hints.iter().any(|hint| hint.text.contains("gone")),
        "{hints:?}"
    );
}

/// Rules, one after the other with a backend each, of which Envoy can do the last one.
fn lacking_on_envoy() -> Vec<Resource> {
    let to = |name: &str| json!([{"name": name, "port": 80}]);
    let drinks = |kind: &str, value: &str| {
        json!([{"path": {"value": "/drink"}, "headers": [
            {"name": "x-drink", "type": kind, "value": value},
        ]}])
    };
    let cors = json!({"type": "CORS", "cors": {
        "allowOrigins": ["https://a.test"],
        "allowCredentials": true,
        "exposeHeaders": ["*"],
    }});
    let rules = json!([
        {"matches": [{"path": {"value": "/cors"}}], "filters": [cors], "backendRefs": to("one")},
        {"matches": drinks("RegularExpression", "caf(é|e)"), "backendRefs": to("one")},
        {"matches": drinks("Exact", "cafe"), "backendRefs": to("two")},
        {"matches": [{"path": {"value": "/guarded"}, "method": "GET", "headers": [
            {"name": "x-drink", "type": "RegularExpression", "value": "thé"},
         ]}],
         "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "a.test"}}],
         "backendRefs": to("one")},
        {"backendRefs": to("two")},
    ]);
    let mut all = vec![gateway(listener(80)), route("drinks", rules)];
    all.extend(["one", "two"].into_iter().flat_map(backend));
    all
}

fn answered(explanation: &Explanation) -> Option<(u16, &str)> {
    let answer = explanation.answer.as_ref()?;
    Some((answer.status, &answer.reason))
}

#[test]
fn what_envoy_cannot_do_is_answered_there_and_served_by_our_own() {
    let resources = lacking_on_envoy();
    let head = "GET /cors HTTP/1.1\nHost: a";
    let own = ask_on(Plane::Native, &resources, None, head);
    assert_eq!(answered(&own), None, "{own}");
    assert!(own.is_served());
    let envoys = ask_on(Plane::Envoy, &resources, None, head);
    assert_eq!(answered(&envoys), Some((500, "invalid_rule")), "{envoys}");
    assert!(!envoys.is_served());
    let text = envoys.to_string();
    assert!(text.contains("port 80, every host, by Envoy"), "{text}");
    assert!(
        text.contains("invalid_rule: Envoy cannot do `exposeHeaders"),
        "{text}"
    );
    assert!(text.contains("look at   Envoy cannot do"), "{text}");
}

#[test]
fn a_match_that_envoy_cannot_ask_is_left_out_there() {
    let resources = lacking_on_envoy();
    let head = "GET /drink HTTP/1.1\nHost: a\nx-drink: cafe";
    let rule = |explanation: &Explanation| explanation.rule.as_ref().map(|step| step.rule);
    let own = ask_on(Plane::Native, &resources, None, head);
    assert_eq!(rule(&own), Some(1), "{own}");
    let envoys = ask_on(Plane::Envoy, &resources, None, head);
    assert_eq!(rule(&envoys), Some(2), "{envoys}");
    assert_eq!(envoys.backends[0].backend, "Service default/two:80");
    let left_out = envoys.others.iter().find(|other| other.step.rule == 1);
    let left_out = left_out.expect("it is told of");
    assert!(
        !left_out.fits && left_out.why.contains("left out"),
        "{left_out:?}"
    );
}

#[test]
fn a_guarded_match_that_envoy_cannot_ask_is_closed_for_all_it_may_concern() {
    let resources = lacking_on_envoy();
    for (head, own, on_envoy) in [
        (
            "GET /guarded HTTP/1.1\nHost: a\nx-drink: th\u{e9}",
            3,
            Err(500),
        ),
        ("GET /guarded HTTP/1.1\nHost: a\nx-drink: milk", 4, Err(500)),
        ("GET /guarded HTTP/1.1\nHost: a", 4, Err(500)),
        ("POST /guarded HTTP/1.1\nHost: a", 4, Ok(4)),
        ("GET /guard HTTP/1.1\nHost: a", 4, Ok(4)),
    ] {
        let asked = ask_on(Plane::Native, &resources, None, head);
        let rule = asked.rule.as_ref().map(|step| step.rule);
        assert_eq!((rule, answered(&asked)), (Some(own), None), "{head}");
        let asked = ask_on(Plane::Envoy, &resources, None, head);
        let rule = asked.rule.as_ref().map(|step| step.rule);
        let got = match answered(&asked) {
            Some((status, _)) => Err(status),
            None => Ok(rule.expect("a rule")),
        };
        assert_eq!(got, on_envoy, "{head}");
    }
}
