//! Statuses in a cluster: what proxies and Services say shows, and what is undecided is left.

use fg_api::report::Subject;
use fg_ir::ListenerKey;
use fg_model::kinds;
use fg_translate::Translator;
use serde_json::{Value, json};

use super::{gateway, translated};
use crate::{
    Addresses, Confirmation, GatewayKey, Lack, NOT_BY_ENVOY, SUPPORTED, ServiceAddresses, Verdicts,
    cluster_document,
};

/// A class, a Gateway with two listeners and a set with one more, and a route.
fn objects() -> String {
    let gateway = gateway(
        "  listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 81, protocol: HTTP}]
  allowedListeners: {namespaces: {from: All}}",
    );
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: ferrogate, generation: 2}}
spec: {{controllerName: ferrogate.dev/gateway}}
{gateway}---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: set, generation: 4}}
spec:
  parentRef: {{name: gw}}
  listeners: [{{name: c, port: 82, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r, generation: 5}}
spec: {{parentRefs: [{{name: gw}}, {{name: gw, sectionName: nowhere}}]}}
"
    )
}

fn gw() -> GatewayKey {
    GatewayKey::new("default", "gw")
}

fn listener(section: &str) -> ListenerKey {
    ListenerKey {
        namespace: "default".into(),
        gateway: "gw".into(),
        section: section.into(),
    }
}

fn addresses() -> Addresses {
    Addresses::of(
        Some(&ServiceAddresses {
            load_balancer: true,
            cluster_ips: vec!["10.96.0.7".into()],
            ingress: vec!["192.0.2.7".into(), "gw.example".into()],
            ..ServiceAddresses::default()
        }),
        &[],
    )
}

fn said(confirmation: Confirmation) -> Verdicts {
    Verdicts {
        confirmations: [(gw(), confirmation)].into(),
        parents: vec![Some(gw()); 2],
        addresses: addresses(),
        ..Verdicts::default()
    }
}

fn status(world: &Translator, verdicts: &Verdicts, kind: (&str, &str)) -> Value {
    let mut reports = world.reports().values();
    let report = reports.find(|report| report.object.is(kind));
    let report = report.expect("there is a report");
    if let Subject::Route(route) = &report.subject {
        assert_eq!(route.parents.len(), verdicts.parents.len());
    }
    let document = cluster_document(report, verdicts);
    serde_json::to_value(document).expect("it serializes")["status"].clone()
}

/// `status/reason: message` of a condition.
fn condition(holder: &Value, kind: &str, generation: i64) -> String {
    let mut list = holder["conditions"].as_array().expect("conditions").iter();
    let found = list.find(|condition| condition["type"] == kind);
    let found = found.expect("the condition is there");
    assert_eq!(found["observedGeneration"], generation);
    let word = |field: &str| found[field].as_str().expect("a word").to_owned();
    format!("{}/{}: {}", word("status"), word("reason"), word("message"))
}

#[test]
fn what_proxies_confirm_is_programmed() {
    let world = translated(&objects());
    let confirmed = said(Confirmation::Confirmed { proxies: 3 });
    let gateway = status(&world, &confirmed, kinds::GATEWAY);
    assert_eq!(
        condition(&gateway, "Programmed", 3),
        "True/Programmed: the Gateway serves: 3/3 proxies"
    );
    assert_eq!(
        condition(&gateway["listeners"][1], "Programmed", 3),
        "True/Programmed: the listener serves: 3/3 proxies"
    );
    assert_eq!(gateway["attachedListenerSets"], 1);
    assert_eq!(
        gateway["addresses"],
        json!([
            {"type": "IPAddress", "value": "192.0.2.7"},
            {"type": "Hostname", "value": "gw.example"},
        ])
    );
    let set = status(&world, &confirmed, kinds::LISTENER_SET);
    assert_eq!(
        condition(&set, "Programmed", 4),
        "True/Programmed: the ListenerSet serves: 3/3 proxies"
    );
    let route = status(&world, &confirmed, kinds::HTTP_ROUTE);
    assert_eq!(
        condition(&route["parents"][0], "ferrogate.dev/Programmed", 5),
        "True/Programmed: 3/3 proxies"
    );
    assert_eq!(
        condition(&route["parents"][1], "ferrogate.dev/Programmed", 5),
        "False/NotAccepted: the route is not attached to this parent"
    );
}

