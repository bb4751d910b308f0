//! Who the client is, and which forwarding headers reach a backend.
//!
//! What a client says of itself is dropped unless the peer is trusted; what the backend is told is
//! written by us.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use fg_exchange::{Name, Request, Scheme, is_forwarded_name};

use super::connection::Connection;
use super::exchange::Exchange;
use crate::settings::Settings;

/// Fields by which an untrusted client could claim another address, host, scheme or path.
const FORWARDING: &[Name] = &[
    Name::Forwarded,
    Name::TrueClientIp,
    Name::XClientIp,
    Name::XForwardedFor,
    Name::XForwardedHost,
    Name::XForwardedPort,
    Name::XForwardedPrefix,
    Name::XForwardedProto,
    Name::XForwardedServer,
    Name::XForwardedSsl,
    Name::XForwardedScheme,
    Name::XOriginalHost,
    Name::XOriginalUrl,
    Name::XRealIp,
    Name::XRequestId,
    Name::XRewriteUrl,
];

/// What a backend is told about the client's certificate.
const CLIENT_CERT: &str = "x-forwarded-client-cert";

const FORWARDING_MASK: u64 = {
    let mut mask = 0;
    let mut i = 0;
    while i < FORWARDING.len() {
        mask |= FORWARDING[i].bit();
        i += 1;
    }
    mask
};

/// Drops what the peer may not say, and gives the client's address.
pub fn clean(settings: &Settings, peer: SocketAddr, request: &mut Request) -> IpAddr {
    let odd = request.head.odd_names();
    if odd.underscore {
        request.head.retain(|_, name, _| {
            !name.contains(&b'_') || (settings.underscore_names && !is_framing_in_disguise(name))
        });
    }
    if is_trusted(settings, peer.ip()) {
        return client_behind(settings, peer.ip(), request);
    }
    if request.head.had_any(FORWARDING_MASK) {
        request
            .head
            .retain(|name, _, _| name == Name::Other || name.bit() & FORWARDING_MASK == 0);
    }
    if odd.forwarded {
        request.head.retain(|_, name, _| !is_forwarded_name(name));
    }
    if odd.underscore && settings.underscore_names {
        request
            .head
            .retain(|_, name, _| !is_claim_in_disguise(name));
    }
    peer.ip()
}

/// A forwarding field for backends that take an underscore for a dash.
#[cold]
fn is_claim_in_disguise(name: &[u8]) -> bool {
    if !name.contains(&b'_') {
        return false;
    }
    let dash = |&byte: &u8| if byte == b'_' { b'-' } else { byte };
    let name: Vec<u8> = name.iter().map(dash).collect();
    let known = Name::resolve(&name);
    is_forwarded_name(&name) || (known != Name::Other && known.bit() & FORWARDING_MASK != 0)
}

/// A framing field for backends that take an underscore for a dash: never forwarded.
fn is_framing_in_disguise(name: &[u8]) -> bool {
    ["content_length", "transfer_encoding"]
        .iter()
        .any(|framing| name.eq_ignore_ascii_case(framing.as_bytes()))
}

fn is_trusted(settings: &Settings, peer: IpAddr) -> bool {
    !settings.trusted_peers.is_empty()
        && settings
            .trusted_peers
            .iter()
            .any(|network| network.contains(&peer))
}

/// The address that the last trusted hop saw: so many from the right of `X-Forwarded-For`.
fn client_behind(settings: &Settings, peer: IpAddr, request: &Request) -> IpAddr {
    let mut addresses: Vec<&[u8]> = Vec::new();
    for value in request.head.get_all(Name::XForwardedFor) {
        addresses.extend(value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii));
    }
    let wanted = addresses
        .iter()
        .rev()
        .nth(settings.trusted_hops)
        .or(addresses.first());
    wanted.and_then(|text| parse_address(text)).unwrap_or(peer)
}

/// An address as it may stand in `X-Forwarded-For`: bare, in brackets, or with a port.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.parse().ok();
    bare.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

