//! The other fields of rules and routes: timeouts, sessions, and those that are not supported.

use crate::testing::{BASE, action, findings, route, rule, translated};

#[test]
fn what_is_not_supported_and_harmless_is_said_and_served() {
    let spec = "  useDefaultGateways: All
  rules:
  - timeouts: {request: soon}
    backendRefs: [{name: web, port: 80}]";
    let world = translated(&format!("{BASE}{}", route("r", spec)));
    let expected = ["spec.rules[0].timeouts.request", "spec.useDefaultGateways"]
        .map(|path| format!("Warning UnsupportedValue HTTPRoute default/r {path}"));
    assert_eq!(findings(&world), expected);
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
}

#[test]
fn timeouts_are_read_and_zero_is_none() {
    let spec = "  rules:\n  - timeouts: {request: 10s, backendRequest: 0s}\n    backendRefs: [{name: web, port: 80}]";
    let world = translated(&format!("{BASE}{}", route("r", spec)));
    let timeouts = rule(&world, "r", 0)
        .policies
        .timeouts
        .clone()
        .expect("timeouts");
    assert_eq!(timeouts.request, Some(std::time::Duration::from_secs(10)));
    assert_eq!(timeouts.backend_request, None);
}

#[test]
fn sessions_are_read_and_those_that_cannot_work_are_left_out() {
    let keeping = |session: &str| {
        let rules = format!(
            "  rules:\n  - sessionPersistence: {session}\n    backendRefs: [{{name: web, port: 80}}]"
        );
        translated(&format!("{BASE}{}", route("r", &rules)))
    };
    let world = keeping("{cookie: {name: cart}, absoluteTimeout: 1h}");
    assert_eq!(findings(&world), Vec::<String>::new());
    let session = rule(&world, "r", 0).policies.session_persistence.clone();
    let lifetime = session.expect("a policy").lifetime;
    assert_eq!(lifetime, Some(std::time::Duration::from_secs(3600)));

    let world = keeping("{type: Header, header: {name: 'a b'}}");
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
    assert!(rule(&world, "r", 0).policies.session_persistence.is_none());
    let place = "HTTPRoute default/r spec.rules[0].sessionPersistence.header.name";
    assert_eq!(
        findings(&world),
        [format!("Warning UnsupportedValue {place}")]
    );
}
