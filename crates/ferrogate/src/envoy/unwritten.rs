//! What no policy could write for Envoy, as findings of the routes concerned: such a rule is closed.
//!
//! Most of it is known before anything is written (`lacks_on_envoy`) and said by translation; what is
//! said there is not said again.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_api::report::{Report, Subject};
use fg_control::Control;
use fg_envoy::Refusal;
use fg_ir::{Action, Ir, Rule, RuleKey};
use fg_model::{Finding, FindingKind, ObjectRef, Origin, Scope};
use fg_policies::traffic;
use fg_status::GatewayKey;

use super::Refusals;
use crate::parents::gateway_of_parent;

/// The findings, sorted. `ir` is what the refusals were made of; `serves` says of which Gateways that
/// is the configuration.
///
/// Cost: in proportion to the rules of the routes concerned.
pub(crate) fn unwritten(
    refusals: &Refusals,
    control: &Control,
    ir: &Ir,
    serves: impl Fn(&GatewayKey) -> bool,
) -> Vec<Arc<Finding>> {
    let mut findings = Vec::new();
    let mut routes: BTreeMap<&Arc<ObjectRef>, Vec<&RuleKey>> = BTreeMap::new();
    for key in refusals.keys() {
        routes.entry(&key.route).or_default().push(key);
    }
    let reports = control.reports();
    for (route, keys) in routes {
        let Some(report) = reports.get(route) else {
            continue;
        };
        let Subject::Route(parents) = &report.subject else {
            continue;
        };
        let parents = parents.parents.iter().filter(|parent| {
            let gateway = gateway_of_parent(parent, route, reports);
            gateway.is_some_and(|gateway| serves(&gateway))
        });
        for parent in parents {
            let place = Place {
                report,
                scope: Scope::Parent(parent.index),
            };
            for key in &keys {
                if let Some(rule) = ir.rules.get(*key) {
                    let refusals = refusals.get(*key).into_iter().flatten();
                    findings.extend(refusals.filter_map(|one| place.finding(rule, one)));
                }
            }
            findings.extend(place.nothing_left(refusals, ir));
        }
    }
    findings.sort_unstable();
    findings.dedup();
    findings.into_iter().map(Arc::new).collect()
}

/// One parent of one route.
struct Place<'a> {
    report: &'a Report,
    scope: Scope,
}

impl Place<'_> {
    /// What a policy could not write, unless translation has said it.
    fn finding(&self, rule: &Rule, refusal: &Refusal) -> Option<Finding> {
        let of_rule = rule.policies.origins_of(refusal.policy);
        let of_shares = shares(rule).flat_map(|set| set.origins_of(refusal.policy));
        let origin = if refusal.of_share {
            of_shares.chain(of_rule).next()
        } else {
            of_rule.chain(of_shares).next()
        };
        let origin = origin.unwrap_or(&rule.origin);
        let mut said = self.said(FindingKind::RuleDropped);
        if said.any(|finding| finding.about.path == origin.path) {
            return None;
        }
        let lost = if refusal.of_share && !is_whole(rule) {
            "requests for this backend are answered 500"
        } else {
            "requests are answered 500"
        };
        let (policy, words) = (refusal.policy, &refusal.words);
        let text = format!("`{policy}` cannot be written for Envoy: {words}: {lost}");
        let about = Origin::of(self.report.object.clone(), self.report.generation);
        let about = about.at(origin.path.clone());
        let mut finding = Finding::error(about, FindingKind::RuleDropped, text);
        finding.scope = self.scope.clone();
        finding.hint = Some("remove it, or use a Gateway of class `ferrogate`".to_owned());
        Some(finding)
    }

    /// That Envoy serves no rule of the route, if so.
    fn nothing_left(&self, refusals: &Refusals, ir: &Ir) -> Option<Finding> {
        let first = RuleKey {
            route: self.report.object.clone(),
            rule: 0,
        };
        let all = ir.rules.range(first..);
        let mut rules = all.take_while(|(key, _)| key.route == self.report.object);
        let is_closed = |(key, rule): (&RuleKey, &Arc<Rule>)| {
            let mut refusals = refusals.get(key).into_iter().flatten();
            refusals.any(|one| !one.of_share || is_whole(rule)) || self.is_dropped(rule)
        };
        let mut said = self.said(FindingKind::UnsupportedValue);
        if !rules.all(is_closed) || said.next().is_some() {
            return None;
        }
        let about = Origin::of(self.report.object.clone(), self.report.generation);
        let text = "Envoy can serve none of its rules as written";
        let about = about.at("spec.rules");
        let mut finding = Finding::error(about, FindingKind::UnsupportedValue, text);
        finding.scope = self.scope.clone();
        Some(finding)
    }

    /// Whether translation has said that a rule is closed here, and not a part of it.
    fn is_dropped(&self, rule: &Rule) -> bool {
        let mut said = self.said(FindingKind::RuleDropped);
        said.any(|finding| {
            let inner = finding.about.path.strip_prefix(&*rule.origin.path);
            inner.is_some_and(|inner| {
                !inner.starts_with(".matches") && !inner.starts_with(".backendRefs")
            })
        })
    }

    fn said(&self, kind: FindingKind) -> impl Iterator<Item = &Arc<Finding>> {
        let findings = self.report.findings.iter();
        findings.filter(move |finding| finding.kind == kind && finding.scope == self.scope)
    }
}

/// The policies of the backends that get something.
fn shares(rule: &Rule) -> impl Iterator<Item = &traffic::Set> {
    let backends = match &rule.action {
        Action::Forward(backends) => backends.as_slice(),
        Action::Refuse(_) => &[],
    };
    let drawn = backends.iter().filter(|backend| backend.weight > 0);
    drawn.map(|backend| &backend.policies)
}

/// Whether one backend gets all.
fn is_whole(rule: &Rule) -> bool {
    shares(rule).count() < 2
}
