//! A hyper server that answers as every server of the pairwise suite does.

use std::convert::Infallible;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::common::{blocks, latin, sha256};
use crate::tls;

type Body = BoxBody<Bytes, Infallible>;

/// Serves until it is ended; `files` are certificate and key.
pub(crate) async fn run(address: &str, files: Option<(&str, &str)>) -> anyhow::Result<()> {
    let acceptor = files
        .map(|(certificate, key)| tls::server(certificate, key))
        .transpose()?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match acceptor {
                None => serve(stream).await,
                // A client that cannot shake hands has told so itself.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let io = TokioIo::new(stream);
    // HTTP/2 shows by its preface.
    let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    builder.http1().keep_alive(true);
    if let Err(error) = builder.serve_connection(io, service_fn(answer)).await {
        eprintln!("connection: {error}");
    }
}

async fn answer(request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    let mut words = path.trim_start_matches('/').splitn(2, '/');
    let first = words.next().unwrap_or_default();
    let number = words
        .next()
        .and_then(|word| word.parse::<u64>().ok())
        .unwrap_or(0);
    let mut response = Response::new(Empty::new().boxed());
    let fields = response.headers_mut();
    fields.insert("x-server", HeaderValue::from_static("hyper"));
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    match first {
        "bytes" => {
            fields.insert(CONTENT_LENGTH, number.into());
            if request.method() != Method::HEAD {
                *response.body_mut() = pattern(number);
            }
        }
        "chunked" => *response.body_mut() = pattern(number),
        "echo" => {
            // Once it is whole: not every client reads while it sends.
            let length = request.headers().get(CONTENT_LENGTH).cloned();
            let data = request.into_body().collect().await?.to_bytes();
            if let Some(length) = length {
                fields.insert(CONTENT_LENGTH, length);
                *response.body_mut() = Full::new(data).boxed();
            } else {
                let frames = std::iter::once(Ok(Frame::data(data)));
                *response.body_mut() = StreamBody::new(stream::iter(frames)).boxed();
            }
        }
        "status" => {
            *response.status_mut() = StatusCode::from_u16(u16::try_from(number)?)?;
            if !matches!(number, 204 | 304) {
                *response.body_mut() = Full::from(format!("status {number}\n")).boxed();
            }
        }
        "fields" => {
            for (name, value) in [
                ("x-empty", ""),
                ("x-multi", "a"),
                ("x-multi", "b, c"),
                ("set-cookie", "a=1; Path=/"),
                ("set-cookie", "b=2"),
            ] {
                fields.append(name, HeaderValue::from_static(value));
            }
            fields.insert("x-long", HeaderValue::try_from("l".repeat(4000))?);
            *response.body_mut() = Full::from("fields\n").boxed();
        }
        _ => {
            fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = Full::from(report(request).await?).boxed();
        }
    }
    Ok(response)
}

/// So many bytes, in blocks.
fn pattern(length: u64) -> Body {
    let frames = blocks(length).map(|block| Ok(Frame::data(block)));
    StreamBody::new(stream::iter(frames)).boxed()
}

/// What was received, as JSON.
async fn report(request: Request<Incoming>) -> anyhow::Result<String> {
    let (head, body) = request.into_parts();
    let mut headers: Vec<[String; 2]> = head
        .headers
        .iter()
        .map(|(name, value)| [name.to_string(), latin(value.as_bytes())])
        .collect();
    if let Some(authority) = head.uri.authority() {
        headers.push(["host".to_owned(), authority.to_string()]);
    }
    let data = body.collect().await?.to_bytes();
    let target = head.uri.path_and_query().context("a target")?.as_str();
    let seen = json!({
        "method": head.method.as_str(), "target": target, "headers": headers,
        "length": data.len(), "sha256": sha256(&data),
    });
    Ok(seen.to_string())
}
