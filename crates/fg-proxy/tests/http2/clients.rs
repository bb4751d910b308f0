//! From HTTP/2 clients to HTTP/1 backends.

use fg_testkit::{Upstream, upstream};
use http::{HeaderMap, Method, Request};

use crate::gateway::Gateway;
use crate::peer::{ask, connect, get, post, run};

#[test]
fn a_request_arrives_in_canonical_form() {
    let backend = Upstream::replying(upstream::ok("hello"));
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let request = Request::builder()
            .uri("http://A.example:8080/x/%7Ey/../z?q=1&r")
            .header("x-one", "1")
            .header("x-one", "2")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        let reply = ask(&send, request).await.expect("a reply");
        assert_eq!((reply.status(), reply.text().as_str()), (200, "hello"));
        assert_eq!(reply.field("content-length"), Some("5"));
        assert!(reply.field("date").is_some());
        assert!(reply.field("connection").is_none());
    });
    let request = backend.only_request();
    assert_eq!(request.line(), "GET A.example:8080 /x/z?q=1&r");
    assert_eq!(request.field("cookie"), Some("a=1; b=2"));
    assert_eq!(request.field("te"), None);
    let ones = request.fields.iter().filter(|(name, _)| name == "x-one");
    assert_eq!(ones.count(), 2);
}

#[test]
fn bodies_pass_in_both_directions() {
    let backend = Upstream::echo();
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        for size in [0, 1, 16_384, 65_536, 1_000_003] {
            let body: Vec<u8> = (0..size).map(|at: usize| (at % 251) as u8).collect();
            let mut request = get("/echo");
            *request.method_mut() = Method::POST;
            let reply = post(&send, request, &body, None).await.expect("a reply");
            assert_eq!(reply.status(), 200, "{size}");
            assert!(reply.body.ends_with(&body), "{size}");
        }
    });
}

#[test]
fn trailers_pass_from_and_to_chunks() {
    let reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\nX-Ferrogate-Reason: no_route\r\n\r\n";
    let backend = Upstream::replying(reply);
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-late", "yes".parse().expect("a value"));
        trailers.insert("authorization", "no".parse().expect("a value"));
        let mut request = get("/");
        *request.method_mut() = Method::POST;
        let reply = post(&send, request, b"body", Some(trailers))
            .await
            .expect("a reply");
        assert_eq!(reply.text(), "abc");
        let trailers = reply.trailers.expect("trailers");
        assert_eq!(trailers.get("x-sum").map(|v| v.as_bytes()), Some(&b"7"[..]));
        assert!(!trailers.contains_key("content-length"));
        // Why it answered the gateway alone says.
        assert!(!trailers.contains_key("x-ferrogate-reason"));
    });
    let bytes = backend.received().concat();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("transfer-encoding: chunked"), "{text}");
    assert!(text.ends_with("0\r\nx-late: yes\r\n\r\n"), "{text}");
}

#[test]
fn a_known_length_stays_a_length() {
    let backend = Upstream::echo();
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let request = Request::post("http://a.example/")
            .header("content-length", "4")
            .body(())
            .expect("a request");
        post(&send, request, b"four", None).await.expect("a reply");
    });
    let request = backend.only_request();
    assert_eq!(request.field("content-length"), Some("4"));
    assert_eq!(request.field("transfer-encoding"), None);
}

#[test]
fn many_requests_share_a_connection() {
    let backend = Upstream::echo();
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..100 {
            let send = send.clone();
            tasks.spawn_local(async move {
                let mut request = get("/");
                *request.method_mut() = Method::POST;
                let body = format!("number {number}");
                let reply = post(&send, request, body.as_bytes(), None).await;
                assert_eq!(reply.expect("a reply").text(), body);
            });
        }
        assert!(tasks.join_all().await.len() == 100);
    });
    assert_eq!(gateway.metric("ferrogate_connections_accepted_total"), 1.0);
}

#[test]
fn bad_heads_are_answered_and_the_connection_goes_on() {
    let backend = Upstream::replying(upstream::ok("fine"));
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let differs = Request::get("http://a.example/")
            .header("host", "b.example")
            .body(())
            .expect("a request");
        for (request, reason) in [
            (differs, "bad_host"),
            (get("/%00"), "bad_path"),
            (get("/%2f"), "bad_path"),
        ] {
            let reply = ask(&send, request).await.expect("a reply");
            assert_eq!(reply.status(), 400);
            assert_eq!(reply.field("x-ferrogate-reason"), Some(reason));
        }
        let reply = ask(&send, get("/")).await.expect("a reply");
        assert_eq!(reply.text(), "fine");
    });
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn informational_replies_and_heads_without_bodies_pass() {
    let backend = Upstream::start(|connection, _| {
        while let Some(request) = connection.request_head() {
            let reply = if request.line().starts_with("HEAD") {
                "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
            } else {
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
            };
            connection.send(reply);
        }
    });
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let mut request = get("/");
        *request.method_mut() = Method::HEAD;
        let reply = ask(&send, request).await.expect("a reply");
        assert_eq!(reply.field("content-length"), Some("12"));
        let mut ready = send.clone().ready().await.expect("ready");
        let (mut reply, _) = ready.send_request(get("/"), true).expect("sent");
        let early = std::future::poll_fn(|context| reply.poll_informational(context)).await;
        let early = early.expect("an informational reply").expect("a good one");
        assert_eq!(early.status().as_u16(), 103);
        assert!(early.headers().contains_key("link"));
        assert_eq!(reply.await.expect("a reply").status().as_u16(), 204);
    });
}

#[test]
fn a_reply_that_breaks_off_resets_its_stream_only() {
    let backend = Upstream::start(|connection, _| {
        while let Some(request) = connection.request() {
            if request.line().contains("broken") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
                connection.close();
                return;
            }
            connection.send(upstream::ok("fine"));
        }
    });
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let error = ask(&send, get("/broken"))
            .await
            .expect_err("a broken reply");
        assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
        let reply = ask(&send, get("/")).await.expect("a reply");
        assert_eq!(reply.text(), "fine");
    });
}

#[test]
fn http1_goes_on_beside_it() {
    let backend = Upstream::replying(upstream::ok("one"));
    let gateway = Gateway::to(&[&backend]);
    for start in ["PRI /a HTTP/1.1", "PRIVATE / HTTP/1.1", "P / HTTP/1.1"] {
        let mut client = gateway.connect();
        client.send(format!("{start}\r\nHost: a\r\n\r\n"));
        assert_eq!(client.reply().text(), "one", "{start}");
    }
}
