//! Request heads: no cut changes the verdict, and what is accepted has one form, which is read as the same request.

use fg_exchange::{Request, Version};
use fg_http::Limits;
use fg_http::h1::{HeadScan, ParsedRequest, parse_request, write_request_head};

/// Reads as the engine does: two pieces, parsed when the scan advises it, then an end for heads that have none.
fn read(input: &[u8], cut: usize) -> Result<(Request, ParsedRequest), Option<u16>> {
    let mut request = Request::new();
    let mut scan = HeadScan::new();
    let (first, second) = input.split_at(cut);
    for piece in [first, second, b"\r\n\r\n"] {
        request.head.bytes_mut().extend_from_slice(piece);
        if !scan.may_be_complete(request.head.bytes()) {
            continue;
        }
        match parse_request(&mut request, &Limits::default()) {
            Ok(None) => {}
            Ok(Some(parsed)) => return Ok((request, parsed)),
            Err(fault) => return Err(Some(fault.reason.status())),
        }
    }
    Err(None)
}

fn written((request, parsed): &(Request, ParsedRequest)) -> Vec<u8> {
    let mut out = Vec::new();
    write_request_head(request, parsed.body, parsed.hop.upgrade, &mut out);
    out
}

/// The verdict is the same for every cut; an accepted head is written as lines that end in CRLF, without another CR, LF
/// or NUL, and read again as the same.
pub(crate) fn promise(bytes: &[u8]) {
    let whole = read(bytes, 0);
    let text = String::from_utf8_lossy(bytes);
    for cut in super::cuts(bytes) {
        let parts = read(bytes, cut);
        assert_eq!(
            parts.as_ref().map(written).map_err(|status| *status),
            whole.as_ref().map(written).map_err(|status| *status),
            "{text:?} cut at {cut}"
        );
    }
    let Ok(first) = whole else {
        return;
    };
    let sent = written(&first);
    super::holds_only_lines(&sent);
    assert!(first.1.head_len <= bytes.len() + 4);
    if first.0.authority().is_empty() {
        // Only HTTP/1.0 may have no host; what is sent for it says so, and is no request of HTTP/1.1.
        assert_eq!(first.0.version(), Version::Http10);
        return;
    }
    let Ok(again) = read(&sent, 0) else {
        panic!(
            "{text:?} is sent as what is refused: {:?}",
            String::from_utf8_lossy(&sent)
        );
    };
    assert_eq!(written(&again), sent);
    assert_eq!(again.1.head_len, sent.len());
    assert_eq!(again.1.body, first.1.body);
    assert_eq!(again.0.host(), first.0.host());
    assert_eq!(again.0.path(), first.0.path());
    assert_eq!(again.0.query(), first.0.query());
}
