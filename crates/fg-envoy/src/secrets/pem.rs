//! DER to PEM, as Envoy reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line. Source: RFC 7468 §3.
const LINE: usize = 64;

/// Certificates one after the other.
pub(super) fn certificates<D: AsRef<[u8]>>(chain: impl IntoIterator<Item = D>) -> String {
    let mut out = String::new();
    for certificate in chain {
        block("CERTIFICATE", certificate.as_ref(), &mut out);
    }
    out
}

/// A private key: PKCS #8, PKCS #1 or SEC1, each by its own label.
pub(super) fn key(der: &[u8]) -> String {
    let mut out = String::new();
    block(label(der), der, &mut out);
    out
}

/// What a key is, by what follows its version. Source: RFC 5958 §2, RFC 8017 A.1.2, RFC 5915 §3.
fn label(der: &[u8]) -> &'static str {
    match after_version(der) {
        Some(0x02) => "RSA PRIVATE KEY",
        Some(0x04) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    }
}

/// The tag behind the first element of a sequence, which is a number of one byte.
fn after_version(der: &[u8]) -> Option<u8> {
    let (&[0x30, length], rest) = der.split_first_chunk::<2>()? else {
        return None;
    };
    let more = if length & 0x80 == 0 { 0 } else { length & 0x7f };
    let (version, rest) = rest.get(usize::from(more)..)?.split_first_chunk::<3>()?;
    (version[..2] == [0x02, 0x01]).then(|| rest.first().copied())?
}

fn block(label: &str, der: &[u8], out: &mut String) {
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut text = STANDARD.encode(der);
    while !text.is_empty() {
        let rest = text.split_off(text.len().min(LINE));
        out.push_str(&text);
        out.push('\n');
        text = rest;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_labelled_by_what_they_are() {
        // The beginnings of each form: a long and a short length.
        let pkcs8 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05];
        let pkcs1 = [0x30, 0x82, 0x04, 0xa4, 0x02, 0x01, 0x00, 0x02, 0x82];
        let sec1 = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
        for (der, label) in [
            (&pkcs8[..], "PRIVATE KEY"),
            (&pkcs1[..], "RSA PRIVATE KEY"),
            (&sec1[..], "EC PRIVATE KEY"),
            (&[][..], "PRIVATE KEY"),
        ] {
            let text = key(der);
            assert!(
                text.starts_with(&format!("-----BEGIN {label}-----\n")),
                "{text}"
            );
            assert!(
                text.ends_with(&format!("-----END {label}-----\n")),
                "{text}"
            );
        }
    }

    #[test]
    fn lines_have_64_characters() {
        let text = certificates([vec![0; 96], vec![1; 3]]);
        let lines: Vec<_> = text.lines().collect();
        let full = "A".repeat(64);
        assert_eq!(
            lines,
            [
                "-----BEGIN CERTIFICATE-----",
                &full,
                &full,
                "-----END CERTIFICATE-----",
                "-----BEGIN CERTIFICATE-----",
                "AQEB",
                "-----END CERTIFICATE-----",
            ]
        );
    }
}
