//! What Envoy makes of a request, and what our own proxy does.

use fg_api::Resource;
use fg_model::Plane;
use serde_json::json;

use super::{ask_on, backend, gateway, listener, route};
use crate::explain::Explanation;

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
