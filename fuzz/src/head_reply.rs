//! Reply heads: no cut changes the verdict, and what is accepted has one form, which is read as the same reply.

use fg_exchange::{Method, Reply};
use fg_http::Limits;
use fg_http::h1::{Framing, HeadScan, ParsedReply, ReplyConnection, parse_reply, write_reply_head};

fn read(input: &[u8], cut: usize, method: Method) -> Result<(Reply, ParsedReply), Option<u16>> {
    let mut reply = Reply::new();
    let mut scan = HeadScan::new();
    let (first, second) = input.split_at(cut);
    for piece in [first, second, b"\r\n\r\n"] {
        reply.head.bytes_mut().extend_from_slice(piece);
        if !scan.may_be_complete(reply.head.bytes()) {
            continue;
        }
        match parse_reply(&mut reply, method, &Limits::default()) {
            Ok(None) => {}
            Ok(Some(parsed)) => return Ok((reply, parsed)),
            Err(fault) => return Err(Some(fault.reason.status())),
        }
    }
    Err(None)
}

fn written((reply, parsed): &(Reply, ParsedReply)) -> Vec<u8> {
    let mut out = Vec::new();
    let framing = match parsed.declared.unwrap_or(parsed.body) {
        Framing::UntilClose => None,
        framing => Some(framing),
    };
    let connection = if parsed.hop.upgrade {
        ReplyConnection::Upgrade
    } else {
        ReplyConnection::Implied
    };
    write_reply_head(reply, framing, connection, b"now", &mut out);
    out
}

/// As for requests, for a reply to GET and one to HEAD.
pub(crate) fn promise(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for method in [Method::Get, Method::Head] {
        let whole = read(bytes, 0, method);
        for cut in super::cuts(bytes) {
            let parts = read(bytes, cut, method);
            assert_eq!(
                parts.as_ref().map(written).map_err(|status| *status),
                whole.as_ref().map(written).map_err(|status| *status),
                "{text:?} cut at {cut}"
            );
        }
        let Ok(first) = whole else {
            continue;
        };
        let sent = written(&first);
        super::holds_only_lines(&sent);
        let Ok(again) = read(&sent, 0, method) else {
            panic!(
                "{text:?} is sent as what is refused: {:?}",
                String::from_utf8_lossy(&sent)
            );
        };
        assert_eq!(written(&again), sent);
        assert_eq!(again.1.body, first.1.body);
        assert_eq!(again.0.status, first.0.status);
    }
}
