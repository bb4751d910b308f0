//! Closing what cannot be used as it was meant: it is there, and lets nothing pass.

use std::sync::Arc;

use fg_base::Text;
use fg_ir::{
    Action, Attachment, Backend, BackendKey, BackendKind, BackendProtocol, BackendTls, Refusal,
    RefusalKind, RouteKind, Rule, RuleKey,
};
use fg_model::{Age, Match, Origin};
use fg_policies::traffic;
use serde::Deserialize;

/// What of a rule decides which requests it gets; the rest may be beyond us.
#[derive(Deserialize)]
pub(crate) struct RuleSketch {
    key: RuleKey,
    origin: Origin,
    kind: RouteKind,
    #[serde(default)]
    name: Option<Text>,
    attachments: Arc<[Attachment]>,
    age: Arc<Age>,
    matches: Vec<(u32, Match)>,
}

impl RuleSketch {
    /// The rule that answers 500 to them. Its policies go too: one of them could answer before.
    pub(crate) fn close(self, reason: &str) -> Rule {
        Rule {
            key: self.key,
            origin: self.origin,
            kind: self.kind,
            name: self.name,
            attachments: self.attachments,
            age: self.age,
            matches: self.matches,
            policies: traffic::Set::default(),
            action: Action::Refuse(refusal(RefusalKind::InvalidRule, reason)),
        }
    }
}

impl From<Rule> for RuleSketch {
    fn from(rule: Rule) -> Self {
        Self {
            key: rule.key,
            origin: rule.origin,
            kind: rule.kind,
            name: rule.name,
            attachments: rule.attachments,
            age: rule.age,
            matches: rule.matches,
        }
    }
}

/// What of a backend names it.
#[derive(Deserialize)]
pub(crate) struct BackendSketch {
    key: BackendKey,
    origin: Origin,
}

impl BackendSketch {
    /// The backend to which nothing is sent.
    pub(crate) fn close(self, reason: &str) -> Backend {
        Backend {
            key: self.key,
            origin: self.origin,
            protocol: BackendProtocol::Auto,
            tls: BackendTls::Broken(refusal(RefusalKind::InvalidBackend, reason)),
            kind: BackendKind::Static(Vec::new()),
        }
    }
}

impl From<Backend> for BackendSketch {
    fn from(backend: Backend) -> Self {
        Self {
            key: backend.key,
            origin: backend.origin,
        }
    }
}

fn refusal(kind: RefusalKind, reason: &str) -> Refusal {
    Refusal {
        kind,
        finding: None,
        text: reason.into(),
    }
}
