//! Which features a resource cannot do without, and which of them are known here.
//!
//! A name is for ever: it means what it meant in the version that first wrote it.

use fg_ir::{Action, Backend, BackendTls, Listener, Rule};
use fg_policies::traffic;

use crate::Kind;

/// A listener lets only clients in whose certificate holds.
pub const CLIENT_VALIDATION: &str = "client_validation";
/// A backend is called over TLS, and its certificate must hold.
pub const BACKEND_TLS: &str = "backend_tls";

/// Whether a resource of that kind may use a feature of that name.
pub fn is_known(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Listener => name == CLIENT_VALIDATION,
        Kind::Backend => name == BACKEND_TLS,
        Kind::Rule => traffic::ALL
            .iter()
            .any(|meta| meta.name == name && meta.support.native.is_some()),
        Kind::Endpoints | Kind::Credential => false,
    }
}

/// What a listener needs.
pub fn of_listener(listener: &Listener) -> Vec<&'static str> {
    let tls = listener.tls.as_ref();
    let validates = tls.is_some_and(|tls| tls.client.is_some());
    validates.then_some(CLIENT_VALIDATION).into_iter().collect()
}

/// What a backend needs.
pub fn of_backend(backend: &Backend) -> Vec<&'static str> {
    match &backend.tls {
        BackendTls::Off => Vec::new(),
        BackendTls::Verify(_) | BackendTls::Broken(_) => vec![BACKEND_TLS],
    }
}

/// What a rule needs: its protective policies, sorted by name, also those of its backends.
pub fn of_rule(rule: &Rule) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = protective(&rule.policies).collect();
    if let Action::Forward(backends) = &rule.action {
        let policies = backends.iter().map(|backend| &backend.policies);
        names.extend(policies.flat_map(protective));
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn protective(policies: &traffic::Set) -> impl Iterator<Item = &'static str> {
    let is_protective = |name: &&'static str| {
        let mut all = traffic::ALL.iter();
        all.any(|meta| meta.name == *name && meta.protective)
    };
    policies.names().filter(is_protective)
}
