//! Request heads on the wire: what is ambiguous is answered and closed, what is odd but clear goes
//! out in canonical form. One request in, at most one request out.

use fg_testkit::{Client, Upstream, upstream};

use crate::gateway::Gateway;

const GOOD: &str = "GET /good HTTP/1.1\r\nHost: good\r\n\r\n";

/// Heads that are refused, with the status and the reason.
fn refused() -> Vec<(String, u16, &'static str)> {
    let whole = |head: &str, status, reason| (head.to_owned(), status, reason);
    let line = |line: &str, status, reason| {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        (head, status, reason)
    };
    let fields = |lines: &str, reason| {
        let status = if reason == "expectation_failed" {
            417
        } else {
            400
        };
        let head = format!("POST /bad HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\nabc");
        (head, status, reason)
    };
    let hosts = |lines: &str| {
        let head = format!("GET /bad HTTP/1.1\r\n{lines}\r\n\r\n");
        (head, 400, "bad_host")
    };
    let bad = "bad_request";
    vec![
        fields("Content-Length: 3\r\nTransfer-Encoding: chunked", bad),
        fields("Transfer-Encoding: chunked\r\nContent-Length: 3", bad),
        fields("Content-Length: 3\r\nContent-Length: 3", bad),
        fields("Content-Length: 3\r\nContent-Length: 4", bad),
        fields("Content-Length: 3, 3", bad),
        fields("Content-Length: +3", bad),
        fields("Content-Length: 0x3", bad),
        fields("Content-Length:", bad),
        fields("Content-Length: 9999999999999999999999", bad),
        fields("Transfer-Encoding: chunked, chunked", bad),
        fields("Transfer-Encoding: gzip, chunked", bad),
        fields("Transfer-Encoding: identity", bad),
        fields("Transfer-Encoding: xchunked", bad),
        fields("Transfer-Encoding: \x0bchunked", bad),
        fields(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            bad,
        ),
        fields("Transfer-Encoding : chunked", bad),
        fields("Content-Length : 3", bad),
        fields("X: a\r\n folded: b", bad),
        fields("X: a\r\n\tContent-Length: 3", bad),
        fields("X: a\rContent-Length: 3", bad),
        fields("X: a\nContent-Length: 3", bad),
        fields("X: a\0b", bad),
        fields("X: a\x7fb", bad),
        fields("X\0: a", bad),
        fields(": a", bad),
        fields("no colon", bad),
        fields("X(: a", bad),
        fields("X\u{e9}: a", bad),
        fields("Expect: something", "expectation_failed"),
        hosts("X: no host"),
        hosts("Host: a\r\nHost: a"),
        hosts("Host: a\r\nhost: b"),
        hosts("Host:"),
        hosts("Host: a b"),
        hosts("Host: a:b"),
        hosts("Host: a:99999"),
        hosts("Host: u@a"),
        hosts("Host: a/b"),
        hosts("Host: a, b"),
        hosts("Host: [::1"),
        hosts("Host: a..b"),
        line("GET /bad", 400, bad),
        line("GET /bad HTTP/0.9", 400, bad),
        line("GET /bad HTTP/1.2", 505, "version_not_supported"),
        line("GET /bad HTTP/2.0", 505, "version_not_supported"),
        line("GET /bad HTTP/1.1 ", 400, bad),
        line("GET  /bad HTTP/1.1", 400, bad),
        line("GET\t/bad HTTP/1.1", 400, bad),
        line("GET /bad\0 HTTP/1.1", 400, bad),
        line("GET /b\u{e4}d HTTP/1.1", 400, "bad_path"),
        line("GET /bad#fragment HTTP/1.1", 400, "bad_path"),
        line("GET /bad?a#b HTTP/1.1", 400, "bad_path"),
        line("GET /bad\\x HTTP/1.1", 400, "bad_path"),
        line("GET /bad%2fx HTTP/1.1", 400, "bad_path"),
        line("GET /bad%5Cx HTTP/1.1", 400, "bad_path"),
        line("GET /bad%00 HTTP/1.1", 400, "bad_path"),
        line("GET /bad%x HTTP/1.1", 400, "bad_path"),
        line("GET * HTTP/1.1", 400, "bad_path"),
        line("GET bad HTTP/1.1", 400, bad),
        line("GET ftp://a/bad HTTP/1.1", 400, bad),
        line("GET http:///bad HTTP/1.1", 400, "bad_host"),
        line("GET http://u@a/bad HTTP/1.1", 400, "bad_host"),
        line("CONNECT a:443 HTTP/1.1", 405, "method_not_allowed"),
        whole("GET /bad\r\n", 400, bad),
        whole("GET /bad HTTP/1.1\nHost: a\r\n\r\n", 400, bad),
        whole("GET /bad HTTP/1.1\r\nHost: a\n\r\n", 400, bad),
        whole("GET /bad HTTP/1.1\r\nHost: a\r\n\n", 400, bad),
        whole("GET /bad HTTP/1.1\r\n Host: a\r\n\r\n", 400, bad),
        whole("\r\n\r\nGET /bad HTTP/1.1\r\nHost: a\r\n\r\n", 400, bad),
        whole("\nGET /bad HTTP/1.1\r\nHost: a\r\n\r\n", 400, bad),
        whole(
            "POST /bad HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            bad,
        ),
        whole("\x16\x03\x01\x02\0\x01\0", 400, bad),
    ]
}

