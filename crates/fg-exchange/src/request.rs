//! A request: its head, and the parts of its first line in canonical form.

use crate::field::Span;
use crate::head::Head;
use crate::name::Name;

/// A request method. Source: RFC 9110 §9, case-sensitive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    #[default]
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// CONNECT
    Connect,
    /// OPTIONS
    Options,
    /// TRACE
    Trace,
    /// PATCH
    Patch,
    /// Any other token; the text is in [`Request::method_text`].
    Other,
}

impl Method {
    /// Resolves a method as written.
    pub fn resolve(text: &[u8]) -> Self {
        match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }

    /// The text; empty for [`Method::Other`].
    pub const fn text(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other => "",
        }
    }

    /// Whether sending it twice has the effect of sending it once. Source: RFC 9110 §9.2.2.
    pub const fn is_idempotent(self) -> bool {
        matches!(
            self,
            Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace
        )
    }
}

/// The protocol version that a message came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2
    Http2,
}

impl Version {
    /// As it stands in a log.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A request's head as filters see it.
///
/// Shape: `path` is canonical (see [`fg_model::path`]) and begins with `/`, or is `*` for
/// `OPTIONS *`; `query` is without its `?`; `authority` is the host as written with an optional
/// port, never empty for HTTP/1.1 (may be for HTTP/1.0); `host` is its canonical form. The `Host`
/// field is not in the head: it is written from the authority when the request is sent.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Header fields.
    pub head: Head,
    method: Method,
    version: Version,
    method_span: Span,
    path: Span,
    received_path: Span,
    query: Option<Span>,
    authority: Span,
    received_authority: Span,
    host: Span,
}

impl Request {
    /// An empty request that owns no memory yet.
    pub const fn new() -> Self {
        const NONE: Span = Span { start: 0, len: 0 };
        Self {
            head: Head::new(),
            method: Method::Get,
            version: Version::Http11,
            method_span: NONE,
            path: NONE,
            received_path: NONE,
            query: None,
            authority: NONE,
            received_authority: NONE,
            host: NONE,
        }
    }

    /// Forgets everything but the capacity of the buffers.
    pub fn clear(&mut self) {
        self.head.clear();
        self.method = Method::Get;
        self.version = Version::Http11;
        self.method_span = Span::default();
        self.path = Span::default();
        self.received_path = Span::default();
        self.query = None;
        self.authority = Span::default();
        self.received_authority = Span::default();
        self.host = Span::default();
    }

    /// The method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The method's text.
    pub fn method_text(&self) -> &[u8] {
        if self.method == Method::Other {
            self.head.slice(self.method_span)
        } else {
            self.method.text().as_bytes()
        }
    }

    /// The version it came with.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The canonical path, without query.
    #[inline]
    pub fn path(&self) -> &[u8] {
        self.head.slice(self.path)
    }

    /// The canonical path as it came, before any rewrite.
    pub fn received_path(&self) -> &[u8] {
        self.head.slice(self.received_path)
    }

    /// The query without `?`, as written; `None` when there was no `?`.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.map(|span| self.head.slice(span))
    }

    /// Host and optional port, as written.
    #[inline]
    pub fn authority(&self) -> &[u8] {
        self.head.slice(self.authority)
    }

    /// Host and optional port as they came, before any rewrite.
    pub fn received_authority(&self) -> &[u8] {
        self.head.slice(self.received_authority)
    }

    /// The host that routing sees: lower-case, without port, without a trailing dot. The brackets
    /// of an IPv6 address stay.
    #[inline]
    pub fn host(&self) -> &[u8] {
        self.head.slice(self.host)
    }

    /// Adds a field whose value is the authority as it is now.
    pub fn append_authority(&mut self, name: Name) {
        self.head.append_span(name, self.authority);
    }

    /// The method that a CORS preflight asks about; `None` for all other requests. Source: Fetch
    /// standard §3.2.2.
    pub fn preflight_method(&self) -> Option<&[u8]> {
        if self.method != Method::Options {
            return None;
        }
        self.head.first_ever(Name::Origin)?;
        self.head.get_named("access-control-request-method")
    }

    /// Sets the method as received.
    pub fn set_method(&mut self, method: Method, text: Span) {
        self.method = method;
        self.method_span = text;
    }

    /// Sets the version as received.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Sets path and query to spans of the head.
    pub fn set_target(&mut self, path: Span, query: Option<Span>) {
        self.path = path;
        self.received_path = path;
        self.query = query;
    }

    /// Sets the authority to a span of the head that was checked to be valid.
    pub fn set_received_authority(&mut self, authority: Span) {
        let text = self.head.slice(authority);
        let host = host_of(text);
        let checked = CheckedAuthority {
            host_len: host.len(),
            has_upper: host.iter().any(u8::is_ascii_uppercase),
        };
        self.set_checked_authority(authority, checked);
    }

    /// Sets the authority to a span of the head, with what the check found.
    #[inline]
    pub fn set_checked_authority(&mut self, authority: Span, checked: CheckedAuthority) {
        self.authority = authority;
        self.received_authority = authority;
        self.host = Span {
            start: authority.start,
            len: checked.host_len as u32,
        };
        if checked.has_upper {
            let lower = self.head.slice(self.host).to_ascii_lowercase();
            self.host = self.head.keep(&lower);
        }
    }

    /// Replaces the path. The caller vouches that it is canonical.
    pub fn set_path(&mut self, path: &[u8]) {
        self.path = self.head.keep(path);
    }

    /// Sets the authority as received, from elsewhere than the head. The caller vouches that it is
    /// valid.
    pub fn set_authority(&mut self, authority: &[u8]) {
        let span = self.head.keep(authority);
        self.set_received_authority(span);
    }

    /// Replaces the authority; what was received is kept. The caller vouches that it is valid.
    pub fn rewrite_authority(&mut self, authority: &[u8]) {
        let received = self.received_authority;
        self.set_authority(authority);
        self.received_authority = received;
    }
}

/// What a check of a valid authority found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedAuthority {
    /// Length of the host, from the start on: without port, without a trailing dot. Units: bytes.
    pub host_len: usize,
    /// The host has upper-case letters.
    pub has_upper: bool,
}

/// The host of an authority: without port, without a trailing dot.
fn host_of(authority: &[u8]) -> &[u8] {
    let host = match authority.iter().rposition(|&b| b == b':' || b == b']') {
        Some(at) if authority.get(at) == Some(&b':') => authority.get(..at).unwrap_or_default(),
        _ => authority,
    };
    host.strip_suffix(b".").unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_authority_without_port_and_dot() {
        for (authority, host) in [
            ("a.com", "a.com"),
            ("a.com:80", "a.com"),
            ("a.com.:80", "a.com"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(
                host_of(authority.as_bytes()),
                host.as_bytes(),
                "{authority}"
            );
        }
    }
}
