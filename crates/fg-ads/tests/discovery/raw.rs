//! A client made by hand, which does what no good client does.

use fg_ads::message::{self, DeltaDiscoveryRequest, DeltaDiscoveryResponse, Node};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::ground::{Running, soon};

pub(crate) struct Raw {
    requests: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

impl Raw {
    /// Opens a stream with the token `token`, and says nothing yet.
    pub(crate) async fn open(running: &Running) -> Self {
        Self::open_with("token", running).await
    }

    pub(crate) async fn open_with(token: &str, running: &Running) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", running.address)).unwrap();
        let mut grpc = Grpc::new(endpoint.connect().await.unwrap());
        let (requests, outgoing) = mpsc::channel(16);
        let mut request = Request::new(ReceiverStream::new(outgoing));
        let token = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        soon(grpc.ready()).await.unwrap();
        let codec = ProstCodec::<DeltaDiscoveryRequest, DeltaDiscoveryResponse>::default();
        let path = http::uri::PathAndQuery::from_static(message::DELTA);
        let response = soon(grpc.streaming(request, path, codec)).await.unwrap();
        Self {
            requests,
            responses: response.into_inner(),
        }
    }

    /// Subscribes to names; to everything if there is none.
    pub(crate) async fn subscribe(&self, type_url: &str, names: &[&str]) {
        let request = DeltaDiscoveryRequest {
            node: Some(Node::default()),
            type_url: type_url.to_owned(),
            resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
            ..DeltaDiscoveryRequest::default()
        };
        self.requests.send(request).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Result<DeltaDiscoveryResponse, Status> {
        let response = soon(self.responses.message()).await?;
        response.ok_or_else(|| Status::ok("the end"))
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
        self.requests.send(request).await.unwrap();
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
