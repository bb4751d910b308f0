//! `rules[].matches`: from what is written to matchers in canonical form.

use fg_api::http_route::{HttpPathMatch, HttpRouteMatch, HttpValueMatch};
use fg_base::Text;
use fg_model::{FindingKind, HeaderMatch, Match, PathMatch, Pattern, QueryMatch, ValueMatch, path};

use crate::notes::{Hint, Notes};

/// The matches that can work, with their index; those that cannot are reported and left out.
/// A rule without matches takes every request.
pub(super) fn matches(
    written: &[HttpRouteMatch],
    rule: &str,
    notes: &mut Notes,
) -> Vec<(u32, Match)> {
    if written.is_empty() {
        return vec![(
            0,
            Match {
                path: PathMatch::Prefix("".into()),
                method: None,
                headers: Vec::new(),
                query: Vec::new(),
            },
        )];
    }
    (0..)
        .zip(written)
        .filter_map(|(at, written)| {
            Some((at, one(written, &format!("{rule}.matches[{at}]"), notes)?))
        })
        .collect()
}

fn one(written: &HttpRouteMatch, place: &str, notes: &mut Notes) -> Option<Match> {
    let path = match &written.path {
        Some(path) => path_match(path, place, notes),
        None => Some(PathMatch::Prefix("".into())),
    };
    let headers = values(
        &written.headers,
        &format!("{place}.headers"),
        notes,
        |name| name.to_ascii_lowercase().into(),
    );
    let query = values(
        &written.query_params,
        &format!("{place}.queryParams"),
        notes,
        Text::clone,
    );
    Some(Match {
        path: path?,
        method: written.method.clone(),
        headers: headers?
            .into_iter()
            .map(|(name, value)| HeaderMatch { name, value })
            .collect(),
        query: query?
            .into_iter()
            .map(|(name, value)| QueryMatch { name, value })
            .collect(),
    })
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
            pattern(value, &format!("{place}.value"), notes).map(PathMatch::Regex)
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
    match path::canonicalize(value.as_bytes(), &mut out) {
        Ok(path::Form::AsWritten) => Some(value.into()),
        Ok(path::Form::Rewritten) => Some(
            String::from_utf8(out)
                .expect("a canonical path is ASCII")
                .into(),
        ),
        Err(error) => {
            dropped(
                &format!("{place}.value"),
                format!("`{value}` can never be the path of a request: {error}"),
                notes,
            );
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
        format!("{text}; this match is left out"),
    )
}
