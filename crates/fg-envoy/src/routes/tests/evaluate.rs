//! What Envoy does with a request, as far as routes go: domains, matches, the first that fits.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, Route, RouteMatch, VirtualHost, header_matcher::HeaderMatchSpecifier,
    query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
use fg_model::Pattern;
use fg_testkit::routing::Plain;

/// The route that a request gets.
pub(super) fn route<'a>(
    hosts: &'a BTreeMap<String, VirtualHost>,
    configuration: &str,
    request: &Plain,
) -> Option<&'a Route> {
    let here = hosts.values().filter(|host| {
        let (of, _) = host.name.rsplit_once('/').expect("a name of two parts");
        of == configuration
    });
    let all = here.flat_map(|host| host.domains.iter().map(move |domain| (domain, host)));
    let mut fitting: Vec<_> = all
        .filter(|(domain, _)| match domain.strip_prefix('*') {
            None => **domain == request.host,
            Some("") => true,
            Some(suffix) => request.host.len() > suffix.len() && request.host.ends_with(suffix),
        })
        .collect();
    // Exact names first, then the longest wildcard.
    fitting.sort_by_key(|(domain, _)| (!domain.starts_with('*'), domain.len()));
    let (_, host) = fitting.last()?;
    let mut routes = host.routes.iter();
    routes.find(|route| fits(route.r#match.as_ref().expect("a match"), request))
}

fn fits(asked: &RouteMatch, request: &Plain) -> bool {
    let path = &request.path;
    let on_path = match asked.path_specifier.as_ref().expect("a path") {
        PathSpecifier::Prefix(prefix) => path.starts_with(prefix),
        PathSpecifier::Path(text) => path == text,
        PathSpecifier::SafeRegex(regex) => whole(&regex.regex, path),
        PathSpecifier::PathSeparatedPrefix(prefix) => {
            let rest = path.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        other => panic!("not written: {other:?}"),
    };
    // The last of the backends' own routes takes what is left.
    asked.runtime_fraction.is_none()
        && on_path
        && asked.headers.iter().all(|header| has(header, request))
        && asked.query_parameters.iter().all(|asked| {
            let Some(QueryParameterMatchSpecifier::StringMatch(wanted)) =
                &asked.query_parameter_match_specifier
            else {
                panic!("not written: {asked:?}");
            };
            first(request.query.as_deref(), &asked.name).is_some_and(|value| is(wanted, value))
        })
}

/// The first of the parameters of a name, as they were sent.
fn first<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let pairs = query?.split('&');
    let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(of, _)| *of == name).map(|(_, value)| value)
}

fn has(asked: &HeaderMatcher, request: &Plain) -> bool {
    let value = match asked.name.as_str() {
        ":method" => Some(request.method.clone()),
        ":path" => Some(request.target()),
        ":authority" => Some(request.host.clone()),
        name => {
            let all = request.headers.iter();
            let values: Vec<&str> = all
                .filter(|(of, _)| of.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            (!values.is_empty()).then(|| values.join(","))
        }
    };
    match asked.header_match_specifier.as_ref().expect("a condition") {
        HeaderMatchSpecifier::PresentMatch(true) => value.is_some(),
        HeaderMatchSpecifier::StringMatch(wanted) => value.is_some_and(|value| is(wanted, &value)),
        other => panic!("not written: {other:?}"),
    }
}

fn is(wanted: &StringMatcher, value: &str) -> bool {
    match wanted.match_pattern.as_ref().expect("a pattern") {
        MatchPattern::Exact(text) => text == value,
        MatchPattern::SafeRegex(regex) => whole(&regex.regex, value),
        other => panic!("not written: {other:?}"),
    }
}

/// Our own expressions have the meaning of RE2's.
fn whole(expression: &str, value: &str) -> bool {
    let pattern = Pattern::new(expression).expect("an expression");
    pattern.regex().is_match(value.as_bytes())
}
