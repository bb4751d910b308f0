//! `rules[].matches`: from what is written to matchers in canonical form.

use fg_api::grpc_route::{GrpcMethodMatch, GrpcRouteMatch};
use fg_api::http_route::{HttpPathMatch, HttpRouteMatch, HttpValueMatch};
use fg_base::Text;
use fg_model::{
    FindingKind, GrpcMatch, HeaderMatch, Match, PathMatch, Pattern, QueryMatch, ValueMatch, path,
};

use super::written::WrittenMatches;
use crate::notes::{Hint, Notes};

/// The matches that can work, with their index; those that cannot are reported and left out.
/// A rule without matches takes every request.
pub(super) fn matches(
    written: WrittenMatches<'_>,
    rule: &str,
    notes: &mut Notes,
) -> Vec<(u32, Match)> {
    match written {
        WrittenMatches::Http(written) => each(written, http, rule, notes),
        WrittenMatches::Grpc(written) => each(written, grpc, rule, notes),
    }
}

fn each<T: Default>(
    written: &[T],
    one: fn(&T, &str, &mut Notes) -> Option<Match>,
    rule: &str,
    notes: &mut Notes,
) -> Vec<(u32, Match)> {
    if written.is_empty() {
        return one(&T::default(), rule, notes)
            .map(|one| (0, one))
            .into_iter()
            .collect();
    }
    (0..)
        .zip(written)
        .filter_map(|(at, written)| {
            Some((at, one(written, &format!("{rule}.matches[{at}]"), notes)?))
        })
        .collect()
}

fn http(written: &HttpRouteMatch, place: &str, notes: &mut Notes) -> Option<Match> {
    let path = match &written.path {
        Some(path) => path_match(path, place, notes),
        None => Some(PathMatch::Prefix("".into())),
    };
    let headers = headers(&written.headers, place, notes);
    let query = values(
        &written.query_params,
        &format!("{place}.queryParams"),
        notes,
        Text::clone,
    );
    Some(Match {
        path: path?,
        method: written.method.clone(),
        headers: headers?,
        query: query?
            .into_iter()
            .map(|(name, value)| QueryMatch { name, value })
            .collect(),
    })
}

fn grpc(written: &GrpcRouteMatch, place: &str, notes: &mut Notes) -> Option<Match> {
    let call = match &written.method {
        Some(method) => call(method, place, notes),
        None => Some(GrpcMatch::default()),
    };
    let headers = headers(&written.headers, place, notes);
    Some(Match {
        path: PathMatch::Grpc(call?),
        method: None,
        headers: headers?,
        query: Vec::new(),
    })
}

fn headers(written: &[HttpValueMatch], place: &str, notes: &mut Notes) -> Option<Vec<HeaderMatch>> {
    let lower = |name: &Text| name.to_ascii_lowercase().into();
    let found = values(written, &format!("{place}.headers"), notes, lower)?;
    let header = |(name, value)| HeaderMatch { name, value };
    Some(found.into_iter().map(header).collect())
}

/// Service and method. Source: `GRPCMethodMatch`; an empty name is none.
fn call(written: &GrpcMethodMatch, place: &str, notes: &mut Notes) -> Option<GrpcMatch> {
    let place = format!("{place}.method");
    let kind = written.kind.as_deref().unwrap_or("Exact");
    let mut part = |field: &str, value: &Option<Text>| {
        let Some(text) = value.as_ref().filter(|text| !text.is_empty()) else {
            return Some(None);
        };
        let place = format!("{place}.{field}");
        match kind {
            "Exact" => name(text, &place, notes).then(|| ValueMatch::Exact(text.clone())),
            "RegularExpression" => of_path(text, &place, notes).map(ValueMatch::Regex),
            other => {
                let text = format!("there is no method match type `{other}`");
                dropped(&place, text, notes);
                None
            }
        }
        .map(Some)
    };
    let (service, method) = (
        part("service", &written.service),
        part("method", &written.method),
    );
    Some(GrpcMatch {
        service: service?,
        method: method?,
    })
}

/// Whether a path can hold a name as it is.
fn name(name: &Text, place: &str, notes: &mut Notes) -> bool {
    let path = format!("/{name}");
    let form = path::canonicalize(path.as_bytes(), &mut Vec::new());
    let good = !name.contains('/') && form == Ok(path::Form::AsWritten);
    if !good {
        let text = format!("`{name}` can never be in the path of a call");
        dropped(place, text, notes);
    }
    good
}

