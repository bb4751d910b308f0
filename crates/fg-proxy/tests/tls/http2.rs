//! HTTP/2 over TLS, from clients and to backends.

use std::future::Future;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fg_ir::{Backend, BackendProtocol};
use fg_testkit::certificates::Authority;
use fg_testkit::tls::{Handshake, Serving};
use fg_testkit::{Upstream, address, ir, upstream};
use http::{Request, Response};
use rustls::{ClientConnection, Connection, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::backends::{change, origination};
use crate::gateway::{Gateway, plain};
use crate::{everything, everything_for};

/// TLS on a socket of tokio, as plain as can be.
struct Secure {
    socket: TcpStream,
    tls: Connection,
}

/// A socket that says so when it would block.
struct Now<'a>(&'a TcpStream);

impl io::Read for Now<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl io::Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Secure {
    fn client(socket: TcpStream, handshake: &Handshake, name: &str) -> Self {
        let name = name.to_owned().try_into().expect("a name");
        let tls = ClientConnection::new(Arc::new(handshake.config().clone()), name);
        Self {
            socket,
            tls: Connection::Client(tls.expect("a configuration that works")),
        }
    }

    fn poll_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Now(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_write_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Secure {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let _ = this.poll_out(context)?;
            match this.tls.reader().read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            match this.tls.read_tls(&mut Now(&this.socket)) {
                Ok(_) => {
                    if let Err(error) = this.tls.process_new_packets() {
                        // The other side is told why, and the socket stays until it has left:
                        // closing it earlier could take the words back.
                        ready!(this.poll_out(context))?;
                        match this.socket.try_read(&mut [0; 1]) {
                            Ok(0) => {}
                            Ok(_) => continue,
                            Err(_) => {
                                ready!(this.socket.poll_read_ready(context))?;
                                continue;
                            }
                        }
                        let error = io::Error::new(io::ErrorKind::InvalidData, error);
                        return Poll::Ready(Err(error));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.socket.poll_read_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Secure {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_out(context))?;
        let count = self.tls.writer().write(bytes)?;
        let _ = self.poll_out(context)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls.send_close_notify();
        self.poll_out(context)
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

type Send = h2::client::SendRequest<Bytes>;

async fn connect(handshake: &Handshake, to: SocketAddr, name: &str) -> Send {
    let socket = TcpStream::connect(to).await.expect("connected");
    let secure = Secure::client(socket, handshake, name);
    let (send, connection) = h2::client::handshake(secure).await.expect("greeted");
    tokio::task::spawn_local(async move {
        // Its end is of no interest to those that still use it: they see their own error.
        let _ = connection.await;
    });
    send
}

/// Status and body of the reply to a POST.
async fn post(send: &Send, uri: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let mut send = send.clone().ready().await.expect("there is room");
    let request = Request::post(uri).body(()).expect("a request");
    let (reply, mut stream) = send.send_request(request, false).expect("sent");
    stream.send_data(body.into(), true).expect("sent");
    let (head, mut body) = reply.await.expect("a reply").into_parts();
    let mut whole = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.expect("data");
        body.flow_control()
            .release_capacity(data.len())
            .expect("it was received");
        whole.extend_from_slice(&data);
    }
    (head.status.as_u16(), whole)
}

#[test]
fn clients_speak_http2_over_tls() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::echo();
    let member = authority.issue(&["member.test"]);
    let change = everything_for(at, &issued, &authority, false, &[upstream.address()]).build();
    let _gateway = Gateway::serving(plain(), at, &change);
    run(async {
        let handshake = Handshake::showing(&member).offering(&["h2"]);
        let send = connect(&handshake, at, "a.test").await;
        for size in [0, 1, 20_000, 60_000] {
            let body = vec![b'b'; size];
            let reply = post(&send, "https://a.test/", body.clone()).await;
            assert_eq!(reply, (200, body));
        }
    });
    let requests = upstream.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        let told = request
            .field("x-forwarded-client-cert")
            .expect("the backend is told");
        assert!(told.ends_with("DNS=member.test"), "{told}");
    }
}

#[test]
fn coalesced_requests_for_another_listener_are_misdirected() {
    let issued = Authority::new("ca").issue(&["a.test", "b.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let change = everything(at, &issued, &[upstream.address()])
        .listener(ir::secure_listener("other", at, Some("b.test"), &["pair"]))
        .rule(ir::rule("b", "other", "/", "backend"))
        .build();
    let _gateway = Gateway::serving(plain(), at, &change);
    run(async {
        let handshake = Handshake::new().offering(&["h2"]);
        let send = connect(&handshake, at, "a.test").await;
        for (uri, status) in [
            ("https://a.test/", 200),
            ("https://b.test/", 421),
            ("https://c.test/", 200),
        ] {
            let (got, _) = post(&send, uri, Vec::new()).await;
            assert_eq!(got, status, "{uri}");
        }
    });
}

/// A change that makes the backend of `change` speak HTTP/2.
fn by_http2(mut change: fg_ir::Change) -> fg_ir::Change {
    for backend in change.backends.values_mut().flatten() {
        *backend = Arc::new(Backend {
            protocol: BackendProtocol::Http2,
            ..Backend::clone(backend)
        });
    }
    change
}

#[test]
fn a_backend_that_agrees_is_called_by_http2() {
    let authority = Authority::new("ca");
    let serving = Serving::new(&authority.issue(&["backend.test"])).offering(&["h2"]);
    run(async {
        let listener = TcpListener::bind((address::own_ip(), 0))
            .await
            .expect("bound");
        let backend = listener.local_addr().expect("an address");
        tokio::task::spawn_local(async move {
            loop {
                let (socket, _) = listener.accept().await.expect("accepted");
                let tls = ServerConnection::new(serving.config()).expect("it works");
                let secure = Secure {
                    socket,
                    tls: Connection::Server(tls),
                };
                tokio::task::spawn_local(async move {
                    let Ok(mut server) = h2::server::handshake(secure).await else {
                        return;
                    };
                    while let Some(Ok((_, mut reply))) = server.accept().await {
                        let head = Response::builder().status(200).body(()).expect("a reply");
                        let mut stream = reply.send_response(head, false).expect("sent");
                        stream.send_data("by h2".into(), true).expect("sent");
                    }
                });
            }
        });
        // Whether it was said that it speaks HTTP/2, or it only turns out.
        for said in [true, false] {
            let at = address::own_address();
            let mut change = change(at, backend, &authority, origination(Vec::new())).build();
            if said {
                change = by_http2(change);
            }
            let gateway = Gateway::serving(plain(), at, &change);
            for _ in 0..2 {
                let mut client = gateway.connect();
                let reply = tokio::task::spawn_blocking(move || {
                    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                    client.reply()
                });
                assert_eq!(reply.await.expect("no panic").text(), "by h2");
            }
            let opened = gateway.metric("ferrogate_upstream_connections_opened_total");
            assert_eq!(opened, 1.0);
        }
    });
}

#[test]
fn a_backend_that_does_not_agree_to_http2_is_not_called() {
    let authority = Authority::new("ca");
    let upstream = Upstream::start_secure(
        Serving::new(&authority.issue(&["backend.test"])),
        |connection, _| connection.drain(),
    );
    let at = address::own_address();
    let change = change(at, upstream.address(), &authority, origination(Vec::new()));
    let gateway = Gateway::serving(plain(), at, &by_http2(change.build()));
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().reason(), Some("upstream_tls"));
    assert!(upstream.received().concat().is_empty());
}