/// Writes our forwarding headers, see [`announce`].
#[inline]
pub(super) fn write(settings: &Settings, connection: &Connection, exchange: &mut Exchange) {
    let random = &connection.worker.random;
    announce(
        settings,
        connection.peer.ip(),
        match connection.tls {
            None => Scheme::Http,
            Some(_) => Scheme::Https,
        },
        &mut exchange.request,
        || (random.next(), random.next()),
    );
    if let Some(client) = connection
        .tls
        .as_ref()
        .and_then(|tls| tls.client.as_deref())
    {
        announce_client(client, &mut exchange.request);
    }
}

/// Writes who the client is by its certificate; what a trusted peer wrote is gone on with.
#[cold]
fn announce_client(element: &str, request: &mut Request) {
    let mut value = Vec::new();
    for earlier in request.head.get_all_named(CLIENT_CERT) {
        value.extend_from_slice(earlier);
        value.push(b',');
    }
    request.head.remove_named(CLIENT_CERT);
    value.extend_from_slice(element.as_bytes());
    request.head.append(CLIENT_CERT, &value);
}

/// Writes our forwarding headers. What a trusted peer wrote is gone on with. `random` gives the
/// bits of a request id, when one is needed.
#[inline]
pub fn announce(
    settings: &Settings,
    peer: IpAddr,
    scheme: Scheme,
    request: &mut Request,
    random: impl FnOnce() -> (u64, u64),
) {
    if settings.forwarded_headers {
        let earlier: Vec<u8> = if request.head.had_any(Name::XForwardedFor.bit()) {
            let values: Vec<&[u8]> = request.head.get_all(Name::XForwardedFor).collect();
            values.join(&b", "[..])
        } else {
            Vec::new()
        };
        if !earlier.is_empty() {
            request.head.remove(Name::XForwardedFor);
        }
        request.head.append_known(Name::XForwardedFor, |out| {
            if !earlier.is_empty() {
                out.extend_from_slice(&earlier);
                out.extend_from_slice(b", ");
            }
            write_address(peer, out);
        });
        if request.head.get(Name::XForwardedProto).is_none() {
            request.head.append_known(Name::XForwardedProto, |out| {
                out.extend_from_slice(scheme.text().as_bytes())
            });
        }
        if request.head.get(Name::XForwardedHost).is_none() && !request.authority().is_empty() {
            request.append_authority(Name::XForwardedHost);
        }
    }
    if settings.request_id && request.head.get(Name::XRequestId).is_none() {
        let (high, low) = random();
        request
            .head
            .append_known(Name::XRequestId, |out| write_id(high, low, out));
    }
}

fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                fg_http::h1::write_decimal(u64::from(octet), out);
            }
        }
        // Writing to a vector does not fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// Where the digits of each byte of an id stand: dashes are between them.
const ID_PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

const HEX: &[u8; 16] = b"0123456789abcdef";

/// 128 random bits in the form of a version 4 UUID.
fn write_id(high: u64, low: u64, out: &mut Vec<u8>) {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let mut text = [b'-'; 36];
    let bytes = u128::from(high) << 64 | u128::from(low);
    for (place, byte) in ID_PLACES.into_iter().zip(bytes.to_be_bytes()) {
        text[place] = HEX[usize::from(byte >> 4)];
        text[place + 1] = HEX[usize::from(byte & 15)];
    }
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids() {
        let mut out = Vec::new();
        write_id(0x0123_4567_89ab_cdef, u64::MAX, &mut out);
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "01234567-89ab-4def-bfff-ffffffffffff"
        );
    }

    #[test]
    fn addresses_are_read_in_every_usual_form() {
        let v4: IpAddr = "192.0.2.1".parse().expect("an address");
        for text in ["192.0.2.1", "192.0.2.1:80", "::ffff:192.0.2.1"] {
            assert_eq!(parse_address(text.as_bytes()), Some(v4), "{text}");
        }
        assert_eq!(parse_address(b"[2001:db8::1]"), "2001:db8::1".parse().ok());
        assert_eq!(parse_address(b"unknown"), None);
    }
}
