//! The gateway's side of a backend's connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fg_exchange::{Fault, Method, Name, Reason, Reply, Request, Version};
use h2::client::{Connection, ResponseFuture, SendRequest};
use h2::{Ping, PingPong};
use http::header::{self, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Response as HttpResponse, Uri};
use tokio::io::{AsyncRead, AsyncWrite};

use super::fields::{self, Refused};
use super::{Settings, Stream, io_error};
use crate::Limits;
use crate::h1::{self, Framing, Hop, ParsedReply};

/// A connection to a backend, for many requests at a time. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    send: SendRequest<Bytes>,
}

/// What moves a connection to a backend: has to be polled as long as there are requests.
pub struct Driver<T: AsyncRead + AsyncWrite + Unpin>(Connection<T, Bytes>);

/// The reply to come.
pub struct Response {
    future: ResponseFuture,
    /// The other protocol that the request asked for.
    upgrade: Option<Vec<u8>>,
}

/// What a request to a backend says besides its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Its body.
    pub body: Framing,
    /// It asks for another protocol: an extended CONNECT.
    pub upgrade: bool,
    /// The client, or its kind of route, understands trailers (`te: trailers`).
    pub trailers: bool,
    /// It goes over TLS.
    pub secure: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Greets a backend.
    ///
    /// # Errors
    /// The backend left.
    pub async fn greet<T: AsyncRead + AsyncWrite + Unpin>(
        io: T,
        settings: &Settings,
        limits: &Limits,
    ) -> io::Result<(Self, Driver<T>)> {
        let (send, connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(settings.stream_window)
            .initial_connection_window_size(settings.connection_window)
            .max_header_list_size(limits.head_list())
            .header_table_size(settings.header_table)
            .max_send_buffer_size(settings.send_buffer)
            .handshake(io)
            .await
            .map_err(io_error)?;
        Ok((Self { send }, Driver(connection)))
    }

    /// How many requests the backend takes at a time.
    pub fn room(&self) -> usize {
        self.send.current_max_send_streams()
    }

    /// Whether the backend takes extended CONNECT (RFC 8441).
    pub fn takes_upgrades(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled()
    }

    /// Sends the head of a request. The body follows on the stream.
    ///
    /// # Errors
    /// [`Reason::BadPath`] or [`Reason::BadHost`] for what HTTP/2 cannot say;
    /// [`Reason::UpstreamClosed`] when the connection takes no more requests.
    pub fn send(&self, request: &Request, sending: Sending) -> Result<(Stream, Response), Fault> {
        let mut head = http::Request::new(());
        *head.version_mut() = http::Version::HTTP_2;
        if sending.upgrade {
            *head.method_mut() = http::Method::CONNECT;
            if let Some(protocol) = request
                .head
                .get(Name::Upgrade)
                .and_then(|protocol| std::str::from_utf8(protocol).ok())
            {
                head.extensions_mut()
                    .insert(h2::ext::Protocol::from(protocol));
            }
        } else {
            *head.method_mut() = http::Method::from_bytes(request.method_text())
                .map_err(|error| Fault::new(Reason::BadRequest).detail(error))?;
        }
        *head.uri_mut() = uri(request, sending.secure)?;
        let map = head.headers_mut();
        fields::send(&request.head, map);
        if sending.trailers {
            map.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        let none = sending.body == Framing::Length(0);
        let usual = matches!(
            request.method(),
            Method::Post | Method::Put | Method::Patch | Method::Other
        );
        match sending.body {
            _ if sending.upgrade => {}
            Framing::Length(0) if !usual => {}
            Framing::Length(length) => fields::set_length(map, length),
            Framing::Chunked | Framing::UntilClose => {}
        }
        let end = none && !sending.upgrade;
        let (future, stream) = self.send.clone().send_request(head, end).map_err(|error| {
            Fault::new(Reason::UpstreamClosed)
                .retry(fg_exchange::Retry::Unsent)
                .detail(error)
        })?;
        Ok((
            Stream::to_backend(stream, end),
            Response {
                future,
                upgrade: sending
                    .upgrade
                    .then(|| request.head.get(Name::Upgrade).unwrap_or_default().to_vec()),
            },
        ))
    }
}

fn uri(request: &Request, secure: bool) -> Result<Uri, Fault> {
    let bad = |reason: Reason| move |error: http::Error| Fault::new(reason).detail(error);
    let mut target = Vec::with_capacity(request.path().len() + 64);
    target.extend_from_slice(request.path());
    if let Some(query) = request.query() {
        target.push(b'?');
        write_query(query, &mut target);
    }
    let target = PathAndQuery::from_maybe_shared(Bytes::from(target))
        .map_err(|error| Fault::new(Reason::BadPath).detail(error))?;
    let authority = Authority::try_from(request.authority())
        .map_err(|error| Fault::new(Reason::BadHost).detail(error))?;
    let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(target)
        .build()
        .map_err(bad(Reason::BadPath))
}

/// Writes a query. What no URI may hold raw, and clients of HTTP/1 send all the same, is escaped:
/// HTTP/2 has no other way to say it, and it means the same (URL standard, query percent-encode
/// set).
fn write_query(query: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr3(b'"', b'<', b'>', query).is_none() {
        out.extend_from_slice(query);
        return;
    }
    for &byte in query {
        match byte {
            b'"' => out.extend_from_slice(b"%22"),
            b'<' => out.extend_from_slice(b"%3C"),
            b'>' => out.extend_from_slice(b"%3E"),
            _ => out.push(byte),
        }
    }
}

impl Response {
    /// Waits for the next head of the reply, informational ones included, and writes it into
    /// `reply`. The stream then has the body.
    ///
    /// # Errors
    /// The stream or the connection failed, or the head is malformed (`InvalidData`) or too large
    /// (`FileTooLarge`).
    pub fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        method: Method,
        reply: &mut Reply,
        stream: &mut Stream,
        limits: &Limits,
    ) -> Poll<io::Result<ParsedReply>> {
        if let Poll::Ready(Some(Ok(head))) = self.future.poll_informational(context) {
            return Poll::Ready(self.store(&head, method, true, reply, limits));
        }
        let head = match ready!(Pin::new(&mut self.future).poll(context)) {
            Ok(head) => head,
            Err(error) => return Poll::Ready(Err(io_error(error))),
        };
        let (parts, body) = head.into_parts();
        let ended = body.is_end_stream();
        stream.recv = Some(body);
        let head = HttpResponse::from_parts(parts, ());
        Poll::Ready(self.store(&head, method, ended, reply, limits))
    }

    /// Writes a head into the reply in the form that HTTP/1 gives it.
    fn store(
        &self,
        head: &HttpResponse<()>,
        method: Method,
        ended: bool,
        reply: &mut Reply,
        limits: &Limits,
    ) -> io::Result<ParsedReply> {
        let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
        let mut bytes = std::mem::take(reply.head.bytes_mut());
        bytes.clear();
        let received = fields::receive(head.headers(), &mut reply.head, &mut bytes, limits);
        *reply.head.bytes_mut() = bytes;
        received.map_err(|refused| match refused {
            Refused::TooLarge => {
                io::Error::new(io::ErrorKind::FileTooLarge, "the reply's head is too large")
            }
            Refused::Blank => bad("a field value that begins or ends with a blank"),
        })?;
        reply.version = Version::Http2;
        reply.status = head.status().as_u16();
        let switched = self.upgrade.is_some() && head.status().is_success();
        if switched {
            reply.status = 101;
        } else if reply.status == 101 {
            return Err(bad("a 101, which HTTP/2 does not have"));
        }
        let declared = h1::read_framing(&mut reply.head, false)
            .map_err(|_| bad("odd or repeated content-length"))?;
        h1::drop_fixed(&mut reply.head);
        reply.head.remove(Name::Upgrade);
        if let Some(protocol) = self.upgrade.as_ref().filter(|_| switched) {
            reply
                .head
                .append_known(Name::Upgrade, |out| out.extend_from_slice(protocol));
        }
        let bodiless = reply.status < 200 || reply.status == 204;
        let no_body = bodiless || reply.status == 304 || method == Method::Head;
        let body = match declared {
            _ if no_body => Framing::Length(0),
            Some(length) => length,
            None if ended => Framing::Length(0),
            None => Framing::Chunked,
        };
        Ok(ParsedReply {
            head_len: reply.head.bytes().len(),
            body,
            declared: if bodiless || !no_body { None } else { declared },
            hop: Hop {
                keep_alive: true,
                upgrade: switched,
                trailers: false,
            },
        })
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// What asks the backend for a sign of life; there once.
    pub fn pings(&mut self) -> Option<Pings> {
        self.0.ping_pong().map(|pings| Pings {
            pings,
            asked: false,
        })
    }
}

/// Asks a backend for signs of life.
pub struct Pings {
    pings: PingPong,
    /// A question is on its way whose answer nobody has taken.
    asked: bool,
}

impl fmt::Debug for Pings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pings").finish_non_exhaustive()
    }
}

