//! Which values are credentials, so that pages and explanations keep them to themselves.

use fg_base::Text;
use serde::Serializer;

/// What stands in the place of a credential; the same as for [`fg_base::Secret`].
pub const REDACTED: &str = "[redacted]";

/// Names whose values are credentials by their definition (RFC 9110 §11, RFC 6265).
const NAMES: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

/// Words that make a credential of what a name that holds one stands for, such as `X-Api-Key`.
const WORDS: [&str; 4] = ["api-key", "password", "secret", "token"];

/// Whether the values of fields of that name are credentials. Case does not matter.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || WORDS.iter().any(|word| name.contains(word))
}

/// The value of a field as it may be shown.
pub fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) { REDACTED } else { value }
}

/// Serializes names and values, as far as they may be shown.
pub(super) fn serialize<S: Serializer>(
    fields: &[(Text, Text)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let fields = fields.iter();
    serializer.collect_seq(fields.map(|(name, value)| (&**name, shown(name, value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "cookie",
            "Set-Cookie",
            "X-API-Key",
            "x-auth-token",
            "client_secret",
            "PASSWORD",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["x-team", "cookie-policy", "authorization-hint", "key", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
