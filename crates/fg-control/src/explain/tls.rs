//! How a backend is called over TLS, as the proxy does it.

use fg_ir::{Backend, BackendTls, Refusal, SubjectAltName, TlsOrigination, Trust};

use super::{Question, TlsStep};

/// The step of a backend; `Err` when its policy closes it.
pub(super) fn step<'a>(
    backend: &'a Backend,
    question: &Question<'_>,
) -> Result<Option<TlsStep>, &'a Refusal> {
    match &backend.tls {
        BackendTls::Off => Ok(None),
        BackendTls::Broken(refusal) => Err(refusal),
        BackendTls::Verify(origination) => Ok(Some(verify(origination, question))),
    }
}

fn verify(origination: &TlsOrigination, question: &Question<'_>) -> TlsStep {
    let hostname = origination.hostname.to_string();
    let names = origination.names.iter().map(|name| match name {
        SubjectAltName::Dns(name) | SubjectAltName::Uri(name) => name.to_string(),
    });
    let mut names: Vec<String> = names.collect();
    if names.is_empty() {
        names.push(hostname.clone());
    }
    TlsStep {
        hostname,
        names,
        trust: match &origination.trust {
            Trust::System => vec!["System".to_owned()],
            Trust::Authorities(keys) => keys.iter().map(ToString::to_string).collect(),
        },
        source: question.source(&origination.origin),
    }
}
