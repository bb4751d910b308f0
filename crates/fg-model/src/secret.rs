//! Which values are credentials, so that pages and explanations keep them to themselves.

/// What stands in the place of a credential; the same as for `fg_base::Secret`.
pub const REDACTED: &str = "[redacted]";

/// Names whose values are credentials by their definition (RFC 9110 §11, RFC 6265).
const NAMES: [&str; 2] = ["cookie", "set-cookie"];

/// What a name ends with that holds a key or an authorization, such as `X-Key`.
const ENDS: [&str; 4] = ["authorization", "-auth", "-key", "_key"];

/// Words that make a credential of what a name that holds one stands for, such as `X-Auth-Token`.
const WORDS: [&str; 6] = [
    "api-key",
    "apikey",
    "credential",
    "password",
    "secret",
    "token",
];

/// Whether the values of header fields or query parameters of that name are credentials. Case does
/// not matter.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // `Access-Control-Allow-Credentials` and its like speak of credentials and hold none.
    !name.starts_with("access-control-")
        && (NAMES.contains(&name.as_str())
            || ENDS.iter().any(|end| name.ends_with(end))
            || WORDS.iter().any(|word| name.contains(word)))
}

/// The value of a field as it may be shown.
pub fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) { REDACTED } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "x-authorization",
            "cookie",
            "Set-Cookie",
            "X-API-Key",
            "x-functions-key",
            "apikey",
            "x-auth-token",
            "x-basic-auth",
            "client_secret",
            "PASSWORD",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "access-control-allow-credentials",
            "x-team",
            "cookie-policy",
            "authorization-hint",
            "key",
            "",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
