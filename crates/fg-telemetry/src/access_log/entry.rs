//! One line of the access log.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use super::escape::{inside_quotes, json, quoted, word};
use super::timestamp::write_timestamp;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// No log.
    #[default]
    Off,
    /// For people: the request first, then `key=value` words.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is known about a finished request.
///
/// Shape: empty texts where there is none. Bytes are as received; they are escaped when written.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the request's head was complete.
    pub time: SystemTime,
    /// The client after trusted hops.
    pub client: IpAddr,
    /// Method.
    pub method: &'a [u8],
    /// Canonical path, without query.
    pub path: &'a [u8],
    /// Query, when it shall be logged.
    pub query: Option<&'a [u8]>,
    /// Host with port as the client sent it, before any rewrite.
    pub host: &'a [u8],
    /// `HTTP/1.1` and the like.
    pub protocol: &'a str,
    /// TLS of the client's connection: version, cipher suite, server name. Empty in clear text.
    pub tls: [&'a str; 3],
    /// Status sent to the client; 499 when it went away before.
    pub status: u16,
    /// The word of the reason, when the gateway answered by itself.
    pub reason: &'a str,
    /// Gateway, `namespace/name`.
    pub gateway: &'a str,
    /// Listener.
    pub listener: &'a str,
    /// Route, `namespace/name`.
    pub route: &'a str,
    /// Rule: its name, or its index.
    pub rule: &'a str,
    /// Backend.
    pub backend: &'a str,
    /// The endpoint that got the request.
    pub endpoint: Option<SocketAddr>,
    /// How often it was sent to a backend. Written when that is more than once.
    pub attempts: u32,
    /// From the complete head to the last byte of the reply.
    pub total: Duration,
    /// From sending to the backend to the head of its reply.
    pub upstream: Option<Duration>,
    /// Size of the request's body. Units: bytes.
    pub bytes_in: u64,
    /// Size of the reply's body. Units: bytes.
    pub bytes_out: u64,
    /// Request id.
    pub request_id: &'a [u8],
    /// The client's `User-Agent`.
    pub user_agent: &'a [u8],
    /// More about a failure; never for the client.
    pub detail: &'a str,
}

/// The names of [`Entry::tls`].
const TLS_KEYS: [&str; 3] = ["tls", "cipher", "sni"];

/// Appends one line with its line end; nothing for [`Format::Off`].
///
/// Cost: no allocation but the growth of `out`.
pub fn write(out: &mut Vec<u8>, format: Format, entry: &Entry<'_>) {
    match format {
        Format::Off => {}
        Format::Text => text(out, entry),
        Format::Json => object(out, entry),
    }
}

fn text(out: &mut Vec<u8>, entry: &Entry<'_>) {
    write_timestamp(out, entry.time);
    put(out, format_args!(" {} ", entry.client));
    out.push(b'"');
    inside_quotes(out, entry.method);
    out.push(b' ');
    inside_quotes(out, entry.path);
    if let Some(query) = entry.query {
        out.push(b'?');
        inside_quotes(out, query);
    }
    out.push(b' ');
    inside_quotes(out, entry.protocol.as_bytes());
    put(out, format_args!("\" {}", entry.status));
    let words: [(&str, &[u8]); 8] = [
        ("host", entry.host),
        ("reason", entry.reason.as_bytes()),
        ("gateway", entry.gateway.as_bytes()),
        ("listener", entry.listener.as_bytes()),
        ("route", entry.route.as_bytes()),
        ("rule", entry.rule.as_bytes()),
        ("backend", entry.backend.as_bytes()),
        ("id", entry.request_id),
    ];
    for (key, value) in words {
        put(out, format_args!(" {key}="));
        word(out, value);
    }
    if let Some(endpoint) = entry.endpoint {
        put(out, format_args!(" endpoint={endpoint}"));
    }
    for (key, value) in TLS_KEYS.into_iter().zip(entry.tls) {
        if !value.is_empty() {
            put(out, format_args!(" {key}="));
            word(out, value.as_bytes());
        }
    }
    if entry.attempts > 1 {
        put(out, format_args!(" attempts={}", entry.attempts));
    }
    put(out, format_args!(" total_us={}", entry.total.as_micros()));
    if let Some(upstream) = entry.upstream {
        put(out, format_args!(" upstream_us={}", upstream.as_micros()));
    }
    let (bytes_in, bytes_out) = (entry.bytes_in, entry.bytes_out);
    put(
        out,
        format_args!(" bytes_in={bytes_in} bytes_out={bytes_out} agent="),
    );
    quoted(out, entry.user_agent);
    if !entry.detail.is_empty() {
        out.extend_from_slice(b" detail=");
        quoted(out, entry.detail.as_bytes());
    }
    out.push(b'\n');
}

