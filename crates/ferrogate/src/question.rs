//! From a URL and header fields to the request that a client would send, as `explain` needs it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use fg_control::explain::{Answer, Asking, Explanation, Question, explain};
use fg_exchange::{Fault, Request, Scheme};
use fg_http::h1::parse_request;
use fg_ir::{GatewayKey, Ir, Protocol};
use fg_model::{Finding, Origin, Place, Plane, ascii_host};
use fg_proxy::{Settings, trust};

/// A request that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The head as a client sends it.
    head: Vec<u8>,
    /// Its host, as it is sent.
    host: String,
    /// The port of the URL.
    port: Option<u16>,
    /// Whether the URL is one of HTTPS; `None` when it does not say, or has no port of its own.
    is_secure: Option<bool>,
    /// What is sent otherwise than it was written.
    notes: Vec<String>,
}

/// What an explanation reads besides the request.
pub(crate) struct Known<'a> {
    /// The configuration.
    pub(crate) ir: &'a Ir,
    /// Everything that is wrong.
    pub(crate) findings: &'a [Arc<Finding>],
    /// What routes ask of a host, served or not.
    pub(crate) asking: &'a dyn Fn(&str) -> Asking,
    /// File and line of an origin.
    pub(crate) locate: &'a dyn Fn(&Origin) -> Option<Place>,
    /// Who serves a Gateway.
    pub(crate) plane: &'a dyn Fn(&GatewayKey) -> Plane,
    /// The proxy's settings: what it believes of a client, and what it tells a backend.
    pub(crate) settings: &'a Settings,
}

/// The client that asks: this machine.
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

impl Asked {
    /// Reads method, URL and `name: value` fields.
    ///
    /// # Errors
    /// What cannot be understood, in the user's words.
    pub(crate) fn new(method: &str, url: &str, fields: &[String]) -> Result<Self, String> {
        let (secure, authority, target) = split(url)?;
        let mut notes = Vec::new();
        let authority = &*as_sent(authority, ascii_host(authority)?, &mut notes);
        let target = as_sent(&target, escaped(&target), &mut notes);
        let port = match authority.rsplit_once(':') {
            Some((_, port)) if !authority.ends_with(']') => Some(
                port.parse()
                    .map_err(|_| format!("`{port}` is no port in `{url}`"))?,
            ),
            // Without a port, that of HTTP is what is looked for first.
            _ => secure.then_some(443),
        };
        let has_scheme = url.contains("://");
        let is_secure = Some(secure).filter(|secure| has_scheme && (*secure || port.is_some()));
        let mut host = authority.to_owned();
        let mut rest = String::new();
        for field in fields {
            let (name, value) = field
                .split_once(':')
                .ok_or_else(|| format!("`{field}` is no header field; write `name: value`"))?;
            if name.eq_ignore_ascii_case("host") {
                value.trim().clone_into(&mut host);
            } else {
                rest.push_str(&format!("{name}: {}\r\n", value.trim()));
            }
        }
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{rest}\r\n");
        Ok(Self {
            head: head.into_bytes(),
            host,
            port,
            is_secure,
            notes,
        })
    }

    /// Explains what happens to the request. One that the gateway would refuse is explained as
    /// refused.
    pub(crate) fn explain(&self, known: &Known<'_>) -> Explanation {
        let mut explanation = self.walk(known);
        explanation.notes.splice(0..0, self.notes.iter().cloned());
        explanation
    }

    fn walk(&self, known: &Known<'_>) -> Explanation {
        let settings = known.settings;
        let client = match self.request(settings) {
            Ok((_, client)) => client,
            Err(fault) => return self.refused(&fault),
        };
        let request = || {
            self.request(settings)
                .map(|read| read.0)
                .unwrap_or_default()
        };
        let port = self.port.map(|port| listener_port(settings, port));
        let mut listeners = known
            .ir
            .listeners
            .values()
            .filter(|listener| port.is_none_or(|port| listener.port == port))
            .peekable();
        let is_secure = listeners.peek().is_some()
            && listeners.all(|listener| listener.protocol == Protocol::Https);
        let scheme = if is_secure {
            Scheme::Https
        } else {
            Scheme::Http
        };
        explain(
            known.ir,
            &Question {
                request: &request,
                port,
                is_secure: self.is_secure,
                client,
                findings: known.findings,
                asking: known.asking,
                locate: known.locate,
                plane: known.plane,
                announce: &|request| {
                    // An id that is made for each request is shown as zeros.
                    trust::announce(settings, CLIENT.ip(), scheme, request, || (0, 0));
                },
            },
        )
    }

    /// The request as the router gets it, and the client's address.
    fn request(&self, settings: &Settings) -> Result<(Request, IpAddr), Fault> {
        let mut request = Request::new();
        request.head.bytes_mut().extend_from_slice(&self.head);
        parse_request(&mut request, &settings.limits)?;
        let client = trust::clean(settings, CLIENT, &mut request);
        Ok((request, client))
    }

