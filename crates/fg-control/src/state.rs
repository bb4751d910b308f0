//! The state of the control plane, and its steps.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fg_api::Resource;
use fg_api::deployment::Wish;
use fg_api::report::{Report, Subject};
use fg_base::Text;
use fg_ir::{Change, GatewayKey, Ir, ListenerKey};
use fg_model::{Finding, FindingKind, ObjectRef, Origin, Place, Plane, Scope, Severity, kinds};
use fg_status::{Ack, Acknowledgements, Document, Remark, document};
use fg_translate::{Options, Translator};

use crate::News;
use crate::news::{Told, each_once};

/// Objects that changed, and what their source found wrong.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// New and changed objects.
    pub upserts: Vec<Resource>,
    /// Objects that are gone.
    pub removed: Vec<ObjectRef>,
    /// Everything that the source finds wrong now, not only what changed; `None` when that is the
    /// same as before.
    pub findings: Option<Vec<Arc<Finding>>>,
}

/// What one step has changed.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// For the data plane.
    pub change: Change,
    /// Reports that are new or changed; `None` for those of objects that are gone.
    pub reports: BTreeMap<Arc<ObjectRef>, Option<Arc<Report>>>,
    /// What is to be deployed for Gateways, where that is new or changed; `None` for those that are
    /// gone.
    pub deployments: BTreeMap<Arc<ObjectRef>, Option<Wish>>,
}

/// What a data plane says about a listener: the addresses on which it serves, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The listener.
    pub listener: ListenerKey,
    /// Addresses, or words for the Gateway's owner.
    pub addresses: Result<Vec<SocketAddr>, String>,
}

/// What a data plane says besides where listeners are bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Listeners that do not serve as they are written.
    pub listeners: BTreeMap<ListenerKey, Remark>,
    /// What it finds wrong with objects.
    pub findings: Vec<Arc<Finding>>,
}

/// The control plane's state.
#[derive(Default)]
pub struct Control {
    translator: Translator,
    of_source: Vec<Arc<Finding>>,
    of_binding: Vec<Arc<Finding>>,
    of_plane: Vec<Arc<Finding>>,
    acks: Acknowledgements,
    bound: BTreeMap<ListenerKey, Vec<SocketAddr>>,
    told: Told,
    translated_routes: u64,
}

impl Control {
    /// A control plane that knows no object yet.
    pub fn new(options: Options) -> Self {
        Self {
            translator: Translator::new(options),
            ..Self::default()
        }
    }

    /// Takes changed objects and gives the change for the data plane.
    ///
    /// Cost: in proportion to the change; see [`Translator::apply`].
    pub fn apply(&mut self, objects: Objects) -> Change {
        self.step(objects).change
    }

    /// Takes changed objects and gives the change for the data plane, and whose status may have
    /// changed.
    ///
    /// Cost: as [`Control::apply`].
    pub fn step(&mut self, objects: Objects) -> Step {
        if let Some(findings) = objects.findings {
            self.translator.set_refused(refused(&findings));
            self.of_source = findings;
        }
        let next = objects.upserts.into_iter();
        let next = next.map(|object| self.translator.with_last_good(object));
        let upserts: Vec<Resource> = next.collect();
        let outcome = self.translator.apply(&upserts, &objects.removed);
        self.translated_routes += outcome.translated_routes as u64;
        Step {
            change: outcome.change,
            reports: outcome.reports,
            deployments: outcome.deployments,
        }
    }

    /// Tells what time it is: it decides whether certificates are said to have expired. Units:
    /// seconds since the epoch. Changes no traffic; gives the reports that changed.
    pub fn set_time(&mut self, now: i64) -> BTreeMap<Arc<ObjectRef>, Option<Arc<Report>>> {
        self.translator.set_time(now).reports
    }

    /// What is known of every object of ours.
    pub fn reports(&self) -> &BTreeMap<Arc<ObjectRef>, Arc<Report>> {
        self.translator.reports()
    }

