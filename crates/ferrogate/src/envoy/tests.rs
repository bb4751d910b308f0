//! What policies could not write for Envoy, up to the status of routes. That no policy has said before
//! what it cannot do is had by serving Gateways by Envoy of which translation thinks otherwise.

use fg_control::{Control, Objects, Remarks, with_remarks};
use fg_model::Plane;
use fg_sources::Limits;
use fg_sources::files::Folder;
use fg_status::{GatewayKey, Verdicts, cluster_document};
use fg_translate::Options;
use serde_json::Value;

use super::*;
use crate::control::planes::Planes;

const GATEWAYS: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: default}
spec:
  gatewayClassName: ferrogate
  listeners: [{name: http, protocol: HTTP, port: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: other, namespace: default}
spec:
  gatewayClassName: ferrogate
  listeners: [{name: http, protocol: HTTP, port: 8081}]
";

/// What Envoy cannot do.
const BAD: &str = "filters: [{type: CORS, cors: {allowOrigins: ['*'], exposeHeaders: ['*'], allowCredentials: true}}, {type: RequestRedirect, requestRedirect: {hostname: b.com}}]";
/// What it can.
const GOOD: &str = "filters: [{type: RequestRedirect, requestRedirect: {hostname: b.com}}]";

/// A route of both Gateways.
fn route(rules: &[&str]) -> String {
    let rules: Vec<String> = rules.iter().map(|rule| format!("  - {rule}\n")).collect();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop, namespace: default}}
spec:
  parentRefs: [{{name: other}}, {{name: web}}]
  rules:\n{}",
        rules.concat()
    )
}

/// A control plane and the planes of its Gateways, of which Envoy serves `web`.
struct Ground {
    folder: Folder,
    control: Control,
    planes: Planes,
}

impl Ground {
    fn new() -> Self {
        Self {
            folder: Folder::in_memory(Limits::default()),
            control: Control::new(Options::default()),
            planes: Planes::new(Store::new(), Settings::default()),
        }
    }

    fn apply(&mut self, route: &str) {
        let delta = self
            .folder
            .replace([("gateways", GATEWAYS), ("route", route)]);
        let change = self.control.apply(Objects {
            upserts: delta.upserts,
            removed: delta.removed.iter().map(|id| (**id).clone()).collect(),
            findings: None,
        });
        let plane = |gateway: &GatewayKey| {
            let is_envoy = &*gateway.name == "web";
            Some(if is_envoy {
                Plane::Envoy
            } else {
                Plane::Native
            })
        };
        self.planes.send(self.control.ir(), &change, plane);
    }

    /// What each parent of the route says, in a cluster and in one process, as `TYPE=STATUS: MESSAGE`.
    fn said(&mut self) -> [Vec<Vec<String>>; 2] {
        let findings = self.planes.unwritten(&self.control, false);
        let findings = findings.expect("the rules have changed");
        assert_eq!(self.planes.unwritten(&self.control, false), None, "once");
        let mut reports = self.control.reports().values();
        let report = reports.find(|one| &*one.object.kind == "HTTPRoute");
        let report = report.expect("the route").clone();
        let told = with_remarks(&report, &findings);
        let cluster = cluster_document(&told, &Verdicts::default());
        self.control.remark(Remarks {
            findings,
            ..Remarks::default()
        });
        let mut documents = self.control.documents().into_iter();
        let process = documents.find(|one| &*one.kind == "HTTPRoute");
        [cluster, process.expect("the route")].map(|document| {
            let document = serde_json::to_value(document).expect("it is JSON");
            let parents = document["status"]["parents"].as_array().expect("a list");
            parents.iter().map(conditions).collect()
        })
    }
}

fn conditions(parent: &Value) -> Vec<String> {
    let conditions = parent["conditions"].as_array().expect("a list").iter();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    let shown = conditions.map(|one| {
        let [kind, status, message] = ["type", "status", "message"].map(|field| text(one, field));
        format!("{kind}={status}: {message}")
    });
    shown
        .filter(|one| one.starts_with("Accepted") || one.starts_with("Partially"))
        .collect()
}

