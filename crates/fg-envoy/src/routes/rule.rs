//! One rule, and what it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_ir::{
    Action, BackendKey, BackendProtocol, BackendTls, Ir, Listener, Place, Protocol, RefusalKind,
    Rule,
};
use fg_model::HostPattern;
use fg_policies::envoy::HttpFilter;

use super::Speech;
use super::write::{Writer, Written};
use crate::compiler::Refusal;
use crate::settings::Settings;

/// A rule, looked at once however many virtual hosts hold it.
#[derive(Debug)]
pub(super) struct CompiledRule {
    /// What it was made of.
    pub(super) rule: Arc<Rule>,
    /// As `rule.matches`: the place of its path.
    pub(super) places: Vec<Place>,
    /// As `rule.matches`: its routes, where they are the same everywhere
    /// because there are no policies.
    pub(super) plain: Option<Vec<Written>>,
    /// What it uses.
    pub(super) needs: Needs,
}

/// What a rule uses.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Needs {
    /// The clusters.
    pub(super) clusters: BTreeSet<(BackendKey, Speech)>,
    /// The backends that were looked at: when what is known of one changes, so may the rule.
    pub(super) backends: BTreeSet<BackendKey>,
    /// The filters by name.
    pub(super) filters: BTreeMap<String, HttpFilter>,
    /// What policies could not write: the rule, or the share of a backend, is closed.
    pub(super) refusals: BTreeSet<Refusal>,
}

/// What a rule wants to know of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) protocol: BackendProtocol,
    pub(super) broken: Option<RefusalKind>,
}

/// Where a route stands: policies may ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) port: u16,
    pub(super) https: bool,
    pub(super) domain: &'a HostPattern,
}

impl Facts {
    /// What is told of a backend that is not there, as of most that are.
    pub(super) const USUAL: Self = Self {
        protocol: BackendProtocol::Auto,
        broken: None,
    };

    /// What is told of a backend.
    pub(super) fn of(ir: &Ir, backend: &BackendKey) -> Self {
        ir.backends
            .get(backend)
            .map_or(Self::USUAL, |backend| Self {
                protocol: backend.protocol,
                broken: match &backend.tls {
                    BackendTls::Broken(refusal) => Some(refusal.kind),
                    BackendTls::Off | BackendTls::Verify(_) => None,
                },
            })
    }
}

impl<'a> Spot<'a> {
    /// A domain of a listener.
    pub(super) fn of(listener: &Listener, domain: &'a HostPattern) -> Self {
        Self {
            port: listener.port,
            https: listener.protocol == Protocol::Https,
            domain,
        }
    }

    /// The one host, if it is one.
    pub(super) fn host(&self) -> Option<&'a str> {
        match self.domain {
            HostPattern::Exact(host) => Some(host),
            HostPattern::Wildcard(_) | HostPattern::Any => None,
        }
    }
}

impl CompiledRule {
    /// Looks at a rule.
    pub(super) fn new(settings: &Settings, ir: &Ir, rule: &Arc<Rule>) -> Self {
        // What is used does not depend on the place.
        let anywhere = Spot {
            port: 80,
            https: false,
            domain: &HostPattern::Any,
        };
        let mut writer = Writer::new(settings, ir, rule, anywhere);
        let matches = rule.matches.iter();
        let routes = matches.map(|(index, matched)| writer.routes(*index, matched));
        let routes: Vec<Written> = routes.collect();
        Self {
            rule: rule.clone(),
            places: rule
                .matches
                .iter()
                .map(|(_, matched)| Place::of(&matched.path))
                .collect(),
            plain: is_plain(rule).then_some(routes),
            needs: writer.finish(),
        }
    }

    /// The routes of one match, by its index in `rule.matches`.
    pub(super) fn routes(
        &self,
        settings: &Settings,
        ir: &Ir,
        at: usize,
        spot: Spot<'_>,
    ) -> Written {
        if let Some(plain) = &self.plain {
            return plain.get(at).cloned().unwrap_or_default();
        }
        let mut writer = Writer::new(settings, ir, &self.rule, spot);
        let matched = self.rule.matches.get(at);
        let routes = matched.map(|(index, matched)| writer.routes(*index, matched));
        routes.unwrap_or_default()
    }
}

/// Whether a rule has no policies.
fn is_plain(rule: &Rule) -> bool {
    let backends = match &rule.action {
        Action::Forward(backends) => backends.as_slice(),
        Action::Refuse(_) => &[],
    };
    rule.policies.is_empty() && backends.iter().all(|backend| backend.policies.is_empty())
}
