//! How the routes of a virtual host stand in it.
//!
//! For each edit of one virtual host that is a resource, Envoy copies all those of the route
//! configuration, message by message, twice, before it builds their routes anew. So the routes of such
//! a host are one list, which its matcher gives to every request: Envoy copies that as bytes, and reads
//! it once. That saves a quarter of its time for an edit among 5,000 routes, where Envoy does not look
//! into each message for fields unknown to it (`--ignore-unknown-dynamic-fields`): in a list it would
//! look anew each time. See `docs/adr/0009-virtual-hosts-are-resources.md`.

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::{Route, RouteList, VirtualHost};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::pb::xds::core::v3::TypedExtensionConfig;
use envoy_types::pb::xds::r#type::matcher::v3::{
    Matcher,
    matcher::{OnMatch, on_match},
};
use prost::{Message as _, Name as _};

use crate::settings::RouteShape;

/// The number of the fields that routes are in what [`host`] takes.
pub(super) const fn number(shape: RouteShape) -> u8 {
    match shape {
        // `RouteList.routes`.
        RouteShape::PerHost => 1,
        // `VirtualHost.routes`.
        RouteShape::Whole => 3,
    }
}

/// Reads routes that are fields of this number. `None` if they are none.
pub(super) fn read(shape: RouteShape, routes: Bytes) -> Option<Vec<Route>> {
    let routes = match shape {
        RouteShape::PerHost => RouteList::decode(routes).ok()?.routes,
        RouteShape::Whole => VirtualHost::decode(routes).ok()?.routes,
    };
    Some(routes)
}

/// Encodes a virtual host with its routes, which are fields of this number.
pub(super) fn host(shape: RouteShape, mut head: VirtualHost, routes: Vec<u8>) -> Bytes {
    match shape {
        RouteShape::PerHost => {
            head.matcher = Some(to_all(routes));
            head.encode_to_vec().into()
        }
        RouteShape::Whole => {
            let mut body = head.encode_to_vec();
            body.extend_from_slice(&routes);
            body.into()
        }
    }
}

/// A matcher that gives a list of routes to every request; the first of them that fits answers.
fn to_all(list: Vec<u8>) -> Matcher {
    let list = TypedExtensionConfig {
        name: "routes".to_owned(),
        typed_config: Some(Any {
            type_url: RouteList::type_url(),
            value: list,
        }),
    };
    Matcher {
        on_no_match: Some(Box::new(OnMatch {
            on_match: Some(on_match::OnMatch::Action(list)),
            ..OnMatch::default()
        })),
        ..Matcher::default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::encode;
    use super::*;

    /// The routes of a virtual host, wherever they stand.
    pub(in super::super) fn routes(host: &VirtualHost) -> Vec<Route> {
        let Some(matcher) = &host.matcher else {
            return host.routes.clone();
        };
        let otherwise = matcher.on_no_match.as_ref();
        let Some(on_match::OnMatch::Action(list)) =
            otherwise.and_then(|otherwise| otherwise.on_match.as_ref())
        else {
            panic!("no list: {matcher:?}");
        };
        let list = list.typed_config.clone().expect("a list");
        assert_eq!(list.type_url, RouteList::type_url());
        read(RouteShape::PerHost, list.value.into()).expect("routes")
    }

    #[test]
    fn routes_are_a_list_of_a_resource_and_stand_openly_in_a_whole() {
        let route = Route {
            name: "r".to_owned(),
            ..Route::default()
        };
        for (shape, is_open) in [(RouteShape::PerHost, false), (RouteShape::Whole, true)] {
            let head = VirtualHost {
                name: "http/80/a.com".to_owned(),
                ..VirtualHost::default()
            };
            let mut fields = Vec::new();
            for _ in 0..2 {
                encode::field(number(shape), &route.encode_to_vec(), &mut fields);
            }
            let host = VirtualHost::decode(host(shape, head, fields)).expect("a virtual host");
            assert_eq!(host.name, "http/80/a.com");
            assert_eq!(
                (host.routes.len() == 2, host.matcher.is_none()),
                (is_open, is_open)
            );
            assert_eq!(routes(&host), [route.clone(), route.clone()]);
        }
    }
}
