//! TLS handshakes, with clients and with backends. They run on the worker, bounded in time and
//! number; their costly steps take turns, so that a crowd of new connections does not hold up the
//! requests of those that there are.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use fg_ir::Listener;
use fg_telemetry::TlsFailure;
use fg_tls::{ALPN_H2, forwarded_element};
use rustls::pki_types::UnixTime;
use rustls::server::{Accepted, Acceptor};
use rustls::{
    AlertDescription, ClientConnection, Connection, Error, HandshakeKind, ProtocolVersion,
};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::Worker;
use super::sweep::Timer;
use super::tls::{TlsStream, Trying, poll_read, poll_write_tls, with_scratch};
use crate::shared::SocketKey;
use crate::tls::{ClientTls, ServerTls};

/// Costly steps of handshakes between two looks at the other connections of the worker.
pub(super) const TURNS: usize = 4;

/// The alert `unrecognized_name`, as a record. Source: RFC 6066 §3, RFC 8446 §6.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// What is spoken on a connection, as agreed in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// HTTP/1.1, or nothing was said.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What is known of a client's connection from its handshake.
pub(crate) struct TlsFacts {
    /// The listener that owns the name the client asked for.
    pub(crate) listener: Arc<Listener>,
    /// Who could be a client then, see [`ServerTls::admission`].
    pub(crate) admission: Arc<()>,
    pub(crate) alpn: Alpn,
    /// The name that the client asked for; empty when it did not say.
    pub(crate) sni: Box<str>,
    pub(crate) version: &'static str,
    pub(crate) cipher: &'static str,
    /// The client's certificate, if it holds, as `X-Forwarded-Client-Cert` says it.
    pub(crate) client: Option<Box<str>>,
}

/// Why there is no handshake.
struct Failure {
    why: TlsFailure,
    detail: String,
}

