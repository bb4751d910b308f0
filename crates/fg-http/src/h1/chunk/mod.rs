//! Reads bodies in chunks. Source: RFC 9112 §7.1, read strictly.
//!
//! Sizes are hexadecimal digits only; extensions are checked, bounded and dropped; every line ends
//! in CRLF; trailers are bounded and lose what may not stand there.

use fg_exchange::{Name, is_token, is_value};

use crate::Limits;

/// The length of a size line that nobody has to pay for: 16 digits. Units: bytes.
const FREE_LINE: u64 = 16;

/// The most that size lines of one body may exceed what is free. Units: bytes.
const MAX_UNPAID: u64 = 16 * 1024;

/// A decoder for one body. Feed it with [`Decoder::next`] until [`Event::End`].
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Bytes of the current line, or of all trailers so far.
    line: Vec<u8>,
    line_limit: usize,
    /// Bytes of size lines that no data paid for, see [`Decoder::charge`].
    unpaid: u64,
    /// Bytes that the trailer section may still have, dropped fields included.
    trailer_budget: usize,
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a chunk's size line.
    Size,
    /// In a chunk's data, so many bytes to go.
    Data(u64),
    /// After the data: CR, then LF.
    DataCr,
    DataLf,
    /// In the trailer section.
    Trailer,
    /// The body is over.
    End,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Bytes of the body. `consumed` bytes of the input are done with.
    Data {
        /// A part of the input.
        bytes: &'a [u8],
        /// Bytes of the input that are done with, this data included.
        consumed: usize,
    },
    /// All of the input is done with, and more is needed.
    NeedMore,
    /// The body is over. The trailers are in [`Decoder::trailers`].
    End {
        /// Bytes of the input that belong to the body; what follows is the next message.
        consumed: usize,
    },
}

