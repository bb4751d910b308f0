//! `HTTPRoute` and `GRPCRoute`: from parents, hostnames, matches, filters and backend references
//! to rules.

mod backends;
mod envoy;
mod filters;
mod matches;
mod parents;
pub(crate) mod resolve;
pub(crate) mod sharing;
#[cfg(test)]
mod tests;
mod written;

use std::sync::Arc;

use fg_api::report::ParentReport;
use fg_ir::{
    Action, Attachment, BackendKey, ListenerKey, Refusal, RefusalKind, Rule, RuleBackend, RuleKey,
    Target,
};
use fg_model::{Age, Finding, FindingKind, ObjectRef};
use fg_policies::Read;

use self::resolve::Resolver;
pub(crate) use self::written::Written;
use self::written::WrittenRule;
use crate::lookup::Lookup;
use crate::notes::{Notes, PolicyScope};
use crate::options::Options;

/// A route, translated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// Its rules; none when no listener serves it.
    pub(crate) rules: Vec<Rule>,
    /// The backends that those rules refer to, sorted.
    pub(crate) backends: Vec<BackendKey>,
    /// Its parents that are ours.
    pub(crate) parents: Vec<ParentReport>,
    /// The listeners that count it as attached, sorted.
    pub(crate) attached: Vec<ListenerKey>,
    /// The listeners and hosts that it wants, whether it gets them or not, sorted by listener.
    pub(crate) claims: Arc<[Attachment]>,
    /// How many of its rules cannot work.
    pub(crate) broken_rules: u32,
    /// What was found, sorted.
    pub(crate) findings: Vec<Finding>,
}

/// The route of another kind that has the hosts of this one on a listener, if there is one.
pub(crate) type InTheWay<'a> = dyn Fn(&ListenerKey) -> Option<Arc<ObjectRef>> + 'a;

/// Translates a route.
pub(crate) fn translate(
    route: &Written,
    options: &Options,
    lookup: &dyn Lookup,
    in_the_way: &InTheWay<'_>,
) -> Route {
    let mut notes = Notes::new(route.origin());
    let parents = parents::parents(route, lookup, in_the_way, &mut notes);
    if parents.reports.is_empty() {
        // Nobody of ours is asked to serve it: its rules are somebody else's to judge.
        return Route {
            findings: notes.findings,
            ..Route::default()
        };
    }
    if let Some(value) = route.use_default_gateways() {
        notes.warning(
            "spec.useDefaultGateways",
            FindingKind::UnsupportedValue,
            format!("`useDefaultGateways: {value}` is not supported yet and has no effect"),
        );
    }
    let mut claims: Arc<[Attachment]> = parents.claims.into();
    let attachments: Arc<[Attachment]> = if *claims == *parents.attachments {
        claims.clone()
    } else {
        parents.attachments.into()
    };
    let age = Arc::new(route.age());
    let mut rules = Vec::new();
    let mut broken = Vec::new();
    for (at, rule) in route.rules().iter().enumerate() {
        let index = u32::try_from(at).expect("rules of one object fit 32 bits");
        let frame = Frame {
            route,
            index,
            attachments: &attachments,
            age: &age,
        };
        let (rule, fenced) = translate_rule(&frame, rule, options, lookup, &mut notes);
        broken.extend(fenced);
        rules.push(rule);
    }
    let mut attached = parents.attached;
    if !broken.is_empty() && broken.len() == rules.len() {
        let kind = broken[0];
        notes
            .error("spec.rules", kind, "none of its rules can work")
            .hint("see what is said of each of them");
        attached.clear();
        claims = Arc::default();
    }
    envoy::lacks(&rules, &parents.of_envoy, options, &mut notes);
    if attachments.is_empty() {
        rules.clear();
    }
    notes.findings.sort();
    if route.is_stand_in() {
        notes.findings.clear();
    }
    Route {
        backends: referred(&rules, notes.backends),
        rules,
        parents: parents.reports,
        attached,
        claims,
        broken_rules: u32::try_from(broken.len()).expect("rules of one object fit 32 bits"),
        findings: notes.findings,
    }
}

/// What the rules of a route have in common.
struct Frame<'a> {
    route: &'a Written,
    index: u32,
    attachments: &'a Arc<[Attachment]>,
    age: &'a Arc<Age>,
}

