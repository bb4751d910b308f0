//! Why nothing serves a request: the matches that are near, and the objects that asked for its host.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_exchange::Request;
use fg_ir::{Ir, Listener, ListenerKey, Rule};
use fg_model::{Finding, FindingKind, ObjectRef, Origin, Scope, Severity, kinds};
use fg_router::ListenerTable;

use super::walk::{LISTED, lossy, rule_step};
use super::{Asking, Explanation, Hint, Other, Question, Source};

/// The matches of the listener that were not even tried, when nothing was found: what is nearest.
pub(super) fn near(
    table: &ListenerTable<Arc<Rule>>,
    question: &Question<'_>,
    request: &Request,
    explanation: &mut Explanation,
) {
    let host = lossy(request.host());
    let mut entries = table.entries().peekable();
    if entries.peek().is_none() {
        explanation.hints.push(Hint {
            text: "no route is attached to this listener".to_owned(),
            source: explanation
                .listener
                .as_ref()
                .map(|step| step.source.clone()),
        });
    }
    for entry in entries {
        let step = rule_step(
            question,
            entry.rule,
            entry.match_index,
            entry.matched,
            entry.hostname,
        );
        if explanation.others.len() >= LISTED {
            explanation
                .notes
                .push("there are more rules that do not fit".to_owned());
            break;
        }
        let known = |other: &Other| other.step == step;
        if explanation.others.iter().any(known) {
            continue;
        }
        let why = if entry.hostname.matches(&host) {
            "does not fit: the path is another".to_owned()
        } else {
            format!("does not fit: it is for host {}", entry.hostname)
        };
        explanation.others.push(Other {
            step,
            fits: false,
            why,
        });
    }
}

/// The routes that ask for the host and are not served here, with what is wrong with them; then
/// other errors that may be why a request is not served, and how many more there are.
pub(super) fn suspects(
    ir: &Ir,
    listener: Option<&Listener>,
    question: &Question<'_>,
    request: &Request,
    explanation: &mut Explanation,
) {
    let mut told: BTreeSet<&ObjectRef> = BTreeSet::new();
    let asking = (question.asking)(&lossy(request.host()));
    let mut shown = 0;
    for origin in asking.by_name.iter().take(LISTED) {
        let attached = attached(ir, &origin.object);
        let here = listener.is_some_and(|listener| attached.contains(&listener.key));
        if here || !told.insert(&origin.object) {
            continue;
        }
        let text = if attached.is_empty() {
            "asks for this host, but none of its rules is attached to a listener".to_owned()
        } else {
            let names: Vec<_> = attached.iter().map(|key| format!("`{key}`")).collect();
            format!("asks for this host, but on {} only", names.join(", "))
        };
        explanation.hints.push(Hint {
            text,
            source: Some(question.source(origin)),
        });
        let about = |finding: &&Arc<Finding>| finding.about.object == origin.object;
        for finding in question.findings.iter().filter(about).take(LISTED) {
            shown += usize::from(finding.severity == Severity::Error);
            explanation.hints.push(hint(finding, question));
        }
    }
    let reach = Reach::of(ir, listener, &asking);
    let errors = |finding: &&Arc<Finding>| finding.severity == Severity::Error;
    let relevant = |finding: &&Arc<Finding>| {
        errors(finding) && !told.contains(&*finding.about.object) && reach.has(&finding.about)
    };
    for finding in question.findings.iter().filter(relevant).take(LISTED) {
        shown += 1;
        explanation.hints.push(hint(finding, question));
    }
    let more = question.findings.iter().filter(errors).count();
    let more = more.saturating_sub(shown);
    if more > 0 {
        let errors = if more == 1 { "error" } else { "errors" };
        let text = format!("{more} more {errors} elsewhere: `ferrogate check` lists them all");
        explanation.hints.push(Hint { text, source: None });
    }
}

/// What may have to do with a request that nothing serves.
struct Reach<'a> {
    listener: Option<&'a Listener>,
    asking: &'a Asking,
    /// The routes that are attached to this listener, and those that are to others only.
    here: BTreeSet<&'a ObjectRef>,
    elsewhere: BTreeSet<&'a ObjectRef>,
    /// The objects that hold listeners.
    holders: BTreeSet<&'a ObjectRef>,
}

