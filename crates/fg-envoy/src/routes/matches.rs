//! What a match asks, in Envoy's words.
//!
//! Envoy compares query parameters as they were sent, ours are decoded first: so an exact value
//! becomes an expression for all ways to write it. The name has to stand there as a browser writes
//! it. Envoy 1.36 joins several fields of one name by `,` without a blank, ours by `, `: an exact
//! value with a comma becomes an expression for both. Envoy 1.40 asks each field by itself.
//!
//! Envoy leaves the digits of escapes in a path as they came, ours are in upper case: a path with
//! escapes becomes an expression for both.

use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, QueryParameterMatcher, RouteMatch, header_matcher::HeaderMatchSpecifier,
    query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use fg_ir::Place;
use fg_model::{GrpcMatch, HeaderMatch, Match, PathMatch, QueryMatch, ValueMatch};
use fg_policies::envoy::of_path;

use super::expression::{encoded, of_any_case, one_way, quoted};

/// The match of a route.
pub(super) fn route_match(from: &Match) -> RouteMatch {
    let mut headers = Vec::new();
    let path = match (Place::of(&from.path), &from.path) {
        (Place::Exact(path), _) if path.contains('%') => {
            PathSpecifier::SafeRegex(regex(&of_path(&path)))
        }
        (Place::Exact(path), _) => PathSpecifier::Path(path.to_string()),
        (Place::Prefix(path), _) => prefix(&path),
        (Place::Asked, PathMatch::Grpc(call)) => grpc(call, &mut headers),
        (Place::Asked, PathMatch::Regex(pattern)) => {
            PathSpecifier::SafeRegex(regex(&of_any_case(pattern.source())))
        }
        // What else is asked is one of the two.
        (Place::Asked, PathMatch::Exact(_) | PathMatch::Prefix(_)) => prefix(""),
    };
    headers.extend(from.method.iter().map(|method| is(":method", method)));
    headers.extend(from.headers.iter().map(header));
    RouteMatch {
        path_specifier: Some(path),
        headers,
        query_parameters: from.query.iter().map(query).collect(),
        ..RouteMatch::default()
    }
}

/// A field that has this value.
pub(super) fn is(name: &str, value: &str) -> HeaderMatcher {
    asks(name, MatchPattern::Exact(value.to_owned()))
}

/// A field that is there.
pub(super) fn is_there(name: &str) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..HeaderMatcher::default()
    }
}

/// Whole elements of the path.
fn prefix(path: &str) -> PathSpecifier {
    if path.is_empty() {
        return PathSpecifier::Prefix("/".to_owned());
    }
    // What Envoy takes for a separated prefix.
    let is_plain = !path.ends_with('/') && !path.contains(['?', '#', '%']) && path.len() > 1;
    if !is_plain {
        let expression = format!("{}(?:/.*)?", of_path(path));
        return PathSpecifier::SafeRegex(regex(&expression));
    }
    PathSpecifier::PathSeparatedPrefix(path.to_owned())
}

/// A call whose service or method is not said exactly. Neither of them may be empty; the method is
/// what stands behind the last slash.
///
/// The path is asked for the service, with any method; a field `:path`, which has the query too, is
/// asked for the rest: two expressions for what one cannot say.
fn grpc(call: &GrpcMatch, headers: &mut Vec<HeaderMatcher>) -> PathSpecifier {
    let service = match &call.service {
        None => ".+".to_owned(),
        Some(ValueMatch::Exact(service)) => quoted(service),
        Some(ValueMatch::Regex(pattern)) => format!("(?:{})", pattern.source()),
    };
    let mut on_path = |expression: String| {
        let pattern = MatchPattern::SafeRegex(regex(&expression));
        headers.push(asks(":path", pattern));
    };
    let method = match &call.method {
        None if call.service.is_none() => return prefix(""),
        None => "[^/]+".to_owned(),
        Some(ValueMatch::Exact(method)) => quoted(method),
        Some(ValueMatch::Regex(pattern)) => {
            on_path(format!(r"/[^?]+/(?:{})(?:\?.*)?", pattern.source()));
            "[^/]+".to_owned()
        }
    };
    if matches!(call.service, Some(ValueMatch::Regex(_))) {
        // An expression may accept the empty service.
        on_path(r"/[^?]+/[^/?]+(?:\?.*)?".to_owned());
    }
    PathSpecifier::SafeRegex(regex(&format!("/{service}/{method}")))
}

fn header(from: &HeaderMatch) -> HeaderMatcher {
    // Envoy knows the authority by this name alone.
    let name = match &*from.name {
        "host" => ":authority",
        name => name,
    };
    let pattern = match &from.value {
        ValueMatch::Exact(value) if value.contains(", ") => {
            let parts: Vec<String> = value.split(", ").map(quoted).collect();
            MatchPattern::SafeRegex(regex(&parts.join(", ?")))
        }
        ValueMatch::Exact(value) => MatchPattern::Exact(value.to_string()),
        ValueMatch::Regex(pattern) => MatchPattern::SafeRegex(regex(pattern.source())),
    };
    asks(name, pattern)
}

fn asks(name: &str, pattern: MatchPattern) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(string(pattern))),
        ..HeaderMatcher::default()
    }
}

fn query(from: &QueryMatch) -> QueryParameterMatcher {
    let pattern = match &from.value {
        ValueMatch::Exact(value) if value.is_empty() => MatchPattern::Exact(String::new()),
        ValueMatch::Exact(value) => MatchPattern::SafeRegex(regex(&encoded(value))),
        ValueMatch::Regex(pattern) => MatchPattern::SafeRegex(regex(pattern.source())),
    };
    QueryParameterMatcher {
        name: one_way(&from.name),
        query_parameter_match_specifier: Some(QueryParameterMatchSpecifier::StringMatch(string(
            pattern,
        ))),
    }
}

fn string(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ..StringMatcher::default()
    }
}

/// An expression over the whole of what it is asked of, in RE2's syntax.
fn regex(expression: &str) -> RegexMatcher {
    RegexMatcher {
        regex: expression.to_owned(),
        ..RegexMatcher::default()
    }
}
