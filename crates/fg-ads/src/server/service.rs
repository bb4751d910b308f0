//! The gRPC service: paths to methods, and the way of a request into a stream.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::server::{Grpc, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::connection::Known;
use super::cut::Cut;
use super::protocol::{Delta, Wire, World};
use super::stream::{self, Stream};
use super::subscription::TYPES;
use super::{Authenticator, ClientId, Event, Options};
use crate::message;
use crate::metrics::add;
use crate::{Metrics, Store};

/// A client needs one; one that opens more does it by mistake.
pub(super) const STREAMS_A_CONNECTION: u32 = 8;

/// What all streams of a server share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) places: Arc<Semaphore>,
    pub(super) options: Options,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) closing: watch::Sender<bool>,
}

/// A number that no client had.
pub(super) fn next_client() -> ClientId {
    /// Of the process, not of a server: a replica that leads again makes a new server, and the last
    /// news of the old one's clients may come after the first of the new one's.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ClientId(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The service of aggregated discovery.
#[derive(Clone)]
pub(super) struct Service(pub(super) Arc<Shared>);

type Reply = http::Response<Body>;

impl tonic::codegen::Service<http::Request<Body>> for Service {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                message::DELTA => serve(Method::<Delta>::of(shared), request).await,
                message::STATE_OF_THE_WORLD => serve(Method::<World>::of(shared), request).await,
                _ => Status::unimplemented("only aggregated discovery is served here").into_http(),
            })
        })
    }
}

/// Opens a stream of a method.
async fn serve<W: Wire>(method: Method<W>, request: http::Request<Body>) -> Reply {
    let codec = ProstCodec::<W::Response, W::Request>::default();
    let mut grpc = Grpc::new(codec)
        .max_decoding_message_size(method.shared.options.request_bytes)
        .max_encoding_message_size(usize::MAX);
    grpc.streaming(method, request).await
}

/// The method of a protocol.
struct Method<W> {
    shared: Arc<Shared>,
    protocol: PhantomData<W>,
}

impl<W: Wire> Method<W> {
    fn of(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            protocol: PhantomData,
        }
    }
}

impl<W: Wire> StreamingService<W::Request> for Method<W> {
    type Response = W::Response;
    type ResponseStream = Responses<W>;
    type Future = std::future::Ready<Result<Response<Responses<W>>, Status>>;

    fn call(&mut self, request: Request<Streaming<W::Request>>) -> Self::Future {
        std::future::ready(open::<W>(&self.shared, request).map(Response::new))
    }
}

/// The responses of a stream. It holds one of the places for clients until the last one is written, or
/// the connection is gone.
pub(super) struct Responses<W: Wire> {
    inner: ReceiverStream<Result<W::Response, Status>>,
    _place: OwnedSemaphorePermit,
}

impl<W: Wire> futures::Stream for Responses<W> {
    type Item = Result<W::Response, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.inner).poll_next(context)
    }
}

/// Gives the client a place, and a task of its own.
fn open<W: Wire>(
    shared: &Arc<Shared>,
    request: Request<Streaming<W::Request>>,
) -> Result<Responses<W>, Status> {
    if *shared.closing.borrow() {
        return Err(stream::going_away());
    }
    let Ok(place) = shared.places.clone().try_acquire_owned() else {
        add(&shared.metrics.refused, 1);
        return Err(Status::resource_exhausted(format!(
            "there are {} clients already, which is the most",
            shared.options.clients
        )));
    };
    let known = request.extensions().get::<Known>();
    let (peer, cut) = match known {
        Some(known) => (known.peer, known.cut.clone()),
        None => (None, Cut::default()),
    };
    cut.opened();
    let token = bearer(&request);
    // One response a type is in flight, and one error ends the stream: a send never waits.
    let (replies, inner) = mpsc::channel(TYPES + 1);
    let stream = Stream::<W> {
        shared: shared.clone(),
        requests: request.into_inner(),
        replies,
        peer,
        token,
        cut,
    };
    tokio::spawn(stream.run());
    Ok(Responses {
        inner: ReceiverStream::new(inner),
        _place: place,
    })
}

/// The token of a request.
fn bearer<T>(request: &Request<T>) -> Option<String> {
    let value = request.metadata().get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}
