//! The gateway's side of a client's connection.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fg_exchange::{Fault, Request};
use h2::server::{Connection, SendResponse};
use h2::{Ping, PingPong, RecvStream};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Settings, Stream, io_error, request};
use crate::Limits;
use crate::h1::ParsedRequest;

/// A client's connection.
pub struct Server<T> {
    connection: Connection<T, Bytes>,
    pings: Option<PingPong>,
    asked: bool,
}

/// Why a client's connection broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The client asked too much of it.
    Flood(String),
    /// The client broke the protocol.
    Protocol(String),
    /// The client gave it up.
    Gone,
}

impl From<h2::Error> for Broken {
    fn from(error: h2::Error) -> Self {
        if error.is_io() || error.is_remote() {
            Self::Gone
        } else if error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM) {
            Self::Flood(error.to_string())
        } else {
            Self::Protocol(error.to_string())
        }
    }
}

/// A request that arrived: its head is to be read, its stream to be served.
pub struct Arrival {
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Server<T> {
    /// Greets a client. Reads its preface, which must be in `io` still.
    ///
    /// # Errors
    /// The client does not speak HTTP/2, or left.
    pub async fn greet(io: T, settings: &Settings, limits: &Limits) -> io::Result<Self> {
        let mut connection = h2::server::Builder::new()
            .max_concurrent_streams(settings.streams)
            .initial_window_size(settings.stream_window)
            .initial_connection_window_size(settings.connection_window)
            .max_header_list_size(limits.head_list())
            .header_table_size(settings.header_table)
            .max_send_buffer_size(settings.send_buffer)
            .max_pending_accept_reset_streams(settings.early_resets)
            .max_local_error_reset_streams(Some(settings.forced_resets))
            .enable_connect_protocol()
            .handshake(io)
            .await
            .map_err(io_error)?;
        let pings = connection.ping_pong();
        Ok(Self {
            connection,
            pings,
            asked: false,
        })
    }

    /// Moves the connection on and gives the next request; `None` when it ended well.
    pub fn poll_arrival(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Arrival, Broken>>> {
        if self.asked
            && let Some(pings) = &mut self.pings
            && pings.poll_pong(context).is_ready()
        {
            self.asked = false;
        }
        Poll::Ready(match ready!(self.connection.poll_accept(context)) {
            None => None,
            Some(Ok((request, respond))) => Some(Ok(Arrival { request, respond })),
            Some(Err(error)) => Some(Err(error.into())),
        })
    }

    /// Takes no new streams; those that are open end in peace (GOAWAY).
    pub fn drain(&mut self) {
        self.connection.graceful_shutdown();
    }

    /// Ends the connection at once, since the client asks too much of it (`ENHANCE_YOUR_CALM`).
    pub fn abort(&mut self) {
        self.connection
            .abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
    }

    /// Asks whether the client is still there. `false` when it did not answer the question before.
    pub fn ask(&mut self) -> bool {
        if self.asked {
            return false;
        }
        if let Some(pings) = &mut self.pings
            && pings.send_ping(Ping::opaque()).is_ok()
        {
            self.asked = true;
        }
        true
    }
}

impl Arrival {
    /// Writes the head into a request, in the form that HTTP/1 gives it.
    pub fn read(
        self,
        request: &mut Request,
        limits: &Limits,
    ) -> (Stream, Result<ParsedRequest, Fault>) {
        let (parts, body) = self.request.into_parts();
        let parsed = request::read(&parts, body.is_end_stream(), request, limits);
        (Stream::of_client(body, self.respond), parsed)
    }
}