    fn refused(&self, fault: &Fault) -> Explanation {
        let first = String::from_utf8_lossy(&self.head);
        let mut words = first.lines().next().unwrap_or_default().split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let mut why = fault.reason.words().to_owned();
        if let Some(detail) = &fault.detail {
            why = format!("{why} ({detail})");
        }
        Explanation {
            method: word(),
            host: self.host.clone(),
            path: word(),
            answer: Some(Answer {
                status: fault.reason.status(),
                reason: fault.reason.text().to_owned(),
                grpc: None,
                why,
                headers: Vec::new(),
            }),
            ..Explanation::default()
        }
    }
}

/// The listener's port behind the port of a URL, which may be a mapped one.
fn listener_port(settings: &Settings, port: u16) -> u16 {
    let mut pairs = settings.port_map.iter();
    let mapped = pairs.find(|(_, bound)| **bound == port);
    mapped.map_or(port, |(listener, _)| *listener)
}

/// What is sent, with a note when something else was written.
fn as_sent(written: &str, sent: String, notes: &mut Vec<String>) -> String {
    if sent != written {
        notes.push(format!("`{written}` is sent as {sent}, as browsers do"));
    }
    sent
}

/// Path and query with characters beyond ASCII escaped. Sent as they are, they would be refused.
fn escaped(target: &str) -> String {
    let mut escaped = String::with_capacity(target.len());
    for one in target.chars() {
        if one.is_ascii() {
            escaped.push(one);
        } else {
            let mut bytes = [0; 4];
            let bytes = one.encode_utf8(&mut bytes).bytes();
            escaped.extend(bytes.map(|byte| format!("%{byte:02X}")));
        }
    }
    escaped
}

/// Whether it is HTTPS; authority; and path with query.
fn split(url: &str) -> Result<(bool, &str, String), String> {
    let (secure, rest) = match url.split_once("://") {
        Some(("http" | "HTTP", rest)) => (false, rest),
        Some(("https" | "HTTPS", rest)) => (true, rest),
        Some((scheme, _)) => {
            return Err(format!(
                "scheme `{scheme}` is not served; use an http:// or https:// URL"
            ));
        }
        None => (false, url),
    };
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.is_empty() {
        return Err(format!("`{url}` has no host; write http://host/path"));
    }
    let target = match target.chars().next() {
        None => "/".to_owned(),
        Some('?') => format!("/{target}"),
        Some(_) => target.to_owned(),
    };
    Ok((secure, authority, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(url: &str, fields: &[&str]) -> (String, Option<u16>) {
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let asked = Asked::new("GET", url, &fields).expect("a good question");
        (String::from_utf8(asked.head).expect("text"), asked.port)
    }

    #[test]
    fn urls_become_heads() {
        assert_eq!(
            head("http://a.com:81/x?y=1#z", &["A:  b "]),
            (
                "GET /x?y=1 HTTP/1.1\r\nHost: a.com:81\r\nA: b\r\n\r\n".to_owned(),
                Some(81)
            )
        );
        assert_eq!(
            head("a.com?q", &[]).0,
            "GET /?q HTTP/1.1\r\nHost: a.com\r\n\r\n"
        );
        assert_eq!(
            head("http://[::1]/", &["host: b.com"]),
            ("GET / HTTP/1.1\r\nHost: b.com\r\n\r\n".to_owned(), None)
        );
        assert_eq!(head("https://a.com/", &[]).1, Some(443));
        assert_eq!(head("https://a.com:8443/", &[]).1, Some(8443));
    }

    #[test]
    fn letters_beyond_ascii_are_sent_as_clients_send_them() {
        let url = "http://Bücher.example:81/Bücher?q=ü";
        let asked = Asked::new("GET", url, &[]).expect("a good question");
        let head = String::from_utf8(asked.head).expect("text");
        assert_eq!(
            head,
            "GET /B%C3%BCcher?q=%C3%BC HTTP/1.1\r\nHost: xn--bcher-kva.example:81\r\n\r\n"
        );
        assert_eq!((asked.port, asked.notes.len()), (Some(81), 2));
        let host = "`Bücher.example:81` is sent as xn--bcher-kva.example:81, as browsers do";
        assert_eq!(asked.notes[0], host);
    }

    #[test]
    fn what_cannot_be_asked_is_said() {
        for bad in ["ftp://a/", "http:///x", "http://a:x/", "http://a\u{301}.b/"] {
            assert!(Asked::new("GET", bad, &[]).is_err(), "{bad}");
        }
        assert!(Asked::new("GET", "http://a/", &["no colon".to_owned()]).is_err());
    }

    #[test]
    fn a_request_that_is_refused_is_explained_as_refused() {
        let asked = Asked::new("GET", "http://a/%2F", &[]).expect("a question");
        let explanation = asked.explain(&Known {
            ir: &Ir::default(),
            findings: &[],
            asking: &|_| Asking::default(),
            locate: &|_| None,
            plane: &|_| Plane::Native,
            settings: &Settings::default(),
        });
        let answer = explanation.answer.expect("an answer");
        assert_eq!((answer.status, &*answer.reason), (400, "bad_path"));
    }
}
