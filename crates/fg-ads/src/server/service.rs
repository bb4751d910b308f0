//! The gRPC service: paths to methods, and the way of a request into a stream.

use std::convert::Infallible;
use std::future::Future;
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
use super::stream::{self, Stream};
use super::subscription::TYPES;
use super::{Authenticator, ClientId, Event, Options};
use crate::message::{self, DeltaDiscoveryRequest, DeltaDiscoveryResponse};
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
            if request.uri().path() == message::DELTA {
                let codec = ProstCodec::<DeltaDiscoveryResponse, DeltaDiscoveryRequest>::default();
                let mut grpc = Grpc::new(codec)
                    .max_decoding_message_size(shared.options.request_bytes)
                    .max_encoding_message_size(usize::MAX);
                return Ok(grpc.streaming(Delta(shared), request).await);
            }
            let refusal = Status::unimplemented("only delta discovery is served here");
            Ok(refusal.into_http())
        })
    }
}

/// The method of delta discovery.
struct Delta(Arc<Shared>);

impl StreamingService<DeltaDiscoveryRequest> for Delta {
    type Response = DeltaDiscoveryResponse;
    type ResponseStream = Responses;
    type Future = std::future::Ready<Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<Streaming<DeltaDiscoveryRequest>>) -> Self::Future {
        std::future::ready(open(&self.0, request).map(Response::new))
    }
}

/// The responses of a stream. It holds one of the places for clients until the last one is written, or
/// the connection is gone.
pub(super) struct Responses {
    inner: ReceiverStream<Result<DeltaDiscoveryResponse, Status>>,
    _place: OwnedSemaphorePermit,
}

impl futures::Stream for Responses {
    type Item = Result<DeltaDiscoveryResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.inner).poll_next(context)
    }
}

/// Gives the client a place, and a task of its own.
fn open(
    shared: &Arc<Shared>,
    request: Request<Streaming<DeltaDiscoveryRequest>>,
) -> Result<Responses, Status> {
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
    let stream = Stream {
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
fn bearer(request: &Request<Streaming<DeltaDiscoveryRequest>>) -> Option<String> {
    let value = request.metadata().get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}
