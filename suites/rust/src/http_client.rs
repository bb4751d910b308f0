//! The hyper client of the pairwise suite: cases in, results out, a line of JSON each.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::common::{blocks, body, latin, say, sha256};
use crate::tls;

type Body = BoxBody<Bytes, Infallible>;

/// A case as it comes in, a line of JSON.
#[derive(Deserialize)]
struct Case {
    id: String,
    url: String,
    method: String,
    headers: Vec<[String; 2]>,
    body: Option<u64>,
    chunked: bool,
    protocol: String,
    ca: String,
}

/// What came of a case.
#[derive(Serialize)]
struct Answer {
    id: String,
    status: u16,
    version: String,
    headers: Vec<[String; 2]>,
    length: usize,
    sha256: String,
    text: String,
}

/// A connection that may be used again.
enum Sender {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

/// Answers every case.
pub(crate) async fn run() -> anyhow::Result<()> {
    let mut senders = HashMap::new();
    for line in std::io::stdin().lines() {
        let case: Case = serde_json::from_str(&line?)?;
        let limit = Duration::from_secs(60);
        match tokio::time::timeout(limit, answer(&mut senders, &case)).await {
            Ok(Ok(answer)) => say(&answer)?,
            Ok(Err(error)) => {
                say(&serde_json::json!({ "id": case.id, "error": format!("{error:#}") }))?
            }
            Err(_) => say(&serde_json::json!({ "id": case.id, "error": "no answer in time" }))?,
        }
    }
    Ok(())
}

async fn answer(senders: &mut HashMap<String, Sender>, case: &Case) -> anyhow::Result<Answer> {
    let uri: Uri = case.url.parse()?;
    let authority = uri.authority().context("no authority")?.to_string();
    let key = format!("{} {} {authority}", case.protocol, case.ca);
    let mut sender = match senders.remove(&key) {
        Some(sender) if sender.is_open() => sender,
        _ => connect(case, &uri).await?,
    };
    let response = sender.send(case, &uri, &authority).await?;
    let (head, incoming) = response.into_parts();
    let data = incoming.collect().await?.to_bytes();
    // Only now: a connection whose answer is not whole takes no other request.
    sender.ready().await;
    senders.insert(key, sender);
    let fields = head.headers.iter();
    Ok(Answer {
        id: case.id.clone(),
        status: head.status.as_u16(),
        version: format!("{:?}", head.version),
        headers: fields
            .map(|(name, value)| [name.to_string(), latin(value.as_bytes())])
            .collect(),
        length: data.len(),
        sha256: sha256(&data),
        text: if data.len() < 20_000 {
            latin(&data)
        } else {
            String::new()
        },
    })
}

async fn connect(case: &Case, uri: &Uri) -> anyhow::Result<Sender> {
    let host = uri.host().context("no host")?;
    let stream = TcpStream::connect((host, uri.port_u16().context("no port")?)).await?;
    stream.set_nodelay(true)?;
    if case.ca.is_empty() {
        return Sender::over(stream, case.protocol != "h1").await;
    }
    let old = case.protocol == "h1";
    let name: &[u8] = if old { b"http/1.1" } else { b"h2" };
    let connector = tls::client(&case.ca, &[name])?;
    let stream = connector
        .connect(host.to_owned().try_into()?, stream)
        .await?;
    if !old && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        bail!("the server does not speak h2");
    }
    Sender::over(stream, !old).await
}

impl Sender {
    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        new: bool,
    ) -> anyhow::Result<Self> {
        let io = TokioIo::new(stream);
        if new {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            return Ok(Self::Two(sender));
        }
        let (sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection);
        Ok(Self::One(sender))
    }

    fn is_open(&self) -> bool {
        match self {
            Self::One(sender) => !sender.is_closed(),
            Self::Two(sender) => !sender.is_closed(),
        }
    }

    /// Waits until the connection takes a request, or is closed, which the next use sees.
    async fn ready(&mut self) {
        let _ = match self {
            Self::One(sender) => sender.ready().await,
            Self::Two(sender) => sender.ready().await,
        };
    }

    async fn send(
        &mut self,
        case: &Case,
        uri: &Uri,
        authority: &str,
    ) -> anyhow::Result<Response<Incoming>> {
        let content: Body = match case.body {
            None => Empty::new().boxed(),
            Some(length) if case.chunked => StreamBody::new(stream::iter(
                blocks(length).map(|block| Ok(Frame::data(block))),
            ))
            .boxed(),
            Some(length) => Full::new(body(length, 0)).boxed(),
        };
        let mut request = Request::builder().method(case.method.as_str());
        for [name, value] in &case.headers {
            request = request.header(name, value);
        }
        if let (Some(0), false) = (case.body, case.chunked) {
            // hyper leaves out what says no more than no field at all.
            request = request.header(CONTENT_LENGTH, "0");
        }
        match self {
            Self::One(sender) => {
                let target = uri.path_and_query().context("no path")?.as_str();
                let request = request.header(HOST, authority).uri(target).body(content)?;
                Ok(sender.send_request(request).await?)
            }
            Self::Two(sender) => Ok(sender.send_request(request.uri(uri).body(content)?).await?),
        }
    }
}
