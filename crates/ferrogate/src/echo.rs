//! The echo server: answers every request with what it got, as JSON, and every call of a gRPC method
//! with its own message. A backend to try things with, by HTTP/1.1 and HTTP/2 with prior knowledge.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use anyhow::Context as _;
use fg_exchange::grpc;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::Serialize;

use crate::cli::EchoArgs;
use crate::{exit, signals};

/// A pause after accepting failed, as it does without descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The longest messages of a call that come back. Units: bytes.
const LONGEST_CALL: usize = 4 << 20;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What an echo server says about a request.
///
/// Shape: headers by lower-case name, several values of one name joined by `, `.
#[derive(Debug, Serialize)]
struct Echo<'a> {
    /// The server's own name.
    name: &'a str,
    method: &'a str,
    /// Path and query.
    path: &'a str,
    headers: BTreeMap<&'a str, String>,
    /// Size of the body. Units: bytes.
    body_bytes: u64,
}

/// Serves on these sockets, each with the name that it answers with, until the future is dropped.
///
/// # Errors
/// When a socket cannot be handed to the runtime.
pub(crate) async fn serve(sockets: Vec<(TcpListener, Arc<str>)>) -> io::Result<()> {
    let mut servers = tokio::task::JoinSet::new();
    for (socket, name) in sockets {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpListener::from_std(socket)?;
        servers.spawn(accept(socket, name));
    }
    while servers.join_next().await.is_some() {}
    Ok(())
}

/// Binds the socket of an echo server.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
}

async fn accept(socket: tokio::net::TcpListener, name: Arc<str>) {
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let name = name.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let name = name.clone();
                async move { Ok::<_, Infallible>(answer(request, &name).await) }
            });
            // A client that goes away is no news to an echo server.
            let mut server = auto::Builder::new(TokioExecutor::new());
            server.http1().half_close(true);
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>, name: &str) -> Answer {
    let kind = request.headers().get(CONTENT_TYPE).cloned();
    match kind.filter(|kind| grpc::is_content_type(kind.as_bytes())) {
        Some(kind) => called(request, kind, name).await,
        None => echo(request, name).await,
    }
}

/// Answers a call: its messages come back as they are.
async fn called(request: Request<Incoming>, kind: HeaderValue, name: &str) -> Answer {
    let messages = Limited::new(request.into_body(), LONGEST_CALL)
        .collect()
        .await;
    let (messages, status) = match messages {
        Ok(messages) => (messages.to_bytes(), HeaderValue::from_static("0")),
        Err(_) => {
            let code = grpc::Code::ResourceExhausted.digits();
            (Bytes::new(), HeaderValue::from_static(code))
        }
    };
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, status)]);
    let body = Messages {
        data: Some(messages).filter(|data| !data.is_empty()),
        trailers: Some(trailers),
    };
    let mut response = Response::new(body.boxed());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    if let Ok(name) = HeaderValue::from_str(name) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-echo"), name);
    }
    response
}

/// Messages, then trailers; of a length that is not said, as servers of gRPC have it.
struct Messages {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(
            data.or_else(|| self.trailers.take().map(Frame::trailers))
                .map(Ok),
        )
    }
}

async fn echo(request: Request<Incoming>, name: &str) -> Answer {
    let (head, mut body) = request.into_parts();
    let mut body_bytes = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => body_bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Err(_) => break,
        }
    }
    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    for (field, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(field.as_str())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    let echo = Echo {
        name,
        method: head.method.as_str(),
        path: head.uri.path_and_query().map_or("*", |path| path.as_str()),
        headers,
        body_bytes,
    };
    let text = serde_json::to_vec_pretty(&echo).map(|mut text| {
        text.push(b'\n');
        text
    });
    let body = Full::new(Bytes::from(text.unwrap_or_default()));
    let mut response = Response::new(body.boxed());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `ferrogate echo`: serves until it is ended.
pub(crate) fn command(args: &EchoArgs) -> anyhow::Result<ExitCode> {
    let socket = bind(args.address)
        .with_context(|| format!("the echo server cannot listen on {}", args.address))?;
    let address = socket.local_addr()?;
    exit::print(&format!("echo `{}` listens on {address}\n", args.name));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            served = serve(vec![(socket, Arc::from(args.name.as_str()))]) => served,
            ended = signals::end() => ended,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