/// The refusal, then the end of the connection.
fn expect_refusal(client: &mut Client, status: u16, reason: &str, what: &str) {
    let reply = client.try_reply();
    assert!(reply.is_ok(), "{reply:?} for {what:?}");
    let reply = reply.expect("just seen");
    assert_eq!(reply.status, status, "{what:?}");
    assert_eq!(reply.reason(), Some(reason), "{what:?}");
    assert_eq!(reply.field("connection"), Some("close"), "{what:?}");
    assert!(client.is_ended(), "{what:?} goes on");
}

fn setting() -> (Upstream, Gateway) {
    let upstream = Upstream::replying(upstream::ok("hello"));
    let gateway = Gateway::to(&[&upstream]);
    (upstream, gateway)
}

#[test]
fn ambiguous_heads_are_refused_and_never_forwarded() {
    let (upstream, gateway) = setting();
    for (head, status, reason) in refused() {
        let mut client = gateway.connect();
        client.send(&head);
        expect_refusal(&mut client, status, reason, &head);
    }
    assert_eq!(upstream.received(), Vec::<Vec<u8>>::new());
}

#[test]
fn ambiguous_heads_behind_a_good_request_are_refused_alone() {
    let (upstream, gateway) = setting();
    let vectors = refused();
    for (head, status, reason) in &vectors {
        let mut client = gateway.connect();
        client.send(format!("{GOOD}{head}"));
        assert_eq!(client.reply().text(), "hello", "{head:?}");
        expect_refusal(&mut client, *status, reason, head);
    }
    let expected = vec!["GET good /good".to_owned(); vectors.len()];
    assert_eq!(upstream.lines(), expected);
    assert_eq!(upstream.left_over(), b"");
}

#[test]
fn ambiguous_heads_are_refused_however_they_are_cut() {
    let (upstream, gateway) = setting();
    for (head, status, reason) in refused() {
        for cut in 1..head.len() {
            let mut client = gateway.connect();
            client.send_cut(&head, cut);
            expect_refusal(&mut client, status, reason, &format!("{head} cut at {cut}"));
        }
    }
    assert_eq!(upstream.received(), Vec::<Vec<u8>>::new());
}

/// Requests that are odd but clear, with the bytes that a backend gets for them.
const CANONICAL: &[(&str, &str)] = &[
    (
        "\r\nGET /a/../b/%7e%2E?x=%2f HTTP/1.1\r\nhOsT:Example.COM:80\r\nX-A:1\r\nx-b:  2 \t\r\nX-C:\r\n\r\n",
        "GET /b/~.?x=%2f HTTP/1.1\r\nhost: Example.COM:80\r\nX-A: 1\r\nx-b: 2\r\nX-C: \r\n\r\n",
    ),
    (
        "GET http://other:81?q HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?q HTTP/1.1\r\nhost: other:81\r\n\r\n",
    ),
    (
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0000003;x=\"y\"\r\nabc\r\n00\r\nX-T:u\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: u\r\n\r\n",
    ),
];

#[test]
fn odd_but_clear_requests_reach_the_backend_in_canonical_form() {
    for (given, expected) in CANONICAL {
        let (upstream, gateway) = setting();
        let mut connection = 0;
        for cut in 0..given.len() {
            // Each way on a connection of its own, to a backend connection of its own.
            let mut client = gateway.connect();
            client.send_cut(given, cut);
            assert_eq!(client.reply().text(), "hello", "{given:?} cut at {cut}");
            connection += 1;
        }
        let text = String::from_utf8(upstream.received().concat()).expect("text");
        // A chunk that arrives in pieces leaves in pieces; everything else is the same bytes.
        if !given.contains("CHUNKED") {
            assert_eq!(text, expected.repeat(connection), "{given:?}");
        }
        let (read, rest) = fg_testkit::canonical::requests(text.as_bytes()).expect("canonical");
        let (mut one, _) = fg_testkit::canonical::requests(expected.as_bytes()).expect("canonical");
        let one = one.remove(0);
        assert_eq!(read, vec![one; connection], "{given:?}");
        assert_eq!(rest, b"");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_one_for_one() {
    let upstream = Upstream::start(|connection, _| {
        while let Some(request) = connection.request() {
            connection.send(upstream::ok(request.target));
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let request = |number: usize| match number % 3 {
        0 => format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"),
        1 => format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
        _ => format!(
            "PUT /{number} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n"
        ),
    };
    let all: String = (0..30).map(request).collect();
    for cut in (1..all.len()).step_by(97) {
        let mut client = gateway.connect();
        client.send_cut(&all, cut);
        for number in 0..30 {
            assert_eq!(client.reply().text(), format!("/{number}"));
        }
        assert!(client.is_quiet());
    }
    assert_eq!(upstream.left_over(), b"");
}

#[test]
fn what_looks_like_a_request_in_a_body_stays_a_body() {
    let (upstream, gateway) = setting();
    let mut client = gateway.connect();
    let smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!(
        "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}{GOOD}",
        smuggled.len()
    ));
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(client.reply().text(), "hello");
    client.send(format!(
        "POST /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n{GOOD}",
        smuggled.len()
    ));
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(
        upstream.lines(),
        [
            "POST a /one",
            "GET good /good",
            "POST a /two",
            "GET good /good"
        ]
    );
}
