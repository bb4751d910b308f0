//! One direction of an exchange: bytes from one socket to the other, with the body's framing taken
//! off, led through body filters where there are any, and put on again.
//!
//! Back-pressure: nothing is read while something waits to be sent.

use std::io;
use std::task::{Context, Poll, ready};

use fg_exchange::LocalReply;
use fg_exchange::body::{BodyStep, BodyVerdict};
use fg_http::Limits;
use fg_http::h1::chunk::{Decoder, Event};
use fg_http::h1::{Framing, write_chunk_size};

use super::mirror::Tap;
use crate::worker::socket::Stream;

/// Bodies up to this size leave in one piece with their head. Units: bytes.
const SMALL: usize = 2048;

/// Where the body ends on the receiving side.
#[derive(Debug)]
enum Source {
    /// It is over.
    Done,
    Length(u64),
    Chunked(Decoder),
    UntilClose,
    /// Up to the end of an HTTP/2 stream, which has trailers of its own.
    Frames,
}

/// How the body is framed on the sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    /// As it is: a length was announced, or the end of the connection is the end.
    Raw,
    Chunked,
    /// As it is, on an HTTP/2 stream that ends with it.
    Frames,
}

/// One direction.
pub(crate) struct Flow {
    /// Received and not done with, from `at` on.
    pub(crate) input: Vec<u8>,
    pub(crate) at: usize,
    /// To be sent, from `sent` on.
    pub(crate) output: Vec<u8>,
    sent: usize,
    source: Source,
    sink: Sink,
    steps: Vec<Box<dyn BodyStep>>,
    /// Who gets a copy of the body as it comes.
    taps: Vec<Tap>,
    /// How much of the output is the head.
    head_len: usize,
    /// Names that may not stand in trailers, lower-case.
    refused_trailers: Vec<Box<str>>,
    /// Trailers that came and did not go into the output: [`Sink::Frames`] sends them after it.
    trailers: Vec<u8>,
    /// Bytes of the body received so far.
    pub(crate) body_bytes: u64,
    /// Something was sent that is not in `output` any more, so it cannot be sent again.
    pub(crate) gone: bool,
    /// So much of the output is kept after it was sent, so that it can be sent again.
    keep: usize,
    /// The largest body.
    limit: u64,
    /// Bytes were sent at all.
    pub(crate) any_sent: bool,
    /// A filter holds the body back.
    holding: bool,
    /// It was said how the body comes and goes.
    begun: bool,
    /// See [`Flow::is_stuck`].
    stuck: bool,
}

/// Why a flow ended early.
#[derive(Debug)]
pub(crate) enum FlowError {
    /// The sender went away or failed; `None` is an orderly end in the middle of the body.
    From(Option<io::Error>),
    /// The receiver failed.
    To(io::Error),
    /// The sender's framing is malformed.
    Malformed(&'static str),
    /// A body filter wants this answer instead.
    Stopped(Box<LocalReply>),
    /// The body is larger than it may be.
    TooLarge,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            input: Vec::new(),
            at: 0,
            output: Vec::new(),
            sent: 0,
            source: Source::Done,
            sink: Sink::Raw,
            steps: Vec::new(),
            taps: Vec::new(),
            head_len: 0,
            refused_trailers: Vec::new(),
            trailers: Vec::new(),
            body_bytes: 0,
            gone: false,
            keep: 0,
            limit: u64::MAX,
            any_sent: false,
            holding: false,
            begun: false,
            stuck: false,
        }
    }
}

impl Flow {
    /// Forgets everything but the capacity of the buffers.
    pub(crate) fn clear(&mut self) {
        self.input.clear();
        self.at = 0;
        self.restart_output();
        self.source = Source::Done;
        self.sink = Sink::Raw;
        self.steps.clear();
        self.taps.clear();
        self.refused_trailers.clear();
        self.trailers.clear();
        self.body_bytes = 0;
        self.keep = 0;
        self.limit = u64::MAX;
        self.begun = false;
        self.stuck = false;
    }

    /// Empties the output.
    pub(crate) fn restart_output(&mut self) {
        self.output.clear();
        self.head_len = 0;
        self.sent = 0;
        self.gone = false;
        self.any_sent = false;
    }

    /// Puts a head in front of the output, in the place of an earlier one, and says how the body is
    /// framed. `false` when a part of the body is framed otherwise already.
    pub(crate) fn put_head(&mut self, sink: Sink, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let body = self.output.split_off(self.head_len.min(self.output.len()));
        self.output.clear();
        write(&mut self.output);
        self.head_len = self.output.len();
        if body.is_empty() || sink == self.sink {
            self.sink = sink;
        } else if self.sink == Sink::Raw && !self.any_sent {
            self.sink = sink;
            frame(sink, &body, &mut self.output);
            return true;
        } else {
            return false;
        }
        self.output.extend_from_slice(&body);
        true
    }

    /// Keeps up to so many bytes of what was sent, so that it can be sent again.
    pub(crate) fn keep(&mut self, most: usize) {
        self.keep = most;
    }

