//! The socket under an HTTP/2 connection, which knows whether the other side takes what it is sent.
//!
//! The `h2` crate keeps the socket to itself; a [`Watch`] is what others know of it.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::worker::socket::Stream;

/// The socket as the `h2` crate wants it, with bytes that were read already put back in front.
pub(super) struct Outlet {
    stream: Stream,
    /// Read and not given away yet, from `at` on.
    ahead: Vec<u8>,
    at: usize,
    watch: Rc<Watch>,
}

/// What is known of an [`Outlet`].
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Something waits to be written, and the other side takes nothing.
    stuck: Cell<bool>,
    /// That began, or began again after a part was taken, since somebody asked.
    anew: Cell<bool>,
    /// See [`Watch::give_up`].
    given_up: Rc<Cell<bool>>,
}

impl Watch {
    /// Whether something waits to be written, and nothing of it is taken.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.get()
    }

    /// Whether that began since this was asked last.
    pub(super) fn is_anew(&self) -> bool {
        self.anew.take()
    }

    /// Nobody waits for the other side any more: what it did not take until the end is forgotten,
    /// instead of waiting for it in the kernel.
    pub(super) fn give_up(&self) {
        self.given_up.set(true);
    }

    /// The same if the other side takes nothing now.
    pub(super) fn give_up_if_stuck(&self) {
        if self.is_stuck() {
            self.give_up();
        }
    }

    /// What says so, for others to set.
    pub(super) fn given_up(&self) -> Rc<Cell<bool>> {
        self.given_up.clone()
    }

    /// Takes note of what became of writing.
    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck.set(false);
        } else if !self.stuck.replace(true) {
            self.anew.set(true);
        }
        written
    }
}

impl Outlet {
    pub(super) fn new(stream: Stream, ahead: Vec<u8>) -> (Self, Rc<Watch>) {
        let watch = Rc::new(Watch::default());
        let outlet = Self {
            stream,
            ahead,
            at: 0,
            watch: watch.clone(),
        };
        (outlet, watch)
    }

    /// Gives what TLS holds to the kernel, in how many parts ever, before there is more.
    fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, watch, .. } = self;
        let flushed = stream.poll_flush(context, || watch.stuck.set(false));
        match flushed {
            Poll::Pending => watch.note(flushed),
            ready => ready,
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if self.watch.given_up.get() {
            self.stream.abandon();
        }
    }
}

impl AsyncRead for Outlet {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.at >= this.ahead.len() {
            this.at = 0;
            this.ahead = Vec::new();
            if let Stream::Plain(stream) = &mut this.stream {
                return Pin::new(stream).poll_read(context, buffer);
            }
            ready!(this.stream.poll_recv(context, &mut this.ahead, 0))?;
        }
        let ahead = this.ahead.get(this.at..).unwrap_or_default();
        let count = ahead.len().min(buffer.remaining());
        buffer.put_slice(ahead.get(..count).unwrap_or_default());
        this.at += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Outlet {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_held(context))?;
        let written = this.stream.poll_send(context, bytes, &[], false);
        this.watch.note(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_held(context))?;
        let written = if let Stream::Plain(stream) = &mut this.stream {
            Pin::new(stream).poll_write_vectored(context, slices)
        } else {
            let first = slices.first().map_or(&[][..], |slice| slice);
            let second = slices.get(1).map_or(&[][..], |slice| slice);
            this.stream.poll_send(context, first, second, false)
        };
        this.watch.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = this.poll_held(context);
        this.watch.note(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = this.stream.poll_shutdown(context);
        this.watch.note(shut)
    }
}
