//! Matches, losses and precedence in words.

use std::borrow::Cow;
use std::cmp::Ordering;

use fg_exchange::Request;
use fg_ir::Rule;
use fg_model::secret::{REDACTED, is_secret};
use fg_model::{GrpcMatch, HostPattern, Match, PathMatch, ValueMatch};
use fg_router::Lost;

/// What a match matches on: `path prefix /cart, method GET, header x-beta = yes`.
pub(super) fn of_match(one: &Match) -> String {
    let mut words = vec![of_path(&one.path)];
    words.extend(one.method.as_ref().map(|method| format!("method {method}")));
    let header = |(name, value)| format!("header {name} {}", of_value(name, value));
    words.extend(one.headers.iter().map(|h| header((&h.name, &h.value))));
    let query = |(name, value)| format!("query {} {}", quoted(name), of_value(name, value));
    words.extend(one.query.iter().map(|q| query((&q.name, &q.value))));
    words.join(", ")
}

fn of_path(path: &PathMatch) -> String {
    match path {
        PathMatch::Exact(path) => format!("exact path {}", quoted(path)),
        PathMatch::Prefix(prefix) if prefix.is_empty() => "path prefix /".to_owned(),
        PathMatch::Prefix(prefix) => format!("path prefix {}", quoted(prefix)),
        PathMatch::Regex(pattern) => format!("path matching {}", quoted(pattern.source())),
        PathMatch::Grpc(call) => of_call(call),
    }
}

fn of_call(call: &GrpcMatch) -> String {
    let part = |name: &str, value: &ValueMatch| match value {
        ValueMatch::Exact(text) => format!("gRPC {name} {text}"),
        ValueMatch::Regex(pattern) => format!("gRPC {name} matching {}", pattern.source()),
    };
    match (&call.service, &call.method) {
        (Some(ValueMatch::Exact(service)), Some(ValueMatch::Exact(method))) => {
            format!("gRPC method {service}/{method}")
        }
        (Some(service), Some(method)) => {
            format!("{}, {}", part("service", service), part("method", method))
        }
        (Some(service), None) => part("service", service),
        (None, Some(method)) => format!("{} of any service", part("method", method)),
        (None, None) => "every gRPC method".to_owned(),
    }
}

/// The value that is asked for, unless it is a credential.
fn of_value(name: &str, value: &ValueMatch) -> String {
    match value {
        _ if is_secret(name) => format!("= {REDACTED}"),
        ValueMatch::Exact(text) => format!("= {}", quoted(text)),
        ValueMatch::Regex(pattern) => format!("matching {}", quoted(pattern.source())),
    }
}

/// A value so that one sees where it begins and ends: in quotes, unless it is a plain word.
fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '`' | ',' | ';' | '"' | '\'');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into();
    }
    let escaped = text.chars().map(|c| match c {
        '`' => "\\`".to_owned(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    });
    format!("`{}`", escaped.collect::<String>()).into()
}

/// Why a match does not fit, given the first condition that is not met.
pub(super) fn of_loss(lost: Lost, one: &Match, request: &Request) -> String {
    match lost {
        Lost::Path => format!("does not fit: {}", of_path(&one.path)),
        Lost::Method => format!(
            "does not fit: it is for method {}",
            one.method.as_deref().unwrap_or("any")
        ),
        Lost::Header(index) => one.headers.get(index).map_or_else(String::new, |wanted| {
            let values: Vec<_> = request
                .head
                .get_all_named(&wanted.name)
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect();
            let found = found(&wanted.name, &values);
            format!(
                "does not fit: it needs header {} {}; the request has {found}",
                wanted.name,
                of_value(&wanted.name, &wanted.value)
            )
        }),
        Lost::Query(index) => one.query.get(index).map_or_else(String::new, |wanted| {
            format!(
                "does not fit: it needs query {} {}",
                quoted(&wanted.name),
                of_value(&wanted.name, &wanted.value)
            )
        }),
    }
}