impl Pings {
    /// Asks, and waits for the answer; who asks after one that did not wait to the end, waits for that
    /// one's if it is still to come. One that came before says nothing about now, and is thrown away.
    /// After it the backend's settings are known: they come before anything else it sends
    /// (RFC 9113 §3.4).
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn ask(&mut self) -> io::Result<()> {
        if self.asked {
            let old = std::future::poll_fn(|context| Poll::Ready(self.pings.poll_pong(context)));
            if let Poll::Ready(old) = old.await {
                old.map_err(io_error)?;
                self.asked = false;
            }
        }
        if !self.asked {
            self.pings.send_ping(Ping::opaque()).map_err(io_error)?;
            self.asked = true;
        }
        let answer = std::future::poll_fn(|context| self.pings.poll_pong(context)).await;
        self.asked = false;
        answer.map(drop).map_err(io_error)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(io_error)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    /// The payload of the last PING in what a client said. Source: RFC 9113 §4.1, §6.7.
    fn ping(said: &[u8]) -> Vec<u8> {
        let mut frames = &said[super::super::PREFACE.len()..];
        let mut found = Vec::new();
        while let [_, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
            let (payload, next) = rest.split_at(usize::from(u16::from_be_bytes([*b, *c])));
            if *kind == 6 {
                found = payload.to_vec();
            }
            frames = next;
        }
        found
    }

    /// Moves the connection as far as it goes.
    async fn driven(driver: &mut Driver<DuplexStream>) {
        std::future::poll_fn(|context| {
            assert!(Pin::new(&mut *driver).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    /// Asks, and waits only for an answer that is there already.
    async fn ask(pings: &mut Pings, driver: &mut Driver<DuplexStream>) -> bool {
        let mut asked = pin!(pings.ask());
        for _ in 0..2 {
            let polled = std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context)));
            if polled.await.is_ready() {
                return true;
            }
            driven(driver).await;
        }
        false
    }

    #[tokio::test]
    async fn an_answer_from_before_is_no_sign_of_life() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let greeted = Client::greet(ours, &Settings::default(), &Limits::default()).await;
        let (_client, mut driver) = greeted.expect("nobody leaves");
        let mut pings = driver.pings().expect("taken once");
        assert!(!ask(&mut pings, &mut driver).await);
        let mut said = vec![0; 1 << 12];
        let length = theirs.read(&mut said).await.expect("words");
        // SETTINGS, and the answer. It comes while nobody waits.
        let mut answer = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
        answer.extend_from_slice(&[0, 0, 8, 6, 1, 0, 0, 0, 0]);
        answer.extend_from_slice(&ping(&said[..length]));
        theirs.write_all(&answer).await.expect("taken");
        driven(&mut driver).await;
        assert!(
            !ask(&mut pings, &mut driver).await,
            "it is another question"
        );
        // The answer to this one counts, whoever asked.
        theirs.write_all(&answer[9..]).await.expect("taken");
        assert!(ask(&mut pings, &mut driver).await);
    }
}
