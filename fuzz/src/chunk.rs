//! Bodies in chunks: no cut changes what comes out, and trailers are fields that may stand there.

use fg_http::Limits;
use fg_http::h1::chunk::{Decoder, Event};

/// Data, trailers and bytes left over; `None` while the body goes on.
type Decoded = Option<(Vec<u8>, Vec<u8>, usize)>;

fn decode(input: &[u8], cut: usize) -> Result<Decoded, &'static str> {
    let mut decoder = Decoder::new(&Limits::default());
    let mut data = Vec::new();
    let (first, second) = input.split_at(cut);
    let mut rest = input.len();
    for mut piece in [first, second] {
        loop {
            match decoder.next(piece).map_err(|malformed| malformed.0)? {
                Event::Data { bytes, consumed } => {
                    assert!(!bytes.is_empty(), "empty data");
                    data.extend_from_slice(bytes);
                    piece = &piece[consumed..];
                    rest -= consumed;
                }
                Event::NeedMore => {
                    rest -= piece.len();
                    break;
                }
                Event::End { consumed } => {
                    assert!(decoder.is_done());
                    return Ok(Some((data, decoder.trailers().to_vec(), rest - consumed)));
                }
            }
        }
    }
    Ok(None)
}

/// The outcome is the same for every cut; the data is not longer than the input; trailers are lines, none of them about
/// framing.
pub(crate) fn promise(bytes: &[u8]) {
    let whole = decode(bytes, 0);
    for cut in super::cuts(bytes) {
        let parts = decode(bytes, cut);
        assert_eq!(parts.is_err(), whole.is_err(), "cut at {cut}");
        if whole.is_ok() {
            assert_eq!(parts, whole, "cut at {cut}");
        }
    }
    let Ok(Some((data, trailers, left))) = whole else {
        return;
    };
    assert!(data.len() + left < bytes.len());
    if !trailers.is_empty() {
        let mut lines = trailers.clone();
        lines.extend_from_slice(b"\r\n");
        super::holds_only_lines(&lines);
    }
    let lower = trailers.to_ascii_lowercase();
    for refused in [
        "content-length:",
        "transfer-encoding:",
        "host:",
        "authorization:",
        "x-forwarded-for:",
    ] {
        assert!(
            !lower
                .split(|&byte| byte == b'\n')
                .any(|line| line.starts_with(refused.as_bytes())),
            "{refused}"
        );
    }
}
