//! From what came to what goes: the framing of one side is taken off, that of the other put on.

use fg_http::h1::chunk::Event;
use fg_http::h1::write_chunk_size;

use super::steps::{copy, end_of, through};
use super::{Flow, FlowError, Sink, Source};
use crate::serve::mirror::Tap;

/// Bodies up to this size leave in one piece with their head. Units: bytes.
const SMALL: usize = 2048;

impl Flow {
    /// Turns input into output as far as it goes. Gives how many bytes of the input, from `at` on,
    /// are to be sent as they are.
    pub(super) fn produce(&mut self) -> Result<usize, FlowError> {
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
                        let trailers = self.refused_trailers.without(decoder.trailers());
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

    pub(super) fn finish_body(&mut self) -> Result<(), FlowError> {
        self.finish_with_trailers(&[])
    }

    /// Ends the body: what filters kept, then the last chunk and the trailers.
    pub(super) fn finish_with_trailers(&mut self, trailers: &[u8]) -> Result<(), FlowError> {
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

/// What may not stand in trailers.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// These names, lower-case.
    pub(super) names: Vec<Box<str>>,
    /// Names with an underscore.
    pub(super) underscores: bool,
}

impl Refused {
    /// Trailer lines but those that are refused.
    pub(super) fn without(&self, trailers: &[u8]) -> Vec<u8> {
        let is_refused = |line: &[u8]| {
            let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
            (self.underscores && name.contains(&b'_'))
                || self
                    .names
                    .iter()
                    .any(|refused| name.eq_ignore_ascii_case(refused.as_bytes()))
        };
        trailers
            .split_inclusive(|&byte| byte == b'\n')
            .filter(|line| !is_refused(line))
            .collect::<Vec<_>>()
            .concat()
    }
}

/// Puts data into the form of the sink.
pub(super) fn frame(sink: Sink, data: &[u8], output: &mut Vec<u8>) {
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
