//! What happens to requests.

use std::fmt;
use std::sync::Arc;

use fg_base::Text;
use fg_model::{Age, BackendKey, FindingKind, HostPattern, Match, ObjectRef, Origin};
use fg_policies::traffic;
use serde::{Deserialize, Serialize};

use crate::ListenerKey;

/// Names a rule: its route, and its place there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleKey {
    /// The route.
    pub route: Arc<ObjectRef>,
    /// Index in `spec.rules`.
    pub rule: u32,
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rule {}", self.route, self.rule)
    }
}

/// One listener that a route is attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attachment {
    /// The listener.
    pub listener: ListenerKey,
    /// The route's hostnames *as written* that share hosts with the listener's; `[Any]` when the
    /// route has none. Never empty. The listener's own hostname bounds them: it is chosen first.
    pub hostnames: Vec<HostPattern>,
}

/// A rule of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub key: RuleKey,
    /// Where it was written.
    pub origin: Origin,
    /// Which protocol its route is for.
    pub kind: RouteKind,
    /// `rules[].name`.
    pub name: Option<Text>,
    /// Where it is served; shared by the rules of a route.
    pub attachments: Arc<[Attachment]>,
    /// The route's age, for precedence; shared by the rules of a route.
    pub age: Arc<Age>,
    /// Any of these, with their index in `matches[]`; never empty unless all were dropped.
    pub matches: Vec<(u32, Match)>,
    /// Policies of the rule.
    pub policies: traffic::Set,
    /// What happens in the end.
    pub action: Action,
}

impl Rule {
    /// The backends that it sends something to, also those of its policies; perhaps one of them
    /// several times.
    pub fn backends(&self) -> Vec<&BackendKey> {
        let mut keys = self.policies.backends();
        for share in self.shares() {
            if let Target::Backend(key) = &share.target {
                keys.push(key);
            }
            keys.extend(share.policies.backends());
        }
        keys
    }

    /// Whether it, or one of its backends, has a policy that protects something.
    pub fn is_protected(&self) -> bool {
        let backends = self.shares().iter().map(|backend| &backend.policies);
        let mut names = backends
            .chain([&self.policies])
            .flat_map(traffic::Set::names);
        names.any(|name| {
            let mut all = traffic::ALL.iter();
            all.any(|meta| meta.name == name && meta.protective)
        })
    }

    /// What it forwards to, if it forwards.
    fn shares(&self) -> &[RuleBackend] {
        match &self.action {
            Action::Forward(backends) => backends,
            Action::Refuse(_) => &[],
        }
    }
}

/// Which protocol a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouteKind {
    /// `HTTPRoute`.
    Http,
    /// `GRPCRoute`: backends are called by HTTP/2, and answers of our own carry a gRPC status.
    Grpc,
}

/// What a rule does with a request that its policies let through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// Sends it to one of these, by weight. The sum of the weights is positive.
    Forward(Vec<RuleBackend>),
    /// Answers 500 (fenced rule).
    Refuse(Refusal),
}

/// Why a rule, or a share of its requests, is answered by the gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong: decides status and reason, in `fg-proxy`.
    pub kind: RefusalKind,
    /// The finding behind it, if any.
    pub finding: Option<FindingKind>,
    /// What is wrong, in words, for `explain` and the log.
    pub text: Text,
}

/// The kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RefusalKind {
    /// The rule has no backend, or none with a weight above 0.
    NoBackends,
    /// The backend reference chosen is invalid.
    InvalidBackend,
    /// A filter of the rule does not exist.
    FilterNotFound,
    /// The rule is invalid in another way.
    InvalidRule,
}

/// One backend of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleBackend {
    /// Where it was written.
    pub origin: Origin,
    /// Its share. Units: 0 to 1,000,000; 0 is never; default 1.
    pub weight: u32,
    /// Where its share goes.
    pub target: Target,
    /// Policies for this backend only.
    pub policies: traffic::Set,
}

/// Where a share of the requests goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// To a backend.
    Backend(BackendKey),
    /// Nowhere: its share is answered 500.
    Broken(Refusal),
}