impl<'a> Reach<'a> {
    fn of(ir: &'a Ir, listener: Option<&'a Listener>, asking: &'a Asking) -> Self {
        let (mut here, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
        for (key, rule) in &ir.rules {
            let mut attachments = rule.attachments.iter();
            let is_here = attachments
                .any(|one| listener.is_some_and(|listener| listener.key == one.listener));
            match (is_here, rule.attachments.is_empty()) {
                (true, _) => here.insert(&*key.route),
                (false, false) => elsewhere.insert(&*key.route),
                (false, true) => false,
            };
        }
        let listeners = ir.listeners.values();
        Self {
            listener,
            asking,
            here,
            elsewhere,
            holders: listeners.map(|one| &*one.origin.object).collect(),
        }
    }

    /// Whether an error there may be the reason.
    fn has(&self, about: &Origin) -> bool {
        let object = &*about.object;
        if object.is(kinds::FILE) {
            // Nobody knows what would be in it.
            return true;
        }
        if object.is(kinds::GATEWAY) || object.is(kinds::LISTENER_SET) {
            // One without any listener might have had a better one.
            let is_own = |listener: &Listener| {
                *listener.origin.object == *object
                    || (*object.name == *listener.key.gateway
                        && *object.namespace == *listener.key.namespace)
            };
            return self.listener.is_none_or(is_own) || !self.holders.contains(object);
        }
        let is_route = object.is(kinds::HTTP_ROUTE) || object.is(kinds::GRPC_ROUTE);
        // Without a listener no route is asked.
        if !is_route || self.listener.is_none() || self.asking.others.contains(object) {
            return false;
        }
        let of_parent = about.path.starts_with("spec.parentRefs");
        // Such a rule would have the request, and answer it.
        let in_action = about.path.contains(".backendRefs") || about.path.contains(".filters");
        of_parent
            || (!in_action && (self.here.contains(object) || !self.elsewhere.contains(object)))
    }
}

/// What is wrong inside of the rule that owns the request: why it is closed, or which part of it,
/// such as a mirror, does nothing.
pub(super) fn of_rule(rule: &Rule, question: &Question<'_>, explanation: &mut Explanation) {
    let place = &rule.origin;
    let inside = |finding: &&Arc<Finding>| {
        let about = &finding.about;
        let rest = about.path.strip_prefix(&*place.path);
        about.object == place.object
            && finding.severity != Severity::Info
            && rest.is_some_and(|rest| {
                // References that are broken are told with their backends.
                let told = rest.starts_with(".backendRefs[") && !rest.contains(".filters[");
                !told && (rest.is_empty() || rest.starts_with(['.', '[']))
            })
    };
    let found = question.findings.iter().filter(inside).take(LISTED);
    let found = found.map(|finding| hint(finding, question));
    explanation.hints.extend(found);
}

/// What the data plane itself says of the rule's route and of the listener's Gateway: that it does
/// not run, cannot bind the port, or refuses what it was sent.
pub(super) fn of_plane(
    listener: &Listener,
    rule: &Rule,
    question: &Question<'_>,
    explanation: &mut Explanation,
) {
    let objects = [&listener.origin.object, &rule.origin.object];
    let relevant = |finding: &&Arc<Finding>| {
        let is_of_plane = matches!(
            finding.kind,
            FindingKind::PlaneUnavailable
                | FindingKind::RefusedByPlane
                | FindingKind::PortUnavailable
        );
        let is_here = match &finding.scope {
            Scope::Listener(name) => {
                *listener.origin.object != *finding.about.object
                    || listener.key.section.rsplit('/').next() == Some(&**name)
            }
            _ => true,
        };
        is_of_plane && is_here && objects.contains(&&finding.about.object)
    };
    let found = question.findings.iter().filter(relevant).take(LISTED);
    let found: Vec<Hint> = found.map(|finding| hint(finding, question)).collect();
    for one in found {
        // One refusal may be said of several objects.
        if explanation.hints.iter().all(|told| told.text != one.text) {
            explanation.hints.push(one);
        }
    }
}

/// The listeners that serve a route.
pub(super) fn attached<'a>(ir: &'a Ir, route: &ObjectRef) -> BTreeSet<&'a ListenerKey> {
    let rules = ir.rules.iter();
    rules
        .filter(|(key, _)| *key.route == *route)
        .flat_map(|(_, rule)| rule.attachments.iter())
        .map(|attachment| &attachment.listener)
        .collect()
}

/// A finding as something to look at.
pub(super) fn hint(finding: &Finding, question: &Question<'_>) -> Hint {
    let advice = finding.hint.iter().map(|hint| format!(" ({hint})"));
    Hint {
        text: format!("{}{}", finding.text, advice.collect::<String>()),
        source: Some(Source {
            place: finding.place.as_ref().map(ToString::to_string),
            ..question.source(&finding.about)
        }),
    }
}
