//! Moving bytes between the sockets.

use std::io;
use std::task::{Context, Poll, ready};

use super::steps::{copy, give_way};
use super::{Flow, FlowError, Sink, Source};
use crate::serve::mirror::Tap;
use crate::worker::socket::Stream;

impl Flow {
    /// Moves bytes until the body is over and everything is sent.
    ///
    /// `progress` is called whenever bytes moved; `room` is how much is read at once.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        room: usize,
        progress: impl Fn(),
    ) -> Poll<Result<(), FlowError>> {
        loop {
            let direct = self.produce()?;
            let sent_all = self.poll_flush(context, to, direct, &progress)?;
            self.stuck = sent_all.is_pending();
            if self.stuck {
                return Poll::Pending;
            }
            if self.is_received() {
                return Poll::Ready(self.end(to));
            }
            ready!(self.poll_fill(context, from, room, &progress))?;
        }
    }

    /// Reads the body through the filters without sending anything, until they let something go
    /// or the body is over.
    pub(crate) fn poll_collect(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Stream,
        room: usize,
        progress: impl Fn(),
    ) -> Poll<Result<(), FlowError>> {
        loop {
            self.produce()?;
            if self.is_received() || (!self.holding && !self.output.is_empty()) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_fill(context, from, room, &progress))?;
        }
    }

    /// Sends the output and nothing else.
    pub(crate) fn poll_output(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Stream,
    ) -> Poll<Result<(), FlowError>> {
        ready!(self.poll_flush(context, to, 0, &|| {}))?;
        Poll::Ready(self.end(to))
    }

    /// Ends an HTTP/2 stream after everything was sent; nothing elsewhere.
    fn end(&self, to: &mut Stream) -> Result<(), FlowError> {
        match to.http2() {
            Some(stream) if self.sink == Sink::Frames => {
                stream.end(&self.trailers).map_err(FlowError::To)
            }
            _ => Ok(()),
        }
    }

    /// Sends the output, and after it `direct` bytes of the input.
    fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Stream,
        mut direct: usize,
        progress: &impl Fn(),
    ) -> Poll<Result<(), FlowError>> {
        loop {
            ready!(to.poll_flush(context, progress)).map_err(FlowError::To)?;
            if self.sent == self.output.len() && direct == 0 {
                return Poll::Ready(Ok(()));
            }
            let first = self.output.get(self.sent..).unwrap_or_default();
            let second = self
                .input
                .get(self.at..self.at + direct)
                .unwrap_or_default();
            let end = self.sink == Sink::Frames
                && self.trailers.is_empty()
                && match self.source {
                    Source::Done => direct == 0,
                    Source::Length(left) => left == direct as u64,
                    _ => false,
                };
            let count = match ready!(to.poll_send(context, first, second, end)) {
                Ok(0) => return Poll::Ready(Err(FlowError::To(io::ErrorKind::WriteZero.into()))),
                Ok(count) => count,
                Err(error) => return Poll::Ready(Err(FlowError::To(error))),
            };
            progress();
            self.any_sent = true;
            let of_output = count.min(self.output.len() - self.sent);
            self.sent += of_output;
            let of_input = count - of_output;
            if of_input > 0 {
                direct -= of_input;
                self.take_direct(of_input);
            }
        }
    }

    /// Notes that so much of the body left straight from the input.
    fn take_direct(&mut self, count: usize) {
        if !self.taps.is_empty() {
            copy(&mut self.taps, self.input.get(self.at..self.at + count));
        }
        self.at += count;
        self.gone = true;
        self.body_bytes += count as u64;
        if let Source::Length(left) = &mut self.source {
            *left -= count as u64;
            if *left == 0 {
                self.source = Source::Done;
                self.taps.iter_mut().for_each(Tap::end);
            }
        }
    }

    /// Reads more of the body. Only when all input is done with.
    fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Stream,
        room: usize,
        progress: &impl Fn(),
    ) -> Poll<Result<(), FlowError>> {
        if self.at >= self.input.len() {
            self.input.clear();
            self.at = 0;
        }
        if !self.taps.is_empty() && give_way(&mut self.taps, context) {
            return Poll::Pending;
        }
        // What was sent may be forgotten once the body goes on: it cannot be replayed then.
        if self.body_bytes > 0
            && self.is_sent()
            && !self.output.is_empty()
            && (self.gone || self.output.len() - self.head_len > self.keep)
        {
            self.output.clear();
            self.head_len = 0;
            self.sent = 0;
            self.gone = true;
        }
        match ready!(from.poll_recv(context, &mut self.input, room)) {
            Ok(0) if matches!(self.source, Source::UntilClose) => {
                self.source = Source::Done;
                self.finish_body()?;
                Poll::Ready(Ok(()))
            }
            Ok(0) if matches!(self.source, Source::Frames) => {
                let trailers = match from.http2() {
                    Some(stream) => ready!(stream.poll_trailers(context))
                        .map_err(|error| FlowError::From(Some(error)))?,
                    None => Vec::new(),
                };
                self.source = Source::Done;
                let trailers = self.refused_trailers.without(&trailers);
                self.finish_with_trailers(&trailers)?;
                Poll::Ready(Ok(()))
            }
            Ok(0) => Poll::Ready(Err(FlowError::From(None))),
            Ok(_) => {
                progress();
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(FlowError::From(Some(error)))),
        }
    }
}
