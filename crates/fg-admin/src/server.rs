//! The HTTP server under the sites.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::site::{Answer, Ask, Site};

/// Connections to one site at a time; more wait to be accepted.
const CONNECTIONS: usize = 64;

/// The longest body of a request. Units: bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Time for a request's head, which is also how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for one connection as a whole: nobody needs longer to read a page.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(120);

/// A pause after accepting failed, as it does without descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a site on a socket until the future is dropped. Must run in a tokio runtime.
///
/// # Errors
/// When the socket cannot be handed to the runtime.
pub async fn serve(socket: std::net::TcpListener, site: Arc<dyn Site>) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = TcpListener::from_std(socket)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = room.clone().acquire_owned().await;
        match socket.accept().await {
            Ok((stream, _)) => {
                let connection = connection(stream, site.clone());
                tokio::spawn(async move {
                    // Whoever breaks a connection off need not be told.
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to an admin socket");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, site: Arc<dyn Site>) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(respond(request, site).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn respond(request: Request<Incoming>, site: Arc<dyn Site>) -> Response<Full<Bytes>> {
    let field = |name: HeaderName| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut ask = Ask {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        host: field(HOST).unwrap_or_default(),
        origin: field(ORIGIN),
        body: Vec::new(),
    };
    // A body that says that it is too long is not waited for.
    let announced = request.body().size_hint().lower();
    let body = if announced > BODY_LIMIT as u64 {
        None
    } else {
        let limited = Limited::new(request.into_body(), BODY_LIMIT);
        limited.collect().await.ok()
    };
    response(match body {
        Some(body) => {
            ask.body = body.to_bytes().to_vec();
            answer(ask, site).await
        }
        None => Answer::text(413, "the body is too long\n"),
    })
}

async fn answer(ask: Ask, site: Arc<dyn Site>) -> Answer {
    if !site.is_slow() {
        return site.answer(&ask);
    }
    let answer = tokio::task::spawn_blocking(move || site.answer(&ask));
    answer.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an admin page failed; this is a bug, please report it");
        Answer::text(500, "the page failed\n")
    })
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Some(allow) = answer.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    // Nothing here is for a cache or for another site's page.
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    struct Mirror;

    impl Site for Mirror {
        fn answer(&self, ask: &Ask) -> Answer {
            assert_ne!(ask.path, "/bug", "a page that panics");
            Answer::text(200, format!("{ask:?}"))
        }

        fn is_slow(&self) -> bool {
            true
        }
    }

    fn exchange(request: &'static [u8]) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = socket.local_addr().expect("bound");
            let server = tokio::spawn(serve(socket, Arc::new(Mirror)));
            let answer = tokio::task::spawn_blocking(move || {
                let mut stream = std::net::TcpStream::connect(address).expect("listening");
                stream.write_all(request).expect("sent");
                let mut text = String::new();
                stream.read_to_string(&mut text).expect("answered");
                text
            });
            let answer = answer.await.expect("no panic");
            server.abort();
            answer
        })
    }

    #[test]
    fn a_site_sees_the_request_and_its_answer_arrives() {
        let answer = exchange(
            b"POST /a?b=c HTTP/1.1\r\nhost: localhost\r\norigin: null\r\n\
              content-length: 2\r\nconnection: close\r\n\r\nhi",
        );
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        let expected = Ask {
            method: "POST".to_owned(),
            path: "/a".to_owned(),
            query: "b=c".to_owned(),
            host: "localhost".to_owned(),
            origin: Some("null".to_owned()),
            body: b"hi".to_vec(),
        };
        assert!(answer.ends_with(&format!("{expected:?}")), "{answer}");
    }

    #[test]
    fn long_bodies_are_refused() {
        let answer = exchange(
            b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\
              connection: close\r\n\r\n",
        );
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }

    #[test]
    fn a_page_that_panics_ends_only_itself() {
        let answer = exchange(b"GET /bug HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    }
}
