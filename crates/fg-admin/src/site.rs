//! What is asked and answered, without the HTTP library in between.

use std::net::IpAddr;

/// One request to a site.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Method, upper-case.
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query without `?`; empty when there is none.
    pub query: String,
    /// `Host`, as sent; empty when there is none.
    pub host: String,
    /// `Origin`, when a browser sent one.
    pub origin: Option<String>,
    /// Body; bounded by the server.
    pub body: Vec<u8>,
}

/// What a site answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Allow`, for a status of 405.
    pub allow: Option<&'static str>,
    /// Body.
    pub body: String,
}

impl Answer {
    /// Plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            allow: None,
            body: body.into(),
        }
    }

    /// JSON, status 200.
    pub fn json(body: impl Into<String>) -> Self {
        Self {
            content_type: "application/json",
            ..Self::text(200, body)
        }
    }

    /// No such page.
    pub fn not_found() -> Self {
        Self::text(404, "no such page; / lists them\n")
    }

    /// The page exists, for other methods.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::text(405, format!("only {allow} is allowed here\n"))
        }
    }
}

/// What answers on one socket.
pub trait Site: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, ask: &Ask) -> Answer;

    /// Whether an answer may take long enough to keep other sites waiting. It is then made on a
    /// thread of its own.
    fn is_slow(&self) -> bool {
        false
    }
}

/// Whether a host, with or without port, is a name of this machine's loopback.
///
/// A page in a browser that had its own name resolved to 127.0.0.1 sends that name and is turned
/// away here.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    let bracketed = address.len() != name.len();
    match address.parse() {
        Ok(IpAddr::V4(v4)) => !bracketed && v4.is_loopback(),
        Ok(IpAddr::V6(v6)) => bracketed && v6.is_loopback(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for good in [
            "localhost",
            "LOCALHOST:19000",
            "127.0.0.1",
            "127.9.8.7:80",
            "[::1]",
            "[::1]:1",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "evil.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com",
            "10.0.0.1",
            "[::2]",
            "::1",
            "[127.0.0.1]",
            "localhost:",
            "localhost:x",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
