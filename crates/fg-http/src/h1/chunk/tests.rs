//! The decoder gives the same answer however the bytes are cut.

use super::{Decoder, Event, Malformed};
use crate::Limits;

/// Data, trailers and bytes left over; `None` when the body goes on.
type Decoded = Option<(Vec<u8>, Vec<u8>, usize)>;

/// Decodes `input` in pieces that end at `cuts`; gives the data, trailers and bytes left over.
fn decode(input: &[u8], cuts: &[usize]) -> Result<Decoded, Malformed> {
    let mut decoder = Decoder::new(&Limits::default());
    let mut data = Vec::new();
    let mut start = 0;
    for &end in cuts.iter().chain([&input.len()]) {
        let mut piece = &input[start..end];
        start = end;
        loop {
            match decoder.next(piece)? {
                Event::Data { bytes, consumed } => {
                    assert!(!bytes.is_empty());
                    data.extend_from_slice(bytes);
                    piece = &piece[consumed..];
                }
                Event::NeedMore => break,
                Event::End { consumed } => {
                    let left = piece.len() - consumed + input.len() - end;
                    return Ok(Some((data, decoder.trailers().to_vec(), left)));
                }
            }
        }
    }
    Ok(None)
}

/// The answer for the whole, after checking that every cut in two gives the same.
fn check(input: &str) -> Result<Option<(String, String, usize)>, Malformed> {
    let whole = decode(input.as_bytes(), &[]);
    for cut in 0..=input.len() {
        assert_eq!(
            decode(input.as_bytes(), &[cut]).is_err(),
            whole.is_err(),
            "{input:?} cut at {cut}"
        );
        if whole.is_ok() {
            assert_eq!(
                decode(input.as_bytes(), &[cut]),
                whole,
                "{input:?} cut at {cut}"
            );
        }
    }
    let every: Vec<usize> = (1..input.len()).collect();
    assert_eq!(
        decode(input.as_bytes(), &every).is_err(),
        whole.is_err(),
        "{input:?} byte by byte"
    );
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    whole.map(|done| done.map(|(data, trailers, left)| (text(data), text(trailers), left)))
}

#[test]
fn good_bodies() {
    let is =
        |data: &str, trailers: &str, left| Ok(Some((data.to_owned(), trailers.to_owned(), left)));
    assert_eq!(check("0\r\n\r\n"), is("", "", 0));
    assert_eq!(check("3\r\nabc\r\n0\r\n\r\nGET"), is("abc", "", 3));
    assert_eq!(
        check("00003;a=b;c=\"d e\"\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        is("abc0123456789", "", 0)
    );
    assert_eq!(
        check("1\r\nx\r\n0\r\nX-Sum:  1 \r\nHost: evil\r\nx-forwarded-for: 1\r\n\r\n"),
        is("x", "X-Sum: 1\r\n", 0)
    );
    assert_eq!(check("3\r\nab"), Ok(None));
}

#[test]
fn bad_bodies() {
    for bad in [
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\na\r\n",
        " 1\r\na\r\n",
        "1 \r\na\r\n",
        "1\na\r\n",
        "1\ra\r\n",
        "1\r\nab\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "11111111111111111\r\n",
        "ffffffffffffffff\r\n",
        "1;\u{1}\r\na\r\n",
        "1;a\nb\r\na\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\na : b\r\n\r\n",
        "0\r\n a: b\r\n\r\n",
        "0\r\na: b\n\r\n",
        "0\r\na: b\r\n c\r\n\r\n",
        "0\r\n\n",
        "1,2\r\na\r\n",
    ] {
        assert!(check(bad).is_err(), "{bad:?}");
    }
    assert!(
        decode(format!("1;{}\r\na\r\n", "x".repeat(300)).as_bytes(), &[]).is_err(),
        "long extension"
    );
    assert!(
        decode(
            format!("0\r\na: {}\r\n\r\n", "x".repeat(9000)).as_bytes(),
            &[]
        )
        .is_err(),
        "long trailer"
    );
    let endless = format!("0\r\n{}", "a: b\r\n".repeat(3000));
    assert!(decode(endless.as_bytes(), &[]).is_err(), "many trailers");
    let endless = format!("0\r\n{}", "Host: b\r\n".repeat(3000));
    assert!(
        decode(endless.as_bytes(), &[]).is_err(),
        "many dropped trailers"
    );
    let endless = format!("1;{}\r\na\r\n", "x".repeat(200)).repeat(100);
    assert!(
        decode(endless.as_bytes(), &[]).is_err(),
        "more extensions than data"
    );
}

#[test]
fn extensions_are_paid_for_by_data() {
    let chunk = format!("400;sign={}\r\n{}\r\n", "x".repeat(200), "d".repeat(1024));
    let body = chunk.repeat(1000) + "0\r\n\r\n";
    let (data, _, left) = decode(body.as_bytes(), &[]).unwrap().unwrap();
    assert_eq!((data.len(), left), (1_024_000, 0));
}
