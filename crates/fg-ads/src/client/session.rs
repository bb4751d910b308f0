//! One stream after the other: what was said, what came, what is kept between them.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

use super::state::{Link, State};
use super::{Batch, Delivery, Options, Received, Verdict, connect};
use crate::message::{self, DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use crate::{Rejection, Serial, rejection};

/// Messages on their way: an answer and a report.
const REQUESTS: usize = 4;
/// A stream that lived so long, or brought something, was a good one: the next try comes soon.
const GOOD: Duration = Duration::from_secs(10);

/// What lives as long as the client.
pub(super) struct Runner {
    options: Options,
    deliveries: mpsc::Sender<Delivery>,
    state: watch::Sender<State>,
    /// What is not in use, as was said last; each delivery notes its verdict there.
    report: Arc<watch::Sender<Vec<Rejection>>>,
    reports: watch::Receiver<Vec<Rejection>>,
    /// What is here: versions by name, empty for what was rejected.
    versions: BTreeMap<String, String>,
}

/// Why a stream ended.
enum End {
    /// Something that may pass.
    Failed(String),
    /// Nobody takes deliveries any more.
    Unwanted,
}

impl From<String> for End {
    fn from(words: String) -> Self {
        Self::Failed(words)
    }
}

/// A stream that is open.
struct Stream {
    requests: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

/// The responses of a transaction that is not whole yet.
#[derive(Default)]
struct Staged {
    batch: Batch,
    bytes: usize,
}

impl Runner {
    pub(super) fn new(
        options: Options,
        deliveries: mpsc::Sender<Delivery>,
        state: watch::Sender<State>,
        report: Arc<watch::Sender<Vec<Rejection>>>,
    ) -> Self {
        Self {
            options,
            deliveries,
            state,
            reports: report.subscribe(),
            report,
            versions: BTreeMap::new(),
        }
    }

    /// Runs until nobody wants deliveries.
    pub(super) async fn run(mut self) {
        let mut pause = self.options.backoff_first;
        loop {
            let begun = Instant::now();
            let before = self.state.borrow().serial;
            let words = match Box::pin(self.stream()).await {
                End::Failed(words) => words,
                End::Unwanted => return,
            };
            tracing::warn!(server = self.options.server, error = words, "no discovery");
            let was_good = begun.elapsed() >= GOOD || self.state.borrow().serial != before;
            if was_good {
                pause = self.options.backoff_first;
            }
            self.failed(words);
            sleep(jittered(pause)).await;
            pause = pause.saturating_mul(2).min(self.options.backoff_most);
        }
    }

    fn failed(&self, words: String) {
        self.state.send_modify(|state| {
            state.link = match state.link {
                Link::Connecting { since, tries } => Link::Connecting {
                    since,
                    tries: tries.saturating_add(1),
                },
                Link::Connected { .. } => Link::Connecting {
                    since: SystemTime::now(),
                    tries: 0,
                },
            };
            state.last_error = Some(words);
        });
    }

    /// There is a stream when the server has said something on it: until then it may yet refuse.
    fn connected(&self) {
        self.state.send_if_modified(|state| {
            let is_new = matches!(state.link, Link::Connecting { .. });
            if is_new {
                state.link = Link::Connected {
                    since: SystemTime::now(),
                };
            }
            is_new
        });
    }

    /// One stream, from connecting to its end.
    async fn stream(&mut self) -> End {
        let deadline = self.options.connect_deadline;
        let opened = match timeout(deadline, self.open()).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(words)) => return End::Failed(words),
            Err(_) => {
                let server = &self.options.server;
                return End::Failed(format!("{server} did not answer within {deadline:?}"));
            }
        };
        match self.converse(opened).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn open(&self) -> Result<Stream, String> {
        let channel = connect::channel(&self.options).await?;
        let authorization = connect::authorization(&self.options)?;
        let (requests, outgoing) = mpsc::channel(REQUESTS);
        let first = DeltaDiscoveryRequest {
            node: Some(self.options.node.clone()),
            type_url: self.options.type_url.clone(),
            resource_names_subscribe: vec![message::WILDCARD.to_owned()],
            initial_resource_versions: self.versions.clone(),
            ..DeltaDiscoveryRequest::default()
        };
        // The channel is empty.
        let _ = requests.try_send(first);
        let mut request = Request::new(ReceiverStream::new(outgoing));
        if let Some(value) = authorization {
            request.metadata_mut().insert("authorization", value);
        }
        let mut grpc = Grpc::new(channel).max_decoding_message_size(self.options.response_bytes);
        grpc.ready().await.map_err(|error| error.to_string())?;
        let codec = ProstCodec::<DeltaDiscoveryRequest, DeltaDiscoveryResponse>::default();
        let path = http::uri::PathAndQuery::from_static(message::DELTA);
        let response = grpc.streaming(request, path, codec).await;
        let responses = response.map_err(|status| said(&status))?.into_inner();
        Ok(Stream {
            requests,
            responses,
        })
    }

    async fn converse(&mut self, mut stream: Stream) -> Result<std::convert::Infallible, End> {
        let mut staged = Staged::default();
        if !self.reports.borrow().is_empty() {
            self.reports.mark_changed();
        }
        loop {
            tokio::select! {
                response = stream.responses.message() => {
                    let response = response.map_err(|status| said(&status))?;
                    let response = response.ok_or_else(|| "the server ended the stream".to_owned())?;
                    self.connected();
                    let answer = self.receive(&mut staged, response).await?;
                    send(&stream, answer).await?;
                }
                changed = self.reports.changed() => {
                    if changed.is_err() {
                        return Err(End::Unwanted);
                    }
                    let report = rejection::to_status(&self.reports.borrow_and_update());
                    send(&stream, self.request(String::new(), Some(report))).await?;
                }
            }
        }
    }

    /// Takes a response in, hands it on if its transaction is whole, and gives the answer to it.
    async fn receive(
        &mut self,
        staged: &mut Staged,
        response: DeltaDiscoveryResponse,
    ) -> Result<DeltaDiscoveryRequest, End> {
        let nonce = response.nonce.clone();
        let version = response.system_version_info.as_str();
        let is_last = !version.ends_with('+');
        let serial = version.trim_end_matches('+').parse::<Serial>();
        let serial = serial.map_err(|_| format!("{version:?} is no serial"))?;
        self.stage(staged, response)?;
        staged.batch.serial = serial;
        if !is_last {
            return Ok(self.request(nonce, None));
        }
        let batch = std::mem::take(staged).batch;
        let mut versions: BTreeMap<String, String> = batch
            .upserts
            .iter()
            .map(|one| (one.name.clone(), one.version.clone()))
            .collect();
        let removed = batch.removed.clone();
        let verdict = self.deliver(batch).await?;
        for rejection in &verdict.rejected {
            // Whether the version before it is still in use, or nothing is, only the user knows.
            // Named without a version, it is sent again to a new stream even if the server is back
            // at that version, or said to be gone.
            if let Some(version) = versions.get_mut(&rejection.name) {
                version.clear();
            }
        }
        for name in removed {
            self.versions.remove(&name);
        }
        self.versions.append(&mut versions);
        self.state.send_modify(|state| {
            state.serial = Some(serial);
            let in_use = self.versions.values().filter(|version| !version.is_empty());
            state.resources = in_use.count();
        });
        let refusal =
            (!verdict.rejected.is_empty()).then(|| rejection::to_status(&verdict.rejected));
        Ok(self.request(nonce, refusal))
    }

    fn stage(&self, staged: &mut Staged, response: DeltaDiscoveryResponse) -> Result<(), End> {
        for resource in response.resources {
            let body = resource.resource.unwrap_or_default();
            staged.bytes += resource.name.len() + body.value.len();
            staged.batch.upserts.push(Received {
                name: resource.name,
                version: resource.version,
                type_url: body.type_url,
                value: body.value,
            });
        }
        for name in response.removed_resources {
            staged.bytes += name.len();
            staged.batch.removed.push(name);
        }
        if staged.bytes > self.options.batch_bytes {
            return Err(End::Failed(format!(
                "a transaction has more than {} bytes",
                self.options.batch_bytes
            )));
        }
        Ok(())
    }

    async fn deliver(&self, batch: Batch) -> Result<Verdict, End> {
        let (reply, verdict) = oneshot::channel();
        let delivery = Delivery {
            batch,
            reply,
            report: self.report.clone(),
        };
        let sent = self.deliveries.send(delivery).await;
        sent.map_err(|_| End::Unwanted)?;
        let dropped = |_| End::Failed("a transaction was dropped without a verdict".to_owned());
        verdict.await.map_err(dropped)
    }

    fn request(
        &self,
        response_nonce: String,
        error_detail: Option<message::Status>,
    ) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            type_url: self.options.type_url.clone(),
            response_nonce,
            error_detail,
            ..DeltaDiscoveryRequest::default()
        }
    }
}

async fn send(stream: &Stream, request: DeltaDiscoveryRequest) -> Result<(), End> {
    let sent = stream.requests.send(request).await;
    sent.map_err(|_| End::Failed("the stream ended".to_owned()))
}

/// What a status says, for people.
fn said(status: &tonic::Status) -> String {
    format!("{} ({:?})", status.message(), status.code())
}

/// Between half of a pause and all of it, so that many who lost one server do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 512;
    let part = 512 + u32::try_from(random).unwrap_or(0);
    pause.saturating_mul(part) / 1024
}
