//! What Envoy is told.
//!
//! Envoy's own filter for CORS marks the replies to pages that may read them. What it says to
//! preflights is something else than what our own proxy says (200, no `Vary`, no `*`), so these
//! have routes of their own that answer.

use envoy_types::pb::envoy::config::common::mutation_rules::v3::HeaderMutation as Mutation;
use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::config::route::v3::{
    DirectResponseAction, HeaderMatcher, Route, RouteMatch, header_matcher::HeaderMatchSpecifier,
    route::Action,
};
use envoy_types::pb::envoy::extensions::filters::http::cors::v3::{Cors, CorsPolicy};
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation, HeaderMutationPerRoute, Mutations,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
use envoy_types::pb::google::protobuf::BoolValue;

use super::fields::{
    ALLOW_CREDENTIALS, ALLOW_HEADERS, ALLOW_METHODS, ALLOW_ORIGIN, EXPOSE_HEADERS, MAX_AGE, OWNED,
    REQUEST_HEADERS, REQUEST_METHOD, is_for_all, vary,
};
use super::{Hosts, Ir, Names, OriginPattern, Origins};
use crate::Around;
use crate::envoy::{
    Append, Sink, Standing, clear, expression, header, literal, matches_fully, mutation, pack,
};

/// Marks replies.
const MARKS: &str = "cors/marks";
/// Removes what the backend says, before that; replies pass filters backwards.
const OWNS: &str = "cors/owns";

/// Writes the policy. It writes after all others of the place, so that a copy of the route has
/// what they wrote.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    if let Some(why) = ir.lacks_on_envoy(Around::default()) {
        sink.refuse(why);
        return;
    }
    // What a backend says stands behind what its rule says.
    let of_rule = match sink.route() {
        Some(route) => route.typed_per_filter_config.contains_key(OWNS),
        None => return,
    };
    if of_rule {
        // All but one word of it: that the reply depends on the origin.
        if !is_for_all(ir) {
            sink.http_filter(
                OWNS,
                &HeaderMutation::default(),
                &changes([mutation(varies())]),
            );
        }
        return;
    }
    let Some(asked) = sink.condition().map(preflight) else {
        return;
    };
    let origins = origins(ir);
    if let Some(origins) = &origins {
        let from = matches_fully("origin", origins.as_str());
        sink.put_preflight(answer(&asked, from, allowed(ir)));
    }
    if is_for_all(ir) {
        mark_all(ir, sink);
        return;
    }
    sink.put_preflight(answer(
        &asked,
        present("origin"),
        vec![header("vary", vary(), Append::Add)],
    ));
    let marks = CorsPolicy {
        allow_origin_string_match: origins
            .iter()
            .map(|origins| StringMatcher {
                ignore_case: false,
                match_pattern: Some(MatchPattern::SafeRegex(expression(origins.as_str()))),
            })
            .collect(),
        allow_credentials: Some(BoolValue {
            value: ir.credentials,
        }),
        expose_headers: list(&ir.expose).unwrap_or_default(),
        ..CorsPolicy::default()
    };
    sink.http_filter(MARKS, &Cors {}, &marks);
    let own = owned([varies()]);
    sink.http_filter(OWNS, &HeaderMutation::default(), &own);
    if let Some(origins) = origins {
        mark_answers(ir, &origins, sink);
    }
}

/// The filters of all who use them.
pub fn standing() -> Vec<Standing> {
    vec![
        (MARKS, pack(&Cors {})),
        (OWNS, pack(&HeaderMutation::default())),
    ]
}

/// Replies to pages of all origins: `*`, which Envoy's own filter never says.
fn mark_all(ir: &Ir, sink: &mut Sink<'_>) {
    sink.http_filter(OWNS, &HeaderMutation::default(), &owned([]));
    let fields = std::iter::once(header(ALLOW_ORIGIN, "*", Append::Add)).chain(exposed(ir));
    mark_pages(present("origin"), fields, sink);
}

/// Replies that do not come from a backend, such as redirects, to pages of these origins: Envoy's own
/// filter leaves them alone.
fn mark_answers(ir: &Ir, origins: &str, sink: &mut Sink<'_>) {
    let forwards = |route: &mut Route| matches!(route.action, Some(Action::Route(_)));
    if sink.route().is_none_or(forwards) {
        return;
    }
    let credentials = ir
        .credentials
        .then(|| header(ALLOW_CREDENTIALS, "true", Append::Add));
    let fields = std::iter::once(header(ALLOW_ORIGIN, "%REQ(origin)%", Append::Add));
    let fields = fields
        .chain(credentials)
        .chain(exposed(ir))
        .chain([varies()]);
    mark_pages(matches_fully("origin", origins), fields, sink);
}

/// A route before this one, for requests of some pages, whose replies have these fields.
fn mark_pages(
    from: HeaderMatcher,
    fields: impl IntoIterator<Item = HeaderValueOption>,
    sink: &mut Sink<'_>,
) {
    let Some(route) = sink.route() else {
        return;
    };
    let mut of_pages = route.clone();
    let headers = &mut of_pages.r#match.get_or_insert_default().headers;
    headers.push(from);
    sink.http_filter_of_copy(&mut of_pages, OWNS, &owned(fields));
    sink.put_before(of_pages);
}

