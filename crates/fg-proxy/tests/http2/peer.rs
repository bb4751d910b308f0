//! A client and a backend that speak HTTP/2 by the `h2` crate.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fg_testkit::address;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response};
use tokio::net::{TcpListener, TcpStream};

/// Runs a test that waits.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

/// A client's connection.
pub(crate) async fn connect(to: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(to).await.expect("connected");
    let (send, connection) = h2::client::handshake(stream).await.expect("greeted");
    tokio::task::spawn_local(async move {
        // Its end is of no interest to those that still use it: they see their own error.
        let _ = connection.await;
    });
    send
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) head: Response<()>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Whole {
    pub(crate) fn status(&self) -> u16 {
        self.head.status().as_u16()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A GET.
pub(crate) fn get(path: &str) -> Request<()> {
    Request::builder()
        .uri(format!("http://a.example{path}"))
        .body(())
        .expect("a request")
}

/// Sends a request without a body and waits for all of its reply.
pub(crate) async fn ask(
    send: &SendRequest<Bytes>,
    request: Request<()>,
) -> Result<Whole, h2::Error> {
    let mut send = send.clone().ready().await?;
    let (reply, _) = send.send_request(request, true)?;
    whole(reply.await?).await
}

/// Sends a request with a body and waits for all of its reply.
pub(crate) async fn post(
    send: &SendRequest<Bytes>,
    request: Request<()>,
    body: &[u8],
    trailers: Option<HeaderMap>,
) -> Result<Whole, h2::Error> {
    let mut send = send.clone().ready().await?;
    let (reply, stream) = send.send_request(request, false)?;
    let body = body.to_vec();
    tokio::task::spawn_local(async move {
        // A gateway that replies early may refuse the rest.
        let _ = give(stream, &body, trailers).await;
    });
    whole(reply.await?).await
}

/// Sends a body within the window.
pub(crate) async fn give(
    mut stream: SendStream<Bytes>,
    mut body: &[u8],
    trailers: Option<HeaderMap>,
) -> Result<(), h2::Error> {
    if body.is_empty() && trailers.is_none() {
        return stream.send_data(Bytes::new(), true);
    }
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        let Some(room) = room.transpose()? else {
            return Ok(());
        };
        let (part, rest) = body.split_at(room.min(body.len()));
        stream.send_data(
            Bytes::copy_from_slice(part),
            rest.is_empty() && trailers.is_none(),
        )?;
        body = rest;
    }
    match trailers {
        Some(trailers) => stream.send_trailers(trailers),
        None => Ok(()),
    }
}

/// Reads a message to its end.
pub(crate) async fn whole(reply: Response<RecvStream>) -> Result<Whole, h2::Error> {
    let (parts, mut stream) = reply.into_parts();
    let (body, trailers) = read(&mut stream).await?;
    Ok(Whole {
        head: Response::from_parts(parts, ()),
        body,
        trailers,
    })
}

async fn read(stream: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok((body, stream.trailers().await?))
}

/// Takes a message that the other side cuts off, without ever making room for more of it; says why
/// it was cut off.
pub(crate) async fn stall(mut message: RecvStream) -> Option<h2::Reason> {
    while let Some(data) = message.data().await {
        if let Err(cut) = data {
            return cut.reason();
        }
    }
    None
}

/// What a backend received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: Arc<Request<()>>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    /// Which of the backend's connections it came by.
    pub(crate) connection: usize,
}

/// A backend by HTTP/2 with prior knowledge, on a thread of its own until the process ends.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Backend {
    /// Reads each request to its end, but for those that ask for a tunnel, and replies with what
    /// `reply` says.
    pub(crate) fn start(
        reply: impl Fn(&Received, SendResponse<Bytes>) + Send + Sync + 'static,
    ) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        let reply = Arc::new(reply);
        let address = listen(Manners::Usual, move |number, request, respond| {
            whole_request(number, request, respond, reply.clone(), kept.clone())
        });
        Self { address, received }
    }

    /// The same, but takes only so many requests at a time on a connection, and refuses more.
    pub(crate) fn start_narrow(
        most: u32,
        reply: impl Fn(&Received, SendResponse<Bytes>) + Send + Sync + 'static,
    ) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        let reply = Arc::new(reply);
        let address = listen(Manners::Narrow(most), move |number, request, respond| {
            whole_request(number, request, respond, reply.clone(), kept.clone())
        });
        Self { address, received }
    }

    /// The same, but says with each first request that its connection takes no more (GOAWAY).
    pub(crate) fn start_closing(
        reply: impl Fn(&Received, SendResponse<Bytes>) + Send + Sync + 'static,
    ) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        let reply = Arc::new(reply);
        let serve = move |number, request, respond| {
            whole_request(number, request, respond, reply.clone(), kept.clone())
        };
        Self {
            address: listen(Manners::Closing, serve),
            received,
        }
    }

    /// Gives each request to `serve` as it comes.
    pub(crate) fn start_raw<F: Future<Output = ()> + 'static>(
        serve: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            address: listen(Manners::Usual, move |_, request, respond| {
                serve(request, respond)
            }),
            received: Arc::default(),
        }
    }

    /// All requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What a backend is like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manners {
    Usual,
    /// It says with each first request that its connection takes no more.
    Closing,
    /// It takes so many requests at a time on a connection.
    Narrow(u32),
}

/// Serves requests on a thread of its own until the process ends.
fn listen<F: Future<Output = ()> + 'static>(
    manners: Manners,
    serve: impl Fn(usize, Request<RecvStream>, SendResponse<Bytes>) -> F + Send + 'static,
) -> SocketAddr {
    let address = SocketAddr::new(address::own_ip(), 0);
    let listener = std::net::TcpListener::bind(address).expect("bound");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        run(async move {
            listener.set_nonblocking(true).expect("not blocking");
            let listener = TcpListener::from_std(listener).expect("registered");
            let serve = std::rc::Rc::new(serve);
            for number in 0.. {
                let (stream, _) = listener.accept().await.expect("accepted");
                let serve = serve.clone();
                tokio::task::spawn_local(async move {
                    let mut builder = h2::server::Builder::new();
                    builder.enable_connect_protocol();
                    if let Manners::Narrow(most) = manners {
                        builder.max_concurrent_streams(most);
                    }
                    let Ok(mut connection) = builder.handshake(stream).await else {
                        return;
                    };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::task::spawn_local(serve(number, request, respond));
                        if manners == Manners::Closing {
                            connection.graceful_shutdown();
                        }
                    }
                });
            }
        });
    });
    address
}

async fn whole_request(
    number: usize,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    reply: Arc<impl Fn(&Received, SendResponse<Bytes>)>,
    kept: Arc<Mutex<Vec<Received>>>,
) {
    let (parts, mut stream) = request.into_parts();
    // What asks for a tunnel ends when that does: it is answered at once.
    let read = match parts.method {
        Method::CONNECT => Ok((Vec::new(), None)),
        _ => read(&mut stream).await,
    };
    let Ok((body, trailers)) = read else {
        return;
    };
    let received = Received {
        head: Arc::new(Request::from_parts(parts, ())),
        body,
        trailers,
        connection: number,
    };
    kept.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(received.clone());
    reply(&received, respond);
}
