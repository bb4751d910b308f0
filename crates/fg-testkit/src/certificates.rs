//! Certificates for tests, made when they are needed: none is ever written down.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ED25519,
    PKCS_RSA_SHA256, RsaKeySize, SanType, date_time_ymd,
};

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, in PEM.
    pub pem: String,
}

/// A certificate with its key, both in PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// What stands in a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Its names: DNS names and IP addresses, and what holds `://` is a URI.
    pub names: &'a [&'a str],
    /// The first year in which it holds, from its first day.
    pub from: i32,
    /// The first year in which it holds no more.
    pub until: i32,
}

impl<'a> Wish<'a> {
    fn lasting(names: &'a [&'a str]) -> Self {
        Self {
            names,
            from: 2020,
            until: 2120,
        }
    }
}

impl Authority {
    /// A new authority that holds from 2020 to 2120.
    ///
    /// # Panics
    /// When no certificate can be made; so do the other functions.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("there is a key");
        let mut parameters = parameters(Wish::lasting(&[]));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let certificate = parameters.self_signed(&key).expect("it can be signed");
        Self {
            issuer: Issuer::new(parameters, key),
            pem: certificate.pem(),
        }
    }

    /// A certificate for these names that holds from 2020 to 2120.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_as(Wish::lasting(names))
    }

    /// A certificate with an RSA key.
    pub fn issue_rsa(&self, names: &[&str]) -> Issued {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
        self.issue_for(&key.expect("there is a key"), Wish::lasting(names))
    }

    /// A certificate with an Ed25519 key, which our own proxy can show and Envoy cannot.
    pub fn issue_ed25519(&self, names: &[&str]) -> Issued {
        let key = KeyPair::generate_for(&PKCS_ED25519);
        self.issue_for(&key.expect("there is a key"), Wish::lasting(names))
    }

    /// A certificate as wished.
    pub fn issue_as(&self, wish: Wish<'_>) -> Issued {
        self.issue_for(&KeyPair::generate().expect("there is a key"), wish)
    }

    fn issue_for(&self, key: &KeyPair, wish: Wish<'_>) -> Issued {
        let certificate = parameters(wish)
            .signed_by(key, &self.issuer)
            .expect("it can be signed");
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn parameters(wish: Wish<'_>) -> CertificateParams {
    let (uris, names): (Vec<&str>, Vec<&str>) =
        wish.names.iter().partition(|name| name.contains("://"));
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let mut parameters = CertificateParams::new(names).expect("the names are good");
    for uri in uris {
        let uri = uri.try_into().expect("the URI is good");
        parameters.subject_alt_names.push(SanType::URI(uri));
    }
    parameters.not_before = date_time_ymd(wish.from, 1, 1);
    parameters.not_after = date_time_ymd(wish.until, 1, 1);
    parameters
}

/// A Secret of namespace `default` as YAML, a document of its own.
pub fn secret(name: &str, issued: &Issued) -> String {
    format!(
        "\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: kubernetes.io/tls\nstringData: {{tls.crt: {:?}, tls.key: {:?}}}\n",
        issued.certificate, issued.key
    )
}

/// A ConfigMap of namespace `default` with this `ca.crt` as YAML, a document of its own.
pub fn config_map(name: &str, authorities: &str) -> String {
    format!(
        "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{ca.crt: {authorities:?}}}\n"
    )
}
