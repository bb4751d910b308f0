//! The client: one stream for one type, for ever.
//!
//! It connects, says what it has, and hands each transaction on whole, however many responses it came
//! in. When the stream ends it comes back, soon at first and then more slowly; meanwhile whoever uses
//! it goes on with what it has.

mod connect;
mod session;
mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::message::Node;
use crate::{Rejection, Serial};

pub use self::state::{Link, State};

/// How a client reaches its server, and what it says there.
#[derive(Debug, Clone)]
pub struct Options {
    /// `HOST:PORT`. The host is looked up at each connect, and is the name that the server's
    /// certificate must have.
    pub server: String,
    /// The authorities that may have signed the server's certificate, PEM, read at each connect.
    /// None: no TLS, for sockets of the same machine.
    pub ca_file: Option<PathBuf>,
    /// The token, read at each connect; none: no token.
    pub token_file: Option<PathBuf>,
    /// Who this is.
    pub node: Node,
    /// What to subscribe to, all of it.
    pub type_url: String,
    /// Before the first try to come back; doubled at each try. Default: 50 ms.
    pub backoff_first: Duration,
    /// The most between two tries. Default: 2 s: who takes over from a lost control plane expects its
    /// proxies within 5.
    pub backoff_most: Duration,
    /// For name, connection, handshake and the server's first word, together. Default: 5 s.
    pub connect_deadline: Duration,
    /// Between pings of HTTP/2. Default: 10 s.
    pub ping_every: Duration,
    /// For the answer to a ping; then the client connects anew. Default: 5 s.
    pub ping_deadline: Duration,
    /// The most in one response. Units: bytes. Default: 64 MiB.
    pub response_bytes: usize,
    /// The most in one transaction, over all its responses; above it the client connects anew. Units:
    /// bytes of names and values. Default: 1 GiB.
    pub batch_bytes: usize,
}

impl Options {
    /// For everything of a type from a server, without TLS and token.
    pub fn new(server: impl Into<String>, node: Node, type_url: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            ca_file: None,
            token_file: None,
            node,
            type_url: type_url.into(),
            backoff_first: Duration::from_millis(50),
            backoff_most: Duration::from_secs(2),
            connect_deadline: Duration::from_secs(5),
            ping_every: Duration::from_secs(10),
            ping_deadline: Duration::from_secs(5),
            response_bytes: 64 << 20,
            batch_bytes: 1 << 30,
        }
    }
}

/// One resource that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Unique within what was subscribed to.
    pub name: String,
    /// Differs when the content does.
    pub version: String,
    /// What `value` is.
    pub type_url: String,
    /// The content.
    pub value: Bytes,
}

/// A transaction, whole: what differs from the last one. The first one on a fresh client is everything;
/// it may be empty, and then everything is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// New and changed resources.
    pub upserts: Vec<Received>,
    /// Names of resources that are no more; some may never have been here.
    pub removed: Vec<String>,
    /// The server's serial. Another server counts on its own.
    pub serial: Serial,
}

/// What became of a [`Batch`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// All resources that cannot be used, those of earlier batches included: it replaces the last
    /// verdict and the last report. Of these the last good version is still in use, or none; all
    /// others are in use. Those of this batch are sent again on a new stream.
    pub rejected: Vec<Rejection>,
}

impl Verdict {
    /// All of it is in use.
    pub fn accepted() -> Self {
        Self::default()
    }
}

/// A [`Batch`] that waits for its [`Verdict`]. Dropped without one, the client connects anew and gets
/// it again.
#[derive(Debug)]
pub struct Delivery {
    /// What came.
    pub batch: Batch,
    reply: oneshot::Sender<Verdict>,
    report: Arc<watch::Sender<Vec<Rejection>>>,
}

impl Delivery {
    /// Says what became of it, once it is in use.
    pub fn answer(self, verdict: Verdict) {
        // The server is told by the answer, so the stream need not wake for it. Noted here, not when
        // the answer is sent: a report that follows at once must be compared with this.
        self.report.send_if_modified(|known| {
            known.clone_from(&verdict.rejected);
            false
        });
        // The stream may have ended meanwhile: the next one is told by what is said to be here.
        let _ = self.reply.send(verdict);
    }
}

/// A client that runs until it is dropped.
#[derive(Debug)]
pub struct Client {
    state: watch::Receiver<State>,
    report: Arc<watch::Sender<Vec<Rejection>>>,
    task: JoinHandle<()>,
}

impl Client {
    /// Starts a client on the present tokio runtime. The deliveries come one at a time: the next one
    /// when the last was answered.
    pub fn start(options: Options) -> (Self, mpsc::Receiver<Delivery>) {
        let (deliveries, receiver) = mpsc::channel(1);
        let (news, state) = watch::channel(State::default());
        let report = Arc::new(watch::Sender::new(Vec::new()));
        let runner = session::Runner::new(options, deliveries, news, report.clone());
        let task = tokio::spawn(runner.run());
        let client = Self {
            state,
            report,
            task,
        };
        (client, receiver)
    }

    /// How it is now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// How it is, for those who wait for a change.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Says which resources cannot be used: all of them, each time, as a [`Verdict`] does. An empty
    /// list says that all is well again. Only the newest list is sent, and not if the last verdict or
    /// report said the same; each new stream begins with what was said last, unless that is empty.
    pub fn report(&self, rejections: Vec<Rejection>) {
        self.report.send_if_modified(|known| {
            let is_new = *known != rejections;
            *known = rejections;
            is_new
        });
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}