/// The field that names the fields which pages may read.
fn exposed(ir: &Ir) -> Option<HeaderValueOption> {
    list(&ir.expose).map(|names| header(EXPOSE_HEADERS, names, Append::Add))
}

/// That a reply depends on who asks.
fn varies() -> HeaderValueOption {
    header("vary", "Origin", Append::Add)
}

/// Nothing of what the backend says, and these fields.
fn owned(fields: impl IntoIterator<Item = HeaderValueOption>) -> HeaderMutationPerRoute {
    let clear = OWNED.into_iter().map(clear);
    changes(clear.chain(fields.into_iter().map(mutation)))
}

fn changes(all: impl IntoIterator<Item = Mutation>) -> HeaderMutationPerRoute {
    HeaderMutationPerRoute {
        mutations: Some(Mutations {
            response_mutations: all.into_iter().collect(),
            ..Mutations::default()
        }),
    }
}

/// What a preflight of such requests looks like: a method that the match asks for is the one that
/// the preflight asks about, unless it is `OPTIONS` itself.
fn preflight(mut asked: RouteMatch) -> RouteMatch {
    const METHOD: &str = ":method";
    let options = || matches_exactly(METHOD, "OPTIONS");
    let at = asked.headers.iter().position(|field| field.name == METHOD);
    let Some(method) = at.and_then(|at| asked.headers.get_mut(at)) else {
        asked.headers.extend([options(), present(REQUEST_METHOD)]);
        return asked;
    };
    let about = if *method == options() {
        present(REQUEST_METHOD)
    } else {
        let mut about = std::mem::replace(method, options());
        REQUEST_METHOD.clone_into(&mut about.name);
        about
    };
    asked.headers.push(about);
    asked
}

/// The route that answers preflights from some origins.
fn answer(asked: &RouteMatch, from: HeaderMatcher, fields: Vec<HeaderValueOption>) -> Route {
    let mut asked = asked.clone();
    asked.headers.push(from);
    Route {
        r#match: Some(asked),
        action: Some(Action::DirectResponse(DirectResponseAction {
            status: 204,
            ..DirectResponseAction::default()
        })),
        response_headers_to_add: fields,
        ..Route::default()
    }
}

/// What an allowed preflight is told. With credentials browsers take no `*`, and so what was asked
/// for stands in its place; a field that would be empty is none.
fn allowed(ir: &Ir) -> Vec<HeaderValueOption> {
    let asked = |names: &Names, field: &str| match names {
        Names::Any if ir.credentials => Some(format!("%REQ({field})%")),
        _ => list(names),
    };
    let origin = if is_for_all(ir) { "*" } else { "%REQ(origin)%" };
    let expose = list(&ir.expose).filter(|_| !(ir.credentials && ir.expose == Names::Any));
    let fields = [
        (ALLOW_ORIGIN, Some(origin.to_owned())),
        (ALLOW_CREDENTIALS, ir.credentials.then(|| "true".to_owned())),
        (ALLOW_METHODS, asked(&ir.methods, REQUEST_METHOD)),
        (ALLOW_HEADERS, asked(&ir.headers, REQUEST_HEADERS)),
        (EXPOSE_HEADERS, expose),
        (MAX_AGE, Some(ir.max_age.to_string())),
    ];
    let fields = fields.into_iter();
    let fields = fields.filter_map(|(name, value)| Some(header(name, value?, Append::Add)));
    let vary = (!is_for_all(ir)).then(|| header("vary", vary(), Append::Add));
    fields.chain(vary).collect()
}

/// Names as they are sent; `None` is no field. Tokens may have a `%`.
fn list(names: &Names) -> Option<String> {
    match names {
        Names::Any => Some("*".to_owned()),
        Names::Some(names) if names.is_empty() => None,
        Names::Some(names) => Some(names.join(", ").replace('%', "%%")),
    }
}

/// An expression for the origins that are allowed; `None` when there are none.
fn origins(ir: &Ir) -> Option<String> {
    match &ir.origins {
        Origins::Any => Some(".*".to_owned()),
        Origins::Some(patterns) if patterns.is_empty() => None,
        Origins::Some(patterns) => {
            let each: Vec<String> = patterns.iter().map(origin).collect();
            Some(format!("(?i:{})", each.join("|")))
        }
    }
}

fn origin(pattern: &OriginPattern) -> String {
    const LABELS: &str = "[a-z0-9._-]+";
    let host = match &pattern.hosts {
        Hosts::Any => format!(r"(?:{LABELS}|\[[a-z0-9.:_-]+\])"),
        Hosts::Below(suffix) => format!("{LABELS}{}", literal(suffix)),
        Hosts::Exact(name) => literal(name),
    };
    let (scheme, default) = if pattern.https {
        ("https", 443)
    } else {
        ("http", 80)
    };
    let port = if pattern.port == default {
        format!("(?::{default})?")
    } else {
        format!(":{}", pattern.port)
    };
    format!("{scheme}://{host}{port}")
}

fn present(name: &str) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..HeaderMatcher::default()
    }
}

fn matches_exactly(name: &str, value: &str) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            ignore_case: false,
            match_pattern: Some(MatchPattern::Exact(value.to_owned())),
        })),
        ..HeaderMatcher::default()
    }
}
