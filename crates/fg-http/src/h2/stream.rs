//! One request and its reply on an HTTP/2 connection, read and written like a socket.

use std::task::{Context, Poll, ready};
use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use fg_exchange::{Name, Reply};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use super::fields::{self, Trailers};
use super::io_error;
use crate::h1::Framing;

/// One stream.
///
/// Dropping it before both directions ended resets it: `CANCEL`, or `NO_ERROR` when our reply was
/// complete and the client is still sending.
pub struct Stream {
    pub(super) recv: Option<RecvStream>,
    pub(super) half: Half,
    /// The requests' side: it sends replies.
    server: bool,
}

/// The sending side.
pub(super) enum Half {
    /// The reply's head was not sent yet.
    Respond(SendResponse<Bytes>),
    /// Sending a body.
    Open(SendStream<Bytes>),
    /// Everything was sent.
    Ended,
}

/// Why a stream is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// What follows would be wrong: the backend's reply broke off.
    Internal,
    /// Nobody wants it any more.
    Cancel,
    /// Its request was not touched.
    Refused,
}

impl Stream {
    pub(super) fn of_client(recv: RecvStream, respond: SendResponse<Bytes>) -> Self {
        Self {
            recv: Some(recv),
            half: Half::Respond(respond),
            server: true,
        }
    }

    pub(super) fn to_backend(send: SendStream<Bytes>, ended: bool) -> Self {
        Self {
            recv: None,
            half: if ended { Half::Ended } else { Half::Open(send) },
            server: false,
        }
    }

    /// Reads the next DATA to the end of a buffer; 0 is the end of the body. What is read may be
    /// received again: the window opens by as much.
    pub fn poll_recv(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let Some(recv) = &mut self.recv else {
            return Poll::Ready(Ok(0));
        };
        loop {
            return Poll::Ready(match ready!(recv.poll_data(context)) {
                None => Ok(0),
                Some(Err(error)) => Err(io_error(error)),
                Some(Ok(data)) if data.is_empty() => continue,
                Some(Ok(data)) => {
                    buffer.extend_from_slice(&data);
                    // Fails only when the stream is gone, which the next read says.
                    let _ = recv.flow_control().release_capacity(data.len());
                    Ok(data.len())
                }
            });
        }
    }

    /// The trailers, once the body ended.
    pub fn poll_trailers(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Trailers>> {
        let Some(recv) = &mut self.recv else {
            return Poll::Ready(Ok(Trailers::new()));
        };
        match ready!(recv.poll_trailers(context)) {
            Ok(Some(map)) => Poll::Ready(Ok(fields::trailers_received(&map))),
            Ok(None) => Poll::Ready(Ok(Trailers::new())),
            Err(error) => Poll::Ready(Err(io_error(error))),
        }
    }

    /// Sends as much as the window takes of `first`, then `second`. `end` says that nothing follows
    /// them, not even trailers.
    pub fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
        end: bool,
    ) -> Poll<io::Result<usize>> {
        let Half::Open(stream) = &mut self.half else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let total = first.len() + second.len();
        if total == 0 {
            return Poll::Ready(Ok(0));
        }
        if stream.capacity() < total {
            stream.reserve_capacity(total);
        }
        while stream.capacity() == 0 {
            match ready!(stream.poll_capacity(context)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let count = stream.capacity().min(total);
        let mut data = BytesMut::with_capacity(count);
        let of_first = count.min(first.len());
        data.extend_from_slice(first.get(..of_first).unwrap_or_default());
        data.extend_from_slice(second.get(..count - of_first).unwrap_or_default());
        let last = end && count == total;
        if let Err(error) = stream.send_data(data.freeze(), last) {
            return Poll::Ready(Err(io_error(error)));
        }
        if last {
            self.close();
        }
        Poll::Ready(Ok(count))
    }

    /// Ends what we send, with trailers if there are any. Does nothing the second time.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn end(&mut self, trailers: &[u8]) -> io::Result<()> {
        let Half::Open(stream) = &mut self.half else {
            return Ok(());
        };
        let trailers = fields::trailers_to_send(trailers);
        let sent = if trailers.is_empty() {
            stream.send_data(Bytes::new(), true)
        } else {
            stream.send_trailers(trailers)
        };
        self.close();
        sent.map_err(io_error)
    }

    fn close(&mut self) {
        self.half = Half::Ended;
    }

    /// Whether the other side gave the stream up, or the connection is gone. Registers for it.
    pub fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.half {
            Half::Respond(respond) => respond.poll_reset(context).map(drop),
            Half::Open(stream) => stream.poll_reset(context).map(drop),
            Half::Ended => Poll::Pending,
        }
    }

    /// Cuts the stream off.
    pub fn cut(&mut self, cut: Cut) {
        let reason = match cut {
            Cut::Internal => Reason::INTERNAL_ERROR,
            Cut::Cancel => Reason::CANCEL,
            Cut::Refused => Reason::REFUSED_STREAM,
        };
        match &mut self.half {
            Half::Respond(respond) => respond.send_reset(reason),
            Half::Open(stream) => stream.send_reset(reason),
            Half::Ended => {}
        }
    }

    /// Sends the head of a reply. `end` says that no body follows. A 101 becomes the 200 of an
    /// extended CONNECT. `date` is written when the reply has none.
    ///
    /// # Errors
    /// The stream is gone, or its head was sent before.
    pub fn send_reply(
        &mut self,
        reply: &Reply,
        framing: Option<Framing>,
        date: &[u8],
        end: bool,
    ) -> io::Result<()> {
        let Half::Respond(respond) = &mut self.half else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut head = reply_head(reply)?;
        let map = head.headers_mut();
        if reply.status == 101 {
            *head.status_mut() = StatusCode::OK;
        } else {
            if reply.head.get(Name::Date).is_none()
                && let Ok(date) = HeaderValue::from_bytes(date)
            {
                map.insert(header::DATE, date);
            }
            if let Some(Framing::Length(length)) = framing {
                fields::set_length(map, length);
            }
        }
        let stream = respond.send_response(head, end).map_err(io_error)?;
        self.half = if end { Half::Ended } else { Half::Open(stream) };
        Ok(())
    }

    /// Sends an informational reply (1xx).
    ///
    /// # Errors
    /// The stream is gone, or the head of its reply was sent before.
    pub fn send_informational(&mut self, reply: &Reply) -> io::Result<()> {
        let Half::Respond(respond) = &mut self.half else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        respond
            .send_informational(reply_head(reply)?)
            .map_err(io_error)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

fn reply_head(reply: &Reply) -> io::Result<Response<()>> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(reply.status)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    fields::send(&reply.head, head.headers_mut());
    Ok(head)
}
