//! What would happen to a request, and why: by the very tables, policies and choices that serve.
//!
//! Pure: the configuration and a question in, an [`Explanation`] out. The router is `fg-router`'s,
//! the policies' parts are those that the proxy runs.

mod choose;
mod envoy;
mod misses;
mod owner;
mod rivals;
mod text;
mod tls;
mod walk;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use fg_base::Text;
use fg_exchange::Request;
use fg_ir::GatewayKey;
use fg_model::{Finding, HostPattern, ObjectRef, Origin, Place, Plane};
use serde::Serialize;

pub use walk::explain;

/// A question about one request.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Makes the request, read and canonical as from the wire, without what a client may not say.
    /// Called for each backend, since backends may get it in different forms.
    pub request: &'a dyn Fn() -> Request,
    /// The listener's port; `None` when the URL has none.
    pub port: Option<u16>,
    /// Whether the client speaks TLS; `None` when that is not said: then as the listener does.
    pub is_secure: Option<bool>,
    /// The client's address.
    pub client: IpAddr,
    /// What is wrong with the configuration: shown when no rule serves the request.
    pub findings: &'a [Arc<Finding>],
    /// What routes ask of a host, served or not.
    pub asking: &'a dyn Fn(&str) -> Asking,
    /// The file and line of an origin.
    pub locate: &'a dyn Fn(&Origin) -> Option<Place>,
    /// Who serves a Gateway.
    pub plane: &'a dyn Fn(&GatewayKey) -> Plane,
    /// What the proxy itself writes into a request once its rule is known, before the rule's
    /// policies see it.
    pub announce: &'a dyn Fn(&mut Request),
}

/// What routes ask of a host, served or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// Where routes ask for it by name, sorted.
    pub by_name: Vec<Origin>,
    /// Routes that ask for other hosts by name, and not for it.
    pub others: BTreeSet<Arc<ObjectRef>>,
    /// All routes that ask for it, by name or not, and those of which that is not known.
    pub rivals: Vec<Rival>,
}

/// A route that asks for a host, served or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The route.
    pub route: Arc<ObjectRef>,
    /// The most specific of its hostnames that cover the host; `None` when they cannot be read.
    pub hostname: Option<HostPattern>,
    /// Namespace and name of each parent that it names; empty when they cannot be read.
    pub parents: Vec<(Text, Text)>,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Method.
    pub method: String,
    /// Host, as routed.
    pub host: String,
    /// Canonical path, with query.
    pub path: String,
    /// What was assumed or is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The listener that owns the host.
    pub listener: Option<ListenerStep>,
    /// The rule that owns the request.
    pub rule: Option<RuleStep>,
    /// The other matches that were looked at, in order of precedence, and why they did not get it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other>,
    /// The rule's policies in the order in which they act.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyStep>,
    /// The rule's backends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<BackendStep>,
    /// What the gateway answers by itself, if it does for all such requests.
    pub answer: Option<Answer>,
    /// What to look at, or to edit, to have it otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// A place in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Kind, namespace and name.
    pub object: String,
    /// Field path; empty for the whole object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// File and line, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// The listener that owns a request's host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListenerStep {
    /// Its Gateway, `namespace/name`.
    pub gateway: String,
    /// Its name.
    pub name: String,
    /// Its port, as configured.
    pub port: u16,
    /// The hosts that it owns.
    pub hostname: String,
    /// Who serves it.
    pub plane: Plane,
    /// Where it is written.
    pub source: Source,
}

/// The rule and match that own a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleStep {
    /// The route's kind, such as `HTTPRoute`.
    pub kind: String,
    /// The route, `namespace/name`.
    pub route: String,
    /// Index of the rule.
    pub rule: u32,
    /// The rule's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Index of the match.
    pub match_index: u32,
    /// What it matches on, in words.
    pub matches: String,
    /// The route's hostname that hit.
    pub hostname: String,
    /// Where it is written.
    pub source: Source,
}

/// A match that did not get the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Other {
    /// The match.
    #[serde(flatten)]
    pub step: RuleStep,
    /// Whether it fits as well.
    pub fits: bool,
    /// Why it did not get the request.
    pub why: String,
}

/// A policy that acts on the request or its reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyStep {
    /// The policy's name.
    pub policy: String,
    /// What it does.
    pub does: String,
    /// Where it comes from; several when it is made of several filters.
    pub sources: Vec<Source>,
}

/// One backend of the rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendStep {
    /// The backend; empty when the reference is broken.
    pub backend: String,
    /// Its weight.
    pub weight: u32,
    /// Its share of the requests. Units: hundredths of a percent.
    pub share: u32,
    /// Where it may go: addresses, or names that are resolved.
    pub endpoints: Vec<String>,
    /// How its certificate is checked, when it is called over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsStep>,
    /// Policies of this backend only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyStep>,
    /// What the gateway answers instead of sending the request there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The request as it is sent: its first line, then its header fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<String>,
    /// Where the reference is written.
    pub source: Source,
}

/// How a backend is called over TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsStep {
    /// Sent as SNI.
    pub hostname: String,
    /// Any of these must stand in its certificate.
    pub names: Vec<String>,
    /// Who may have signed it: objects, or `System`.
    pub trust: Vec<String>,
    /// The policy.
    pub source: Source,
}

/// An answer of the gateway itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Status; 0 when there is not even a connection.
    pub status: u16,
    /// The word of the reason; empty when a policy answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For a call of a gRPC method: the code that it gets instead, with status 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
    /// Why, in words.
    pub why: String,
    /// Header fields that a policy sets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
}

/// Something to look at or to edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// What, and why.
    pub text: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

impl Explanation {
    /// Whether a rule owns the request, and the gateway does not itself answer it with an error of
    /// its own (5xx), at every backend.
    pub fn is_served(&self) -> bool {
        let fails = |answer: &Option<Answer>| answer.as_ref().is_some_and(|one| one.status >= 500);
        let mut used = self
            .backends
            .iter()
            .filter(|step| step.weight > 0)
            .peekable();
        let nowhere = used.peek().is_some() && used.all(|step| fails(&step.answer));
        self.rule.is_some() && !fails(&self.answer) && !nowhere
    }
}

impl Question<'_> {
    fn source(&self, origin: &Origin) -> Source {
        Source {
            object: origin.object.to_string(),
            field: origin.path.to_string(),
            place: (self.locate)(origin).map(|place| place.to_string()),
        }
    }
}

/// `namespace/name`.
fn name_of(object: &ObjectRef) -> String {
    format!("{}/{}", object.namespace, object.name)
}
