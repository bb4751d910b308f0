//! Which rule owns a request, and what came of the matches beside it.

use std::sync::Arc;

use fg_exchange::{Facts, Request, Scheme};
use fg_ir::{Protocol, Rule};
use fg_model::{HostPattern, Match, Plane};
use fg_router::{Found, ListenerTable, Outcome};

use super::walk::{LISTED, rule_step};
use super::words::{Ranked, of_loss, of_precedence};
use super::{Explanation, Other, Question, envoy};

/// The rule that owns a request.
pub(super) struct Owned {
    pub(super) rule: Arc<Rule>,
    pub(super) facts: Facts,
    /// The hostname under which it was found.
    pub(super) hostname: HostPattern,
    /// What of the match Envoy cannot ask, where that closes the rule.
    pub(super) closed: Option<&'static str>,
}

/// A match that was tried.
pub(super) struct Try<'a> {
    pub(super) found: Found<'a, Arc<Rule>>,
    pub(super) matched: &'a Match,
    outcome: Outcome,
    /// Whether it fits on the data plane that serves.
    pub(super) fits: bool,
    /// What of it that data plane cannot ask: it answers.
    pub(super) closed: Option<&'static str>,
    /// Why that data plane leaves it out.
    pub(super) left_out: Option<String>,
}

impl Try<'_> {
    fn ranked(&self) -> Ranked<'_> {
        Ranked {
            rule: self.found.rule,
            matched: self.matched,
            hostname: self.found.hostname,
        }
    }
}

/// Finds the rule and tells of the matches beside it.
pub(super) fn find(
    table: &ListenerTable<Arc<Rule>>,
    plane: Plane,
    question: &Question<'_>,
    request: &Request,
    explanation: &mut Explanation,
) -> Option<Owned> {
    let mut tried = Vec::new();
    table.trace(request, &mut |one| {
        tried.push(Try {
            found: one.found,
            matched: one.matched,
            outcome: one.outcome,
            fits: matches!(one.outcome, Outcome::Won | Outcome::RunnerUp),
            closed: None,
            left_out: None,
        });
    });
    if plane == Plane::Envoy {
        for one in &mut tried {
            envoy::judge(one, table, request);
        }
    }
    let winner = tried.iter().position(|one| one.fits);
    for (at, one) in tried.iter().enumerate() {
        let won = winner.and_then(|winner| tried.get(winner));
        let why = match (&one.left_out, one.fits, won) {
            _ if Some(at) == winner => continue,
            (Some(why), ..) => why.clone(),
            (None, true, Some(won)) => of_precedence(&won.ranked(), &one.ranked()),
            _ => match one.outcome {
                Outcome::Lost(lost) => of_loss(lost, one.matched, request),
                Outcome::Won | Outcome::RunnerUp => continue,
            },
        };
        if explanation.others.len() < LISTED {
            let found = one.found;
            explanation.others.push(Other {
                step: rule_step(
                    question,
                    found.rule,
                    found.match_index,
                    one.matched,
                    found.hostname,
                ),
                fits: one.fits,
                why,
            });
        }
    }
    let Try {
        found,
        matched,
        closed,
        ..
    } = tried.get(winner?)?;
    explanation.rule = Some(rule_step(
        question,
        found.rule,
        found.match_index,
        matched,
        found.hostname,
    ));
    let facts = Facts {
        client: question.client,
        scheme: match table.listener().protocol {
            Protocol::Http => Scheme::Http,
            Protocol::Https => Scheme::Https,
        },
        listener_port: table.listener().port,
        matched_prefix: found.matched_prefix,
    };
    Some(Owned {
        rule: found.rule.clone(),
        facts,
        hostname: found.hostname.clone(),
        closed: *closed,
    })
}
