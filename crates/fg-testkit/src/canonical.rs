//! Requests in the one form in which the gateway sends them, read so strictly that any other form
//! is an error.

use std::io::{self, BufReader, Read as _};

use crate::message::read_chunks;

/// One request as an upstream received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query, or `*`.
    pub target: String,
    /// The value of `host`, which is the first field.
    pub host: String,
    /// The other fields in order: names in lower case, values as they came.
    pub fields: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Trailers of a body in chunks.
    pub trailers: Vec<(String, String)>,
}

impl Request {
    /// The value of a field; `None` when there is none.
    ///
    /// # Panics
    /// When there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field == name);
        let first = values.next();
        assert!(values.next().is_none(), "several {name} in {self:?}");
        first.map(|(_, value)| value.as_str())
    }

    /// `METHOD host target`, for short comparisons.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.method, self.host, self.target)
    }
}

/// How a request is delimited.
pub(crate) enum Body {
    Length(usize),
    Chunked,
}

/// Reads all requests of one connection; the last may be incomplete (its sender failed), and is
/// given as the bytes that are left.
///
/// # Errors
/// In words, when anything is not in canonical form.
pub fn requests(bytes: &[u8]) -> Result<(Vec<Request>, Vec<u8>), String> {
    let mut requests = Vec::new();
    let mut rest = bytes;
    while let Some((used, request)) = first(rest)? {
        rest = &rest[used..];
        requests.push(request);
    }
    Ok((requests, rest.to_vec()))
}

/// Reads the first request and gives its length in bytes; `None` while it is incomplete.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<(usize, Request)>, String> {
    let Some((head_len, request, body)) = head(bytes)? else {
        return Ok(None);
    };
    let found = with_body(&bytes[head_len..], request, &body)?;
    Ok(found.map(|(used, request)| (head_len + used, request)))
}

/// Reads a head; `None` while it is incomplete.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<(usize, Request, Body)>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let odd = |what: &str| format!("{what} in {text:?}");
    let mut lines = text.split("\r\n");
    if text.replace("\r\n", "").contains(['\r', '\n', '\0']) {
        return Err(odd("bare CR, LF or NUL"));
    }
    let line: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.1"] = line[..] else {
        return Err(odd("request line"));
    };
    if method.is_empty() || !(target.starts_with('/') || target == "*") {
        return Err(odd("method or target"));
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(|| odd("field"))?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) || value.trim() != value {
            return Err(odd("field name or value"));
        }
        fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    if fields.first().map(|(name, _)| name.as_str()) != Some("host") {
        return Err(odd("no host first"));
    }
    let (_, host) = fields.remove(0);
    if fields.iter().any(|(name, _)| name == "host") {
        return Err(odd("second host"));
    }
    let framing: Vec<_> = fields
        .iter()
        .filter(|(name, _)| name == "content-length" || name == "transfer-encoding")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let body = match framing[..] {
        [] => Body::Length(0),
        [("transfer-encoding", "chunked")] => Body::Chunked,
        [("content-length", length)] => match length.parse::<usize>() {
            Ok(number) if number.to_string() == length => Body::Length(number),
            _ => return Err(odd("content-length")),
        },
        _ => return Err(odd("framing")),
    };
    let request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        host,
        fields,
        body: Vec::new(),
        trailers: Vec::new(),
    };
    Ok(Some((end + 4, request, body)))
}

fn with_body(
    bytes: &[u8],
    mut request: Request,
    body: &Body,
) -> Result<Option<(usize, Request)>, String> {
    let used = match body {
        Body::Length(length) => {
            let Some(data) = bytes.get(..*length) else {
                return Ok(None);
            };
            request.body = data.to_vec();
            *length
        }
        Body::Chunked => {
            let mut reader = BufReader::new(bytes);
            match read_chunks(&mut reader) {
                Ok((data, trailers)) => {
                    request.body = data;
                    request.trailers = trailers;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                // A size line may be cut anywhere.
                Err(_) if reader.bytes().next().is_none() => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
            let mut left = Vec::new();
            reader
                .read_to_end(&mut left)
                .map_err(|error| error.to_string())?;
            bytes.len() - left.len()
        }
    };
    Ok(Some((used, request)))
}

#[cfg(test)]
mod tests {
    use super::requests;

    #[test]
    fn canonical_requests_are_read_one_after_the_other() {
        let bytes = b"GET /a HTTP/1.1\r\nhost: a\r\nX: y\r\n\r\nPOST / HTTP/1.1\r\nhost: a\r\n\
            transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\nPUT / HTTP/1.1\r\nhost: b\r\n\
            content-length: 5\r\n\r\nabc";
        let (found, rest) = requests(bytes).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].field("x"), Some("y"));
        assert_eq!(found[1].body, b"abc");
        assert_eq!(found[1].trailers, [("t".to_owned(), "u".to_owned())]);
        assert!(rest.starts_with(b"PUT"));
    }

    #[test]
    fn anything_else_is_an_error() {
        for odd in [
            "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nX: y\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nX : y\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nX:  y\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nX: y\n\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 01\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n03\r\nabc\r\n0\r\n\r\n",
        ] {
            assert!(requests(odd.as_bytes()).is_err(), "{odd:?}");
        }
    }
}
