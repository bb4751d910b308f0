//! The HTTPS port of the node: the API server asks here for logs of containers.

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result};
use futures::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Node, NodeArgs,
    logs::{Line, Log, Wanted},
};
use crate::network::{HOST, NODE_PORT};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Listens on the kubelet's port.
///
/// # Errors
/// The port is taken, or there is no certificate.
pub(super) async fn serve(node: Arc<Node>) -> Result<JoinHandle<()>> {
    let (chain, key) = certificate(&node.args)?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let port = NODE_PORT;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .with_context(|| format!("listening on port {port}"))?;
    Ok(tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            tokio::spawn(connection(Arc::clone(&node), acceptor.clone(), socket));
        }
    }))
}

/// The certificate given, or one made on the spot: the API server does not verify it.
fn certificate(args: &NodeArgs) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    if let [chain, key] = args.serving.as_slice() {
        let certificates: Result<_, _> = CertificateDer::pem_file_iter(chain)?.collect();
        return Ok((certificates?, PrivateKeyDer::from_pem_file(key)?));
    }
    let names = vec![args.name.clone(), HOST.to_string(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).context("making a certificate")?;
    let key =
        PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    Ok((vec![made.cert.der().clone()], key))
}

async fn connection(node: Arc<Node>, acceptor: TlsAcceptor, socket: TcpStream) {
    let Ok(stream) = acceptor.accept(socket).await else {
        return;
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&node, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    if let Err(why) = server
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!("kubelet connection: {why}");
    }
}

fn answer<B>(node: &Node, request: &Request<B>) -> Response<Body> {
    let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    match path.as_slice() {
        ["healthz"] => text(StatusCode::OK, "ok"),
        ["containerLogs", namespace, pod, container] => {
            match node.logs.get(namespace, pod, container) {
                Some(log) => match Query::parse(request.uri().query().unwrap_or_default()) {
                    Ok(query) => logs(&log, &query),
                    Err(why) => text(StatusCode::BAD_REQUEST, &why),
                },
                None => text(
                    StatusCode::NOT_FOUND,
                    &format!("no container {container} in pod {namespace}/{pod} has run"),
                ),
            }
        }
        ["exec" | "attach" | "portForward" | "run", ..] => text(
            StatusCode::NOT_IMPLEMENTED,
            "this node runs pods as local processes and has no exec: use nsenter",
        ),
        _ => text(StatusCode::NOT_FOUND, "not found"),
    }
}

fn text(status: StatusCode, words: &str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{words}\n"))).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// What a request for logs asks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    wanted: Wanted,
    timestamps: bool,
    follow: bool,
    /// Stop after so many bytes.
    limit: Option<usize>,
}

impl Query {
    fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            let number = || {
                value
                    .parse::<u32>()
                    .map_err(|_| format!("{name}={value}: expected a number"))
            };
            match name {
                "sinceTime" => {
                    let at = value
                        .parse()
                        .map_err(|_| format!("sinceTime={value}: expected RFC 3339"))?;
                    parsed.wanted.since = Some(at);
                }
                "sinceSeconds" => {
                    let ago = SignedDuration::from_secs(i64::from(number()?));
                    parsed.wanted.since = Timestamp::now().checked_sub(ago).ok();
                }
                "tailLines" => parsed.wanted.tail = Some(number()? as usize),
                "limitBytes" => parsed.limit = Some(number()? as usize),
                "timestamps" => parsed.timestamps = value == "true",
                "follow" => parsed.follow = value == "true",
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn logs(log: &Arc<Log>, query: &Query) -> Response<Body> {
    let follower = log.follow();
    let (lines, next) = log.read(&query.wanted);
    let mut first = render(&lines, query.timestamps);
    if let Some(limit) = query.limit {
        first.truncate(limit);
    }
    let first = Bytes::from(first);
    if !query.follow {
        return Response::new(Full::new(first).boxed_unsync());
    }
    let timestamps = query.timestamps;
    let rest = later(Arc::downgrade(log), follower, next)
        .map(move |lines| Bytes::from(render(&lines, timestamps)));
    let frames = stream::iter([first])
        .chain(rest)
        .map(|bytes| Ok(Frame::data(bytes)));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

/// Lines as they come; ends when the container's log does.
fn later(
    log: std::sync::Weak<Log>,
    follower: tokio::sync::watch::Receiver<u64>,
    next: u64,
) -> impl Stream<Item = Vec<Line>> + Send {
    stream::unfold(
        (log, follower, next),
        |(log, mut follower, next)| async move {
            loop {
                let (lines, after) = log.upgrade()?.read_from(next);
                if !lines.is_empty() {
                    return Some((lines, (log, follower, after)));
                }
                follower.changed().await.ok()?;
            }
        },
    )
}

fn render(lines: &[Line], timestamps: bool) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        if timestamps {
            text.extend_from_slice(format!("{:.9} ", line.at).as_bytes());
        }
        text.extend_from_slice(line.text.as_bytes());
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_logs_is_read_as_the_api_server_writes_it() {
        let query = Query::parse(
            "follow=true&sinceTime=2026-11-21T08%3A00%3A00Z&tailLines=5&timestamps=true",
        )
        .unwrap();
        let wanted = Wanted {
            since: Some("2026-11-21T08:00:00Z".parse().unwrap()),
            tail: Some(5),
        };
        assert_eq!(
            query,
            Query {
                wanted,
                timestamps: true,
                follow: true,
                limit: None
            }
        );
        assert!(Query::parse("tailLines=many").is_err());
    }

    #[test]
    fn lines_carry_their_time_when_asked() {
        let line = Line {
            at: "2026-11-21T08:00:00Z".parse().unwrap(),
            text: "hello".into(),
        };
        assert_eq!(render(std::slice::from_ref(&line), false), b"hello\n");
        assert_eq!(
            render(&[line], true),
            b"2026-11-21T08:00:00.000000000Z hello\n"
        );
    }
}
