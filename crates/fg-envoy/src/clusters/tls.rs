//! TLS to backends.

use envoy_types::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, SubjectAltNameMatcher, UpstreamTlsContext,
    common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
    subject_alt_name_matcher::SanType,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use fg_ir::{CredentialKey, SubjectAltName, TlsOrigination, Trust};

use crate::routes::Speech;
use crate::secrets::{SecretKey, parameters, sds};
use crate::settings::Settings;

/// What is asked of a backend and shown to it.
pub(super) struct Origination<'a> {
    asked: &'a TlsOrigination,
    /// `None` where the authorities are those of the system.
    authorities: Option<SecretKey>,
    certificate: Option<SecretKey>,
}

impl<'a> Origination<'a> {
    pub(super) fn new(asked: &'a TlsOrigination, certificate: Option<&CredentialKey>) -> Self {
        let authorities = match &asked.trust {
            Trust::System => None,
            Trust::Authorities(keys) => Some(SecretKey::Authorities(keys.clone())),
        };
        Self {
            asked,
            authorities,
            certificate: certificate.cloned().map(SecretKey::KeyPair),
        }
    }

    /// The secrets that it refers to.
    pub(super) fn secrets(self) -> Vec<SecretKey> {
        self.authorities
            .into_iter()
            .chain(self.certificate)
            .collect()
    }

    pub(super) fn context(&self, settings: &Settings, speech: Speech) -> UpstreamTlsContext {
        let alpn = match speech {
            Speech::Http1 => "http/1.1",
            Speech::Http2 => "h2",
        };
        UpstreamTlsContext {
            common_tls_context: Some(CommonTlsContext {
                tls_params: Some(parameters()),
                tls_certificate_sds_secret_configs: self.certificate.iter().map(sds).collect(),
                alpn_protocols: vec![alpn.to_owned()],
                validation_context_type: Some(self.validation(settings)),
                ..Default::default()
            }),
            sni: self.asked.hostname.to_string(),
            ..Default::default()
        }
    }

    fn validation(&self, settings: &Settings) -> ValidationContextType {
        let mut names = CertificateValidationContext {
            match_typed_subject_alt_names: self.names(),
            ..Default::default()
        };
        match &self.authorities {
            Some(authorities) => ValidationContextType::CombinedValidationContext(
                CombinedCertificateValidationContext {
                    default_validation_context: Some(names),
                    validation_context_sds_secret_config: Some(sds(authorities)),
                    ..Default::default()
                },
            ),
            None => {
                names.trusted_ca = Some(DataSource {
                    specifier: Some(Specifier::Filename(settings.system_authorities.clone())),
                    ..Default::default()
                });
                ValidationContextType::ValidationContext(names)
            }
        }
    }

    /// The certificate must have one of these.
    fn names(&self) -> Vec<SubjectAltNameMatcher> {
        if self.asked.names.is_empty() {
            let hostname = MatchPattern::Exact(self.asked.hostname.to_string());
            return vec![name(SanType::Dns, hostname)];
        }
        let matchers = self.asked.names.iter().map(|asked| match asked {
            SubjectAltName::Dns(asked) => name(SanType::Dns, dns(&asked.to_ascii_lowercase())),
            SubjectAltName::Uri(uri) => name(SanType::Uri, MatchPattern::Exact(uri.to_string())),
        });
        matchers.collect()
    }
}

/// A name, where `*.` stands for one label. Without one, Envoy lets wildcards of the certificate
/// stand for it.
fn dns(asked: &str) -> MatchPattern {
    match asked.strip_prefix("*.") {
        Some(parent) => {
            let parent = parent.replace('.', "\\.");
            MatchPattern::SafeRegex(RegexMatcher {
                regex: format!("[^.]+\\.{parent}"),
                ..Default::default()
            })
        }
        None => MatchPattern::Exact(asked.to_owned()),
    }
}

fn name(kind: SanType, pattern: MatchPattern) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: kind as i32,
        matcher: Some(StringMatcher {
            match_pattern: Some(pattern),
            ..Default::default()
        }),
        ..Default::default()
    }
}
