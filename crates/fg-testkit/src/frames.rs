//! HTTP/2 frame by frame, for those who break its rules: nothing is checked, nothing is remembered.
//! Source: RFC 9113 §4 and §6 for frames, RFC 7541 for header blocks.

use std::io::{self, Read};

use crate::Client;

/// Kinds of frames.
pub mod kind {
    #![expect(missing_docs, reason = "the names of RFC 9113 §6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flag of a frame that ends its stream; of SETTINGS and PING, that it is an answer.
pub const END_STREAM: u8 = 1;
/// Flag of a frame that ends a header block.
pub const END_HEADERS: u8 = 4;

/// `ENHANCE_YOUR_CALM`.
pub const CALM: u32 = 11;

/// A frame as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Reads one.
    ///
    /// # Errors
    /// The connection ends, before or in it.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [a, b, c, kind, flags, d, e, f, g] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        from.read_exact(&mut payload)?;
        Ok(Self {
            kind,
            flags,
            stream: u32::from_be_bytes([d & 0x7f, e, f, g]),
            payload,
        })
    }

    /// The number at the place where GOAWAY and RST_STREAM have their error code.
    pub fn code(&self) -> u32 {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        let code = self.payload.get(at..at + 4);
        code.map_or(0, |code| {
            u32::from_be_bytes([code[0], code[1], code[2], code[3]])
        })
    }
}

/// What a connection said until it ended.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Every frame.
    pub frames: Vec<Frame>,
}

impl Said {
    /// The error code of the last GOAWAY.
    pub fn goaway(&self) -> Option<u32> {
        let mut goaways = self
            .frames
            .iter()
            .filter(|frame| frame.kind == kind::GOAWAY);
        goaways.next_back().map(Frame::code)
    }
}

impl Client {
    /// Reads a frame.
    ///
    /// # Errors
    /// The connection ends, or nothing comes in time.
    pub fn frame(&mut self) -> io::Result<Frame> {
        Frame::read(self.reader())
    }

    /// Reads frames until the connection ends.
    ///
    /// # Panics
    /// When it stays open without saying anything.
    pub fn frames(&mut self) -> Said {
        let mut said = Said::default();
        loop {
            match self.frame() {
                Ok(frame) => said.frames.push(frame),
                Err(error) => {
                    let waited = error.kind() == io::ErrorKind::WouldBlock;
                    assert!(!waited, "the connection stays open");
                    return said;
                }
            }
        }
    }

    /// Reads frames up to and with the first of a kind on a stream.
    ///
    /// # Panics
    /// When none comes.
    pub fn frame_of(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let frame = self.frame().expect("the frame");
            if frame.kind == kind && frame.stream == stream {
                return frame;
            }
        }
    }

    /// The status of the reply on a stream.
    pub fn status_of(&mut self, stream: u32) -> u16 {
        let frame = self.frame_of(kind::HEADERS, stream);
        status(&frame.payload).expect("a reply begins with its status")
    }
}

/// Any frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames are small");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// SETTINGS with these identifiers and values.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = values
        .iter()
        .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(kind::SETTINGS, 0, 0, &payload)
}

/// What a client begins with: the preface and its settings.
pub fn greeting(values: &[(u16, u32)]) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings(values)[..]].concat()
}

/// A whole header block, in one frame.
pub fn headers(stream: u32, end: bool, block: &[u8]) -> Vec<u8> {
    let flags = END_HEADERS | if end { END_STREAM } else { 0 };
    frame(kind::HEADERS, flags, stream, block)
}

/// A part of a body.
pub fn data(stream: u32, end: bool, bytes: &[u8]) -> Vec<u8> {
    frame(kind::DATA, u8::from(end), stream, bytes)
}

/// RST_STREAM with `CANCEL`.
pub fn reset(stream: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

/// WINDOW_UPDATE.
pub fn window(stream: u32, more: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

/// The head of a request as a header block without a table: every field in full.
pub fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", path),
    ];
    for (name, value) in pseudo.iter().chain(fields) {
        block.extend(literal(name, value));
    }
    block
}

/// A field in full that goes into no table.
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &text(name), &text(value)].concat()
}

/// A field in full that goes into the table, as its first entry: [`FIRST`].
pub fn inserted(name: &str, value: &str) -> Vec<u8> {
    [&[0x40][..], &text(name), &text(value)].concat()
}

/// The field that was put into the table last, in one byte.
pub const FIRST: u8 = 0x80 | 62;

/// A string without Huffman coding.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => bytes.push(length),
        _ => {
            bytes.push(127);
            let mut left = text.len() - 127;
            while left >= 128 {
                bytes.push((left % 128) as u8 | 128);
                left /= 128;
            }
            bytes.push(left as u8);
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The status with which a reply's header block begins.
pub fn status(block: &[u8]) -> Option<u16> {
    const TABLE: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // A change of the table's size may come first.
    let block = match block {
        [first, rest @ ..] if first & 0xe0 == 0x20 => rest,
        _ => block,
    };
    match *block {
        [first @ 0x88..=0x8e, ..] => TABLE.get(usize::from(first - 0x88)).copied(),
        // A name of the table, and the value in full.
        [0x48 | 0x08 | 0x18, length, ref rest @ ..] => {
            let value = rest.get(..usize::from(length & 0x7f))?;
            if length & 0x80 == 0 {
                return std::str::from_utf8(value).ok()?.parse().ok();
            }
            digits(value)
        }
        _ => None,
    }
}

/// Three digits by the code of RFC 7541, appendix B: those up to 2 have 5 bits, the others 6.
fn digits(bytes: &[u8]) -> Option<u16> {
    let mut bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let mut code = 0;
        for _ in 0..5 {
            code = code * 2 + bits.next()?;
        }
        let digit = match code {
            0..=2 => code,
            _ => (code * 2 + bits.next()?).checked_sub(0x19)? + 3,
        };
        number = number * 10 + digit;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_are_written() {
        let bytes = [reset(3), data(5, true, b"hello")].concat();
        let mut from = &bytes[..];
        let first = Frame::read(&mut from).expect("a frame");
        assert_eq!(
            (first.kind, first.stream, first.code()),
            (kind::RST_STREAM, 3, 8)
        );
        let second = Frame::read(&mut from).expect("a frame");
        assert_eq!(
            (second.flags, &second.payload[..]),
            (END_STREAM, &b"hello"[..])
        );
        assert!(Frame::read(&mut from).is_err());
    }

    #[test]
    fn a_status_is_read_in_every_form() {
        assert_eq!(status(&[0x88, 0]), Some(200));
        assert_eq!(status(b"\x48\x03431"), Some(431));
        // "408": 011010 00000 011110, then ones.
        assert_eq!(
            status(&[0x08, 0x83, 0b0110_1000, 0b0000_1111, 0b0111_1111]),
            Some(408)
        );
        // "502": 011011 00000 00010.
        assert_eq!(status(&[0x48, 0x82, 0b0110_1100, 0b0000_0010]), Some(502));
        assert_eq!(status(&[]), None);
    }
}
