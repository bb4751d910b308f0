//! Sends an exchange's request to a plane, byte by byte the same to both, and reads the reply.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use fg_testkit::certificates::Issued;
use fg_testkit::tls::{Handshake, SecureClient};
use fg_testkit::{Client, Message};
use http::Request;
use tokio::net::TcpStream;

use crate::backends::{fields, split};
use crate::peer;
use crate::scene::Exchange;

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// Replies before the reply.
    pub(crate) interim: Vec<Message>,
    /// `None` when there was none: then `failure` says why.
    pub(crate) message: Option<Message>,
    pub(crate) failure: String,
    /// What came through the tunnel.
    pub(crate) tunnel: Option<String>,
}

/// One connection, with TLS or without.
enum Wire {
    Plain(Client),
    Secure(Box<SecureClient>),
}

impl Wire {
    fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Plain(client) => client.send(bytes),
            Self::Secure(client) => client.send(bytes),
        }
    }

    fn reply(&mut self, to_head: bool) -> io::Result<Message> {
        match self {
            Self::Plain(client) if to_head => Ok(client.reply_to_head()),
            Self::Plain(client) => client.try_reply(),
            Self::Secure(client) => client.try_reply(),
        }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        match self {
            Self::Plain(client) => client.bytes(count),
            Self::Secure(client) => client.bytes(count),
        }
    }

    /// A reply that may be one of HTTP/1.0, which the strict reader does not take.
    fn old_reply(&mut self) -> io::Result<Message> {
        let Self::Plain(client) = self else {
            return self.reply(false);
        };
        let head = client.head();
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default();
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let fields = lines.filter_map(|line| line.split_once(": "));
        let mut fields: Vec<(String, String)> = fields
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = fields.iter().find(|(name, _)| name == "content-length");
        let length = length.and_then(|(_, value)| value.parse().ok());
        let version = line.split(' ').next().unwrap_or_default();
        fields.push(("(version)".to_owned(), version.to_owned()));
        Ok(Message {
            status: status.unwrap_or_default(),
            fields,
            body: client.bytes(length.unwrap_or_default()),
            trailers: Vec::new(),
        })
    }
}

/// The request in lines; `agent` finds its line of the access log.
pub(crate) fn lines(exchange: &Exchange, agent: &str) -> String {
    let words: Vec<&str> = exchange.send.split(' ').collect();
    let (mut head, mut body) = match (&words[..], exchange.send.contains('\n')) {
        ([method, host, target], false) => {
            let mut head = format!("{method} {target} HTTP/1.1\nHost: {host}");
            for field in &exchange.with {
                head.push('\n');
                head.push_str(field);
            }
            (head, "")
        }
        _ => {
            let (head, body) = split(&exchange.send);
            (head.to_owned(), body)
        }
    };
    let lower = head.to_ascii_lowercase();
    if !lower.contains("\nuser-agent:") {
        head.push_str(&format!("\nUser-Agent: {agent}"));
    }
    body = exchange.body.as_deref().unwrap_or(body);
    let framed = lower.contains("\ncontent-length:") || lower.contains("\ntransfer-encoding:");
    if !body.is_empty() && !framed && !exchange.http2 {
        head.push_str(&format!("\nContent-Length: {}", body.len()));
    }
    format!("{head}\n\n{body}")
}

/// The request's bytes by HTTP/1.
fn bytes(lines: &str) -> Vec<u8> {
    let (head, body) = lines.split_once("\n\n").expect("an empty line");
    format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n")).into_bytes()
}

