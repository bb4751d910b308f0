//! What the gateway must know of gRPC: who speaks it, the codes of answers that are made here, and
//! the client's deadline. All of it pure.
//!
//! Source: "gRPC over HTTP2", "Status codes and their use in gRPC", "HTTP to gRPC status code
//! mapping" of the gRPC documentation.

use std::borrow::Cow;
use std::time::Duration;

use crate::{LocalReply, Method, Name, Reason, Request};

/// The longest message that is sent. Units: bytes before they are encoded.
const LONGEST_MESSAGE: usize = 1024;

macro_rules! codes {
    ($($variant:ident = $number:literal $text:literal $doc:literal),+ $(,)?) => {
        /// A status code of gRPC.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $doc] $variant = $number),+
        }

        impl Code {
            /// The digits of `grpc-status`.
            pub const fn digits(self) -> &'static str {
                match self { $(Self::$variant => stringify!($number)),+ }
            }

            /// The name of the code, such as `UNAVAILABLE`.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

// Those that an answer of the gateway can have.
codes! {
    Cancelled = 1 "CANCELLED" "The caller went away.",
    Unknown = 2 "UNKNOWN" "No other code fits.",
    DeadlineExceeded = 4 "DEADLINE_EXCEEDED" "It took too long.",
    PermissionDenied = 7 "PERMISSION_DENIED" "The caller may not do that.",
    ResourceExhausted = 8 "RESOURCE_EXHAUSTED" "Too much, or too often.",
    Unimplemented = 12 "UNIMPLEMENTED" "There is no such method.",
    Internal = 13 "INTERNAL" "Something is broken: the message, or the configuration.",
    Unavailable = 14 "UNAVAILABLE" "Not now: it may be tried again.",
    Unauthenticated = 16 "UNAUTHENTICATED" "The caller must say who it is.",
}

/// Whether a content type is that of gRPC: `application/grpc`, with or without `+proto` and
/// parameters. That of gRPC-Web is not: its callers read HTTP.
pub fn is_content_type(value: &[u8]) -> bool {
    const TYPE: &[u8] = b"application/grpc";
    value
        .split_at_checked(TYPE.len())
        .is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(TYPE)
                && rest.first().is_none_or(|byte| b"+; \t".contains(byte))
        })
}

/// Whether a request is a gRPC call: whoever makes one says so by its content type, and posts.
pub fn is_call(request: &Request) -> bool {
    request.method() == Method::Post
        && request
            .head
            .get(Name::ContentType)
            .is_some_and(is_content_type)
}

/// The code for an answer with this HTTP status, from 400 on.
pub const fn code_of_status(status: u16) -> Code {
    match status {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 | 405 | 501 => Code::Unimplemented,
        408 | 504 => Code::DeadlineExceeded,
        413 | 429 | 431 => Code::ResourceExhausted,
        421 | 502 | 503 => Code::Unavailable,
        499 => Code::Cancelled,
        400 | 500 => Code::Internal,
        _ => Code::Unknown,
    }
}

/// The code for an answer with this reason: as its status, but a call to a backend that is not
/// there or cannot be used is `UNAVAILABLE`, as the Gateway API has it (`GRPCRouteRule.backendRefs`).
pub const fn code_of(reason: Reason) -> Code {
    match reason {
        Reason::NoBackends | Reason::InvalidBackend => Code::Unavailable,
        _ => code_of_status(reason.status()),
    }
}

/// The answer to a call instead of an answer by HTTP status: 200, the code and the message as
/// header fields, no body ("Trailers-Only"). Other header fields stay. The message is the body, if
/// that is plain text and short. One of a status below 400 is given back as it is: it is no error.
pub fn answer(reply: LocalReply, reason: Option<Reason>) -> LocalReply {
    if reply.status < 400 {
        return reply;
    }
    let code = reason.map_or_else(|| code_of_status(reply.status), code_of);
    let mut kinds = reply.headers.iter();
    let is_text = kinds
        .find(|(name, _)| *name == "content-type")
        .is_none_or(|(_, kind)| kind.starts_with(b"text/plain"));
    let mut headers: Vec<(Cow<'static, str>, Vec<u8>)> = reply
        .headers
        .into_iter()
        .filter(|(name, _)| {
            !matches!(
                &**name,
                "content-type" | "content-encoding" | "grpc-status" | "grpc-message"
            )
        })
        .collect();
    headers.push(("content-type".into(), b"application/grpc".to_vec()));
    headers.push(("grpc-status".into(), code.digits().into()));
    let message = match std::str::from_utf8(&reply.body).map(str::trim) {
        Ok(line) if is_text && !line.is_empty() && line.len() <= LONGEST_MESSAGE => encoded(line),
        _ => format!("HTTP status {}", reply.status),
    };
    headers.push(("grpc-message".into(), message.into_bytes()));
    LocalReply {
        status: 200,
        headers,
        body: Vec::new(),
    }
}

/// A message as `grpc-message` has it: visible ASCII and blanks as they are, `%` and all else as
/// `%` and two hexadecimal digits for each byte of UTF-8.
pub fn encoded(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b'%' | ..b' ' | 0x7f.. => text.push_str(&format!("%{byte:02X}")),
            _ => text.push(char::from(byte)),
        }
    }
    text
}