fn found(name: &str, values: &[String]) -> String {
    if values.is_empty() {
        "none".to_owned()
    } else if is_secret(name) {
        "another".to_owned()
    } else {
        quoted(&values.join(", ")).into_owned()
    }
}

/// A rule's match with the hostname under which it was found.
pub(super) struct Ranked<'a> {
    pub(super) rule: &'a Rule,
    pub(super) matched: &'a Match,
    pub(super) hostname: &'a HostPattern,
}

/// Why `winner` comes before `loser`, which fits too. Source: Gateway API `HTTPRouteRule`,
/// precedence.
pub(super) fn of_precedence(winner: &Ranked<'_>, loser: &Ranked<'_>) -> String {
    let (won, lost) = (winner.matched, loser.matched);
    let why = if winner.hostname.cmp_specificity(loser.hostname) != Ordering::Equal {
        format!(
            "hostname {} is more specific than {}",
            winner.hostname, loser.hostname
        )
    } else if let Some(why) = path_precedence(&won.path, &lost.path) {
        why
    } else if won.method.is_some() != lost.method.is_some() {
        "the winner names a method".to_owned()
    } else if won.headers.len() != lost.headers.len() {
        "the winner matches more headers".to_owned()
    } else if won.query.len() != lost.query.len() {
        "the winner matches more query parameters".to_owned()
    } else if winner.rule.key.route == loser.rule.key.route {
        "both are alike, and the first in the route wins".to_owned()
    } else if winner.rule.age.created != loser.rule.age.created {
        "both are alike, and the older route wins".to_owned()
    } else {
        "both are alike and equally old; the first by namespace and name wins".to_owned()
    };
    format!("fits too, but {why}")
}

fn path_precedence(won: &PathMatch, lost: &PathMatch) -> Option<String> {
    let exactly = |call: &GrpcMatch| call.exact().or_else(|| call.prefix()).is_some();
    match (won, lost) {
        (PathMatch::Grpc(a), PathMatch::Grpc(b)) if exactly(a) != exactly(b) => {
            Some("an exact service wins".to_owned())
        }
        (PathMatch::Grpc(a), PathMatch::Grpc(b)) if a.rank() == b.rank() => None,
        (PathMatch::Grpc(a), PathMatch::Grpc(b)) => Some(if a.rank().0 == b.rank().0 {
            "the winner says more of the method".to_owned()
        } else {
            "the winner says more of the service".to_owned()
        }),
        (PathMatch::Grpc(_), _) => Some("a gRPC method wins".to_owned()),
        (PathMatch::Exact(_), PathMatch::Exact(_)) => None,
        (PathMatch::Exact(_), _) => Some("an exact path wins".to_owned()),
        (PathMatch::Prefix(a), PathMatch::Prefix(b)) if a.len() == b.len() => None,
        (PathMatch::Prefix(_), PathMatch::Prefix(_)) => Some("the longer prefix wins".to_owned()),
        (PathMatch::Prefix(_), _) => Some("a prefix wins over a regular expression".to_owned()),
        (PathMatch::Regex(a), PathMatch::Regex(b)) if a.source().len() == b.source().len() => None,
        (PathMatch::Regex(_), _) => Some("the longer expression wins".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_their_ends_would_be_unclear() {
        for (text, shown) in [
            ("plain/value=1", "plain/value=1"),
            (r"^a\d+$", r"^a\d+$"),
            ("", "``"),
            ("two words", "`two words`"),
            ("a, b", "`a, b`"),
            ("a\nb`c", r"`a\nb\`c`"),
            ("käse", "`käse`"),
        ] {
            assert_eq!(quoted(text), shown);
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let secret = ValueMatch::Exact("Bearer abc".into());
        assert_eq!(of_value("authorization", &secret), "= [redacted]");
        assert_eq!(found("authorization", &["Bearer x".to_owned()]), "another");
        assert_eq!(of_value("x-team", &secret), "= `Bearer abc`");
    }
}
