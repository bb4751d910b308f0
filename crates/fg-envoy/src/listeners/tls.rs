//! TLS that ends at a listener.

use envoy_types::pb::envoy::config::listener::v3::{ListenerFilter, listener_filter::ConfigType};
use envoy_types::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext,
    certificate_validation_context::TrustChainVerification,
    common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
    downstream_tls_context::SessionTicketKeysType,
};
use envoy_types::pb::google::protobuf::Duration;
use fg_ir::{ClientValidation, ListenerTls};
use fg_policies::envoy::pack;

use crate::secrets::{SecretKey, parameters, sds};
use crate::values::flag;

/// Time for a client's handshake: its first message, and then all of it.
pub(super) const HANDSHAKE: Duration = Duration {
    seconds: 10,
    nanos: 0,
};

/// Reads the server name before a chain is chosen.
pub(super) fn inspector() -> ListenerFilter {
    ListenerFilter {
        name: "envoy.filters.listener.tls_inspector".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&TlsInspector::default()))),
        ..Default::default()
    }
}

/// The secrets that a listener refers to.
pub(crate) fn secrets(tls: &ListenerTls) -> impl Iterator<Item = SecretKey> {
    let own = tls.certificates.iter().cloned().map(SecretKey::KeyPair);
    own.chain(tls.client.iter().map(authorities))
}

fn authorities(client: &ClientValidation) -> SecretKey {
    SecretKey::Authorities(client.authorities.clone())
}

/// What a handshake is told.
pub(super) fn context(tls: &ListenerTls) -> DownstreamTlsContext {
    let certificates = tls.certificates.iter().cloned().map(SecretKey::KeyPair);
    let client = tls.client.as_ref();
    DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: Some(parameters()),
            tls_certificate_sds_secret_configs: certificates.map(|key| sds(&key)).collect(),
            alpn_protocols: vec!["h2".to_owned(), "http/1.1".to_owned()],
            validation_context_type: client.map(validation),
            ..Default::default()
        }),
        require_client_certificate: client.and_then(|client| flag(!client.insecure_fallback)),
        // Sessions live with the clients, in tickets.
        disable_stateful_session_resumption: true,
        // In a session that goes on Envoy does not check the certificate again: it may hold no more.
        session_ticket_keys_type: client
            .map(|_| SessionTicketKeysType::DisableStatelessSessionResumption(true)),
        // Without a certificate for the name it is the first one that suits the client.
        full_scan_certs_on_sni_mismatch: flag(true),
        prefer_client_ciphers: true,
        ..Default::default()
    }
}

fn validation(client: &ClientValidation) -> ValidationContextType {
    let verification = if client.insecure_fallback {
        TrustChainVerification::AcceptUntrusted
    } else {
        TrustChainVerification::VerifyTrustChain
    };
    ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            trust_chain_verification: verification as i32,
            // Whoever has a certificate of another authority shall show it or none, as he likes.
            suppress_client_ca_list: client.insecure_fallback,
            ..Default::default()
        }),
        validation_context_sds_secret_config: Some(sds(&authorities(client))),
        ..Default::default()
    })
}
