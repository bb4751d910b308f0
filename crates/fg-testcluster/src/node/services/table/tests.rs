//! Which endpoints stand behind which address.

use serde_json::{Value, json};

use super::*;

fn service(spec: &Value) -> Service {
    let object = json!({"metadata": {"namespace": "ns", "name": "web", "uid": "u"}, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn slice(name: &str, ports: &Value, endpoints: &Value) -> EndpointSlice {
    serde_json::from_value(json!({
        "metadata": {"namespace": "ns", "name": name, "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4", "ports": ports, "endpoints": endpoints,
    }))
    .unwrap()
}

fn key() -> Key {
    ("ns".to_owned(), "web".to_owned())
}

fn lines(fronts: &Fronts) -> Vec<String> {
    let line = |(front, to): (&Front, &Vec<SocketAddrV4>)| {
        let to: Vec<String> = to.iter().map(ToString::to_string).collect();
        format!(
            "{} {}:{} -> {}",
            front.protocol,
            front.address,
            front.port,
            to.join(" ")
        )
    };
    fronts.iter().map(line).collect()
}

#[test]
fn ports_are_matched_by_name_and_only_ready_endpoints_count() {
    let mut table = Table::default();
    table.service(service(&json!({"clusterIP": "10.96.0.9", "ports": [
        {"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "x", "port": 1}]})));
    table.slice(slice(
        "a",
        &json!([{"name": "http", "port": 3000}, {"name": "dns", "port": 5353, "protocol": "UDP"}]),
        &json!([
            {"addresses": ["10.244.0.2"], "conditions": {"ready": true}},
            {"addresses": ["10.244.0.3"], "conditions": {"ready": false}},
            {"addresses": ["10.244.0.4"]}]),
    ));
    let fronts = table.fronts(&key(), Some(Ipv4Addr::new(10, 99, 0, 1)));
    assert_eq!(
        lines(&fronts),
        [
            "tcp 10.96.0.9:80 -> 10.244.0.2:3000 10.244.0.4:3000",
            "udp 10.96.0.9:53 -> 10.244.0.2:5353 10.244.0.4:5353",
            "tcp 10.99.0.1:80 -> 10.244.0.2:3000 10.244.0.4:3000",
            "udp 10.99.0.1:53 -> 10.244.0.2:5353 10.244.0.4:5353",
        ]
    );
}

#[test]
fn endpoints_that_are_leaving_serve_while_there_is_no_other() {
    let mut table = Table::default();
    table.service(service(
        &json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}),
    ));
    let ports = json!([{"name": "", "port": 3000}]);
    let leaving = json!({"addresses": ["10.244.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}});
    table.slice(slice("a", &ports, &json!([leaving])));
    assert_eq!(
        lines(&table.fronts(&key(), None)),
        ["tcp 10.96.0.9:80 -> 10.244.0.2:3000"]
    );
    table.slice(slice("b", &ports, &json!([{"addresses": ["10.244.0.5"]}])));
    assert_eq!(
        lines(&table.fronts(&key(), None)),
        ["tcp 10.96.0.9:80 -> 10.244.0.5:3000"]
    );
}

#[test]
fn a_new_list_forgets_what_is_not_in_it() {
    let mut table = Table::default();
    table.service(service(
        &json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}),
    ));
    table.slice(slice(
        "a",
        &json!([{"port": 3000}]),
        &json!([{"addresses": ["10.244.0.2"]}]),
    ));
    table.take_changed();
    table.slices_begin();
    table.slices_end();
    assert_eq!(table.take_changed(), BTreeSet::from([key()]));
    assert!(table.fronts(&key(), None).is_empty());
    table.services_begin();
    table.services_end();
    assert!(table.names().is_empty());
}

#[test]
fn a_headless_service_is_named_after_its_endpoints_and_has_no_rules() {
    let mut table = Table::default();
    table.service(service(
        &json!({"clusterIP": "None", "ports": [{"port": 80}]}),
    ));
    table.slice(slice(
        "a",
        &json!([{"port": 3000}]),
        &json!([{"addresses": ["10.244.0.2"]}]),
    ));
    assert!(table.fronts(&key(), None).is_empty());
    assert_eq!(
        table.names().get(&key()),
        Some(&vec![Ipv4Addr::new(10, 244, 0, 2)])
    );
}
