//! What is deployed and said of Gateways that are not ours any more, or whose proxies are somebody
//! else's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fg_ads::message::Node;
use fg_ads::{ClientId, Event, Protocol, Store};
use fg_api::Resource;
use fg_api::deployment::Wish;
use fg_control::Control;
use fg_model::{Finding, FindingKind, ObjectRef, Origin, kinds};
use fg_sources::kube::Batch;
use fg_status::Document;
use fg_testkit::objects::objects;
use fg_translate::{Ground, Options};
use serde_json::Value;

use super::super::planes::Planes;
use super::{Outlet, Steering};
use crate::run::pages::Shared;

/// What is told, by the names of objects.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Words>>);

#[derive(Default)]
struct Words {
    wishes: BTreeMap<String, Option<Wish>>,
    statuses: BTreeMap<String, Value>,
}

impl Told {
    fn with<T>(&self, read: impl FnOnce(&mut Words) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be deployed for a Gateway; `None` when nothing was said.
    fn wish(&self, name: &str) -> Option<Option<Wish>> {
        self.with(|words| words.wishes.get(name).cloned())
    }

    /// A condition of an object as `status/reason`.
    fn condition(&self, name: &str, kind: &str) -> String {
        let status = self.with(|words| words.statuses.get(name).cloned());
        let status = status.unwrap_or_default();
        let conditions = status["status"]["conditions"].as_array().cloned();
        let mut conditions = conditions.unwrap_or_default().into_iter();
        let found = conditions.find(|condition| condition["type"] == kind);
        let found = found.unwrap_or_default();
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("status"), text("reason"))
    }
}

impl Outlet for Told {
    fn status(&mut self, object: &Arc<ObjectRef>, document: Option<&Document>) {
        let document = document.map(|one| serde_json::to_value(one).expect("it is JSON"));
        self.with(|words| match document {
            Some(document) => words.statuses.insert(object.name.to_string(), document),
            None => words.statuses.remove(&*object.name),
        });
    }

    fn act(&mut self, _: bool) {}

    fn deploy(&mut self, gateway: &Arc<ObjectRef>, wish: Option<Wish>) {
        self.with(|words| words.wishes.insert(gateway.name.to_string(), wish));
    }
}

fn steering() -> (Steering<Told>, Told, Store) {
    let (told, store) = (Told::default(), Store::new());
    let state = Shared::default();
    state.lock().control = Control::new(Options {
        ground: Ground::Cluster,
        ..Options::default()
    });
    let planes = Planes::new(store.clone(), fg_envoy::Settings::default());
    let mut steering = Steering::new(state, store.clone(), planes, Arc::default(), told.clone());
    steering.lead(true);
    (steering, told, store)
}

fn batch(upserts: Vec<Resource>, findings: Vec<Arc<Finding>>, first: bool) -> Batch {
    Batch {
        upserts,
        removed: Vec::new(),
        findings: Some(findings),
        first,
        since: Instant::now(),
    }
}

fn gateway(name: &str, class: &str, more: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, uid: uid-{name}}}
spec: {{gatewayClassName: {class}, listeners: [{{name: http, port: 80, protocol: HTTP}}]{more}}}
"
    )
}

#[test]
fn what_a_gateway_had_while_it_was_ours_goes_also_when_nobody_saw_it_change() {
    let all = gateway("ours", "ferrogate", "") + &gateway("former", "gone", "");
    let (mut steering, told, _) = steering();
    steering.take(batch(objects(&all), Vec::new(), true));
    assert!(matches!(told.wish("ours"), Some(Some(Wish::Deploy(_)))));
    assert_eq!(told.wish("former"), Some(None));
}

#[test]
fn nobody_says_that_a_gateway_is_not_ours_who_cannot_read_classes() {
    let (group, kind) = kinds::API_RESOURCE;
    let classes = "gatewayclasses.gateway.networking.k8s.io";
    let denied = Finding::error(
        Origin::of(Arc::new(ObjectRef::new(group, kind, "", classes)), 0),
        FindingKind::SourceUnavailable,
        "forbidden",
    );
    let (mut steering, told, _) = steering();
    let former = objects(&gateway("former", "gone", ""));
    steering.take(batch(former.clone(), vec![Arc::new(denied)], true));
    assert_eq!(told.wish("former"), None);
    // It may read them now, and is told of the Gateway.
    steering.take(batch(former, Vec::new(), false));
    assert_eq!(told.wish("former"), Some(None));
}

#[test]
fn proxies_of_somebody_else_are_served_and_count_when_they_are_connected() {
    let parameters = "---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: GatewayParameters
metadata: {name: elsewhere}
spec: {selfManaged: {}}
";
    let more = ", addresses: [{value: 192.0.2.7}], infrastructure: {parametersRef: {group: gateway.kgateway.dev, kind: GatewayParameters, name: elsewhere}}";
    let (mut steering, told, store) = steering();
    let all = objects(&(parameters.to_owned() + &gateway("web", "ferrogate", more)));
    steering.take(batch(all, Vec::new(), true));
    assert_eq!(
        told.wish("web"),
        Some(Some(Wish::Elsewhere("uid-web".into())))
    );
    let (client, scope): (_, Arc<str>) = (ClientId(1), "default/web".into());
    steering.hear(Event::Connected {
        client,
        scope: scope.clone(),
        node: Box::new(Node::default().with_text("pod", "theirs")),
        peer: Some(([127, 0, 0, 1], 1).into()),
        protocol: Protocol::Delta,
    });
    steering.hear(Event::Acked {
        client,
        scope: scope.clone(),
        type_url: fg_wire::CONFIGURATION_TYPE.into(),
        serial: store.serial(&scope),
        took: Duration::ZERO,
    });
    assert_eq!(told.condition("web", "Programmed"), "True/Programmed");
    let addresses = told.with(|words| words.statuses["web"]["status"]["addresses"].clone());
    assert_eq!(addresses[0]["value"], "192.0.2.7");
    // Settings that cannot be used change nothing about whose proxies they are.
    let broken = gateway(
        "web",
        "ferrogate",
        &more.replace("name: elsewhere", "name: none"),
    );
    steering.take(batch(objects(&broken), Vec::new(), false));
    assert_eq!(told.wish("web"), Some(Some(Wish::Keep)));
    assert_eq!(told.condition("web", "Accepted"), "False/InvalidParameters");
    let addresses = told.with(|words| words.statuses["web"]["status"]["addresses"].clone());
    assert_eq!(addresses[0]["value"], "192.0.2.7");
}

#[test]
fn a_class_says_that_the_definitions_are_of_another_version() {
    let (group, kind) = kinds::API_RESOURCE;
    let classes = "gatewayclasses.gateway.networking.k8s.io";
    let newer = Finding::error(
        Origin::of(Arc::new(ObjectRef::new(group, kind, "", classes)), 0),
        FindingKind::UnsupportedVersion,
        "newer",
    );
    let class = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
spec: {controllerName: ferrogate.dev/gateway}
";
    let (mut steering, told, _) = steering();
    steering.take(batch(objects(class), Vec::new(), true));
    let supported = || told.condition("edge", "SupportedVersion");
    assert_eq!(supported(), "True/SupportedVersion");
    steering.take(batch(Vec::new(), vec![Arc::new(newer)], false));
    assert_eq!(supported(), "False/UnsupportedVersion");
    assert_eq!(told.condition("edge", "Accepted"), "True/Accepted");
    steering.take(batch(Vec::new(), Vec::new(), false));
    assert_eq!(supported(), "True/SupportedVersion");
}