/// One rule, and the kind of finding for the whole route if this and all other rules are fenced.
fn translate_rule(
    frame: &Frame<'_>,
    rule: &WrittenRule<'_>,
    options: &Options,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> (Rule, Option<FindingKind>) {
    let path = format!("spec.rules[{}]", frame.index);
    let matches = matches::matches(rule.matches, &path, notes);
    let mut fenced = None;
    if matches.is_empty() {
        notes.error(
            &path,
            FindingKind::RuleDropped,
            "none of its matches can work, so that the rule is left out: its requests go to the rules that fit without it, and are answered 404 where there is none",
        );
        fenced = Some(FindingKind::UnsupportedValue);
    }
    let resolver = &Resolver {
        from: frame.route.group_kind(),
        namespace: &frame.route.id().namespace,
        options,
        lookup,
    };
    let mut filters = filters::translate(
        rule.filters,
        filters::Place::Rule,
        &format!("{path}.filters"),
        resolver,
        notes,
    );
    let scope = &mut PolicyScope {
        resolver,
        at: &path,
        notes,
    };
    let fields = fg_policies::Written::Rule(&rule.fields);
    let origin = frame.route.origin().at(path.as_str());
    if filters.set.read(fields, &origin, scope) == Read::Broken {
        let text = "a field of the rule cannot work".to_owned();
        filters.fence(&path, FindingKind::RuleDropped, text, notes);
    }
    if frame.route.is_stand_in() {
        filters.refusal = Some(Refusal {
            kind: RefusalKind::InvalidRule,
            finding: Some(FindingKind::SchemaViolation),
            text: "the route is refused for an error of its own, and this rule was to protect something"
                .into(),
        });
    }
    let redirects = filters.set.request_redirect.is_some();
    let backends = backends::backends(frame.route, rule.backend_refs, &path, resolver, notes);
    let action = match filters.refusal {
        Some(refusal) => {
            if refusal.kind == RefusalKind::InvalidRule {
                fenced = fenced.or(refusal.finding.map(whole));
            }
            Action::Refuse(refusal)
        }
        None if matches.is_empty() => Action::Refuse(Refusal {
            kind: RefusalKind::InvalidRule,
            finding: Some(FindingKind::RuleDropped),
            text: "none of its matches can work".into(),
        }),
        None => forward(backends, redirects, &path, notes),
    };
    let rule = Rule {
        key: RuleKey {
            route: frame.route.id().clone(),
            rule: frame.index,
        },
        origin: frame.route.origin().at(path),
        kind: frame.route.kind(),
        name: rule.name.cloned(),
        attachments: frame.attachments.clone(),
        age: frame.age.clone(),
        matches,
        policies: filters.set,
        action,
    };
    (rule, fenced)
}

/// Forwards by weight, if there is somebody to forward to.
fn forward(backends: Vec<RuleBackend>, redirects: bool, path: &str, notes: &mut Notes) -> Action {
    if backends.iter().any(|backend| backend.weight > 0) {
        return Action::Forward(backends);
    }
    let text = if backends.is_empty() {
        "the rule has no backend"
    } else {
        "all backends of the rule have the weight 0"
    };
    if !redirects {
        notes
            .warning(
                &format!("{path}.backendRefs"),
                FindingKind::NoBackends,
                format!("{text}: its requests are answered 500"),
            )
            .hint("name a Service in `backendRefs`, or add a RequestRedirect filter");
    }
    Action::Refuse(Refusal {
        kind: RefusalKind::NoBackends,
        finding: Some(FindingKind::NoBackends),
        text: text.into(),
    })
}

/// The finding about a route all of whose rules are fenced for such a reason.
fn whole(kind: FindingKind) -> FindingKind {
    if kind == FindingKind::IncompatibleFilters {
        kind
    } else {
        FindingKind::UnsupportedValue
    }
}

/// The backends that rules and their policies refer to, sorted, each once. Without rules there are
/// none.
fn referred(rules: &[Rule], of_policies: Vec<BackendKey>) -> Vec<BackendKey> {
    let of_policies = if rules.is_empty() {
        Vec::new()
    } else {
        of_policies
    };
    let mut keys: Vec<BackendKey> = rules
        .iter()
        .filter_map(|rule| match &rule.action {
            Action::Forward(backends) => Some(backends),
            Action::Refuse(_) => None,
        })
        .flatten()
        .filter_map(|backend| match &backend.target {
            Target::Backend(key) => Some(key.clone()),
            Target::Broken(_) => None,
        })
        .chain(of_policies)
        .collect();
    keys.sort();
    keys.dedup();
    keys
}
