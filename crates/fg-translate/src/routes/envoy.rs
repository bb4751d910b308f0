//! What a route asks of its parents that Envoy serves, and that Envoy cannot do.
//!
//! Such rules are answered 500 there, which is said of those parents alone: at all others they work.

use fg_ir::{Action, Rule};
use fg_model::{FindingKind, Origin, Scope};
use fg_policies::{Around, traffic};

use crate::Options;
use crate::notes::Notes;

/// Reports it for the parents with these indexes.
pub(super) fn lacks(rules: &[Rule], parents: &[usize], options: &Options, notes: &mut Notes) {
    if parents.is_empty() {
        return;
    }
    let lacks: Vec<Vec<Lack>> = rules.iter().map(of_rule).collect();
    let is_closed = |lacks: &Vec<Lack>| lacks.iter().any(|lack| lack.of == Of::Rule);
    let is_all = !lacks.is_empty() && lacks.iter().all(is_closed);
    for &parent in parents {
        notes.scope = Scope::Parent(parent);
        for lack in lacks.iter().flatten() {
            lack.report(options, notes);
        }
        if is_all {
            let text = "Envoy can serve none of its rules as written";
            notes.error("spec.rules", FindingKind::UnsupportedValue, text);
        }
    }
    notes.scope = Scope::Object;
}

/// One thing that Envoy cannot do.
struct Lack {
    origin: Origin,
    why: &'static str,
    of: Of,
    /// Whether it is a match.
    is_match: bool,
}

/// What is lost by it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The whole rule.
    Rule,
    /// One backend of several: the others serve.
    Backend,
    /// One match of several: the others serve.
    Match,
}

impl Lack {
    fn report(&self, options: &Options, notes: &mut Notes) {
        let (what, hint) = self.why.split_once("; ").unwrap_or((self.why, ""));
        let lost = match self.of {
            _ if self.is_match => {
                "the match is left out there, or answered 500 where a policy protects the rule"
            }
            // Another Gateway of the route may be served by our own proxy.
            Of::Backend => "requests that it gets for this backend are answered 500",
            Of::Rule | Of::Match => "requests that it gets are answered 500",
        };
        let class = match options.plane {
            None => "or use a Gateway of class `ferrogate`",
            // The class decides nothing.
            Some(_) => "or let Ferrogate's own proxy serve it",
        };
        let hint = match hint {
            "" => format!("remove it, {class}"),
            hint => format!("{hint}, {class}"),
        };
        notes
            .error(
                &self.origin.path,
                FindingKind::RuleDropped,
                format!("Envoy cannot do {what}: {lost}"),
            )
            .hint(hint);
    }
}

fn of_rule(rule: &Rule) -> Vec<Lack> {
    // What is answered here does not come to its policies' settings, but its filters act.
    let backends = match &rule.action {
        Action::Forward(backends) => backends.as_slice(),
        Action::Refuse(_) => &[],
    };
    let drawn = backends.iter().filter(|backend| backend.weight > 0);
    let around = Around {
        backends: drawn.clone().count(),
    };
    let written = |set: &traffic::Set, of: Of| -> Vec<Lack> {
        let lacks = set.lacks_on_envoy(around).into_iter();
        lacks
            .map(|(policy, why)| Lack {
                origin: set
                    .origins_of(policy)
                    .next()
                    .unwrap_or(&rule.origin)
                    .clone(),
                why,
                of,
                is_match: false,
            })
            .collect()
    };
    let mut all = of_matches(rule);
    all.extend(written(&rule.policies, Of::Rule));
    // The share of the only backend is all.
    let of = if around.backends > 1 {
        Of::Backend
    } else {
        Of::Rule
    };
    all.extend(drawn.flat_map(|backend| written(&backend.policies, of)));
    all
}

/// The matches that Envoy cannot be asked.
fn of_matches(rule: &Rule) -> Vec<Lack> {
    let matches = rule.matches.iter();
    let lacking = matches.filter_map(|(index, matched)| Some((index, matched.lacks_on_envoy()?)));
    let lacking: Vec<_> = lacking.collect();
    let is_all = lacking.len() == rule.matches.len();
    let path = &rule.origin.path;
    let lacks = lacking.into_iter().map(|(index, why)| Lack {
        origin: rule.origin.at(format!("{path}.matches[{index}]")),
        why,
        of: if is_all { Of::Rule } else { Of::Match },
        is_match: true,
    });
    lacks.collect()
}