    /// Copies the body as it comes.
    pub(crate) fn tap(&mut self, tap: Tap) {
        self.taps.push(tap);
    }

    /// Refuses a body that is larger than this. To be said after [`Flow::begin`].
    pub(crate) fn limit(&mut self, most: u64) {
        self.limit = most;
    }

    /// Makes the output be sent again from its start.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
        self.any_sent = false;
    }

    /// Sets how the body comes and goes. The head to be sent is in `output` already, or follows.
    pub(crate) fn begin(
        &mut self,
        framing: Framing,
        sink: Sink,
        steps: Vec<Box<dyn BodyStep>>,
        limits: &Limits,
    ) {
        self.source = match framing {
            Framing::Length(0) => Source::Done,
            Framing::Length(length) => Source::Length(length),
            Framing::Chunked => Source::Chunked(Decoder::new(limits)),
            Framing::UntilClose => Source::UntilClose,
        };
        self.sink = sink;
        self.steps = steps;
        self.body_bytes = 0;
        self.holding = false;
        self.begun = true;
    }

    /// The body comes from an HTTP/2 stream. To be said after [`Flow::begin`].
    pub(crate) fn receive_frames(&mut self) {
        if !self.is_received() {
            self.source = Source::Frames;
        }
    }

    /// The output goes to an HTTP/2 stream, which ends with it. For replies of our own.
    pub(crate) fn send_frames(&mut self) {
        self.sink = Sink::Frames;
    }

    /// Whether the whole body was received.
    pub(crate) fn is_received(&self) -> bool {
        matches!(self.source, Source::Done)
    }

    /// Drops trailers of these names, which are lower-case.
    pub(crate) fn refuse_trailers<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.refused_trailers = names.map(Into::into).collect();
    }

    /// The trailers that came after a body that is not sent on in chunks.
    pub(crate) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    /// Gives the input beyond the body away, once the body is over.
    pub(crate) fn give_rest(&mut self, to: &mut Vec<u8>) {
        if self.at < self.input.len() {
            to.extend_from_slice(self.input.get(self.at..).unwrap_or_default());
            self.input.truncate(self.at);
        }
    }

    /// Takes a body that nobody wants out of the input. `false` when not all of it is there.
    pub(crate) fn discard(&mut self, framing: Framing) -> bool {
        let left = match (&self.source, framing) {
            (Source::Length(left), _) if self.begun => *left,
            (Source::Done, _) if self.begun => 0,
            (_, Framing::Length(length)) if !self.begun => length,
            _ => return false,
        };
        let here = self.input.len().saturating_sub(self.at);
        match usize::try_from(left) {
            Ok(left) if left <= here => {
                self.at += left;
                self.source = Source::Done;
                true
            }
            _ => false,
        }
    }

    /// Whether everything in the output was sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent == self.output.len()
    }

    /// Whether it waits for the receiver to take something, rather than for the sender.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.stuck
    }

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

    /// Puts a head in front of what [`Flow::poll_collect`] gathered. When the body is over, its
    /// length is known; otherwise it goes on in chunks (or up to the close, with [`Sink::Raw`]).
    pub(crate) fn collected(
        &mut self,
        sink: Sink,
        write_head: impl FnOnce(Option<usize>, &mut Vec<u8>),
    ) {
        let body = std::mem::take(&mut self.output);
        let over = self.is_received();
        write_head(over.then_some(body.len()), &mut self.output);
        self.sink = match sink {
            Sink::Chunked if over => Sink::Raw,
            sink => sink,
        };
        frame(self.sink, &body, &mut self.output);
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
                let trailers = without(&trailers, &self.refused_trailers);
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

    /// Turns input into output as far as it goes. Gives how many bytes of the input, from `at` on,
    /// are to be sent as they are.
    fn produce(&mut self) -> Result<usize, FlowError> {
        loop {
            let available = self.input.get(self.at..).unwrap_or_default();
            let (take, over) = match &mut self.source {
                Source::Done => return Ok(0),
                _ if available.is_empty() => return Ok(0),
                Source::Chunked(decoder) => match decoder
                    .next(available)
                    .map_err(|e| FlowError::Malformed(e.0))?
                {
                    Event::Data { bytes, consumed } => {
                        if self.body_bytes.saturating_add(bytes.len() as u64) > self.limit {
                            return Err(FlowError::TooLarge);
                        }
                        let start = self.at + consumed - bytes.len();
                        let end = self.at + consumed;
                        self.at = end;
                        self.emit(start, end)?;
                        continue;
                    }
                    Event::NeedMore => {
                        self.at = self.input.len();
                        return Ok(0);
                    }
                    Event::End { consumed } => {
                        self.at += consumed;
                        let trailers = without(decoder.trailers(), &self.refused_trailers);
                        self.source = Source::Done;
                        self.finish_with_trailers(&trailers)?;
                        return Ok(0);
                    }
                },
                Source::Length(left) => {
                    let take = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(available.len());
                    (take, take as u64 == *left)
                }
                Source::UntilClose | Source::Frames => (available.len(), false),
            };
            if self.body_bytes.saturating_add(take as u64) > self.limit {
                return Err(FlowError::TooLarge);
            }
            let plain = self.steps.is_empty()
                && self.sink != Sink::Chunked
                && (self.keep == 0 || self.gone || !self.can_keep(take));
            if plain
                && (take > SMALL || self.output.len() > SMALL || (self.any_sent && self.is_sent()))
            {
                return Ok(take);
            }
            let (start, end) = (self.at, self.at + take);
            self.at = end;
            if let Source::Length(left) = &mut self.source {
                *left -= take as u64;
            }
            self.emit(start, end)?;
            if over {
                self.source = Source::Done;
                self.finish_body()?;
            }
        }
    }

    /// Whether so much more can be kept.
    fn can_keep(&self, more: usize) -> bool {
        (self.output.len() - self.head_len).saturating_add(more) <= self.keep
    }

    /// Writes a part of the input to the output, through the filters.
    fn emit(&mut self, start: usize, end: usize) -> Result<(), FlowError> {
        self.body_bytes += (end - start) as u64;
        let Self {
            input,
            output,
            steps,
            sink,
            taps,
            ..
        } = self;
        let data = input.get(start..end).unwrap_or_default();
        if !taps.is_empty() {
            copy(taps, Some(data));
        }
        if steps.is_empty() {
            frame(*sink, data, output);
            return Ok(());
        }
        let (filtered, held) = through(steps, data)?;
        self.holding = held;
        frame(*sink, &filtered, output);
        Ok(())
    }

    fn finish_body(&mut self) -> Result<(), FlowError> {
        self.finish_with_trailers(&[])
    }

    /// Ends the body: what filters kept, then the last chunk and the trailers.
    fn finish_with_trailers(&mut self, trailers: &[u8]) -> Result<(), FlowError> {
        self.taps.iter_mut().for_each(Tap::end);
        if !self.steps.is_empty() {
            let rest = end_of(&mut self.steps)?;
            frame(self.sink, &rest, &mut self.output);
        }
        if self.sink == Sink::Chunked {
            self.output.extend_from_slice(b"0\r\n");
            self.output.extend_from_slice(trailers);
            self.output.extend_from_slice(b"\r\n");
        } else {
            self.trailers.extend_from_slice(trailers);
        }
        Ok(())
    }
}

