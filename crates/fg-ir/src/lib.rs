//! What gateways should do: listeners, rules, backends and endpoints, as plain values.
//!
//! The IR says what should happen. It knows no Kubernetes, no Envoy and no HTTP library. Values
//! are immutable, compared by derived equality, and each carries its origin. Children point to
//! parents: a rule names its listeners; nothing contains a list of its children, so that one edit
//! is one small change.

mod backend;
mod change;
mod credential;
mod listener;
mod order;
mod rule;

pub use backend::{
    Backend, BackendKind, BackendProtocol, BackendTls, Endpoints, StaticHost, SubjectAltName,
    TlsOrigination, Trust,
};
pub use change::{Change, Ir};
pub use credential::{Credential, CredentialKey, CredentialKind, Material};
pub use fg_model::BackendKey;
pub use listener::{
    ClientValidation, GatewayKey, Listener, ListenerKey, ListenerTls, Protocol, Socket,
};
pub use order::{Place, Ranked};
pub use rule::{
    Action, Attachment, Refusal, RefusalKind, RouteKind, Rule, RuleBackend, RuleKey, Target,
};