#[test]
fn what_is_undecided_or_pending_says_so_and_the_rest_is_said_at_once() {
    let world = translated(&objects());
    let pending = Confirmation::Pending {
        words: "1/2 proxies; waiting for gw-x".to_owned(),
    };
    for (confirmation, expected) in [
        (Confirmation::Undecided, "Undecided/Pending: "),
        (pending, "False/Pending: 1/2 proxies; waiting for gw-x"),
    ] {
        let verdicts = said(confirmation);
        let gateway = status(&world, &verdicts, kinds::GATEWAY);
        let set = status(&world, &verdicts, kinds::LISTENER_SET);
        for holder in [
            &gateway,
            &gateway["listeners"][0],
            &set,
            &set["listeners"][0],
        ] {
            let generation = holder["conditions"][0]["observedGeneration"].as_i64();
            let generation = generation.expect("a generation");
            assert_eq!(condition(holder, "Programmed", generation), expected);
            let accepted = condition(holder, "Accepted", generation);
            assert!(accepted.starts_with("True/Accepted"), "{accepted}");
        }
        assert_eq!(gateway["addresses"][0]["value"], "192.0.2.7");
        let route = status(&world, &verdicts, kinds::HTTP_ROUTE);
        assert_eq!(
            condition(&route["parents"][0], "ferrogate.dev/Programmed", 5),
            expected
        );
    }
}

#[test]
fn a_refused_listener_is_not_programmed_and_the_others_are() {
    let world = translated(&objects());
    let words = "proxy gw-x refuses listener/default/gw/a: no";
    let mut verdicts = said(Confirmation::Confirmed { proxies: 2 });
    verdicts.refused.insert(listener("a"), words.to_owned());
    verdicts.remark = Some("proxy gw-x refuses backend/y: no".to_owned());
    let gateway = status(&world, &verdicts, kinds::GATEWAY);
    assert_eq!(
        condition(&gateway["listeners"][0], "Programmed", 3),
        format!("False/Invalid: {words}")
    );
    assert_eq!(
        condition(&gateway, "Programmed", 3),
        "True/Programmed: the Gateway serves: 2/2 proxies; proxy gw-x refuses backend/y: no"
    );
    verdicts.refused.insert(listener("b"), words.to_owned());
    let gateway = status(&world, &verdicts, kinds::GATEWAY);
    assert_eq!(
        condition(&gateway, "Programmed", 3),
        "False/Invalid: none of its listeners serves"
    );
    let refused = Confirmation::Rejected {
        words: "proxy gw-x refuses rule/default/r/0: no".to_owned(),
    };
    let route = status(&world, &said(refused), kinds::HTTP_ROUTE);
    assert_eq!(
        condition(&route["parents"][0], "ferrogate.dev/Programmed", 5),
        "False/Rejected: proxy gw-x refuses rule/default/r/0: no"
    );
}

