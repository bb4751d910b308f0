//! Request targets and authorities. Source: RFC 9112 §3.2, RFC 3986 §3.2.

use fg_exchange::Reason;

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
    let (host, port) = if authority.first() == Some(&b'[') {
        let Some(end) = authority.iter().position(|&byte| byte == b']') else {
            return false;
        };
        let (address, after) = authority.split_at(end + 1);
        let text = std::str::from_utf8(address.get(1..end).unwrap_or_default());
        if text
            .ok()
            .and_then(|text| text.parse::<std::net::Ipv6Addr>().ok())
            .is_none()
        {
            return false;
        }
        match after {
            [] => return true,
            [b':', port @ ..] => return is_port(port),
            _ => return false,
        }
    } else {
        match authority.iter().position(|&byte| byte == b':') {
            Some(at) => (
                authority.get(..at).unwrap_or_default(),
                authority.get(at + 1..),
            ),
            None => (authority, None),
        }
    };
    !host.is_empty()
        && host.len() <= 255
        && !has_empty_label(host)
        && host
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
        && port.is_none_or(is_port)
}

/// `.a` and `a..b` would fit wildcards that no name fits; one dot at the end is the DNS root.
fn has_empty_label(host: &[u8]) -> bool {
    host.first() == Some(&b'.') || host.windows(2).any(|pair| pair == b"..")
}

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
