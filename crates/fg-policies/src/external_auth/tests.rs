//! Edges that the examples of the README do not show.

use fg_api::external_auth::{
    ForwardBodyConfig, GrpcAuthConfig, HttpAuthConfig, HttpExternalAuthFilter,
};
use fg_api::reference::BackendObjectReference;

use super::{Protocol, translate};

fn asking(protocol: &str) -> HttpExternalAuthFilter {
    HttpExternalAuthFilter {
        protocol: protocol.into(),
        backend_ref: BackendObjectReference {
            name: "auth".into(),
            port: Some(9000),
            ..BackendObjectReference::default()
        },
        ..HttpExternalAuthFilter::default()
    }
}

#[test]
fn what_cannot_work_is_no_policy_at_all() {
    let with_path = |path: &str| HttpExternalAuthFilter {
        http: Some(HttpAuthConfig {
            path: Some(path.into()),
            ..HttpAuthConfig::default()
        }),
        ..asking("HTTP")
    };
    let with_name = HttpExternalAuthFilter {
        grpc: Some(GrpcAuthConfig {
            allowed_headers: vec!["x-fine".into(), "x y".into()],
        }),
        ..asking("GRPC")
    };
    let with_size = HttpExternalAuthFilter {
        forward_body: Some(ForwardBodyConfig { max_size: Some(-1) }),
        ..asking("HTTP")
    };
    for (written, place) in [
        (asking("SPOE"), "protocol"),
        (with_path("/a?b"), "http.path"),
        (with_name, "grpc.allowedHeaders[1]"),
        (with_size, "forwardBody.maxSize"),
    ] {
        let mut findings = Vec::new();
        assert_eq!(translate(&written, &mut findings), None, "{written:?}");
        let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
        assert_eq!(places, [format!("externalAuth.{place}")]);
    }
}

#[test]
fn a_prefix_is_brought_into_the_form_of_paths() {
    for (written, expected) in [
        ("/auth", "/auth"),
        ("auth/", "/auth"),
        ("/a/../b//", "/b"),
        ("/", ""),
    ] {
        let written = HttpExternalAuthFilter {
            http: Some(HttpAuthConfig {
                path: Some(written.into()),
                ..HttpAuthConfig::default()
            }),
            ..asking("HTTP")
        };
        let ir = translate(&written, &mut Vec::new()).expect("a policy");
        let Protocol::Http { path, .. } = ir.protocol else {
            panic!("it is HTTP");
        };
        assert_eq!(&*path, expected);
    }
}

#[cfg(feature = "native")]
mod native {
    use fg_exchange::{
        Answer, Call, Decision, Facts, Method, Part, Reason, Reply, Request, Scheme, WaitingFilter,
    };
    use prost::Message as _;

    use super::super::messages::{
        BoolValue, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption,
        HttpStatus, OkHttpResponse, Status,
    };
    use super::super::{Ir, native::build, translate};
    use super::asking;

    const FACTS: Facts = Facts {
        client: std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
        scheme: Scheme::Https,
        listener_port: 443,
        matched_prefix: None,
    };

    fn filter(protocol: &str) -> Box<dyn WaitingFilter> {
        let ir: Ir = translate(&asking(protocol), &mut Vec::new()).expect("a policy");
        match build(&ir).pop() {
            Some(Part::Waiting(filter)) => filter,
            other => panic!("it waits: {other:?}"),
        }
    }

    fn request(fields: &[(&str, &str)]) -> Request {
        let mut request = Request::new();
        let method = request.head.keep(b"PUT");
        request.set_method(Method::Put, method);
        request.set_authority(b"a.com:8443");
        let query = request.head.keep(b"c=d");
        let path = request.head.keep(b"/b");
        request.set_target(path, Some(query));
        for (name, value) in fields {
            request.head.append(name, value.as_bytes());
        }
        request
    }

    fn answered(status: u16, body: Vec<u8>) -> Answer {
        let mut reply = Reply::new();
        reply.status = status;
        Answer {
            reply,
            body,
            trailers: b"grpc-status: 0\r\n".to_vec(),
        }
    }