impl Failure {
    fn new(why: TlsFailure, detail: impl ToString) -> Self {
        Self {
            why,
            detail: detail.to_string(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(TlsFailure::Closed, error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let why = match &error {
            Error::PeerIncompatible(_)
            | Error::NoApplicationProtocol
            | Error::AlertReceived(
                AlertDescription::ProtocolVersion | AlertDescription::NoApplicationProtocol,
            ) => TlsFailure::Incompatible,
            Error::InvalidCertificate(_) | Error::NoCertificatesPresented => {
                TlsFailure::ClientCertificate
            }
            Error::AlertReceived(_) => TlsFailure::Alert,
            _ => TlsFailure::Protocol,
        };
        Self::new(why, error)
    }
}

/// Counts a handshake as long as it lasts.
struct Counted<'a>(&'a Worker);

impl<'a> Counted<'a> {
    /// `None` when there are too many.
    fn new(worker: &'a Worker) -> Option<Self> {
        let shared = &worker.shared;
        let open = shared.handshakes.fetch_add(1, Ordering::Relaxed);
        worker.stats.tls_handshaking.increment();
        let counted = Self(worker);
        (open < shared.settings.max_handshakes).then_some(counted)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.stats.tls_handshaking.decrement();
        self.0.shared.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Shakes hands with a client. `None` when that failed; it was told and counted then.
pub(crate) async fn accept(
    worker: &Rc<Worker>,
    mut socket: TcpStream,
    peer: SocketAddr,
    key: SocketKey,
    timer: &Timer,
) -> Option<(TlsStream, TlsFacts)> {
    let outcome = match Counted::new(worker) {
        Some(_counted) => {
            timer.set(worker.shared.settings.handshake_timeout);
            shake(worker, &mut socket, key, timer).await
        }
        None => Err(Failure::new(TlsFailure::Limit, "too many at one time")),
    };
    match outcome {
        Ok((tls, rest, facts)) => {
            worker.stats.tls_handshakes.increment();
            if tls.handshake_kind() == Some(HandshakeKind::Resumed) {
                worker.stats.tls_resumed.increment();
            }
            Some((TlsStream::new(socket, tls, rest), facts))
        }
        Err(Failure { why, detail }) => {
            worker.stats.tls_failed(why);
            tracing::debug!(%peer, port = key.1, reason = why.text(), %detail, "a client's TLS handshake failed");
            None
        }
    }
}

async fn shake(
    worker: &Rc<Worker>,
    socket: &mut TcpStream,
    key: SocketKey,
    timer: &Timer,
) -> Result<(Connection, Vec<u8>, TlsFacts), Failure> {
    // Whoever says nothing may be ended at any time.
    timer.set_idle(true);
    let hello = hello(socket, timer).await;
    timer.set_idle(false);
    let (accepted, mut rest) = hello?;
    let sni: Box<str> = accepted
        .client_hello()
        .server_name()
        .map(str::to_ascii_lowercase)
        .unwrap_or_default()
        .into();
    let server = choose(worker, socket, key, &sni).inspect_err(|_| {
        // If the socket does not take it, the end of the connection says the same.
        let _ = socket.try_write(&UNRECOGNIZED_NAME);
    })?;
    let turn = turn(&worker.turns).await?;
    let begun = accepted.into_connection(server.config.clone());
    let tls = begun.map_err(|(error, mut alert)| {
        let _ = alert.write_all(&mut Trying(socket));
        error
    })?;
    let mut tls = Connection::Server(tls);
    turn.end().await;
    let turns =
        server.clients.is_some() || tls.protocol_version() != Some(ProtocolVersion::TLSv1_3);
    let turns = turns.then_some(&worker.turns);
    let expired = |context: &mut Context<'_>| {
        timer.attach(context);
        timer.is_expired()
    };
    let driven = drive(socket, &mut tls, &mut rest, turns, expired).await;
    if let Err(failure) = driven {
        // The client is told why, if its socket takes it.
        let _ = tls.write_tls(&mut Trying(socket));
        return Err(failure);
    }
    let client = identity(&server, &tls)?;
    let facts = TlsFacts {
        listener: server.listener.clone(),
        admission: server.admission.clone(),
        alpn: alpn(&tls),
        sni,
        version: match tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        cipher: tls
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or_default(),
        client,
    };
    Ok((tls, rest, facts))
}

/// Reads the first message, and perhaps a little more.
async fn hello(socket: &mut TcpStream, timer: &Timer) -> Result<(Accepted, Vec<u8>), Failure> {
    // Only made for those who say something.
    let mut acceptor = None;
    std::future::poll_fn(|context| {
        timer.attach(context);
        loop {
            if timer.is_expired() {
                return Poll::Ready(Err(Failure::new(TlsFailure::Timeout, "no whole hello")));
            }
            let step = with_scratch(|scratch| {
                let count = ready!(poll_read(socket, context, scratch))?;
                let received = scratch.get(..count).unwrap_or_default();
                timer.set_idle(false);
                let acceptor = acceptor.get_or_insert_with(Acceptor::default);
                Poll::Ready(offer(acceptor, received, socket))
            });
            match step {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(Some(hello))) => return Poll::Ready(Ok(hello)),
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
            }
        }
    })
    .await
}

/// Gives received bytes to rustls until it has the first message.
fn offer(
    acceptor: &mut Acceptor,
    mut received: &[u8],
    socket: &TcpStream,
) -> Result<Option<(Accepted, Vec<u8>)>, Failure> {
    if received.is_empty() {
        return Err(Failure::new(TlsFailure::Closed, "before its hello"));
    }
    while !received.is_empty() {
        acceptor
            .read_tls(&mut received)
            .map_err(|error| Failure::new(TlsFailure::Protocol, error))?;
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(Some((accepted, received.to_vec()))),
            Ok(None) => {}
            Err((error, mut alert)) => {
                let _ = alert.write_all(&mut Trying(socket));
                return Err(error.into());
            }
        }
    }
    Ok(None)
}

/// The listener that owns a name. Without a name it is the listener without a hostname.
fn choose(
    worker: &Worker,
    socket: &TcpStream,
    key: SocketKey,
    sni: &str,
) -> Result<Arc<ServerTls>, Failure> {
    let generation = worker.generation();
    let local = || Some(socket.local_addr().ok()?.ip());
    let listener = generation
        .table(key, local)
        .and_then(|table| table.listener(sni.as_bytes()))
        .ok_or_else(|| {
            let detail = format!("no listener serves the name {sni:?}");
            Failure::new(TlsFailure::UnknownName, detail)
        })?;
    let key = &listener.listener().key;
    let server = generation.servers.listeners.get(key).ok_or_else(|| {
        let detail = format!("TLS of {key} cannot be set up");
        Failure::new(TlsFailure::Configuration, detail)
    })?;
    Ok(server.clone())
}

/// Who the client is. A session that goes on does so only while its certificate holds.
fn identity(server: &ServerTls, tls: &Connection) -> Result<Option<Box<str>>, Failure> {
    let Some(rules) = &server.clients else {
        return Ok(None);
    };
    let Some(chain) = tls.peer_certificates().filter(|chain| !chain.is_empty()) else {
        return if rules.insecure_fallback() {
            Ok(None)
        } else {
            Err(Error::NoCertificatesPresented.into())
        };
    };
    let checked =
        !rules.insecure_fallback() && tls.handshake_kind() != Some(HandshakeKind::Resumed);
    if !checked && let Err(error) = rules.check(chain, UnixTime::now()) {
        return if rules.insecure_fallback() {
            Ok(None)
        } else {
            Err(error.into())
        };
    }
    let element = chain
        .first()
        .map(|leaf| forwarded_element(leaf, server.by.as_deref()));
    Ok(element.map(Into::into))
}

fn alpn(tls: &Connection) -> Alpn {
    if tls.alpn_protocol() == Some(ALPN_H2) {
        Alpn::Http2
    } else {
        Alpn::Http1
    }
}

/// Leave for one costly step.
struct Turn<'a>(tokio::sync::SemaphorePermit<'a>);

