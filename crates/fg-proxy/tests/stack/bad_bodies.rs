//! Bodies in chunks that are malformed: the client is told, and no backend ever gets a whole
//! request out of it.

use fg_testkit::{Upstream, upstream};

use crate::gateway::Gateway;

const HEAD: &str = "POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const GOOD: &str = "GET /good HTTP/1.1\r\nHost: good\r\n\r\n";

const BAD: &[&str] = &[
    "\r\n",
    "g\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "+3\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    " 3\r\nabc\r\n0\r\n\r\n",
    "3 \r\nabc\r\n0\r\n\r\n",
    "3\nabc\r\n0\r\n\r\n",
    "3\rabc\r\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nabc0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabc\r\n0\r\n\n",
    "3\r\nabc\r\n0\n\r\n",
    "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "3;\0\r\nabc\r\n0\r\n\r\n",
    "11111111111111111\r\nabc\r\n",
    "ffffffffffffffff\r\nabc\r\n",
    "0\r\nno colon\r\n\r\n",
    "0\r\nX : y\r\n\r\n",
    "0\r\nX: y\r\n folded\r\n\r\n",
    "0\r\nX: y\rz\r\n\r\n",
];

fn setting() -> (Upstream, Gateway) {
    let upstream = Upstream::replying(upstream::ok("hello"));
    let gateway = Gateway::to(&[&upstream]);
    (upstream, gateway)
}

fn check(before: &str, body: &str, cut: usize, upstream: &Upstream, gateway: &Gateway) {
    let mut client = gateway.connect();
    let bytes = format!("{before}{HEAD}{body}");
    client.send_cut(&bytes, cut);
    if !before.is_empty() {
        assert_eq!(client.reply().text(), "hello");
    }
    let reply = client.try_reply();
    assert!(reply.is_ok(), "{reply:?} for {body:?} cut at {cut}");
    let reply = reply.expect("just seen");
    assert_eq!(reply.status, 400, "{body:?} cut at {cut}");
    assert_eq!(reply.reason(), Some("bad_request"), "{body:?} cut at {cut}");
    assert!(client.is_ended(), "{body:?} cut at {cut} goes on");
    assert!(
        upstream.lines().iter().all(|line| line == "GET good /good"),
        "{body:?} cut at {cut}"
    );
}

#[test]
fn malformed_chunks_are_refused_and_never_end_a_request() {
    let (upstream, gateway) = setting();
    for body in BAD {
        check("", body, 0, &upstream, &gateway);
        check(GOOD, body, 0, &upstream, &gateway);
    }
    assert_eq!(upstream.requests().len(), BAD.len());
}

#[test]
fn malformed_chunks_are_refused_however_they_are_cut() {
    let (upstream, gateway) = setting();
    for body in BAD {
        for cut in 1..HEAD.len() + body.len() {
            check("", body, cut, &upstream, &gateway);
        }
    }
    assert_eq!(upstream.requests(), []);
}

#[test]
fn chunk_lines_and_trailers_are_bounded() {
    let (upstream, gateway) = setting();
    let long = |count: usize| "x".repeat(count);
    check(
        "",
        &format!("3;{}\r\nabc\r\n", long(300)),
        0,
        &upstream,
        &gateway,
    );
    check(
        "",
        &format!("0\r\nX: {}\r\n\r\n", long(9000)),
        0,
        &upstream,
        &gateway,
    );
    let many = "X: y\r\n".repeat(2000);
    check("", &format!("0\r\n{many}\r\n"), 0, &upstream, &gateway);
    let dropped = "Host: y\r\n".repeat(2000);
    check("", &format!("0\r\n{dropped}\r\n"), 0, &upstream, &gateway);
    let extensions = format!("1;{}\r\na\r\n", long(200)).repeat(150);
    check("", &extensions, 0, &upstream, &gateway);
}

#[test]
fn a_client_that_ends_in_a_body_ends_its_request() {
    for (head, part) in [
        (HEAD, "3\r\nab"),
        (HEAD, "3\r\nabc\r\n"),
        (HEAD, "3\r\nabc\r\n0\r\n"),
        (
            "POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
            "abc",
        ),
    ] {
        let (upstream, gateway) = setting();
        let mut client = gateway.connect();
        client.send(format!("{head}{part}"));
        client.half_close();
        let reply = client.reply();
        assert_eq!(reply.status, 400, "{part:?}");
        assert!(client.is_ended());
        upstream.wait_for_ends(1);
        assert_eq!(upstream.requests(), [], "{part:?}");

        let client = gateway.connect();
        client.send(format!("{head}{part}"));
        client.wait_until_read();
        client.abort();
        upstream.wait_for_ends(2);
        assert_eq!(upstream.requests(), [], "{part:?} aborted");
    }
}