/// The body is not in chunks as the RFC writes them, or goes over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Decoder {
    /// A decoder at the start of a body.
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Size,
            line: Vec::new(),
            line_limit: limits.chunk_line,
            unpaid: 0,
            trailer_budget: limits.trailers,
            trailers: Vec::new(),
        }
    }

    /// Whether the body is over.
    pub fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// The trailer fields that may be forwarded, as `name: value\r\n` lines.
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Reads on. Never gives empty data.
    ///
    /// # Errors
    /// When the input breaks the syntax or a limit: nothing after it can be trusted.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<Event<'a>, Malformed> {
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            match self.state {
                State::End => return Ok(Event::End { consumed: at }),
                _ if rest.is_empty() => return Ok(Event::NeedMore),
                State::Data(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left.saturating_sub(count(take));
                    self.state = if left == 0 {
                        State::DataCr
                    } else {
                        State::Data(left)
                    };
                    return Ok(Event::Data {
                        bytes: rest.get(..take).unwrap_or_default(),
                        consumed: at + take,
                    });
                }
                State::DataCr | State::DataLf => {
                    at += self.data_end(rest)?;
                }
                State::Size => {
                    let (used, complete) =
                        self.take_line(rest, self.line_limit, "chunk size line too long")?;
                    at += used;
                    if complete {
                        let size = parse_size_line(&self.line)?;
                        self.charge(size)?;
                        self.line.clear();
                        self.state = if size == 0 {
                            State::Trailer
                        } else {
                            State::Data(size)
                        };
                    }
                }
                State::Trailer => {
                    let (used, complete) =
                        self.take_line(rest, self.trailer_budget, "trailers too long")?;
                    at += used;
                    if complete {
                        self.trailer_budget =
                            self.trailer_budget.saturating_sub(self.line.len() + 2);
                        self.trailer_line()?;
                    }
                }
            }
        }
    }

    /// Keeps a body from being mostly size lines: each line is free up to [`FREE_LINE`] bytes and
    /// as many as its chunk has; what is beyond that adds up, and may not pass [`MAX_UNPAID`].
    fn charge(&mut self, size: u64) -> Result<(), Malformed> {
        self.unpaid = self
            .unpaid
            .saturating_add(count(self.line.len()))
            .saturating_sub(FREE_LINE.saturating_add(size));
        if self.unpaid > MAX_UNPAID {
            return Err(Malformed("more chunk extensions than data"));
        }
        Ok(())
    }

    fn data_end(&mut self, rest: &[u8]) -> Result<usize, Malformed> {
        match (self.state, rest) {
            (State::DataCr, [b'\r', b'\n', ..]) => {
                self.state = State::Size;
                Ok(2)
            }
            (State::DataCr, [b'\r', ..]) => {
                self.state = State::DataLf;
                Ok(1)
            }
            (State::DataLf, [b'\n', ..]) => {
                self.state = State::Size;
                Ok(1)
            }
            _ => Err(Malformed("chunk data does not end in CRLF")),
        }
    }

    /// Collects a line up to its CRLF, which is not kept. Gives the bytes used and whether the
    /// line is complete.
    fn take_line(
        &mut self,
        rest: &[u8],
        limit: usize,
        too_long: &'static str,
    ) -> Result<(usize, bool), Malformed> {
        let end = memchr::memchr(b'\n', rest);
        let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if self.line.len() + part.len() > limit + 1 {
            return Err(Malformed(too_long));
        }
        self.line.extend_from_slice(part);
        match end {
            Some(end) => {
                if self.line.pop() != Some(b'\r') {
                    return Err(Malformed("line that does not end in CRLF"));
                }
                Ok((end + 1, true))
            }
            None => Ok((rest.len(), false)),
        }
    }

    fn trailer_line(&mut self) -> Result<(), Malformed> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.state = State::End;
            return Ok(());
        }
        let colon = memchr::memchr(b':', &line).ok_or(Malformed("trailer without a colon"))?;
        let (name, value) = line.split_at(colon);
        let value = trim_blanks(value.get(1..).unwrap_or_default());
        if !is_token(name) || !is_value(value) {
            return Err(Malformed("malformed trailer"));
        }
        if may_be_trailer(name) {
            self.trailers.extend_from_slice(name);
            self.trailers.extend_from_slice(b": ");
            self.trailers.extend_from_slice(value);
            self.trailers.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

/// A number of bytes in memory, which always fits.
fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Framing, routing, credentials, forwarding and request modifiers never pass as trailers: a
/// receiver that merges trailers into the head would take them for checked ones, and one that takes
/// an underscore for a dash would take more for them. Source: RFC 9110 §6.5.1.
pub(crate) fn may_be_trailer(name: &[u8]) -> bool {
    if !name.contains(&b'_') {
        return is_harmless(name);
    }
    let dash = |&byte: &u8| if byte == b'_' { b'-' } else { byte };
    is_harmless(&name.iter().map(dash).collect::<Vec<u8>>())
}

fn is_harmless(name: &[u8]) -> bool {
    const REFUSED: &[&str] = &[
        "age",
        "alt-svc",
        "authentication-info",
        "cache-control",
        "clear-site-data",
        "content-disposition",
        "content-encoding",
        "content-location",
        "content-range",
        "content-security-policy",
        "content-type",
        "expires",
        "max-forwards",
        "pragma",
        "range",
        "retry-after",
        "strict-transport-security",
        "vary",
        "via",
        "warning",
        "www-authenticate",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-expose-headers",
    ];
    Name::resolve(name) == Name::Other
        && !REFUSED
            .iter()
            .any(|refused| refused.as_bytes().eq_ignore_ascii_case(name))
        && !name
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"if-"))
        && !name
            .get(..12)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
}

/// `1f` or `1f;name=value;name="quoted"`: the size, after the extensions were checked.
fn parse_size_line(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    if digits == 0 || digits > 16 {
        return Err(Malformed(
            "chunk size is no hexadecimal number of up to 16 digits",
        ));
    }
    let size = line.iter().take(digits).fold(0u64, |size, &byte| {
        size << 4 | u64::from(char::from(byte).to_digit(16).unwrap_or_default())
    });
    if size > i64::MAX.unsigned_abs() {
        return Err(Malformed("chunk size too large"));
    }
    let extensions = line.get(digits..).unwrap_or_default();
    let legal = extensions
        .iter()
        .all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    match trim_blanks(extensions).first() {
        None if extensions.is_empty() => Ok(size),
        Some(b';') if legal => Ok(size),
        _ => Err(Malformed(
            "bytes after the chunk size that are no extension",
        )),
    }
}

#[cfg(test)]
mod tests;
