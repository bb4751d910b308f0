//! Names of what is generated, derived from names that may be longer than they may be.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The longest name of a Service, and the longest value of a label. Units: characters. Source:
/// RFC 1035 §2.3.4, and Kubernetes.
const LONGEST: usize = 63;

/// What is kept of a name that is cut. Units: characters. With `-` and the hash: 63.
const KEPT: usize = 50;

/// How much of the hash is kept. Units: bytes, each two hexadecimal digits.
const HASH: usize = 6;

/// The name of what is generated for a Gateway: the Gateway's own where a Service may have that,
/// else as much of it as fits, `-`, and 12 digits of its SHA-256.
///
/// Shape: a DNS label of at most 63 characters that begins with a letter; two Gateways of one
/// namespace never share it, as far as a hash can tell.
/// Source: kgateway, which names the same; RFC 1035 §2.3.1 for the shape.
pub fn name(gateway: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let letter = gateway
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_lowercase);
    if gateway.len() <= LONGEST && letter && gateway.bytes().all(plain) && !gateway.ends_with('-') {
        return gateway.to_owned();
    }
    let mut kept: String = if letter { "" } else { "gw-" }.to_owned();
    let letters = gateway.bytes().map(|byte| {
        let byte = byte.to_ascii_lowercase();
        if plain(byte) { char::from(byte) } else { '-' }
    });
    kept.extend(letters.take(KEPT - kept.len()));
    hashed(kept.trim_end_matches('-'), gateway)
}

/// A name as the value of a label: as it is where that may be, else as much of it as fits, `-`,
/// and 12 digits of its SHA-256.
pub fn label_value(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let kept = name.get(..KEPT).unwrap_or(name);
    let kept = kept.trim_end_matches(|last: char| !last.is_ascii_alphanumeric());
    hashed(kept, name)
}

fn hashed(kept: &str, of: &str) -> String {
    format!("{kept}-{}", hexadecimal(Sha256::digest(of), HASH))
}

/// A hash of these texts, in this order: 32 hexadecimal digits.
pub(crate) fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        // With its length, so that no two lists are the same.
        hash.update(text.len().to_string());
        hash.update(":");
        hash.update(text);
    }
    hexadecimal(hash.finalize(), 16)
}

/// The first bytes of a hash.
fn hexadecimal(hash: impl AsRef<[u8]>, bytes: usize) -> String {
    let mut text = String::new();
    for byte in hash.as_ref().iter().take(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
