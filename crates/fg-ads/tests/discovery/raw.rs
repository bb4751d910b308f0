//! A client made by hand, which does what no good client does.

use fg_ads::message::{
    self, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Node,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::ground::{Running, soon};

/// A stream of either protocol.
struct Stream<Q, A> {
    requests: mpsc::Sender<Q>,
    responses: Streaming<A>,
}

impl<Q, A> Stream<Q, A>
where
    Q: prost::Message + 'static,
    A: prost::Message + Default + 'static,
{
    async fn open(token: &str, path: &'static str, running: &Running) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", running.address)).unwrap();
        let mut grpc = Grpc::new(endpoint.connect().await.unwrap());
        let (requests, outgoing) = mpsc::channel(16);
        let mut request = Request::new(ReceiverStream::new(outgoing));
        let token = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        soon(grpc.ready()).await.unwrap();
        let codec = ProstCodec::<Q, A>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        let response = soon(grpc.streaming(request, path, codec)).await.unwrap();
        Self {
            requests,
            responses: response.into_inner(),
        }
    }

    async fn next(&mut self) -> Result<A, Status> {
        let response = soon(self.responses.message()).await?;
        response.ok_or_else(|| Status::ok("the end"))
    }
}

/// A refusal that names nothing, as Envoy's.
pub(crate) fn refusal(words: &str) -> message::Status {
    message::Status {
        code: 13,
        message: words.to_owned(),
        details: Vec::new(),
    }
}

pub(crate) struct Raw(Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>);

impl Raw {
    /// Opens a stream with the token `token`, and says nothing yet.
    pub(crate) async fn open(running: &Running) -> Self {
        Self::open_with("token", running).await
    }

    pub(crate) async fn open_with(token: &str, running: &Running) -> Self {
        Self(Stream::open(token, message::DELTA, running).await)
    }

    /// Subscribes to names; to everything if there is none.
    pub(crate) async fn subscribe(&self, type_url: &str, names: &[&str]) {
        self.resume(type_url, names, &[]).await;
    }

    /// The same with names and versions of what it has from an earlier stream.
    pub(crate) async fn resume(&self, type_url: &str, names: &[&str], has: &[(&str, &str)]) {
        let has = has.iter();
        let has = has.map(|(name, version)| (name.to_string(), version.to_string()));
        let request = DeltaDiscoveryRequest {
            node: Some(Node::default()),
            type_url: type_url.to_owned(),
            resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
            initial_resource_versions: has.collect(),
            ..DeltaDiscoveryRequest::default()
        };
        self.0.requests.send(request).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Result<DeltaDiscoveryResponse, Status> {
        self.0.next().await
    }

    /// The next response, shown and refused, without a word of what is meant.
    pub(crate) async fn refuse(&mut self, words: &str) -> String {
        let response = self.next().await.unwrap();
        let request = DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            error_detail: Some(refusal(words)),
            ..DeltaDiscoveryRequest::default()
        };
        self.0.requests.send(request).await.unwrap();
        show(&response)
    }

    pub(crate) async fn ack(&self, response: &DeltaDiscoveryResponse) {
        self.ack_nonce(&response.type_url, &response.nonce).await;
    }

    pub(crate) async fn ack_nonce(&self, type_url: &str, nonce: &str) {
        let request = DeltaDiscoveryRequest {
            type_url: type_url.to_owned(),
            response_nonce: nonce.to_owned(),
            ..DeltaDiscoveryRequest::default()
        };
        self.0.requests.send(request).await.unwrap();
    }

    /// The next response, shown and acknowledged.
    pub(crate) async fn take(&mut self) -> String {
        let response = self.next().await.unwrap();
        self.ack(&response).await;
        show(&response)
    }
}

/// `TYPE SERIAL: name=version … -name …`.
pub(crate) fn show(response: &DeltaDiscoveryResponse) -> String {
    let version = &response.system_version_info;
    let mut words = vec![format!("{} {version}:", response.type_url)];
    let resources = response.resources.iter();
    words.extend(resources.map(|one| format!("{}={}", one.name, one.version)));
    words.extend(
        response
            .removed_resources
            .iter()
            .map(|name| format!("-{name}")),
    );
    words.join(" ")
}

/// A client of the state-of-the-world protocol.
pub(crate) struct World(Stream<DiscoveryRequest, DiscoveryResponse>);

impl World {
    pub(crate) async fn open(running: &Running) -> Self {
        Self(Stream::open("token", message::STATE_OF_THE_WORLD, running).await)
    }

    /// Wants these names from here on; everything if there never was one.
    pub(crate) async fn want(&self, type_url: &str, names: &[&str]) {
        self.say(type_url, names, "", None).await;
    }

    async fn say(
        &self,
        type_url: &str,
        names: &[&str],
        nonce: &str,
        error_detail: Option<message::Status>,
    ) {
        let request = DiscoveryRequest {
            type_url: type_url.to_owned(),
            resource_names: names.iter().map(ToString::to_string).collect(),
            response_nonce: nonce.to_owned(),
            error_detail,
            ..DiscoveryRequest::default()
        };
        self.0.requests.send(request).await.unwrap();
    }

    /// The next response, accepted, wanting these names: `SERIAL: body …`, fill of bodies left out.
    pub(crate) async fn take(&mut self, names: &[&str]) -> String {
        self.answer(names, None).await
    }

    /// The next response, refused.
    pub(crate) async fn refuse(&mut self, words: &str) -> String {
        self.answer(&[], Some(refusal(words))).await
    }

    async fn answer(&mut self, names: &[&str], error: Option<message::Status>) -> String {
        let response = self.0.next().await.unwrap();
        self.say(&response.type_url, names, &response.nonce, error)
            .await;
        let mut words = vec![format!("{}:", response.version_info)];
        let bodies = response.resources.iter();
        words.extend(bodies.map(|one| String::from_utf8_lossy(&one.value).into_owned()));
        words.join(" ")
    }
}