/// How long a caller waits, as `grpc-timeout` says: up to eight digits and a unit. `None` when it
/// is malformed, which counts as not there.
pub fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Some(Duration::from_secs(number * 3600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The time for a whole exchange: what the route allows (`None` is no limit), and not longer than
/// the caller of a gRPC method waits.
pub fn time_limit(request: &Request, route: Option<Duration>) -> Option<Duration> {
    if !is_call(request) {
        return route;
    }
    let caller = request.head.get_all_named("grpc-timeout").next();
    match (caller.and_then(timeout), route) {
        (Some(caller), Some(route)) => Some(caller.min(route)),
        (caller, route) => caller.or(route),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(fields: &[(&str, &str)]) -> Request {
        let mut request = Request::new();
        let text = request.head.keep(b"POST");
        request.set_method(Method::Post, text);
        for (name, value) in fields {
            request.head.append(name, value.as_bytes());
        }
        request
    }

    #[test]
    fn a_call_is_known_by_its_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("Application/GRPC+proto", true),
            ("application/grpc+json", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grpcx", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_content_type(value.as_bytes()), expected, "{value}");
            assert_eq!(
                is_call(&call(&[("content-type", value)])),
                expected,
                "{value}"
            );
        }
        let mut get = call(&[("content-type", "application/grpc")]);
        let text = get.head.keep(b"GET");
        get.set_method(Method::Get, text);
        assert!(!is_call(&get));
    }

    #[test]
    fn every_reason_has_the_code_that_tells_callers_what_to_do() {
        for (reason, code) in [
            (Reason::NoRoute, "UNIMPLEMENTED"),
            (Reason::NoListener, "UNIMPLEMENTED"),
            (Reason::NoBackends, "UNAVAILABLE"),
            (Reason::InvalidBackend, "UNAVAILABLE"),
            (Reason::InvalidRule, "INTERNAL"),
            (Reason::NoEndpoints, "UNAVAILABLE"),
            (Reason::ConnectFailed, "UNAVAILABLE"),
            (Reason::UpstreamReset, "UNAVAILABLE"),
            (Reason::BadReply, "UNAVAILABLE"),
            (Reason::Draining, "UNAVAILABLE"),
            (Reason::RouteTimeout, "DEADLINE_EXCEEDED"),
            (Reason::UpstreamTimeout, "DEADLINE_EXCEEDED"),
            (Reason::BodyTooLarge, "RESOURCE_EXHAUSTED"),
            (Reason::HeadTooLarge, "RESOURCE_EXHAUSTED"),
            (Reason::BadRequest, "INTERNAL"),
            (Reason::ClientClosed, "CANCELLED"),
        ] {
            assert_eq!(code_of(reason).text(), code, "{reason}");
        }
        for (status, code, digits) in [
            (401, Code::Unauthenticated, "16"),
            (403, Code::PermissionDenied, "7"),
            (429, Code::ResourceExhausted, "8"),
            (418, Code::Unknown, "2"),
        ] {
            assert_eq!(code_of_status(status), code);
            assert_eq!(code.digits(), digits);
        }
    }

    #[test]
    fn an_answer_has_its_code_in_the_head_and_no_body() {
        let reply = LocalReply {
            status: 403,
            headers: vec![
                ("content-type".into(), b"text/plain".to_vec()),
                ("x-why".into(), b"policy".to_vec()),
            ],
            body: b"not 100% you\n".to_vec(),
        };
        let answer = answer(reply, None);
        assert_eq!((answer.status, &answer.body[..]), (200, &b""[..]));
        assert_eq!(
            answer.headers,
            [
                ("x-why".into(), b"policy".to_vec()),
                ("content-type".into(), b"application/grpc".to_vec()),
                ("grpc-status".into(), b"7".to_vec()),
                ("grpc-message".into(), b"not 100%25 you".to_vec()),
            ]
        );
    }

    #[test]
    fn an_answer_that_is_no_error_stays() {
        let reply = LocalReply {
            status: 302,
            headers: vec![("location".into(), b"/".to_vec())],
            body: Vec::new(),
        };
        assert_eq!(answer(reply, None).status, 302);
    }

    #[test]
    fn a_body_that_is_no_message_is_not_sent() {
        let page = ("content-type".into(), b"text/html".to_vec());
        for (headers, body) in [
            (Vec::new(), vec![0xff]),
            (Vec::new(), Vec::new()),
            (Vec::new(), vec![b'a'; LONGEST_MESSAGE + 1]),
            (vec![page], b"<p>no</p>".to_vec()),
        ] {
            let reply = LocalReply {
                status: 503,
                headers,
                body,
            };
            let message = answer(reply, None).headers.pop();
            assert_eq!(
                message,
                Some(("grpc-message".into(), b"HTTP status 503".to_vec()))
            );
        }
    }

    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(encoded("a b~!"), "a b~!");
        assert_eq!(encoded("50%\r\né\u{7f}"), "50%25%0D%0A%C3%A9%7F");
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_has_them() {
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("100m", Some(Duration::from_millis(100))),
            ("7u", Some(Duration::from_micros(7))),
            ("0n", Some(Duration::ZERO)),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("100000000S", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("1.5S", None),
            ("1s", None),
            ("1 S", None),
            ("", None),
        ] {
            assert_eq!(timeout(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_callers_deadline_never_widens_the_routes() {
        let second = Some(Duration::from_secs(1));
        let of = |timeout: &str, route| {
            let fields = [
                ("content-type", "application/grpc"),
                ("grpc-timeout", timeout),
            ];
            time_limit(&call(&fields), route)
        };
        assert_eq!(of("100m", second), Some(Duration::from_millis(100)));
        assert_eq!(of("1M", second), second);
        assert_eq!(of("1S", None), second);
        assert_eq!(of("soon", second), second);
        assert_eq!(of("soon", None), None);
        let plain = call(&[("grpc-timeout", "1m")]);
        assert_eq!(time_limit(&plain, second), second);
    }
}