    /// Who serves the traffic of a Gateway; `None` when it is not ours.
    pub fn plane(&self, gateway: &GatewayKey) -> Option<Plane> {
        let (group, kind) = kinds::GATEWAY;
        let object = ObjectRef::new(group, kind, &gateway.namespace, &gateway.name);
        match &self.reports().get(&object)?.subject {
            Subject::Gateway(report) => Some(report.plane),
            _ => None,
        }
    }

    /// Takes the data plane's word on all of its listeners.
    pub fn acknowledge(&mut self, bound: Vec<Bound>) {
        self.acks.listeners.clear();
        self.of_binding.clear();
        self.bound.clear();
        for Bound {
            listener,
            addresses,
        } in bound
        {
            let words = match addresses {
                Ok(addresses) => {
                    self.bound.insert(listener.clone(), addresses);
                    Ok(())
                }
                Err(words) => {
                    let origin = self.origin_of(&listener);
                    let finding =
                        Finding::error(origin, FindingKind::PortUnavailable, words.clone())
                            .scope(Scope::Listener(name_of(&listener)));
                    self.of_binding.push(Arc::new(finding));
                    Err(words)
                }
            };
            self.acks.take(Ack {
                listener,
                bound: words,
            });
        }
    }

    /// Takes all that a data plane has to say besides; it replaces what it said before.
    pub fn remark(&mut self, remarks: Remarks) {
        self.acks.remarks = remarks.listeners;
        self.of_plane = remarks.findings;
    }

    /// Tells where Gateways without addresses of their own can be reached.
    pub fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        self.acks.addresses = addresses;
    }

    /// Findings that came and went since this was last asked, each with its place.
    pub fn news(&mut self, locate: &dyn Fn(&Origin) -> Option<Place>) -> News {
        let now: Vec<_> = self.findings().cloned().collect();
        self.told.update(now, &|finding| placed(finding, locate))
    }

    /// Everything that is wrong now, in no order and perhaps twice. Those of the source have a
    /// place.
    pub fn findings(&self) -> impl Iterator<Item = &Arc<Finding>> {
        let all = self.of_source.iter();
        all.chain(self.translator.findings())
            .chain(&self.of_binding)
            .chain(&self.of_plane)
    }

    /// Everything that is wrong now, each with its place, sorted by that; once, however many parents
    /// of a route it concerns.
    pub fn placed_findings(&self, locate: &dyn Fn(&Origin) -> Option<Place>) -> Vec<Arc<Finding>> {
        let mut findings: Vec<Arc<Finding>> = self
            .findings()
            .map(|finding| placed(finding, locate))
            .collect();
        findings.sort_by(|a, b| (&a.place, a).cmp(&(&b.place, b)));
        each_once(&mut findings);
        findings
    }

    /// Every object of ours with its status, sorted.
    pub fn documents(&self) -> Vec<Document> {
        let reports = self.translator.reports().values();
        reports.map(|report| self.document(report)).collect()
    }

    fn document(&self, report: &Report) -> Document {
        document(&with_remarks(report, &self.of_plane), &self.acks)
    }

    /// The configuration that serves.
    pub fn ir(&self) -> &Ir {
        self.translator.ir()
    }

    /// Where each listener serves.
    pub fn bound(&self) -> &BTreeMap<ListenerKey, Vec<SocketAddr>> {
        &self.bound
    }

    /// How many routes there are.
    pub fn routes(&self) -> usize {
        self.translator.routes()
    }

    /// How many routes were translated since the start, each time again.
    pub fn translated_routes(&self) -> u64 {
        self.translated_routes
    }

    /// The acknowledgements as if everything that was asked for could be bound: for `check`, which
    /// binds nothing.
    pub fn assume_bound(&mut self) {
        let listeners: Vec<ListenerKey> = self.ir().listeners.keys().cloned().collect();
        for listener in listeners {
            self.acks.take(Ack {
                listener,
                bound: Ok(()),
            });
        }
    }

    fn origin_of(&self, key: &ListenerKey) -> Origin {
        match self.ir().listeners.get(key) {
            Some(listener) => listener.origin.clone(),
            None => {
                let (group, kind) = kinds::GATEWAY;
                let gateway = ObjectRef::new(group, kind, &key.namespace, &key.gateway);
                Origin::of(Arc::new(gateway), 0)
            }
        }
    }
}

