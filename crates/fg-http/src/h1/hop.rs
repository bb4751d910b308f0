//! Fields that concern one connection only. Source: RFC 9110 §7.6.1, §7.8.

use fg_exchange::{Head, Name, Reply, Request, Version, is_token};

use super::Framing;

/// What a message said about its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// The connection may carry another message after this one.
    pub keep_alive: bool,
    /// A request asks for, or a 101 reply confirms, another protocol. The `Upgrade` field is still
    /// in the head.
    pub upgrade: bool,
    /// The client understands trailers (`TE: trailers`).
    pub trailers: bool,
}

/// Drops the hop-by-hop fields of a request. `Upgrade` stays when it may be forwarded: HTTP/1.1,
/// named in `Connection`, one protocol other than HTTP/2 or TLS, no body.
pub fn request_hop_by_hop(request: &mut Request, body: Framing) -> Hop {
    let version = request.version();
    let options = connection_options(&mut request.head);
    let keep_alive = !options.close && (version == Version::Http11 || options.keep_alive);
    let trailers = wants_trailers(&request.head);
    drop_fixed(&mut request.head);
    let mut protocols = request.head.get_all(Name::Upgrade);
    let protocol = protocols.next();
    let upgrade = options.upgrade
        && version == Version::Http11
        && body == Framing::Length(0)
        && protocols.next().is_none()
        && protocol.is_some_and(is_forwardable);
    drop(protocols);
    if !upgrade {
        request.head.remove(Name::Upgrade);
    }
    request.head.remove(Name::Http2Settings);
    Hop {
        keep_alive,
        upgrade,
        trailers,
    }
}

/// Drops the hop-by-hop fields of a reply. `Upgrade` stays on a 101, and on a 426 if it names what
/// may be forwarded: then it is true of this connection too.
pub fn reply_hop_by_hop(reply: &mut Reply) -> Hop {
    let options = connection_options(&mut reply.head);
    let keep_alive = !options.close && (reply.version == Version::Http11 || options.keep_alive);
    drop_fixed(&mut reply.head);
    let upgrade = reply.status == 101 && options.upgrade;
    let is_demand = reply.status == 426 && options.upgrade && {
        let mut protocols = reply.head.get_all(Name::Upgrade);
        protocols.next().is_some_and(is_forwardable) && protocols.next().is_none()
    };
    if !upgrade && !is_demand {
        reply.head.remove(Name::Upgrade);
    }
    Hop {
        keep_alive,
        upgrade,
        trailers: false,
    }
}

/// A single protocol that a tunnel may carry. `h2c` is never forwarded: a backend that switched
/// would speak past our checks. Neither is TLS inside HTTP.
pub(crate) fn is_forwardable(protocol: &[u8]) -> bool {
    let slash = memchr::memchr(b'/', protocol).unwrap_or(protocol.len());
    let (name, version) = protocol.split_at(slash);
    is_token(name)
        && (version.is_empty() || version.get(1..).is_some_and(is_token))
        && ![&b"h2c"[..], b"h2", b"http", b"tls"]
            .iter()
            .any(|refused| name.eq_ignore_ascii_case(refused))
}

/// Whether `TE` names `trailers`.
pub(crate) fn wants_trailers(head: &Head) -> bool {
    head.get_all(Name::Te).any(|value| {
        value
            .split(|&byte| byte == b',')
            .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    })
}

#[derive(Default)]
struct Options {
    close: bool,
    keep_alive: bool,
    upgrade: bool,
}

/// Reads `Connection` and drops it with all fields it names.
fn connection_options(head: &mut Head) -> Options {
    let mut options = Options::default();
    if !head.had_any(Name::Connection.bit()) {
        return options;
    }
    let mut named: Vec<Vec<u8>> = Vec::new();
    for value in head.get_all(Name::Connection) {
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                options.upgrade = true;
            } else if !option.is_empty() {
                named.push(option.to_vec());
            }
        }
    }
    head.remove(Name::Connection);
    if !named.is_empty() {
        head.retain(|_, name, _| !named.iter().any(|option| option.eq_ignore_ascii_case(name)));
    }
    options
}

/// Drops the fields that are hop-by-hop whether named or not.
pub(crate) fn drop_fixed(head: &mut Head) {
    for name in [
        Name::KeepAlive,
        Name::ProxyConnection,
        Name::ProxyAuthenticate,
        Name::ProxyAuthorization,
        Name::Te,
        Name::Trailer,
    ] {
        head.remove(name);
    }
}