    /// A message as gRPC frames it.
    fn framed(message: &impl prost::Message) -> Vec<u8> {
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).expect("short");
        [&[0][..], &length.to_be_bytes(), &message].concat()
    }

    fn option(key: &str, value: &str) -> HeaderValueOption {
        HeaderValueOption {
            header: Some(HeaderValue {
                key: key.to_owned(),
                value: value.to_owned(),
                raw_value: Vec::new(),
            }),
            append: None,
            append_action: 0,
        }
    }

    #[test]
    fn the_check_says_what_the_request_is() {
        let fields = [
            ("Accept", "a"),
            ("accept", "b"),
            ("Cookie", "x=1"),
            ("cookie", "y=2"),
            ("X-Request-Id", "id"),
        ];
        let call = filter("GRPC").call(&request(&fields), b"body", &FACTS);
        let Call {
            head, body, http2, ..
        } = call.expect("a call");
        assert!(http2);
        assert_eq!(
            (head.method(), head.path(), head.authority()),
            (
                Method::Post,
                &b"/envoy.service.auth.v3.Authorization/Check"[..],
                &b"auth.default"[..]
            )
        );
        let (prefix, message) = body.split_at(5);
        assert_eq!(prefix[0], 0);
        assert_eq!(
            u32::from_be_bytes(prefix[1..].try_into().expect("four")) as usize,
            message.len()
        );
        let check = CheckRequest::decode(message).expect("a message");
        let attributes = check.attributes.expect("attributes");
        let source = attributes.source.and_then(|peer| peer.address);
        let source = source.and_then(|address| address.socket_address);
        assert_eq!(source.expect("an address").address, "192.0.2.7");
        let http = attributes.request.and_then(|request| request.http);
        let http = http.expect("a request");
        assert_eq!(
            (&*http.method, &*http.path, &*http.host, &*http.scheme),
            ("PUT", "/b?c=d", "a.com:8443", "https")
        );
        assert_eq!((&*http.id, &*http.body, http.size), ("id", "body", 4));
        assert_eq!(http.headers["accept"], "a,b");
        assert_eq!(http.headers["cookie"], "x=1; y=2");
    }

    /// The field numbers are the protocol, so they are compared with bytes made by hand.
    #[test]
    fn messages_have_the_numbers_of_the_protocol() {
        let yes = [
            0x0a, 2, 0x08, 0, // status { code: 0 }
            0x1a, 12, // ok_response
            0x12, 7, 0x0a, 5, 0x0a, 1, b'a', 0x12,
            0, // headers { header { key: "a", value: "" } }
            0x2a, 1, b'b', // headers_to_remove: "b"
        ];
        let read = CheckResponse::decode(&yes[..]).expect("a message");
        let ok = read.ok_response.expect("a yes");
        assert_eq!(ok.headers[0].header.as_ref().expect("one").key, "a");
        assert_eq!(ok.headers_to_remove, ["b"]);
        let no = [
            0x0a, 2, 0x08, 7, // status { code: 7 }
            0x12, 8, // denied_response
            0x0a, 3, 0x08, 0x91, 0x03, // status { code: 401 }
            0x1a, 1, b'c', // body: "c"
        ];
        let read = CheckResponse::decode(&no[..]).expect("a message");
        assert_eq!(read.status.expect("one").code, 7);
        let denied = read.denied_response.expect("a no");
        assert_eq!(
            (denied.status.expect("one").code, &*denied.body),
            (401, "c")
        );
    }

    #[test]
    fn a_yes_by_grpc_changes_headers() {
        let ok = OkHttpResponse {
            headers: vec![
                option("X-User", "alice"),
                HeaderValueOption {
                    append: Some(BoolValue { value: true }),
                    ..option("x-role", "b")
                },
                option("content-length", "7"),
                option("bad name", "x"),
                option("x-bad", "a\r\nb: c"),
            ],
            headers_to_remove: vec!["X-Gone".to_owned(), "Host".to_owned()],
            response_headers_to_add: vec![
                option("X-Told", "yes"),
                option("X-Ferrogate-Reason", "no_route"),
            ],
        };
        let response = CheckResponse {
            status: Some(Status { code: 0 }),
            denied_response: None,
            ok_response: Some(ok),
        };
        let mut request = request(&[
            ("x-user", "admin"),
            ("x-role", "a"),
            ("x-gone", "1"),
            ("content-length", "3"),
        ]);
        let answer = answered(200, framed(&response));
        let decision = filter("GRPC").decide(&mut request, Ok(answer), &FACTS);
        let Decision::Continue(fields) = decision else {
            panic!("a yes: {decision:?}");
        };
        assert_eq!(fields, [("x-told".into(), b"yes".to_vec())]);
        let value = |name: &str| request.head.get_named(name);
        assert_eq!(value("x-user"), Some(&b"alice"[..]));
        assert_eq!(request.head.get_all_named("x-role").count(), 2);
        assert_eq!(value("x-gone"), None);
        assert_eq!(value("content-length"), Some(&b"3"[..]));
        assert_eq!(value("x-bad"), None);
    }

    #[test]
    fn a_no_by_grpc_is_passed_on_and_never_looks_like_a_yes() {
        for (code, http, expected) in [
            (7, Some(401), 401),
            (7, None, 403),
            (16, Some(200), 403),
            (0, Some(429), 429),
        ] {
            let denied = DeniedHttpResponse {
                status: http.map(|code| HttpStatus { code }),
                headers: vec![option("Location", "/login"), option("Connection", "x")],
                body: "no".to_owned(),
            };
            let response = CheckResponse {
                status: Some(Status { code }),
                denied_response: Some(denied),
                ok_response: None,
            };
            let answer = answered(200, framed(&response));
            let decision = filter("GRPC").decide(&mut request(&[]), Ok(answer), &FACTS);
            let Decision::Reply(reply) = decision else {
                panic!("a no: {decision:?}");
            };
            assert_eq!(reply.status, expected);
            assert_eq!(reply.headers, [("location".into(), b"/login".to_vec())]);
            assert_eq!(reply.body, b"no");
        }
        let response = CheckResponse {
            status: Some(Status { code: 7 }),
            ..CheckResponse::default()
        };
        let answer = answered(200, framed(&response));
        let decision = filter("GRPC").decide(&mut request(&[]), Ok(answer), &FACTS);
        assert!(matches!(decision, Decision::Reply(reply) if reply.status == 403));
    }

    #[test]
    fn what_is_no_decision_closes() {
        let mut failed = answered(200, framed(&CheckResponse::default()));
        failed.reply.head.append("grpc-status", b"14");
        for (protocol, answer) in [
            ("GRPC", answered(200, Vec::new())),
            ("GRPC", answered(200, vec![0, 0, 0, 0, 9, 1])),
            ("GRPC", answered(200, vec![1, 0, 0, 0, 0])),
            ("GRPC", answered(200, vec![0, 0, 0, 0, 2, 0xff, 0xff])),
            ("GRPC", answered(503, Vec::new())),
            ("GRPC", failed),
            ("HTTP", answered(500, Vec::new())),
            ("HTTP", answered(204, Vec::new())),
            ("HTTP", answered(101, Vec::new())),
        ] {
            let what = format!("{protocol} {answer:?}");
            let decision = filter(protocol).decide(&mut request(&[]), Ok(answer), &FACTS);
            let Decision::Fault(fault) = decision else {
                panic!("{what}: {decision:?}");
            };
            assert_eq!(fault.reason, Reason::AuthUnavailable, "{what}");
        }
        for protocol in ["HTTP", "GRPC"] {
            let fault = fg_exchange::Fault::new(Reason::ConnectFailed);
            let decision = filter(protocol).decide(&mut request(&[]), Err(fault), &FACTS);
            assert!(matches!(decision, Decision::Fault(_)));
        }
    }
}