#[test]
fn what_a_policy_cannot_write_is_said_of_the_parent_that_envoy_serves() {
    let mut ground = Ground::new();
    ground.apply(&route(&[BAD, GOOD]));
    for parents in ground.said() {
        let [other, web] = parents.as_slice() else {
            panic!("{parents:?}");
        };
        assert_eq!(*other, ["Accepted=True: the route is attached"]);
        assert_eq!(web[0], other[0]);
        let words = &web[1];
        assert!(words.starts_with("PartiallyInvalid=True"), "{words}");
        assert!(words.contains("spec.rules[0].filters[0]"), "{words}");
        assert!(
            words.contains("`cors` cannot be written for Envoy: "),
            "{words}"
        );
        assert!(words.contains("requests are answered 500"), "{words}");
    }
    // Nothing is left.
    ground.apply(&route(&[BAD]));
    for parents in ground.said() {
        assert_eq!(parents[0], ["Accepted=True: the route is attached"]);
        let words = &parents[1][0];
        assert!(words.starts_with("Accepted=False"), "{words}");
        assert!(words.contains("none of its rules"), "{words}");
    }
    // An edit of the route's report alone may move what is said.
    let again = ground.planes.unwritten(&ground.control, true);
    assert_eq!(again.map(|findings| findings.is_empty()), Some(false));
    // The repair.
    ground.apply(&route(&[GOOD]));
    for parents in ground.said() {
        assert_eq!(parents[0], parents[1]);
        assert_eq!(parents[1], ["Accepted=True: the route is attached"]);
    }
}

#[test]
fn what_translation_has_said_is_not_said_again() {
    let mut folder = Folder::in_memory(Limits::default());
    let gateways = GATEWAYS.replace(": ferrogate\n", ": ferrogate-envoy\n");
    let bad = route(&[BAD, GOOD]);
    let delta = folder.replace([("gateways", &*gateways), ("route", &*bad)]);
    let mut control = Control::new(Options::default());
    control.apply(Objects {
        upserts: delta.upserts,
        ..Objects::default()
    });
    let ir = control.ir();
    let served = Served::alone(Settings::default(), Store::new(), "scope", ir);
    assert_eq!(served.refusals().len(), 1);
    assert_eq!(unwritten(served.refusals(), &control, ir, |_| true), []);
}

#[test]
fn a_host_that_would_not_ask_any_more_is_closed_when_the_asking_is_refused() {
    const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: auth, namespace: default}
spec: {ports: [{name: http, port: 80}]}
";
    const ASKING: &str = "filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}, http: {}}}, {type: RequestRedirect, requestRedirect: {hostname: b.com}}]";
    let mut folder = Folder::in_memory(Limits::default());
    let mut control = Control::new(Options::default());
    let mut apply = |rule: &str| {
        let gateways = GATEWAYS.replace(": ferrogate\n", ": ferrogate-envoy\n");
        let delta = folder.replace([
            ("gateways", &*gateways),
            ("service", SERVICE),
            ("route", &*route(&[rule])),
        ]);
        let change = control.apply(Objects {
            upserts: delta.upserts,
            ..Objects::default()
        });
        (control.ir().clone(), change)
    };
    let (ir, _) = apply(GOOD);
    let mut served = Served::alone(Settings::default(), Store::new(), "scope", &ir);
    let envoy = ClientId(1);
    served.confirmed(envoy, served.serial(), &[]);
    let (ir, change) = apply(ASKING);
    served.update(&ir, &change);
    let hosts = served.compiler.all().upserts.into_iter();
    let mut hosts = hosts.filter(|one| one.kind == Kind::VirtualHost && !one.about.is_empty());
    let host = hosts.next().expect("that of the route");
    let asks = |body: &[u8]| String::from_utf8_lossy(body).contains("external_auth/ask");
    assert!(asks(&host.body));
    let key = (Kind::VirtualHost, &*host.name);
    let answer = served.fences.refuse(envoy.0, key, &host.version, "no");
    let Some(Answer::Known(instead)) = answer else {
        panic!("{answer:?}");
    };
    let instead = &instead.upserts[0].body;
    assert!(!asks(instead));
    let is_good = String::from_utf8_lossy(instead).contains("b.com");
    assert!(!is_good, "it is closed");
    let fences = served.fences().into_iter().map(|fence| fence.instead);
    assert_eq!(fences.collect::<Vec<_>>(), [fg_envoy::Instead::Nothing]);
}
