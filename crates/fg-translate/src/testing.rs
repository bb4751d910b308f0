//! What this crate's tests share: a small world, and short words for what came out of it.

use std::sync::Arc;

use fg_api::report::{Report, Subject};
use fg_ir::{Action, Rule, Target};
use fg_model::Finding;
use fg_testkit::objects::objects;

use crate::{Options, Outcome, Translator};

/// A Gateway with one HTTP listener, and a Service with one endpoint.
pub(crate) const BASE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: ferrogate
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- addresses: [10.0.0.1]
";

/// An `HTTPRoute` of the Gateway of [`BASE`]; `spec` is YAML indented by two.
pub(crate) fn route(name: &str, spec: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: gw}}]
{spec}
"
    )
}

/// A translator that was given these objects at once.
pub(crate) fn translated(yaml: &str) -> Translator {
    let mut translator = Translator::new(Options::default());
    translator.apply(&objects(yaml), &[]);
    translator
}

/// Applies objects.
pub(crate) fn put(translator: &mut Translator, yaml: &str) -> Outcome {
    translator.apply(&objects(yaml), &[])
}

/// Removes the objects that the documents name.
pub(crate) fn remove(translator: &mut Translator, yaml: &str) -> Outcome {
    let ids: Vec<_> = objects(yaml)
        .iter()
        .map(|object| (**object.id()).clone())
        .collect();
    translator.apply(&[], &ids)
}

/// `Error BackendNotFound HTTPRoute default/r spec.rules[0].backendRefs[0].name`, for each.
pub(crate) fn findings(translator: &Translator) -> Vec<String> {
    translator.findings().map(|finding| line(finding)).collect()
}

/// One finding in short.
pub(crate) fn line(finding: &Finding) -> String {
    format!(
        "{:?} {:?} {}",
        finding.severity, finding.kind, finding.about
    )
}

/// The text of the only finding.
pub(crate) fn only(translator: &Translator) -> Finding {
    let mut all = translator.findings();
    let first = all.next().expect("there is a finding");
    assert!(
        all.next().is_none(),
        "there is only one: {:?}",
        findings(translator)
    );
    (**first).clone()
}

/// A rule of a route in namespace `default`.
pub(crate) fn rule(translator: &Translator, route: &str, index: u32) -> Arc<Rule> {
    translator
        .ir()
        .rules
        .values()
        .find(|rule| &*rule.key.route.name == route && rule.key.rule == index)
        .unwrap_or_else(|| panic!("{route} has no rule {index}"))
        .clone()
}

/// What a rule does, in short: `web:80=1 broken(BackendNotFound)=2` or `refuse(NoBackends)`.
pub(crate) fn action(rule: &Rule) -> String {
    match &rule.action {
        Action::Refuse(refusal) => format!("refuse({:?})", refusal.kind),
        Action::Forward(backends) => {
            let words: Vec<String> = backends
                .iter()
                .map(|backend| match &backend.target {
                    Target::Backend(key) => {
                        format!("{}:{}={}", key.object.name, key.port, backend.weight)
                    }
                    Target::Broken(refusal) => {
                        let why = refusal
                            .finding
                            .map(|finding| format!("{finding:?}"))
                            .unwrap_or_default();
                        format!("broken({why})={}", backend.weight)
                    }
                })
                .collect();
            words.join(" ")
        }
    }
}

/// The listeners of a Gateway in namespace `default`: `http=2` is served with two routes, `-http=0`
/// is not served.
pub(crate) fn listeners(translator: &Translator, gateway: &str) -> Vec<String> {
    let report = report(translator, "Gateway", gateway);
    let Subject::Gateway(gateway) = &report.subject else {
        panic!("no Gateway");
    };
    gateway
        .listeners
        .iter()
        .map(|listener| {
            let mark = if listener.served { "" } else { "-" };
            format!("{mark}{}={}", listener.name, listener.attached_routes)
        })
        .collect()
}

/// The report of an object in namespace `default`, or of a cluster-scoped one.
pub(crate) fn report(translator: &Translator, kind: &str, name: &str) -> Arc<Report> {
    translator
        .reports()
        .iter()
        .find(|(id, _)| {
            &*id.kind == kind && &*id.name == name && matches!(&*id.namespace, "" | "default")
        })
        .map(|(_, report)| report.clone())
        .unwrap_or_else(|| panic!("no report on {kind} {name}"))
}