/// The objects that a source refuses, each with the first error of its own.
fn refused(findings: &[Arc<Finding>]) -> BTreeMap<ObjectRef, Text> {
    let mut refused = BTreeMap::new();
    let errors = findings.iter().filter(|finding| {
        let is_of_object = !finding.about.object.is(kinds::FILE);
        is_of_object && finding.kind.is_refusal() && finding.severity == Severity::Error
    });
    for error in errors {
        let place = error.place.as_ref();
        let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
        let field = match &*error.about.path {
            "" => String::new(),
            path => format!("{path}: "),
        };
        let words = || format!("{place}{field}{}", error.text).into();
        refused
            .entry(ObjectRef::clone(&error.about.object))
            .or_insert_with(words);
    }
    refused
}

/// A report with what a data plane finds wrong with its object besides.
pub fn with_remarks<'a>(report: &'a Report, findings: &[Arc<Finding>]) -> Cow<'a, Report> {
    let is_about = |finding: &&Arc<Finding>| finding.about.object == report.object;
    let mut about = findings.iter().filter(is_about).cloned().peekable();
    if about.peek().is_none() {
        return Cow::Borrowed(report);
    }
    let mut report = report.clone();
    report.findings.extend(about);
    Cow::Owned(report)
}

/// The name of a listener in the object that holds it: the IR's name bears that of a `ListenerSet`.
fn name_of(listener: &ListenerKey) -> Text {
    match listener.section.rsplit_once('/') {
        Some((_, name)) => name.into(),
        None => listener.section.clone(),
    }
}

fn placed(finding: &Arc<Finding>, locate: &dyn Fn(&Origin) -> Option<Place>) -> Arc<Finding> {
    if finding.place.is_some() {
        return finding.clone();
    }
    match locate(&finding.about) {
        Some(place) => Arc::new(Finding {
            place: Some(place),
            ..Finding::clone(finding)
        }),
        None => finding.clone(),
    }
}

#[cfg(test)]
mod tests {
    use fg_testkit::certificates::{Authority, Issued, secret};
    use fg_testkit::objects::objects;

    use super::*;

    const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: ferrogate
  listeners: [{name: s, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}]
";

    /// Whatever source they come from.
    #[test]
    fn a_certificate_that_cannot_be_used_any_more_serves_on() {
        let [one, two] = [(); 2].map(|()| Authority::new("test").issue(&["a.example"]));
        let mixed = Issued {
            certificate: two.certificate.clone(),
            key: one.key.clone(),
        };
        let take = |control: &mut Control, yaml: &str| {
            control.step(Objects {
                upserts: objects(yaml),
                ..Objects::default()
            })
        };
        let good = format!("{GATEWAY}{}", secret("c", &one));
        let mut control = Control::new(Options::default());
        take(&mut control, &good);
        assert_eq!(control.findings().count(), 0);
        let step = take(&mut control, &secret("c", &mixed));
        assert!(step.change.is_empty());
        assert_eq!(step.reports.len(), 1, "status says so");
        let words: Vec<_> = control.findings().map(|one| &*one.text).collect();
        assert!(words[0].contains("its last good certificate"), "{words:?}");
        let step = take(&mut control, &secret("c", &two));
        assert_eq!(step.change.credentials.len(), 1);
        assert_eq!(control.findings().count(), 0);
        // There is none when it begins like that.
        let bad = format!("{GATEWAY}{}", secret("c", &mixed));
        let mut control = Control::new(Options::default());
        take(&mut control, &bad);
        assert!(control.ir().listeners.is_empty());
    }
}
