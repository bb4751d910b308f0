//! What might have had a request that another rule has: routes that ask for its host and are refused, or
//! attached nowhere, or lack a match. Whoever wrote them looks for the reason here.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_base::Text;
use fg_ir::{GatewayKey, Ir, Listener};
use fg_model::{Finding, FindingKind, ObjectRef, Scope, Severity, kinds};

use super::misses::{attached, hint};
use super::owner::Owned;
use super::walk::LISTED;
use super::{Explanation, Hint, Question, Rival};

/// Tells of them.
pub(super) fn tell(
    ir: &Ir,
    listener: &Listener,
    owned: &Owned,
    host: &str,
    question: &Question<'_>,
    explanation: &mut Explanation,
) {
    let ground = Ground::of(ir, listener);
    let asking = (question.asking)(host);
    let mut errors: Errors<'_> = BTreeMap::new();
    let all = question.findings.iter();
    for finding in all.filter(|finding| finding.severity == Severity::Error) {
        let of_object = errors.entry(&finding.about.object).or_default();
        of_object.push(finding);
    }
    let mut found: Vec<Hint> = Vec::new();
    for rival in &asking.rivals {
        // A host may have many rivals: what is not listed is not looked for.
        if found.len() >= LISTED {
            break;
        }
        if let Some(errors) = errors.get(&*rival.route) {
            found.extend(about(rival, errors, ir, &ground, owned, question));
        }
    }
    let of_files = question.findings.iter().filter(|finding| {
        finding.severity == Severity::Error && finding.about.object.is(kinds::FILE)
    });
    let left = LISTED.saturating_sub(found.len());
    found.extend(of_files.take(left).map(|finding| {
        let one = hint(finding, question);
        let text = format!(
            "whether something in this file would have the request is not known: {}",
            one.text
        );
        Hint { text, ..one }
    }));
    found.truncate(LISTED);
    explanation.hints.extend(found);
}

/// What is wrong with each object, in the order of the findings.
type Errors<'a> = BTreeMap<&'a ObjectRef, Vec<&'a Arc<Finding>>>;

/// What keeps a route with these errors from being asked.
fn about(
    rival: &Rival,
    errors: &[&Arc<Finding>],
    ir: &Ir,
    ground: &Ground<'_>,
    owned: &Owned,
    question: &Question<'_>,
) -> Vec<Hint> {
    let route = &rival.route;
    let order = match &rival.hostname {
        // It may be any.
        None => "perhaps been asked",
        Some(own) => match own.cmp_specificity(&owned.hostname) {
            Ordering::Less => "been asked first",
            Ordering::Equal => "been asked, too",
            // What it has is never asked where the owner's fits.
            Ordering::Greater => return Vec::new(),
        },
    };
    let said = |words: &str, finding: &Arc<Finding>| {
        let one = hint(finding, question);
        let text = format!("{words}: {}", one.text);
        Hint { text, ..one }
    };
    let is_owner = *owned.rule.key.route == **route;
    let refused = errors.iter().find(|finding| finding.kind.is_refusal());
    if let Some(finding) = refused.filter(|_| is_owner || ground.may_be_for(rival)) {
        let words = match is_owner {
            true => format!("what {route} says now is refused"),
            false => format!("{route} would have {order}, but was refused"),
        };
        return vec![said(&words, finding)];
    }
    let is_here = attached(ir, route).contains(&ground.listener.key);
    if !is_here {
        let of_parents = errors.iter().find(|finding| {
            let is_for = |at: usize| rival.parents.get(at).is_none_or(|one| ground.may_be(one));
            match finding.scope {
                Scope::Parent(at) => is_for(at),
                _ => false,
            }
        });
        let words = format!("{route} would have {order}, but is not attached here");
        return of_parents
            .map(|finding| said(&words, finding))
            .into_iter()
            .collect();
    }
    let own = &*owned.rule.origin.path;
    let left_out = errors.iter().filter(|finding| {
        let path = &*finding.about.path;
        // What is inside of the rule itself is told with it.
        let is_told = is_owner
            && path
                .strip_prefix(own)
                .is_some_and(|rest| rest.starts_with('.'));
        finding.kind == FindingKind::RuleDropped && path.contains(".matches[") && !is_told
    });
    let words = format!("a rule of {route} might have {order}");
    left_out.map(|finding| said(&words, finding)).collect()
}

/// The listener that has the request, and what else holds listeners.
struct Ground<'a> {
    listener: &'a Listener,
    /// Namespace and name of Gateways, and of sets of listeners.
    holders: BTreeSet<(&'a Text, &'a Text)>,
}

impl<'a> Ground<'a> {
    fn of(ir: &'a Ir, listener: &'a Listener) -> Self {
        let holders = ir.listeners.values().flat_map(|one| {
            let object: &ObjectRef = &one.origin.object;
            [
                (&one.key.namespace, &one.key.gateway),
                (&object.namespace, &object.name),
            ]
        });
        Self {
            listener,
            holders: holders.collect(),
        }
    }

    /// Whether a route may be meant for this listener.
    fn may_be_for(&self, rival: &Rival) -> bool {
        rival.parents.is_empty() || rival.parents.iter().any(|parent| self.may_be(parent))
    }

    /// Whether a parent is this listener's, or nobody's: then it may be misspelt.
    fn may_be(&self, (namespace, name): &(Text, Text)) -> bool {
        let object = &self.listener.origin.object;
        GatewayKey::new(namespace, name).has(&self.listener.key)
            || (object.namespace == *namespace && object.name == *name)
            || !self.holders.contains(&(namespace, name))
    }
}
