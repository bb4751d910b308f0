//! What Envoy is told.

use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, RedirectAction, Route,
    header_matcher::HeaderMatchSpecifier,
    redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
    route::Action,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};

use super::Ir;
use crate::envoy::{Sink, Site, Standing, matches_fully, rewrite};
use crate::path_modifier::PathChange;

const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// Writes the policy.
///
/// Envoy keeps the port that the client wrote unless another one is written. Where none must be
/// written, and the host is the client's, requests with a port in it have a route of their own,
/// which writes the scheme's.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    let site = sink.site();
    let Some(code) = code(ir.status) else {
        sink.refuse(format!("Envoy has no redirect of status {}", ir.status));
        return;
    };
    let host = ir.hostname.as_deref().or(site.host);
    let (port, default) = port(ir, site);
    let action = RedirectAction {
        host_redirect: host.unwrap_or_default().to_owned(),
        port_redirect: if port == default { 0 } else { port.into() },
        response_code: code.into(),
        strip_query: false,
        scheme_rewrite_specifier: ir
            .scheme
            .as_ref()
            .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.to_string())),
        path_rewrite_specifier: path(ir, site),
    };
    let Some(route) = sink.route() else {
        return;
    };
    route.action = Some(Action::Redirect(action.clone()));
    if host.is_none() && port == default {
        let mut with_port = route.clone();
        with_port.action = Some(Action::Redirect(RedirectAction {
            port_redirect: default.into(),
            ..action
        }));
        ask_for_port(&mut with_port, ir, site);
        sink.put_before(with_port);
    }
}

/// No filter.
pub fn standing() -> Vec<Standing> {
    Vec::new()
}

/// The port of the target, and the well-known one of its scheme.
fn port(ir: &Ir, site: Site<'_>) -> (u16, u16) {
    let own = if site.https { "https" } else { "http" };
    let scheme = ir.scheme.as_deref().unwrap_or(own);
    let default = if scheme == "https" { HTTPS } else { HTTP };
    let port = match (ir.port, &ir.scheme) {
        (Some(port), _) => port,
        (None, Some(_)) => default,
        (None, None) => site.port,
    };
    (port, default)
}

fn path(ir: &Ir, site: Site<'_>) -> Option<PathRewriteSpecifier> {
    match ir.path.as_ref()? {
        PathChange::Full(path) => Some(PathRewriteSpecifier::PathRedirect(path.to_string())),
        change @ PathChange::Prefix(_) => {
            rewrite(change, site.prefix).map(PathRewriteSpecifier::RegexRewrite)
        }
    }
}

/// Narrows a route to requests whose host has a port, but for the one that Envoy leaves out by
/// itself when the scheme changes.
fn ask_for_port(route: &mut Route, ir: &Ir, site: Site<'_>) {
    let headers = &mut route.r#match.get_or_insert_default().headers;
    headers.push(matches_fully(":authority", ".*:[0-9]+"));
    let (own, left_out) = if site.https {
        ("https", ":443")
    } else {
        ("http", ":80")
    };
    if ir.scheme.as_deref().is_some_and(|scheme| scheme != own) {
        headers.push(HeaderMatcher {
            name: ":authority".to_owned(),
            invert_match: true,
            header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
                ignore_case: false,
                match_pattern: Some(MatchPattern::Suffix(left_out.to_owned())),
            })),
            ..HeaderMatcher::default()
        });
    }
}

fn code(status: u16) -> Option<RedirectResponseCode> {
    Some(match status {
        301 => RedirectResponseCode::MovedPermanently,
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => return None,
    })
}
