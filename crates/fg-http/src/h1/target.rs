//! Request targets and authorities. Source: RFC 9112 §3.2, RFC 3986 §3.2.

use fg_exchange::{CheckedAuthority, Reason};

/// The four forms of a request target, cut into parts (offsets into the target).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `/path?query`.
    Origin(&'a [u8]),
    /// `http://authority/path?query`; the path may be empty.
    Absolute {
        /// Host and optional port.
        authority: &'a [u8],
        /// From the first `/` or `?` on; may be empty.
        rest: &'a [u8],
    },
    /// `*`.
    Asterisk,
}

/// Cuts a target. The authority form belongs to CONNECT, which is refused before.
pub(super) fn cut(target: &[u8]) -> Result<Target<'_>, Reason> {
    if target.first() == Some(&b'/') {
        return Ok(Target::Origin(target));
    }
    if target == b"*" {
        return Ok(Target::Asterisk);
    }
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let Some(after) = scheme.and_then(|scheme| target.get(scheme.len()..)) else {
        return Err(Reason::BadRequest);
    };
    let end = after
        .iter()
        .position(|&byte| byte == b'/' || byte == b'?')
        .unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    if is_valid_authority(authority) {
        Ok(Target::Absolute { authority, rest })
    } else {
        Err(Reason::BadHost)
    }
}

/// Whether this is `host` or `host:port` with a DNS name, an IPv4 address, or an IPv6 address in
/// brackets; no user information, no empty host, port 0 to 65535.
pub fn is_valid_authority(authority: &[u8]) -> bool {
    check_authority(authority).is_some()
}

/// As [`is_valid_authority`], with what routing wants to know of it.
pub(crate) fn check_authority(authority: &[u8]) -> Option<CheckedAuthority> {
    if authority.first() == Some(&b'[') {
        return check_address(authority);
    }
    // `.a` and `a..b` would fit wildcards that no name fits; one dot at the end is the DNS root.
    let mut before = b'.';
    let mut seen = 0;
    let mut length = authority.len();
    for (at, &byte) in authority.iter().enumerate() {
        let kind = HOST_BYTES.get(usize::from(byte)).copied()?;
        if kind == 0 || (kind == DOT && before == b'.') {
            if byte != b':' {
                return None;
            }
            length = at;
            break;
        }
        seen |= kind;
        before = byte;
    }
    let port_is_good = length == authority.len() || is_port(authority.get(length + 1..)?);
    (port_is_good && (1..=255).contains(&length)).then(|| CheckedAuthority {
        host_len: length - usize::from(before == b'.'),
        has_upper: seen & UPPER != 0,
    })
}

/// An IPv6 address in brackets, and perhaps a port.
#[cold]
fn check_address(authority: &[u8]) -> Option<CheckedAuthority> {
    let end = authority.iter().position(|&byte| byte == b']')?;
    let text = std::str::from_utf8(authority.get(1..end)?).ok()?;
    text.parse::<std::net::Ipv6Addr>().ok()?;
    let is_good = match authority.get(end + 1..)? {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    };
    is_good.then(|| CheckedAuthority {
        host_len: end + 1,
        has_upper: text.bytes().any(|byte| byte.is_ascii_uppercase()),
    })
}

/// What a byte of a name or an IPv4 address is; 0 for those that stand in none.
#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "evaluated when this is compiled"
)]
static HOST_BYTES: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < kinds.len() {
        kinds[at] = match at as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => PLAIN,
            b'A'..=b'Z' => UPPER,
            b'.' => DOT,
            _ => 0,
        };
        at += 1;
    }
    kinds
};
const PLAIN: u8 = 1;
const UPPER: u8 = 2;
const DOT: u8 = 4;

fn is_port(port: &[u8]) -> bool {
    let number = port.iter().try_fold(0u32, |number, &byte| {
        byte.is_ascii_digit()
            .then(|| (number * 10 + u32::from(byte - b'0')).min(100_000))
    });
    !port.is_empty() && port.len() <= 5 && number.is_some_and(|number| number <= 65_535)
}

/// Whether a query holds only what a URI may hold. What is legal is left as it came.
pub(super) fn is_valid_query(query: &[u8]) -> bool {
    query
        .iter()
        .all(|&byte| (0x21..0x7f).contains(&byte) && byte != b'#' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_checked() {
        for good in [
            "a",
            "a.b-c_d:80",
            "127.0.0.1:1",
            "[::1]",
            "[2001:db8::1]:443",
            "A.com.",
            "a:0",
        ] {
            assert!(is_valid_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a:", "a:b", "a:65536", "a b", "u@a", "a,b", "[::1", "[::g]", "[::1]x",
            "::1", "a/b", "a:1:2", "a%41", ".", ".a", "a..b", "a..", "..",
        ] {
            assert!(!is_valid_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn targets_are_cut() {
        assert_eq!(cut(b"/a?b"), Ok(Target::Origin(b"/a?b")));
        assert_eq!(cut(b"*"), Ok(Target::Asterisk));
        assert_eq!(
            cut(b"HTTP://a:80/x"),
            Ok(Target::Absolute {
                authority: b"a:80",
                rest: b"/x"
            })
        );
        assert_eq!(
            cut(b"http://a?x"),
            Ok(Target::Absolute {
                authority: b"a",
                rest: b"?x"
            })
        );
        assert_eq!(cut(b"http://u@a/"), Err(Reason::BadHost));
        assert_eq!(cut(b"ftp://a/"), Err(Reason::BadRequest));
        assert_eq!(cut(b"a"), Err(Reason::BadRequest));
    }
}