/// Asks. `lines` is the whole request.
pub(crate) fn ask(
    to: SocketAddr,
    exchange: &Exchange,
    lines: &str,
    shows: Option<&Issued>,
) -> Reply {
    let failed = |what: String| Reply {
        failure: what,
        ..Reply::default()
    };
    let protocols: &[&str] = if exchange.http2 {
        &["h2"]
    } else {
        &["http/1.1"]
    };
    let handshake = shows.map_or_else(Handshake::new, Handshake::showing);
    let handshake = handshake.offering(protocols);
    if exchange.http2 {
        return match by_http2(to, exchange, lines, handshake) {
            Ok(reply) => reply,
            Err(error) => failed(error),
        };
    }
    let mut wire = match &exchange.tls {
        None => Wire::Plain(Client::connect(to)),
        Some(tls) => {
            let (handshake, name) = match &*tls.name {
                "" => (handshake.without_name(), "nobody.test"),
                name => (handshake, name),
            };
            match handshake.try_connect(to, name) {
                Ok(client) => Wire::Secure(Box::new(client)),
                Err(_) => return failed("no handshake".to_owned()),
            }
        }
    };
    let raw = exchange.raw.as_ref().map(|raw| raw.as_bytes().to_vec());
    let sent = raw.unwrap_or_else(|| bytes(lines));
    wire.send(&sent);
    let line = sent.split(|byte| *byte == b'\r').next().unwrap_or_default();
    if line.windows(5).any(|part| part == b"HTTP/") && !line.ends_with(b"HTTP/1.1") {
        return Reply {
            message: wire.old_reply().ok(),
            ..Reply::default()
        };
    }
    read(&mut wire, exchange, lines.starts_with("HEAD "))
}

fn read(wire: &mut Wire, exchange: &Exchange, to_head: bool) -> Reply {
    let mut reply = Reply::default();
    loop {
        match wire.reply(to_head) {
            Ok(message) if message.status < 200 && message.status != 101 => {
                reply.interim.push(message);
            }
            Ok(message) => {
                reply.message = Some(message);
                break;
            }
            Err(error) => {
                reply.failure = match error.kind() {
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                        "the connection ended".to_owned()
                    }
                    io::ErrorKind::WouldBlock => "nothing came".to_owned(),
                    _ => error.to_string(),
                };
                break;
            }
        }
    }
    let switched = reply
        .message
        .as_ref()
        .is_some_and(|head| head.status == 101);
    if let (true, Some(words)) = (switched, &exchange.then) {
        wire.send(words.as_bytes());
        let back = wire.bytes(words.len());
        reply.tunnel = Some(String::from_utf8_lossy(&back).into_owned());
    }
    reply
}

fn by_http2(
    to: SocketAddr,
    exchange: &Exchange,
    lines: &str,
    handshake: Handshake,
) -> Result<Reply, String> {
    let (head, body) = lines.split_once("\n\n").expect("an empty line");
    let mut lines = head.lines();
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let mut fields_of = lines.map(|line| line.split_once(": ").expect("`name: value`"));
    let (_, host) = fields_of.next().expect("the host first");
    let scheme = if exchange.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut request = Request::builder()
        .method(words[0])
        .uri(format!("{scheme}://{host}{}", words[1]));
    for (name, value) in fields_of {
        request = request.header(name, value);
    }
    let request = request.body(()).map_err(|error| error.to_string())?;
    let body = body.as_bytes().to_vec();
    peer::run(async {
        let send = match &exchange.tls {
            None => connected(TcpStream::connect(to).await.map_err(text)?).await?,
            Some(tls) => {
                let config = std::sync::Arc::new(handshake.config().clone());
                let name = tls.name.clone().try_into().map_err(text)?;
                let stream = TcpStream::connect(to).await.map_err(text)?;
                let secure = tokio_rustls::TlsConnector::from(config).connect(name, stream);
                connected(secure.await.map_err(|_| "no handshake".to_owned())?).await?
            }
        };
        let whole = if body.is_empty() {
            peer::ask(&send, request).await
        } else {
            peer::post(&send, request, &body, None).await
        };
        let whole = whole.map_err(|error| match error.reason() {
            Some(reason) => format!("{reason:?}"),
            None => "the connection ended".to_owned(),
        })?;
        Ok(Reply {
            message: Some(Message {
                status: whole.status(),
                fields: fields(whole.head.headers()),
                body: whole.body.clone(),
                trailers: whole.trailers.as_ref().map(fields).unwrap_or_default(),
            }),
            ..Reply::default()
        })
    })
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

async fn connected<T>(stream: T) -> Result<h2::client::SendRequest<Bytes>, String>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let (send, connection) = h2::client::handshake(stream).await.map_err(text)?;
    tokio::task::spawn_local(async move {
        // Its end is of no interest: who uses it sees an error.
        let _ = connection.await;
    });
    Ok(send)
}
