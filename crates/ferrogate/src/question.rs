//! From a URL and header fields to the request that a client would send, as `explain` needs it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use fg_control::explain::{Answer, Explanation, Question, explain};
use fg_exchange::{Fault, Request};
use fg_http::Limits;
use fg_http::h1::parse_request;
use fg_ir::Ir;
use fg_model::{Finding, Origin, Place};

/// A request that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The head as a client sends it.
    head: Vec<u8>,
    /// The port of the URL.
    port: Option<u16>,
}

/// What an explanation reads besides the request.
pub(crate) struct Known<'a> {
    /// The configuration.
    pub(crate) ir: &'a Ir,
    /// Everything that is wrong.
    pub(crate) findings: &'a [Arc<Finding>],
    /// File and line of an origin.
    pub(crate) locate: &'a dyn Fn(&Origin) -> Option<Place>,
    /// The listener's port behind the port of a URL.
    pub(crate) port_of: &'a dyn Fn(u16) -> u16,
}

impl Asked {
    /// Reads method, URL and `name: value` fields.
    ///
    /// # Errors
    /// What cannot be understood, in the user's words.
    pub(crate) fn new(method: &str, url: &str, fields: &[String]) -> Result<Self, String> {
        let (authority, target) = split(url)?;
        let port = match authority.rsplit_once(':') {
            Some((_, port)) if !authority.ends_with(']') => Some(
                port.parse()
                    .map_err(|_| format!("`{port}` is no port in `{url}`"))?,
            ),
            _ => None,
        };
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
            port,
        })
    }

    /// Explains what happens to the request. One that the gateway would refuse is explained as
    /// refused.
    pub(crate) fn explain(&self, known: &Known<'_>) -> Explanation {
        if let Err(fault) = self.request() {
            return self.refused(&fault);
        }
        let request = || self.request().unwrap_or_default();
        explain(
            known.ir,
            &Question {
                request: &request,
                port: self.port.map(known.port_of),
                client: Ipv4Addr::LOCALHOST.into(),
                findings: known.findings,
                locate: known.locate,
                finish: &|_, _| {},
            },
        )
    }

    fn request(&self) -> Result<Request, Fault> {
        let mut request = Request::new();
        request.head.bytes_mut().extend_from_slice(&self.head);
        parse_request(&mut request, &Limits::default())?;
        Ok(request)
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
            path: word(),
            answer: Some(Answer {
                status: fault.reason.status(),
                reason: fault.reason.text().to_owned(),
                why,
                headers: Vec::new(),
            }),
            ..Explanation::default()
        }
    }
}

/// Authority, and path with query.
fn split(url: &str) -> Result<(&str, String), String> {
    let rest = match url.split_once("://") {
        Some(("http" | "HTTP", rest)) => rest,
        Some((scheme, _)) => {
            return Err(format!(
                "scheme `{scheme}` is not served; use an http:// URL"
            ));
        }
        None => url,
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
    Ok((authority, target))
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
    }

    #[test]
    fn what_cannot_be_asked_is_said() {
        for bad in ["https://a/", "http:///x", "http://a:x/"] {
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
            locate: &|_| None,
            port_of: &|port| port,
        });
        let answer = explanation.answer.expect("an answer");
        assert_eq!((answer.status, &*answer.reason), (400, "bad_path"));
    }
}
