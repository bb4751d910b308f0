//! What a backend is told about a client's certificate: an element of `X-Forwarded-Client-Cert`,
//! in the form that Envoy gave it.

use std::fmt::Write as _;

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

use crate::certificate::{dns_names, uris};

/// `By`, `Hash`, `Subject`, `URI` and `DNS` of a certificate that was checked. `By` is the URI of
/// our own certificate, when that has one.
pub fn forwarded_element(certificate: &[u8], by: Option<&str>) -> String {
    let mut parts = Vec::new();
    if let Some(by) = by {
        parts.push(format!("By={}", value(by)));
    }
    parts.push(format!("Hash={}", fingerprint(certificate)));
    if let Ok((_, parsed)) = X509Certificate::from_der(certificate) {
        parts.push(format!("Subject=\"{}\"", distinguished(parsed.subject())));
    }
    parts.extend(
        uris(certificate)
            .iter()
            .map(|uri| format!("URI={}", value(uri))),
    );
    parts.extend(
        dns_names(certificate)
            .iter()
            .map(|name| format!("DNS={}", value(name))),
    );
    parts.join(";")
}

/// SHA-256 in hexadecimal.
fn fingerprint(certificate: &[u8]) -> String {
    let Some(suite) = TLS13_AES_128_GCM_SHA256.tls13() else {
        return String::new();
    };
    let hash = suite.common.hash_provider.hash(certificate);
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A value, in quotes if it has a character that separates. What could end the field or the quotes
/// is percent-encoded.
fn value(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | 0..=b' ' | 0x7f.. => drop(write!(out, "%{byte:02X}")),
            byte => out.push(char::from(byte)),
        }
    }
    if out.contains([',', ';', '=']) {
        format!("\"{out}\"")
    } else {
        out
    }
}

/// A name as RFC 4514 writes it: the last part first.
fn distinguished(name: &X509Name<'_>) -> String {
    let sets: Vec<_> = name.iter_rdn().collect();
    let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let oid = attribute.attr_type().to_id_string();
        let key = short(&oid).unwrap_or(&oid);
        format!("{key}={}", escaped(attribute.attr_value().data))
    };
    let parts: Vec<String> = sets
        .iter()
        .rev()
        .map(|set| set.iter().map(text).collect::<Vec<_>>().join("+"))
        .collect();
    parts.join(",")
}

/// The attribute types with a short name. Source: RFC 4514 §3, and what OpenSSL adds.
fn short(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

fn escaped(value: &[u8]) -> String {
    let mut out = String::new();
    for (index, &byte) in value.iter().enumerate() {
        let edge = index == 0 || index + 1 == value.len();
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'#' if index == 0 => out.push_str("\\#"),
            b' ' if edge => out.push_str("\\ "),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => drop(write!(out, "\\{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        assert_eq!(value("spiffe://a/ns/b"), "spiffe://a/ns/b");
        assert_eq!(value("a;By=x"), "\"a;By=x\"");
        assert_eq!(value("a\",\r\nX: y"), "\"a%22,%0D%0AX:%20y\"");
        assert_eq!(escaped(b"Evil, \"Inc\"\r\n"), "Evil\\, \\\"Inc\\\"\\0D\\0A");
    }
}