/// Gives a part of the body to all taps.
#[cold]
fn copy(taps: &mut [Tap], data: Option<&[u8]>) {
    for tap in taps {
        tap.data(data.unwrap_or_default());
    }
}

/// Lets mirrors run once that have much to take; nobody waits for them.
#[cold]
fn give_way(taps: &mut [Tap], context: &Context<'_>) -> bool {
    let mut behind = false;
    for tap in taps {
        behind |= tap.take_behind();
    }
    if behind {
        context.waker().wake_by_ref();
    }
    behind
}

/// Trailer lines but those of refused names.
fn without(trailers: &[u8], refused: &[Box<str>]) -> Vec<u8> {
    let is_refused = |line: &[u8]| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        refused
            .iter()
            .any(|refused| name.eq_ignore_ascii_case(refused.as_bytes()))
    };
    trailers
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|line| !is_refused(line))
        .collect::<Vec<_>>()
        .concat()
}

/// Puts data into the form of the sink.
fn frame(sink: Sink, data: &[u8], output: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    match sink {
        Sink::Raw | Sink::Frames => output.extend_from_slice(data),
        Sink::Chunked => {
            write_chunk_size(data.len(), output);
            output.extend_from_slice(data);
            output.extend_from_slice(b"\r\n");
        }
    }
}

/// Leads data through the filters; says whether one of them holds the body back.
fn through(steps: &mut [Box<dyn BodyStep>], data: &[u8]) -> Result<(Vec<u8>, bool), FlowError> {
    let mut current = data.to_vec();
    let mut held = false;
    for step in steps {
        let mut next = Vec::new();
        match step.data(&current, &mut next) {
            BodyVerdict::Continue => {}
            BodyVerdict::Hold => held = true,
            BodyVerdict::Stop(reply) => return Err(FlowError::Stopped(reply)),
        }
        current = next;
        if current.is_empty() {
            break;
        }
    }
    Ok((current, held))
}

/// Ends the body in every filter, in order; what one still gives passes those after it.
fn end_of(steps: &mut [Box<dyn BodyStep>]) -> Result<Vec<u8>, FlowError> {
    let mut carried = Vec::new();
    for step in steps {
        let mut next = Vec::new();
        let verdict = if carried.is_empty() {
            BodyVerdict::Continue
        } else {
            step.data(&carried, &mut next)
        };
        for verdict in [verdict, step.end(&mut next)] {
            if let BodyVerdict::Stop(reply) = verdict {
                return Err(FlowError::Stopped(reply));
            }
        }
        carried = next;
    }
    Ok(carried)
}