#[test]
fn a_gateway_without_its_addresses_is_not_programmed() {
    let world = translated(&objects());
    let mut verdicts = said(Confirmation::Confirmed { proxies: 1 });
    for (service, asked, expected, have) in [
        (
            None,
            "",
            "AddressNotAssigned: its Service does not exist yet",
            json!(null),
        ),
        (
            Some((true, "")),
            "",
            "AddressNotAssigned: its Service was given no address yet",
            json!(null),
        ),
        (
            Some((false, "None")),
            "",
            "AddressNotAssigned: its Service has no address",
            json!(null),
        ),
        (
            Some((true, "192.0.2.1")),
            "192.0.2.1,192.0.2.2",
            "AddressNotUsable: its Service was not given 192.0.2.2",
            json!([{"type": "IPAddress", "value": "192.0.2.1"}]),
        ),
    ] {
        let service = service.map(|(load_balancer, address): (bool, &str)| {
            let list = Some(address)
                .filter(|text| !text.is_empty())
                .map(Into::into);
            ServiceAddresses {
                load_balancer,
                cluster_ips: list.clone().into_iter().collect(),
                ingress: list.into_iter().collect(),
                ..ServiceAddresses::default()
            }
        });
        let asked: Vec<_> = asked.split(',').filter_map(|ip| ip.parse().ok()).collect();
        verdicts.addresses = Addresses::of(service.as_ref(), &asked);
        let gateway = status(&world, &verdicts, kinds::GATEWAY);
        assert_eq!(
            condition(&gateway, "Programmed", 3),
            format!("False/{expected}")
        );
        assert_eq!(gateway["addresses"], have);
        let route = status(&world, &verdicts, kinds::HTTP_ROUTE);
        assert!(
            condition(&route["parents"][0], "ferrogate.dev/Programmed", 5).starts_with("True"),
            "a route's proxies are another matter"
        );
    }
}

#[test]
fn addresses_of_services() {
    let service = ServiceAddresses {
        load_balancer: false,
        cluster_ips: vec!["10.96.0.7".into(), "fd00::7".into()],
        external_ips: vec!["192.0.2.9".into()],
        ingress: vec!["192.0.2.7".into()],
    };
    let shown = |addresses: &Addresses| format!("{:?}", addresses.have);
    let all = Addresses::of(Some(&service), &[]);
    assert_eq!(
        shown(&all),
        "[Ip(10.96.0.7), Ip(fd00::7), Ip(192.0.2.9)]",
        "a load balancer's leftovers are no addresses of another type of Service"
    );
    let asked = ["192.0.2.9".parse().expect("an address")];
    let one = Addresses::of(Some(&service), &asked);
    assert_eq!((shown(&one).as_str(), one.lack), ("[Ip(192.0.2.9)]", None));
    let asked = ["192.0.2.7".parse().expect("an address")];
    let lack = Addresses::of(Some(&service), &asked).lack;
    assert!(matches!(lack, Some(Lack::NotUsable(_))));
}

#[test]
fn a_class_names_its_features_once_it_is_accepted() {
    let mut sorted = SUPPORTED.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted, SUPPORTED);
    assert!(SUPPORTED.len() <= 64, "the API takes no more");
    let world = translated(&objects());
    let class = status(&world, &Verdicts::default(), kinds::GATEWAY_CLASS);
    assert!(condition(&class, "Accepted", 2).starts_with("True"));
    assert!(condition(&class, "SupportedVersion", 2).starts_with("True"));
    let names = class["supportedFeatures"].as_array().expect("features");
    assert_eq!(names.len(), SUPPORTED.len());
    assert_eq!(names[0], json!({"name": "BackendTLSPolicy"}));
    // Each of what Envoy lacks is something that we have otherwise.
    assert!(NOT_BY_ENVOY.iter().all(|name| SUPPORTED.contains(name)));
    let world = translated(&objects().replace("dev/gateway}", "dev/envoy}"));
    let class = status(&world, &Verdicts::default(), kinds::GATEWAY_CLASS);
    let names = class["supportedFeatures"].as_array().expect("features");
    assert_eq!(names.len(), SUPPORTED.len() - NOT_BY_ENVOY.len());
    let world = translated(&objects().replace("dev/gateway}", "dev/gateway-waypoint}"));
    let class = status(&world, &Verdicts::default(), kinds::GATEWAY_CLASS);
    assert!(condition(&class, "Accepted", 2).starts_with("False"));
    assert_eq!(class["supportedFeatures"], json!([]));
}
