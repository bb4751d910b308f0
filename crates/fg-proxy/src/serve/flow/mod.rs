//! One direction of an exchange: bytes from one socket to the other, with the body's framing taken
//! off, led through body filters where there are any, and put on again.
//!
//! Here is what a direction is and how it is set up. [`moving`] moves bytes between the sockets,
//! [`framing`] turns what came into what goes, [`steps`] shows it to filters and mirrors.
//!
//! Back-pressure: nothing is read while something waits to be sent.

mod framing;
mod moving;
mod steps;

use std::io;

use fg_exchange::LocalReply;
use fg_exchange::body::BodyStep;
use fg_http::Limits;
use fg_http::h1::Framing;
use fg_http::h1::chunk::Decoder;

use self::framing::{Refused, frame};
use super::mirror::Tap;

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
    /// What may not stand in trailers.
    refused_trailers: Refused,
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
            refused_trailers: Refused::default(),
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
        self.refused_trailers = Refused::default();
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

    /// Drops trailers of these names, which are lower-case, and those with an underscore too if so
    /// wished.
    pub(crate) fn refuse_trailers<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        underscores: bool,
    ) {
        self.refused_trailers = Refused {
            names: names.map(Into::into).collect(),
            underscores,
        };
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
}
