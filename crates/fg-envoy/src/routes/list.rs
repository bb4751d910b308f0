//! How the routes of a virtual host stand in it.
//!
//! For each edit of one virtual host Envoy copies all those of the route configuration, message by
//! message, twice, before it builds their routes anew. Of a resource of its own the routes are a list
//! that the host's matcher gives to every request: Envoy copies that as bytes, and reads it once. With
//! 5,000 routes that is a quarter of its time for an edit; but for Envoys that look into each message
//! for fields they do not know, which takes longer (`--ignore-unknown-dynamic-fields`).

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

/// The field that a route is, in what [`host`] takes.
pub(super) const fn field(shape: RouteShape) -> u8 {
    match shape {
        // `RouteList.routes`.
        RouteShape::PerHost => 1,
        // `VirtualHost.routes`.
        RouteShape::Whole => 3,
    }
}

/// Reads routes that are such fields. `None` if they are none.
pub(super) fn read(shape: RouteShape, routes: Bytes) -> Option<Vec<Route>> {
    let routes = match shape {
        RouteShape::PerHost => RouteList::decode(routes).ok()?.routes,
        RouteShape::Whole => VirtualHost::decode(routes).ok()?.routes,
    };
    Some(routes)
}

/// Encodes a virtual host with its routes, which are such fields.
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
}
