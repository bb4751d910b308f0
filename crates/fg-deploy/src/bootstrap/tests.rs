//! What a bootstrap promises, as far as its text shows it; real Envoys judge it in `tests/`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Address, Control, Drain, Matcher, Node, Protocol, Settings, StatsMatcher, Tls, bootstrap, files,
};

fn plain() -> Settings {
    let socket = Address::Path("/run/discovery.sock".to_owned());
    Settings::new(Node::new("one", "some"), Control::Plain(socket))
}

fn remote(host: &str) -> Settings {
    Settings {
        control: Control::Tls(Tls {
            host: host.to_owned(),
            port: 9977,
            authorities: "/ca/ca.crt".to_owned(),
            token: "/token/token".to_owned(),
            folder: "/etc/ferrogate".to_owned(),
        }),
        ..plain()
    }
}

fn read(settings: &Settings) -> Value {
    serde_json::from_str(&bootstrap(settings)).expect("it is JSON")
}

/// All texts under a key, anywhere.
fn all(value: &Value, key: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let own = value.as_str().filter(|_| name == key).map(str::to_owned);
                own.into_iter().chain(all(value, key))
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(|value| all(value, key)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn nothing_is_served_before_the_first_configuration_however_late_it_is() {
    let sources = &read(&plain())["dynamic_resources"];
    assert_eq!(all(sources, "initial_fetch_timeout"), ["0s", "0s"]);
    assert_eq!(sources["ads_config"]["api_type"], "DELTA_GRPC");
    let whole = Settings {
        protocol: Protocol::StateOfTheWorld,
        ..plain()
    };
    let sources = &read(&whole)["dynamic_resources"];
    assert_eq!(sources["ads_config"]["api_type"], "GRPC");
}

#[test]
fn admin_pages_that_change_something_are_reached_from_nowhere_else() {
    let settings = Settings {
        drain: Some(Drain {
            path: "/drain/secret".to_owned(),
            seconds: 3,
        }),
        ..plain()
    };
    let bootstrap = read(&settings);
    let listeners = &bootstrap["static_resources"]["listeners"];
    let pages: BTreeSet<String> = all(listeners, "prefix_rewrite").into_iter().collect();
    assert_eq!(
        pages,
        BTreeSet::from(["/ready".into(), "/stats/prometheus?usedonly".into()])
    );
    let text = listeners.to_string();
    assert!(!text.contains("\"prefix\":"), "more than one page: {text}");
    assert!(!bootstrap.to_string().contains("/quitquitquit"));
    let without = read(&plain())["static_resources"]["listeners"].to_string();
    assert!(!without.contains("healthcheck"), "{without}");
}

#[test]
fn sites_can_be_left_out() {
    let settings = Settings {
        readiness: None,
        metrics: None,
        ..plain()
    };
    let listeners = read(&settings)["static_resources"]["listeners"].clone();
    assert_eq!(listeners, serde_json::json!([]));
}

#[test]
fn nothing_of_the_token_or_the_authorities_is_in_the_files() {
    let made = files(&remote("control.example"));
    let names: Vec<&str> = made.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["envoy.json", "authorities.json", "token.json"]);
    let all = made.iter().map(|(_, text)| &**text).collect::<String>();
    assert!(all.contains("\"/token/token\"") && all.contains("\"/ca/ca.crt\""));
    assert!(all.contains("/etc/ferrogate/token.json"));
    assert_eq!(files(&plain()).len(), 1);
}

#[test]
fn the_control_plane_is_held_to_its_name_or_address() {
    let control = |host: &str| read(&remote(host))["static_resources"]["clusters"][0].clone();
    let named = control("control.example");
    assert_eq!(all(&named, "exact"), ["control.example"]);
    assert_eq!(all(&named, "sni"), ["control.example"]);
    assert_eq!(named["type"], "STRICT_DNS");
    let numbered = control("10.0.0.7");
    assert_eq!(all(&numbered, "exact"), ["10.0.0.7"]);
    assert_eq!(all(&numbered, "san_type"), ["IP_ADDRESS"]);
    assert_eq!(all(&numbered, "sni"), [""; 0]);
    assert_eq!(numbered["type"], "STATIC");
}

#[test]
fn the_heap_has_a_limit_if_it_is_given_one() {
    let limited = Settings {
        heap: Some(1 << 33),
        ..plain()
    };
    let overload = read(&limited)["overload_manager"].clone();
    assert_eq!(all(&overload, "max_heap_size_bytes"), ["8589934592"]);
    assert!(overload.to_string().contains("stop_accepting_requests"));
    let free = read(&plain())["overload_manager"].to_string();
    assert!(!free.contains("heap"), "{free}");
    assert!(free.contains("100000"), "{free}");
}

#[test]
fn figures_are_chosen_by_settings_instead() {
    let mut settings = plain();
    settings.stats.matcher = Some(StatsMatcher::Without(vec![
        Matcher::Prefix("cluster.".to_owned()),
        Matcher::AnyCase(Box::new(Matcher::Contains("grpc".to_owned()))),
    ]));
    assert_eq!(
        read(&settings)["stats_config"]["stats_matcher"],
        serde_json::json!({ "exclusion_list": { "patterns": [
            { "prefix": "cluster." },
            { "contains": "grpc", "ignore_case": true },
        ] } })
    );
}
