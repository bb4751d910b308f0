//! What a route asks of its parents that Envoy serves, and that Envoy cannot do.
//!
//! Such rules are answered 500 there, which is said of those parents alone: at all others they work.

use fg_ir::{Action, Rule};
use fg_model::{FindingKind, Origin, Scope};
use fg_policies::{Around, traffic};

use crate::notes::Notes;

/// Reports it for the parents with these indexes.
pub(super) fn lacks(rules: &[Rule], parents: &[usize], notes: &mut Notes) {
    if parents.is_empty() {
        return;
    }
    let lacks: Vec<Vec<Lack>> = rules.iter().map(of_rule).collect();
    let is_closed = |lacks: &Vec<Lack>| lacks.iter().any(|lack| !lack.of_backend);
    let is_all = !lacks.is_empty() && lacks.iter().all(is_closed);
    for &parent in parents {
        notes.scope = Scope::Parent(parent);
        for lack in lacks.iter().flatten() {
            lack.report(notes);
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
    /// Whether it is written for one backend of several: the others serve.
    of_backend: bool,
}

impl Lack {
    fn report(&self, notes: &mut Notes) {
        let (what, hint) = self.why.split_once("; ").unwrap_or((self.why, ""));
        let whose = if self.of_backend {
            "requests for this backend"
        } else {
            "requests"
        };
        let class = "or use a Gateway of class `ferrogate`";
        let hint = match hint {
            "" => format!("remove it, {class}"),
            hint => format!("{hint}, {class}"),
        };
        notes
            .error(
                &self.origin.path,
                FindingKind::RuleDropped,
                format!("Envoy cannot do {what}: {whose} are answered 500"),
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
    let of = |set: &traffic::Set, of_backend: bool| -> Vec<Lack> {
        let lacks = set.lacks_on_envoy(around).into_iter();
        lacks
            .map(|(policy, why)| Lack {
                origin: set
                    .origins_of(policy)
                    .next()
                    .unwrap_or(&rule.origin)
                    .clone(),
                why,
                of_backend,
            })
            .collect()
    };
    let mut all = of(&rule.policies, false);
    // The share of the only backend is all.
    let is_share = around.backends > 1;
    all.extend(drawn.flat_map(|backend| of(&backend.policies, is_share)));
    all
}