/// The path in canonical form, so that it equals what requests are brought into.
fn path_match(written: &HttpPathMatch, place: &str, notes: &mut Notes) -> Option<PathMatch> {
    let value = written.value.as_deref().unwrap_or("/");
    let place = format!("{place}.path");
    match written.kind.as_deref().unwrap_or("PathPrefix") {
        "Exact" => canonical(value, &place, notes).map(PathMatch::Exact),
        "PathPrefix" => canonical(value, &place, notes)
            .map(|path| PathMatch::Prefix(path.strip_suffix('/').map_or(path.clone(), Into::into))),
        "RegularExpression" => {
            of_path(value, &format!("{place}.value"), notes).map(PathMatch::Regex)
        }
        other => {
            dropped(
                &format!("{place}.type"),
                format!("there is no path match type `{other}`"),
                notes,
            );
            None
        }
    }
}

fn canonical(value: &str, place: &str, notes: &mut Notes) -> Option<Text> {
    let mut out = Vec::new();
    let form = path::canonicalize(value.as_bytes(), &mut out);
    if value.contains('*') && form.is_ok() {
        notes
            .warning(
                &format!("{place}.value"),
                FindingKind::UnsupportedValue,
                "`*` stands for itself here: only paths with that character fit",
            )
            .hint("a prefix covers all that is below it; for patterns write `type: RegularExpression`");
    }
    match form {
        Ok(path::Form::AsWritten) => Some(value.into()),
        Ok(path::Form::Rewritten) => Some(
            String::from_utf8(out)
                .expect("a canonical path is ASCII")
                .into(),
        ),
        Err(error) => {
            let hint = (!value.is_ascii())
                .then(|| format!("escape it as clients do: `{}`", escaped(value)));
            dropped(
                &format!("{place}.value"),
                format!("`{value}` can never be the path of a request: {error}"),
                notes,
            )
            .hint_if(hint);
            None
        }
    }
}

/// The first of each name, sorted by name. All must be readable: without one of its conditions a
/// match would take more than was meant.
fn values(
    written: &[HttpValueMatch],
    place: &str,
    notes: &mut Notes,
    name: impl Fn(&Text) -> Text,
) -> Option<Vec<(Text, ValueMatch)>> {
    let mut found: Vec<(Text, ValueMatch)> = Vec::with_capacity(written.len());
    let mut good = true;
    for (at, value) in written.iter().enumerate() {
        let name = name(&value.name);
        if found.iter().any(|(known, _)| *known == name) {
            continue;
        }
        match value.kind.as_deref().unwrap_or("Exact") {
            "Exact" => found.push((name, ValueMatch::Exact(value.value.clone()))),
            "RegularExpression" => {
                match pattern(&value.value, &format!("{place}[{at}].value"), notes) {
                    Some(pattern) => found.push((name, ValueMatch::Regex(pattern))),
                    None => good = false,
                }
            }
            other => {
                dropped(
                    &format!("{place}[{at}].type"),
                    format!("there is no match type `{other}`"),
                    notes,
                );
                good = false;
            }
        }
    }
    found.sort();
    good.then_some(found)
}

/// An expression for a path, or a part of one: what no path can hold is warned of.
fn of_path(source: &str, place: &str, notes: &mut Notes) -> Option<Pattern> {
    let pattern = pattern(source, place, notes)?;
    if let Some(needed) = pattern.needs_beyond_ascii() {
        notes
            .warning(
                place,
                FindingKind::UnsupportedValue,
                format!("no request fits: the expression asks for `{needed}`, and paths are compared with all characters beyond ASCII escaped"),
            )
            .hint(format!("write `{}` for `{needed}`, and others like it", escaped(&needed.to_string())));
    }
    Some(pattern)
}

/// A text with its characters beyond ASCII as they stand in a path.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn pattern(source: &str, place: &str, notes: &mut Notes) -> Option<Pattern> {
    Pattern::new(source)
        .map_err(|error| {
            dropped(
                place,
                format!("`{source}` is no regular expression that can be used: {error}"),
                notes,
            )
            .hint("regular expressions have RE2 syntax and must fit the whole value");
        })
        .ok()
}

fn dropped<'a>(place: &str, text: String, notes: &'a mut Notes) -> Hint<'a> {
    notes.error(
        place,
        FindingKind::RuleDropped,
        format!("{text}; this match is left out: its requests go to the rules that fit without it"),
    )
}
