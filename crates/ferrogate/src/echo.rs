//! The echo server: answers every request with what it got, as JSON. A backend to try things with.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;

use crate::cli::EchoArgs;
use crate::{exit, signals};

/// A pause after accepting failed, as it does without descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
            let _ = http1::Builder::new()
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, name: &str) -> Response<Full<Bytes>> {
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
    let mut response = Response::new(Full::new(Bytes::from(text.unwrap_or_default())));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.status_mut() = StatusCode::OK;
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
