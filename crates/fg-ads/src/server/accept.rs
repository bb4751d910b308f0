//! Accepting connections and, if there is TLS, shaking hands: many at once, a slow one holds up no
//! other.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use super::connection::{Connection, Socket};
use super::cut::Cut;
use super::{Options, Security};

/// Connections that the gRPC server has not taken yet.
const WAITING: usize = 16;

/// The connections of a socket, for as long as the stream lives.
pub(super) fn incoming(
    listener: TcpListener,
    security: Security,
    options: &Options,
) -> ReceiverStream<Result<Connection, Infallible>> {
    let (ready, incoming) = mpsc::channel(WAITING);
    // Twice as many as there may be clients: some come back before their old connection is gone.
    let places = Arc::new(Semaphore::new(options.clients.saturating_mul(2).max(1)));
    let deadline = options.first_deadline;
    tokio::spawn(async move {
        tokio::select! {
            () = accept(&listener, &security, &places, (&ready, deadline)) => {}
            () = ready.closed() => {}
        }
    });
    ReceiverStream::new(incoming)
}

type Ready = mpsc::Sender<Result<Connection, Infallible>>;

async fn accept(
    listener: &TcpListener,
    security: &Security,
    places: &Arc<Semaphore>,
    (ready, deadline): (&Ready, Duration),
) {
    /// After an accept that failed, since there are no more descriptors.
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((socket, peer)) => {
                let one = connect(socket, peer, security.clone(), place);
                let ready = ready.clone();
                tokio::spawn(async move {
                    match tokio::time::timeout(deadline, one).await {
                        Ok(Some(connection)) => {
                            let cut = connection.cut.clone();
                            if ready.send(Ok(connection)).await.is_ok() {
                                cut.unless_used(deadline).await;
                            }
                        }
                        Ok(None) => {}
                        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for discovery could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connect(
    socket: TcpStream,
    peer: SocketAddr,
    security: Security,
    place: OwnedSemaphorePermit,
) -> Option<Connection> {
    // A response is one message: it must not wait for the acknowledgement of the one before.
    let _ = socket.set_nodelay(true);
    let socket = match security {
        Security::Plain => Socket::Plain(socket),
        Security::Tls(newest) => {
            let config = newest.borrow().clone();
            match TlsAcceptor::from(config).accept(socket).await {
                Ok(socket) => Socket::Tls(Box::new(socket)),
                Err(error) => {
                    tracing::debug!(%peer, %error, "a TLS handshake failed");
                    return None;
                }
            }
        }
    };
    Some(Connection {
        socket,
        peer: Some(peer),
        cut: Cut::default(),
        _place: place,
    })
}
