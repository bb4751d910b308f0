//! What is otherwise where Envoy serves: what it cannot do is answered, or left out.

use std::sync::Arc;

use fg_exchange::{Reason, Request};
use fg_ir::{Action, Ir, Rule, RuleBackend};
use fg_model::Match;
use fg_policies::{Around, traffic};
use fg_router::ListenerTable;

use super::owner::Try;
use super::walk::refused;
use super::{Answer, choose};

/// Corrects what came of a match that Envoy cannot ask.
pub(super) fn judge(one: &mut Try<'_>, table: &ListenerTable<Arc<Rule>>, request: &Request) {
    let Some(why) = one.matched.lacks_on_envoy() else {
        return;
    };
    let rule = one.found.rule;
    if rule.is_protected() {
        // Whatever may be one of its requests is answered.
        one.fits = wider_fits(rule, one.found.match_index, one.matched, table, request);
        one.closed = one.fits.then_some(why);
    } else {
        let fits = one.fits;
        one.fits = false;
        let what = of(why);
        one.left_out = fits.then(|| format!("fits, but Envoy cannot do {what}: it is left out"));
    }
}

/// Whether a request meets all conditions of a match that Envoy can ask.
fn wider_fits(
    rule: &Rule,
    index: u32,
    matched: &Match,
    table: &ListenerTable<Arc<Rule>>,
    request: &Request,
) -> bool {
    let listener = table.listener();
    let alone = Arc::new(Rule {
        matches: vec![(index, matched.without_what_envoy_lacks())],
        ..rule.clone()
    });
    let mut ir = Ir::default();
    ir.listeners.insert(listener.key.clone(), listener.clone());
    ir.rules.insert(alone.key.clone(), alone);
    let router = choose::router(&ir);
    let mut sockets = router.sockets().map(|(_, socket)| socket);
    sockets.any(|socket| {
        let mut tables = socket.listeners();
        tables.any(|table| table.find(request).is_some())
    })
}

/// The answer for all requests of a rule, if Envoy cannot serve it; `closed` says what of the match
/// it cannot ask.
pub(super) fn of_rule(rule: &Rule, closed: Option<&'static str>) -> Option<Answer> {
    let lacks = closed.or_else(|| first(&rule.policies, drawn(rule)));
    Some(answer(Reason::InvalidRule, lacks?))
}

/// The answer for the requests that a rule draws for a backend, if Envoy cannot serve those.
pub(super) fn of_backend(rule: &Rule, backend: &RuleBackend) -> Option<Answer> {
    let lacks = first(&backend.policies, drawn(rule));
    Some(answer(Reason::InvalidBackend, lacks?))
}

fn first(policies: &traffic::Set, backends: usize) -> Option<&'static str> {
    let lacks = policies.lacks_on_envoy(Around { backends });
    lacks.first().map(|(_, why)| *why)
}

/// How many backends a rule draws from.
fn drawn(rule: &Rule) -> usize {
    match &rule.action {
        Action::Forward(backends) => backends.iter().filter(|one| one.weight > 0).count(),
        Action::Refuse(_) => 0,
    }
}

fn answer(reason: Reason, lacks: &str) -> Answer {
    refused(reason, &format!("Envoy cannot do {}", of(lacks)))
}

/// What is lacking, without what is to be done about it.
fn of(lacks: &str) -> &str {
    lacks.split_once("; ").map_or(lacks, |(what, _)| what)
}
