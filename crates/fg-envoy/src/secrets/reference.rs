//! How listeners and clusters refer to secrets, and what both sides of TLS have in common.

use envoy_types::pb::envoy::config::core::v3::{
    AggregatedConfigSource, ApiVersion, ConfigSource, TransportSocket,
    config_source::ConfigSourceSpecifier, transport_socket::ConfigType,
};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    SdsSecretConfig, TlsParameters, tls_parameters::TlsProtocol,
};
use fg_ir::CredentialKey;
use fg_policies::envoy::pack;
use prost::Name;

/// Begins the names of what certificates of others are judged by.
pub(crate) const AUTHORITIES: &str = "Authorities";

/// Cipher suites of TLS 1.2, those of `fg-tls`. Those of TLS 1.3 cannot be chosen.
const CIPHERS: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// Key exchanges, the best first, as `fg-tls` has them.
const CURVES: [&str; 4] = ["X25519MLKEM768", "X25519", "P-256", "P-384"];

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SecretKey {
    /// A certificate and its key.
    KeyPair(CredentialKey),
    /// The authorities of several credentials together: Envoy takes one secret where a listener or
    /// a policy may name several.
    Authorities(Vec<CredentialKey>),
}

impl SecretKey {
    /// Its credentials.
    pub(super) fn credentials(&self) -> &[CredentialKey] {
        match self {
            Self::KeyPair(key) => std::slice::from_ref(key),
            Self::Authorities(keys) => keys,
        }
    }

    /// The name of its resource: `KeyPair/<kind>/<namespace>/<name>`, or `Authorities/…` with a `+`
    /// between several.
    pub(crate) fn name(&self) -> String {
        let word = match self {
            Self::KeyPair(_) => "KeyPair",
            Self::Authorities(_) => AUTHORITIES,
        };
        let names: Vec<_> = self
            .credentials()
            .iter()
            .map(|key| {
                let object = &key.object;
                format!("{}/{}/{}", object.kind, object.namespace, object.name)
            })
            .collect();
        format!("{word}/{}", names.join("+"))
    }
}

/// By the one stream that brings everything.
pub(crate) fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..Default::default()
    }
}

/// A reference to a secret.
pub(crate) fn sds(key: &SecretKey) -> SdsSecretConfig {
    SdsSecretConfig {
        name: key.name(),
        sds_config: Some(ads()),
    }
}

/// Versions, cipher suites and key exchanges, on both sides.
pub(crate) fn parameters() -> TlsParameters {
    TlsParameters {
        tls_minimum_protocol_version: TlsProtocol::TlSv12 as i32,
        tls_maximum_protocol_version: TlsProtocol::TlSv13 as i32,
        cipher_suites: CIPHERS.map(str::to_owned).to_vec(),
        ecdh_curves: CURVES.map(str::to_owned).to_vec(),
        ..Default::default()
    }
}

/// A transport socket with TLS.
pub(crate) fn transport_socket(context: &impl Name) -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(context))),
    }
}
