//! One match of one rule, as the tables hold it, and its rank.

use std::cmp::Ordering;
use std::sync::Arc;

use fg_exchange::Request;
use fg_ir::{Ranked, Rule};
use fg_model::Match;

use crate::condition::{Compile, Conditions};
use crate::trace::Lost;

/// A rule, compiled once however many tables hold it.
pub(crate) struct CompiledRule<R> {
    /// What the caller made of it.
    pub(crate) payload: R,
    /// What it was made of.
    pub(crate) rule: Arc<Rule>,
    /// As `rule.matches`.
    conditions: Box<[Conditions]>,
}

impl<R> CompiledRule<R> {
    pub(crate) fn new(rule: &Arc<Rule>, payload: R, compile: &mut Compile<'_>) -> Self {
        Self {
            payload,
            rule: rule.clone(),
            conditions: rule
                .matches
                .iter()
                .map(|(_, one)| Conditions::new(one, compile))
                .collect(),
        }
    }
}

/// One match of a rule. Two words: requests that go to many different rules touch less memory, and
/// those that only ask for a path touch nothing of the rule but what the caller made of it.
pub(crate) struct Candidate<R> {
    pub(crate) rule: Arc<CompiledRule<R>>,
    /// Index in the lists of the rule, and [`PATH_ONLY`].
    place: u32,
    /// Index in `matches[]` as written.
    index: u32,
}

/// Says of a candidate that the path is all it asks for.
const PATH_ONLY: u32 = 1 << 31;

impl<R> Clone for Candidate<R> {
    fn clone(&self) -> Self {
        Self {
            rule: self.rule.clone(),
            ..*self
        }
    }
}

impl<R> Candidate<R> {
    /// All matches of a rule.
    pub(crate) fn all(rule: &Arc<CompiledRule<R>>) -> impl Iterator<Item = Self> {
        (0_u32..).zip(&rule.conditions).zip(&rule.rule.matches).map(
            |((at, conditions), (index, _))| Self {
                rule: rule.clone(),
                place: if conditions.is_empty() {
                    at | PATH_ONLY
                } else {
                    at
                },
                index: *index,
            },
        )
    }

    /// The first condition that the request does not meet.
    #[inline]
    pub(crate) fn lost(&self, request: &Request) -> Option<Lost> {
        if self.place & PATH_ONLY != 0 {
            return None;
        }
        self.rule.conditions.get(self.at())?.lost(request)
    }

    /// Index in the lists of the rule.
    const fn at(&self) -> usize {
        (self.place & !PATH_ONLY) as usize
    }

    /// The index in `matches[]` as written.
    #[inline]
    pub(crate) fn match_index(&self) -> u32 {
        self.index
    }

    /// The match as written.
    pub(crate) fn source(&self) -> &(u32, Match) {
        self.rule
            .rule
            .matches
            .get(self.at())
            .expect("a candidate is made for each match of its rule")
    }

    /// The order of precedence below hostname and path. The smaller one wins.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        self.ranked().precedence(other.ranked())
    }

    fn ranked(&self) -> Ranked<'_> {
        let (index, matched) = self.source();
        Ranked {
            rule: &self.rule.rule,
            index: *index,
            matched,
        }
    }
}