async fn turn(turns: &Semaphore) -> Result<Turn<'_>, Failure> {
    let permit = turns.acquire().await;
    // It is never closed.
    permit
        .map(Turn)
        .map_err(|error| Failure::new(TlsFailure::Protocol, error))
}

impl Turn<'_> {
    /// Lets everybody else who is ready go first, then the next handshake.
    async fn end(self) {
        tokio::task::yield_now().await;
        drop(self.0);
    }
}

/// Brings a handshake to its end. `rest` has what was received and not given to rustls, before and
/// after. With `turns`, each step waits for its turn.
async fn drive(
    socket: &mut TcpStream,
    tls: &mut Connection,
    rest: &mut Vec<u8>,
    turns: Option<&Semaphore>,
    expired: impl Fn(&mut Context<'_>) -> bool,
) -> Result<(), Failure> {
    let timeout = || Failure::new(TlsFailure::Timeout, "the handshake took too long");
    while tls.is_handshaking() {
        if rest.is_empty() {
            std::future::poll_fn(|context| {
                if expired(context) {
                    return Poll::Ready(Err(timeout()));
                }
                let sent = poll_write_tls(socket, tls, context, &|| ())?;
                let readable = socket.poll_read_ready(context)?;
                // What has to be sent is sent while we wait to read.
                let _ = sent;
                readable.map(Ok)
            })
            .await?;
        }
        let turn = match turns {
            Some(turns) => Some(turn(turns).await?),
            None => None,
        };
        let stepped =
            std::future::poll_fn(|context| Poll::Ready(step(socket, tls, rest, context))).await;
        if let Some(turn) = turn {
            turn.end().await;
        }
        stepped?;
    }
    if may_wait(tls) {
        return Ok(());
    }
    std::future::poll_fn(|context| {
        if expired(context) {
            return Poll::Ready(Err(timeout()));
        }
        poll_write_tls(socket, tls, context, &|| ()).map_err(Failure::from)
    })
    .await
}

/// Whether the last words of the handshake can go with the first of what follows: a client's go
/// with its first request, and tickets of TLS 1.3 with the first reply.
pub(super) fn may_wait(tls: &Connection) -> bool {
    matches!(tls, Connection::Client(_)) || tls.protocol_version() == Some(ProtocolVersion::TLSv1_3)
}

/// Gives rustls what was received, but nothing beyond the handshake.
fn step(
    socket: &mut TcpStream,
    tls: &mut Connection,
    rest: &mut Vec<u8>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if !rest.is_empty() {
        let given = std::mem::take(rest);
        return give(tls, &given, rest);
    }
    with_scratch(|scratch| {
        let Poll::Ready(count) = poll_read(socket, context, scratch)? else {
            return Ok(());
        };
        if count == 0 {
            return Err(Failure::new(
                TlsFailure::Closed,
                "in the middle of the handshake",
            ));
        }
        give(tls, scratch.get(..count).unwrap_or_default(), rest)
    })
}

fn give(tls: &mut Connection, mut received: &[u8], rest: &mut Vec<u8>) -> Result<(), Failure> {
    while !received.is_empty() && tls.is_handshaking() {
        tls.read_tls(&mut received)
            .map_err(|error| Failure::new(TlsFailure::Protocol, error))?;
        tls.process_new_packets()?;
    }
    rest.extend_from_slice(received);
    Ok(())
}

/// Why a backend's handshake failed.
pub(crate) struct Refused {
    /// For the log.
    pub(crate) detail: String,
    /// The backend speaks none of the protocols that were offered.
    pub(crate) other_protocol: bool,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            other_protocol: failure.why == TlsFailure::Incompatible,
            detail: failure.detail,
        }
    }
}

/// Shakes hands with a backend.
///
/// # Errors
/// Why not.
pub(crate) async fn connect(
    mut socket: TcpStream,
    target: &ClientTls,
    alpn_wanted: Alpn,
) -> Result<TlsStream, Refused> {
    let config = match alpn_wanted {
        Alpn::Http1 => &target.http1,
        Alpn::Http2 => &target.http2,
    };
    let tls = ClientConnection::new(config.clone(), target.name.clone()).map_err(Failure::from)?;
    let mut tls = Connection::Client(tls);
    let mut rest = Vec::new();
    let driven = drive(&mut socket, &mut tls, &mut rest, None, |_| false).await;
    if let Err(failure) = driven {
        let _ = tls.write_tls(&mut Trying(&socket));
        return Err(failure.into());
    }
    if alpn_wanted == Alpn::Http2 && alpn(&tls) != Alpn::Http2 {
        let detail = "the backend does not speak HTTP/2 over TLS";
        return Err(Failure::new(TlsFailure::Incompatible, detail).into());
    }
    Ok(TlsStream::new(socket, tls, rest))
}
