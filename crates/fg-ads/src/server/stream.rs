//! One client's stream: who may open it, what ends it, and its last words.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};

use super::Event;
use super::cut::Cut;
use super::protocol::{Said, Wire};
use super::service::Shared;
use super::session::Session;
use crate::metrics::{add, count};

/// A stream that was opened, before its first message.
pub(super) struct Stream<W: Wire> {
    pub(super) shared: Arc<Shared>,
    pub(super) requests: Streaming<W::Request>,
    pub(super) replies: mpsc::Sender<Result<W::Response, Status>>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) token: Option<String>,
    pub(super) cut: Cut,
}

/// Told to clients when the server shuts down.
pub(super) fn going_away() -> Status {
    Status::unavailable("this control plane is going away: connect again")
}

impl<W: Wire> Stream<W> {
    /// Serves the stream to its end.
    pub(super) async fn run(mut self) {
        /// For the last words to be written; then the connection is closed without them.
        const LAST_WORDS: Duration = Duration::from_secs(1);
        let result = self.serve().await;
        if let Err(status) = result {
            let _ = self.replies.try_send(Err(status));
            // The channel closes when all was taken out of it, or the connection is gone.
            if timeout(LAST_WORDS, self.replies.closed()).await.is_err() {
                self.cut.now();
            }
        }
    }

    async fn serve(&mut self) -> Result<(), Status> {
        let deadline = self.shared.options.first_deadline;
        let admitted = {
            let authenticator = &self.shared.authenticator;
            in_time(
                deadline,
                authenticator.admit(self.token.as_deref(), self.peer),
            )
            .await
        };
        admitted.inspect_err(|status| self.refused("", status))?;
        let late = || Status::deadline_exceeded("the first message did not come in time");
        let first = timeout(deadline, self.requests.message()).await;
        let Some(first) = first.map_err(|_| late())?? else {
            return Ok(());
        };
        let mut first: Said = first.into();
        let node = first.node.take().unwrap_or_default();
        let identified = {
            let authenticator = &self.shared.authenticator;
            let asked =
                authenticator.identify(self.token.as_deref(), &node, self.peer, W::PROTOCOL);
            in_time(deadline, asked).await
        };
        let identity = identified.inspect_err(|status| self.refused(&node.id, status))?;
        self.token = None;
        self.cut.let_in();
        let mut session = Session::new(self.shared.clone(), &identity, W::PROTOCOL);
        let client = session.client;
        let scope = session.scope.clone();
        let connected = Event::Connected {
            client,
            scope: scope.clone(),
            node: Box::new(node),
            peer: self.peer,
            protocol: W::PROTOCOL,
        };
        session.tell(connected).await;
        self.shared.metrics.clients.fetch_add(1, Ordering::Relaxed);
        let result = Box::pin(self.converse(&mut session, first)).await;
        self.shared.metrics.clients.fetch_sub(1, Ordering::Relaxed);
        let reason = match &result {
            Ok(()) => "it went away".to_owned(),
            Err(status) => status.message().to_owned(),
        };
        let gone = Event::Disconnected {
            client,
            scope,
            reason,
        };
        session.tell(gone).await;
        result
    }

    fn refused(&self, node: &str, status: &Status) {
        add(&self.shared.metrics.refused, 1);
        tracing::warn!(node, peer = ?self.peer, reason = status.message(), "a client was refused");
    }

    async fn converse(&mut self, session: &mut Session, first: Said) -> Result<(), Status> {
        let mut closing = self.shared.closing.subscribe();
        session.hear(first).await?;
        loop {
            for outgoing in session.due()? {
                let response = W::Response::from(outgoing);
                add(&self.shared.metrics.bytes, count(response.encoded_len()));
                if self.replies.try_send(Ok(response)).is_err() {
                    return Ok(());
                }
            }
            if let Some(event) = session.settled() {
                session.tell(event).await;
            }
            let deadline = session.deadline();
            tokio::select! {
                message = self.requests.message() => match message {
                    Ok(Some(request)) => session.hear(request.into()).await?,
                    // The client's side is closed, or the connection is gone.
                    Ok(None) | Err(_) => return Ok(()),
                },
                () = session.attached.changed() => {}
                () = at(deadline) => session.overdue()?,
                () = closed(&mut closing) => return Err(going_away()),
            }
        }
    }
}

/// An authenticator's word, if it comes in time.
async fn in_time<T>(
    deadline: Duration,
    asked: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let slow = |_| {
        Err(Status::unavailable(
            "who you are could not be found out in time",
        ))
    };
    timeout(deadline, asked).await.unwrap_or_else(slow)
}

/// Waits until then; for ever if there is no then.
async fn at(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then).await,
        None => pending().await,
    }
}

/// Waits until the server shuts down.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let is_closed = closing.wait_for(|closing| *closing).await.is_ok();
    if !is_closed {
        pending::<()>().await;
    }
}
