//! What a listener, a rule or a backend uses.

use fg_ir::{
    Action, Backend, BackendKey, BackendTls, CredentialKey, Listener, Rule, Target, Trust,
};

/// The backends that a rule sends something to, also those of its policies.
pub(crate) fn backends_of_rule(rule: &Rule) -> Vec<&BackendKey> {
    let mut keys = rule.policies.backends();
    if let Action::Forward(backends) = &rule.action {
        for backend in backends {
            if let Target::Backend(key) = &backend.target {
                keys.push(key);
            }
            keys.extend(backend.policies.backends());
        }
    }
    keys
}

/// The credentials of a listener: what it shows to clients and to backends, and by what it judges
/// clients.
pub(crate) fn credentials_of_listener(listener: &Listener) -> Vec<&CredentialKey> {
    let mut keys: Vec<&CredentialKey> = listener.backend_certificate.iter().collect();
    if let Some(tls) = &listener.tls {
        keys.extend(&tls.certificates);
        keys.extend(tls.client.iter().flat_map(|client| &client.authorities));
    }
    keys
}

/// The credentials by which a backend is judged.
pub(crate) fn credentials_of_backend(backend: &Backend) -> Vec<&CredentialKey> {
    match &backend.tls {
        BackendTls::Verify(origination) => match &origination.trust {
            Trust::Authorities(keys) => keys.iter().collect(),
            Trust::System => Vec::new(),
        },
        BackendTls::Off | BackendTls::Broken(_) => Vec::new(),
    }
}
