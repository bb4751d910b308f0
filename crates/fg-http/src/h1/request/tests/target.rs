//! Request lines, their targets, and hosts.

use fg_exchange::Reason;

use super::{accepted, refused, sent};

#[test]
fn request_lines() {
    for (line, reason) in [
        ("GET /", Reason::BadRequest),
        ("GET / ", Reason::BadRequest),
        ("GET  / HTTP/1.1", Reason::BadRequest),
        ("GET /  HTTP/1.1", Reason::BadRequest),
        ("GET\t/ HTTP/1.1", Reason::BadRequest),
        ("GET /\tHTTP/1.1", Reason::BadRequest),
        ("GET / HTTP/1.1 ", Reason::BadRequest),
        (" GET / HTTP/1.1", Reason::BadRequest),
        ("GET / a HTTP/1.1", Reason::BadRequest),
        ("GE(T / HTTP/1.1", Reason::BadRequest),
        ("G\u{e9}T / HTTP/1.1", Reason::BadRequest),
        (" / HTTP/1.1", Reason::BadRequest),
        ("GET HTTP/1.1", Reason::BadRequest),
        ("GET / http/1.1", Reason::BadRequest),
        ("GET / HTTP/1.10", Reason::BadRequest),
        ("GET / HTTP/11", Reason::BadRequest),
        ("GET / HTTP/1", Reason::BadRequest),
        ("GET / HTTP/a.b", Reason::BadRequest),
        ("GET / HTP/1.1", Reason::BadRequest),
        ("GET / HTTP/1.1\r", Reason::BadRequest),
        ("GET / HTTP/1.1\rX", Reason::BadRequest),
        ("GET /\0 HTTP/1.1", Reason::BadRequest),
        ("GET /\u{1} HTTP/1.1", Reason::BadRequest),
        ("GET /\u{7f} HTTP/1.1", Reason::BadRequest),
        ("GET / HTTP/0.9", Reason::BadRequest),
        ("GET / HTTP/1.2", Reason::VersionNotSupported),
        ("GET / HTTP/2.0", Reason::VersionNotSupported),
        ("PRI * HTTP/2.0", Reason::VersionNotSupported),
        ("GET /\u{e9} HTTP/1.1", Reason::BadPath),
        ("GET /#a HTTP/1.1", Reason::BadPath),
        ("GET /a?b#c HTTP/1.1", Reason::BadPath),
        ("GET /a?b\\c HTTP/1.1", Reason::BadPath),
        ("GET /a?\u{e9} HTTP/1.1", Reason::BadPath),
        ("GET /a\\b HTTP/1.1", Reason::BadPath),
        ("GET /%2f HTTP/1.1", Reason::BadPath),
        ("GET /%5C HTTP/1.1", Reason::BadPath),
        ("GET /%00 HTTP/1.1", Reason::BadPath),
        ("GET /%zz HTTP/1.1", Reason::BadPath),
        ("GET * HTTP/1.1", Reason::BadPath),
        ("GET a HTTP/1.1", Reason::BadRequest),
        ("GET ?a HTTP/1.1", Reason::BadRequest),
        ("GET a.com:80 HTTP/1.1", Reason::BadRequest),
        ("GET ftp://a/ HTTP/1.1", Reason::BadRequest),
        ("GET http:/a HTTP/1.1", Reason::BadRequest),
        ("GET http:///a HTTP/1.1", Reason::BadHost),
        ("GET http://u@a/ HTTP/1.1", Reason::BadHost),
        ("GET http://a:b/ HTTP/1.1", Reason::BadHost),
        ("GET http://a#b HTTP/1.1", Reason::BadHost),
        ("GET http://a%2eb/ HTTP/1.1", Reason::BadHost),
        ("CONNECT a:443 HTTP/1.1", Reason::MethodNotAllowed),
        ("CONNECT / HTTP/1.1", Reason::MethodNotAllowed),
    ] {
        assert_eq!(
            refused(&format!("{line}\r\nHost: a\r\n\r\n")),
            reason,
            "{line:?}"
        );
    }
}

#[test]
fn targets_become_their_origin_form() {
    for (line, first_lines) in [
        ("GET http://B:80/x?y", "GET /x?y HTTP/1.1\r\nhost: B:80"),
        ("GET HTTPS://b", "GET / HTTP/1.1\r\nhost: b"),
        ("GET http://b?y", "GET /?y HTTP/1.1\r\nhost: b"),
        ("GET http://b?", "GET /? HTTP/1.1\r\nhost: b"),
        ("GET http://[::1]:1/", "GET / HTTP/1.1\r\nhost: [::1]:1"),
        ("GET http://b/../c", "GET /c HTTP/1.1\r\nhost: b"),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nhost: a"),
        ("OPTIONS http://b", "OPTIONS * HTTP/1.1\r\nhost: b"),
        ("OPTIONS http://b/", "OPTIONS / HTTP/1.1\r\nhost: b"),
        ("GET //b/c", "GET //b/c HTTP/1.1\r\nhost: a"),
        (
            "GET /?a=[{|}]\"<>`",
            "GET /?a=[{|}]\"<>` HTTP/1.1\r\nhost: a",
        ),
        ("get /", "get / HTTP/1.1\r\nhost: a"),
        ("M-SEARCH /", "M-SEARCH / HTTP/1.1\r\nhost: a"),
    ] {
        let sent = sent(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(
            sent.starts_with(&format!("{first_lines}\r\n")),
            "{line}: {sent}"
        );
    }
}

#[test]
fn hosts() {
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: a, b\r\n",
        "Host: a/b\r\n",
        "Host: u@a\r\n",
        "Host: a:\r\n",
        "Host: a:x\r\n",
        "Host: a:65536\r\n",
        "Host: a:-1\r\n",
        "Host: a:80:80\r\n",
        "Host: .a\r\n",
        "Host: a..b\r\n",
        "Host: a%00\r\n",
        "Host: \u{e9}.com\r\n",
        "Host: [::1\r\n",
        "Host: [1]\r\n",
        "Host: [::1]a\r\n",
        "Host: ::1\r\n",
        "Host: http://a\r\n",
    ] {
        for line in ["GET / HTTP/1.1", "GET http://good/ HTTP/1.1"] {
            assert_eq!(
                refused(&format!("{line}\r\n{hosts}\r\n")),
                Reason::BadHost,
                "{line} {hosts:?}"
            );
        }
    }
    let seen = accepted("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(seen.authority, (String::new(), String::new()));
    assert!(!seen.parsed.hop.keep_alive);
    let seen = accepted("GET http://b/ HTTP/1.0\r\n\r\n");
    assert_eq!(seen.authority.1, "b");
    assert_eq!(
        refused("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
        Reason::BadHost
    );
    assert_eq!(
        refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        Reason::BadHost
    );
}
