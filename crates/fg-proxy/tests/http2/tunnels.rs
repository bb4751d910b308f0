//! WebSocket over HTTP/2 and between the versions (RFC 8441).

use bytes::Bytes;
use fg_proxy::Settings;
use fg_testkit::{Upstream, address};
use h2::ext::Protocol;
use http::{Method, Request, Response};

use crate::backends::to_http2;
use crate::gateway::{Gateway, plain};
use crate::peer::{Backend, connect, run};

/// Takes the upgrade and sends back what it gets, until the client ends.
fn echo_after_upgrade() -> Upstream {
    Upstream::start(|connection, _| {
        let Some(request) = connection.request_head() else {
            return;
        };
        if request.field("upgrade") != Some("websocket") {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n");
        while connection.receive() {
            let bytes = connection.take_unread();
            connection.send(bytes);
        }
    })
}

fn extended_connect() -> Request<()> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri("http://a.example/chat")
        .header("sec-websocket-version", "13")
        .body(())
        .expect("a request");
    request
        .extensions_mut()
        .insert(Protocol::from_static("websocket"));
    request
}

#[test]
fn extended_connect_becomes_an_upgrade() {
    let backend = echo_after_upgrade();
    // The limit of bodies is not for tunnels.
    let settings = Settings {
        max_request_body: 1_000,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let mut send = send.ready().await.expect("ready");
        let (reply, mut stream) = send.send_request(extended_connect(), false).expect("sent");
        let reply = reply.await.expect("a reply");
        assert_eq!(reply.status().as_u16(), 200);
        assert!(!reply.headers().contains_key("sec-websocket-accept"));
        let mut received = reply.into_body();
        for part in [&b"one"[..], b"two", &[3; 40_000]] {
            stream
                .send_data(Bytes::copy_from_slice(part), false)
                .expect("sent");
            let mut got = Vec::new();
            while got.len() < part.len() {
                let data = received.data().await.expect("data").expect("good data");
                received
                    .flow_control()
                    .release_capacity(data.len())
                    .expect("released");
                got.extend_from_slice(&data);
            }
            assert_eq!(got, part);
        }
        stream.send_data(Bytes::new(), true).expect("sent");
        while let Some(data) = received.data().await {
            assert!(data.expect("an orderly end").is_empty());
        }
    });
    let request = backend.requests().remove(0);
    assert_eq!(request.line(), "GET a.example /chat");
    assert_eq!(request.field("connection"), Some("upgrade"));
    assert_eq!(request.field("sec-websocket-key").map(str::len), Some(24));
}

#[test]
fn an_upgrade_becomes_an_extended_connect() {
    let backend = Backend::start_raw(|request, mut respond| async move {
        let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
        assert_eq!(protocol, Some("websocket"));
        let mut received = request.into_body();
        let mut stream = respond
            .send_response(Response::new(()), false)
            .expect("sent");
        while let Some(Ok(data)) = received.data().await {
            let length = data.len();
            received
                .flow_control()
                .release_capacity(length)
                .expect("released");
            stream.send_data(data, false).expect("sent");
        }
        stream.send_data(Bytes::new(), true).expect("sent");
    });
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &to_http2(at, &[backend.address]));
    let mut client = gateway.connect();
    client.send("GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nearly");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // The example of RFC 6455 §1.3.
    assert!(
        head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{head}"
    );
    assert_eq!(client.bytes(5), b"early");
    client.send("late");
    assert_eq!(client.bytes(4), b"late");
    client.half_close();
    assert!(client.is_ended());
}

#[test]
fn a_backend_that_does_not_switch_does_not_open_a_tunnel() {
    let backend = Upstream::replying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let mut send = send.ready().await.expect("ready");
        let (reply, _stream) = send.send_request(extended_connect(), false).expect("sent");
        assert_eq!(reply.await.expect("a reply").status().as_u16(), 502);
    });
}