fn object(out: &mut Vec<u8>, entry: &Entry<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    write_timestamp(out, entry.time);
    put(out, format_args!("\",\"client\":\"{}\"", entry.client));
    let texts: [(&str, &[u8]); 13] = [
        ("method", entry.method),
        ("path", entry.path),
        ("query", entry.query.unwrap_or_default()),
        ("host", entry.host),
        ("protocol", entry.protocol.as_bytes()),
        ("reason", entry.reason.as_bytes()),
        ("gateway", entry.gateway.as_bytes()),
        ("listener", entry.listener.as_bytes()),
        ("route", entry.route.as_bytes()),
        ("rule", entry.rule.as_bytes()),
        ("backend", entry.backend.as_bytes()),
        ("request_id", entry.request_id),
        ("user_agent", entry.user_agent),
    ];
    for (key, value) in texts {
        if !value.is_empty() {
            put(out, format_args!(",\"{key}\":"));
            json(out, value);
        }
    }
    for (key, value) in TLS_KEYS.into_iter().zip(entry.tls) {
        if !value.is_empty() {
            put(out, format_args!(",\"{key}\":"));
            json(out, value.as_bytes());
        }
    }
    if let Some(endpoint) = entry.endpoint {
        put(out, format_args!(",\"endpoint\":\"{endpoint}\""));
    }
    if entry.attempts > 1 {
        put(out, format_args!(",\"attempts\":{}", entry.attempts));
    }
    put(out, format_args!(",\"status\":{}", entry.status));
    put(
        out,
        format_args!(",\"total_us\":{}", entry.total.as_micros()),
    );
    if let Some(upstream) = entry.upstream {
        put(
            out,
            format_args!(",\"upstream_us\":{}", upstream.as_micros()),
        );
    }
    let (bytes_in, bytes_out) = (entry.bytes_in, entry.bytes_out);
    put(
        out,
        format_args!(",\"bytes_in\":{bytes_in},\"bytes_out\":{bytes_out}"),
    );
    if !entry.detail.is_empty() {
        out.extend_from_slice(b",\"detail\":");
        json(out, entry.detail.as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

fn put(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments)
        .expect("writing into memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry<'static> {
        Entry {
            time: SystemTime::UNIX_EPOCH,
            client: IpAddr::from([127, 0, 0, 1]),
            method: b"GET",
            path: b"/a",
            query: None,
            host: b"a.com",
            protocol: "HTTP/1.1",
            tls: [""; 3],
            status: 200,
            reason: "",
            gateway: "default/web",
            listener: "http",
            route: "default/a",
            rule: "0",
            backend: "Service default/a:80",
            endpoint: Some(SocketAddr::from(([127, 0, 0, 1], 81))),
            attempts: 1,
            total: Duration::from_micros(120),
            upstream: Some(Duration::from_micros(100)),
            bytes_in: 0,
            bytes_out: 5,
            request_id: b"r1",
            user_agent: b"curl/8",
            detail: "",
        }
    }

    fn line(format: Format, entry: &Entry<'_>) -> String {
        let mut out = Vec::new();
        write(&mut out, format, entry);
        String::from_utf8(out).expect("logs are text")
    }

    #[test]
    fn a_text_line_begins_with_the_request() {
        assert_eq!(
            line(Format::Text, &entry()),
            "1970-01-01T00:00:00.000Z 127.0.0.1 \"GET /a HTTP/1.1\" 200 host=a.com reason=- \
             gateway=default/web listener=http route=default/a rule=0 \
             backend=\"Service default/a:80\" id=r1 endpoint=127.0.0.1:81 total_us=120 \
             upstream_us=100 bytes_in=0 bytes_out=5 agent=\"curl/8\"\n"
        );
    }

    #[test]
    fn a_json_line_is_one_object() {
        let mut failed = entry();
        failed.query = Some(b"x=1");
        failed.endpoint = None;
        failed.upstream = None;
        failed.reason = "no_route";
        failed.detail = "why\n";
        assert_eq!(
            line(Format::Json, &failed),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"127.0.0.1\",\"method\":\"GET\",\
             \"path\":\"/a\",\"query\":\"x=1\",\"host\":\"a.com\",\"protocol\":\"HTTP/1.1\",\
             \"reason\":\"no_route\",\"gateway\":\"default/web\",\"listener\":\"http\",\
             \"route\":\"default/a\",\"rule\":\"0\",\"backend\":\"Service default/a:80\",\
             \"request_id\":\"r1\",\"user_agent\":\"curl/8\",\"status\":200,\"total_us\":120,\
             \"bytes_in\":0,\"bytes_out\":5,\"detail\":\"why\\u000a\"}\n"
        );
    }

    #[test]
    fn connections_over_tls_say_so() {
        let mut secure = entry();
        secure.tls = ["TLSv1.3", "TLS13_AES_128_GCM_SHA256", "a.com"];
        assert!(
            line(Format::Text, &secure)
                .contains(" tls=TLSv1.3 cipher=TLS13_AES_128_GCM_SHA256 sni=a.com ")
        );
        assert!(line(Format::Json, &secure).contains(
            ",\"tls\":\"TLSv1.3\",\"cipher\":\"TLS13_AES_128_GCM_SHA256\",\"sni\":\"a.com\","
        ));
    }

    #[test]
    fn more_than_one_try_is_told() {
        let mut again = entry();
        again.attempts = 3;
        assert!(line(Format::Text, &again).contains(" attempts=3 total_us="));
        assert!(line(Format::Json, &again).contains(",\"attempts\":3,\"status\":200"));
    }

    #[test]
    fn no_client_writes_a_line_of_its_own() {
        let mut evil = entry();
        evil.path = b"/\"\n200 OK";
        evil.query = Some(b"\r\nx");
        evil.host = b"a\nb";
        evil.request_id = b"1\n2";
        evil.user_agent = b"\"}\n{\"a\":1";
        for format in [Format::Text, Format::Json] {
            let line = line(format, &evil);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(!line.contains('\r'));
        }
        assert!(
            line(Format::Text, &evil).contains("\"GET /\\\"\\x0a200 OK?\\x0d\\x0ax HTTP/1.1\"")
        );
    }

    #[test]
    fn off_writes_nothing() {
        assert_eq!(line(Format::Off, &entry()), "");
    }
}
