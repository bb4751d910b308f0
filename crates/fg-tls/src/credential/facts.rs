//! What a certificate says about itself.

use fg_base::Text;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Flaw;

/// What a certificate says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It holds from then on. Units: seconds since the epoch.
    pub from: i64,
    /// It holds until then. Units: seconds since the epoch.
    pub until: i64,
    /// Its serial number, as `openssl` prints it: bytes in hex with colons between.
    pub serial: Text,
    /// The DNS names that it is for, in lower case; `*.example.com` stands for one label.
    pub names: Vec<Text>,
}

impl Facts {
    /// Reads the facts of each certificate. `name` is that of what holds them, for the words.
    pub(super) fn read(name: &str, chain: &[CertificateDer<'_>]) -> Result<Vec<Self>, Flaw> {
        let read = |(at, der): (usize, &CertificateDer<'_>)| {
            let (_, certificate) = X509Certificate::from_der(der)
                .map_err(|_| Flaw::new(format!("certificate {} of `{name}` is broken", at + 1)))?;
            Ok(of(&certificate))
        };
        chain.iter().enumerate().map(read).collect()
    }

    /// Whether one of the names is for `host`, a DNS name in lower case, or for a wildcard
    /// `*.example.com` as a whole. Source: RFC 9525 §6.3: a wildcard is the whole first label.
    pub fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| {
            **name == *host
                || name.strip_prefix('*').is_some_and(|suffix| {
                    host.strip_suffix(suffix)
                        .is_some_and(|label| !label.is_empty() && !label.contains('.'))
                })
        })
    }
}

fn of(certificate: &X509Certificate<'_>) -> Facts {
    let validity = certificate.validity();
    let names = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .into_iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase().into()),
            _ => None,
        });
    Facts {
        from: validity.not_before.timestamp(),
        until: validity.not_after.timestamp(),
        serial: certificate.raw_serial_as_string().into(),
        names: names.collect(),
    }
}
