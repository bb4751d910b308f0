//! What a message names: the texts in it, whatever message it is.

use std::collections::BTreeMap;

use bytes::Buf;
use fg_policies::envoy::GUARD;
use prost::encoding::{WireType, decode_key, decode_varint};

/// Messages in messages. Envoy's own go no deeper than about 20.
const DEEPEST: usize = 64;

/// The hashes of all texts, sorted.
pub(super) fn all(body: &[u8]) -> Box<[u64]> {
    let mut all = Vec::new();
    each(body, DEEPEST, &mut |text| all.push(hash(text)));
    all.sort_unstable();
    all.dedup();
    all.into()
}

/// The hash that a text has in [`all`]. That two have the same is as rare as it is harmless here.
pub(super) fn hash(text: &[u8]) -> u64 {
    twox_hash::XxHash3_64::oneshot(text)
}

/// Whether a message has something guarded that is not guarded in another one, or as often there.
pub(super) fn is_less_guarded(than: &[u8], body: &[u8]) -> bool {
    let (wanted, there) = (guards(than), guards(body));
    let often = |name: &Vec<u8>| there.get(name).copied().unwrap_or(0);
    wanted.iter().any(|(name, times)| often(name) < *times)
}

/// The guards of a message, and how often it names each.
pub(super) fn guards(body: &[u8]) -> BTreeMap<Vec<u8>, usize> {
    let mut guards = BTreeMap::new();
    each(body, DEEPEST, &mut |text| {
        if text.starts_with(GUARD.as_bytes()) {
            *guards.entry(text.to_vec()).or_default() += 1;
        }
    });
    guards
}

/// Whether a message has a text that begins so.
pub(super) fn has_prefix(body: &[u8], prefix: &str) -> bool {
    let mut has = false;
    each(body, DEEPEST, &mut |text| {
        has |= text.starts_with(prefix.as_bytes())
    });
    has
}

/// Says every field of a message that may be a text, and of the messages in it. What is no message is
/// read as one, too, as far as that goes: nothing is missed.
fn each(mut body: &[u8], depth: usize, say: &mut dyn FnMut(&[u8])) {
    while body.has_remaining() {
        let Ok((_, wire)) = decode_key(&mut body) else {
            return;
        };
        let length = match wire {
            WireType::Varint => decode_varint(&mut body).map(|_| 0),
            WireType::SixtyFourBit => Ok(8),
            WireType::ThirtyTwoBit => Ok(4),
            WireType::LengthDelimited => decode_varint(&mut body),
            // Not used since the second version of the format.
            WireType::StartGroup | WireType::EndGroup => return,
        };
        let length = length.ok().and_then(|length| usize::try_from(length).ok());
        let Some((field, rest)) = length.and_then(|length| body.split_at_checked(length)) else {
            return;
        };
        if wire == WireType::LengthDelimited {
            say(field);
            if depth > 0 {
                each(field, depth - 1, say);
            }
        }
        body = rest;
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::route::v3::{Route, VirtualHost};
    use envoy_types::pb::google::protobuf::Any;
    use prost::Message as _;

    use super::*;

    fn host(filters: &[&str]) -> Vec<u8> {
        let routes = filters.iter().map(|name| Route {
            name: "no/cluster".to_owned(),
            typed_per_filter_config: [((*name).to_owned(), Any::default())].into(),
            ..Route::default()
        });
        let inner = VirtualHost {
            name: "host".to_owned(),
            routes: routes.collect(),
            ..VirtualHost::default()
        };
        // As bytes in a message, as everything in an `Any` is.
        let outer = Any {
            type_url: "of a host".to_owned(),
            value: inner.encode_to_vec(),
        };
        outer.encode_to_vec()
    }

    #[test]
    fn every_text_is_found_at_any_depth_and_as_a_whole() {
        let names = all(&host(&["filter/a"]));
        let has = |text: &str| names.binary_search(&hash(text.as_bytes())).is_ok();
        assert!(has("of a host") && has("host") && has("no/cluster") && has("filter/a"));
        assert!(!has("filter") && !has("cluster"));
        assert_eq!(all(b"\xff\xff\xff").len(), 0);
    }

    #[test]
    fn what_is_guarded_is_counted() {
        const ONE: &str = "external_auth/asked/1";
        const OTHER: &str = "external_auth/asked/2";
        let is_less = |than: &[&str], body: &[&str]| is_less_guarded(&host(than), &host(body));
        assert!(is_less(&[ONE], &["cors"]));
        assert!(is_less(&[ONE], &[OTHER]));
        assert!(is_less(&[ONE, ONE], &[ONE, "cors"]));
        assert!(!is_less(&[ONE], &[ONE, OTHER]));
        assert!(!is_less(&["cors"], &[ONE]));
    }
}
