//! Envoy's messages for what several policies say.

use std::time::Duration;

use envoy_types::pb::envoy::config::common::mutation_rules::v3::{
    HeaderMutation, header_mutation::Action,
};
use envoy_types::pb::envoy::config::core::v3::{
    HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
};
use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, header_matcher::HeaderMatchSpecifier,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    ListStringMatcher, RegexMatchAndSubstitute, RegexMatcher, StringMatcher,
    string_matcher::MatchPattern,
};
use envoy_types::pb::google::protobuf::Duration as PbDuration;
use fg_base::Text;

use crate::path_modifier::PathChange;

/// A span of time.
pub(crate) fn duration(duration: Duration) -> PbDuration {
    PbDuration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// What a header field does with those of its name that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Append {
    /// It stands in their place.
    Replace,
    /// It stands beside them.
    Add,
}

/// A header field. `format` may have Envoy's `%…%`.
pub(crate) fn header(name: &str, format: impl Into<String>, append: Append) -> HeaderValueOption {
    let action = match append {
        Append::Replace => HeaderAppendAction::OverwriteIfExistsOrAdd,
        Append::Add => HeaderAppendAction::AppendIfExistsOrAdd,
    };
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: format.into(),
            raw_value: Vec::new(),
        }),
        append_action: action.into(),
        ..HeaderValueOption::default()
    }
}

/// A value in which nothing stands for something else.
pub(crate) fn percent_escaped(value: &str) -> String {
    value.replace('%', "%%")
}

/// Removes all header fields of a name.
pub(crate) fn clear(name: &str) -> HeaderMutation {
    HeaderMutation {
        action: Some(Action::Remove(name.to_owned())),
    }
}

/// Writes a header field, also one without a value.
pub(crate) fn mutation(option: HeaderValueOption) -> HeaderMutation {
    HeaderMutation {
        action: Some(Action::Append(HeaderValueOption {
            keep_empty_value: true,
            ..option
        })),
    }
}

/// An expression of RE2 that matches this text alone.
pub(crate) fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// An expression of RE2 that matches this text alone, as (a part of) a path: Envoy leaves the digits of
/// escapes as they came, so both ways to write them are asked for.
pub fn of_path(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    let mut digits = 0;
    for character in text.chars() {
        digits = match character {
            '%' => 3,
            _ => digits - i32::from(digits > 0),
        };
        if digits > 0 && character.is_ascii_alphabetic() {
            let (upper, lower) = (
                character.to_ascii_uppercase(),
                character.to_ascii_lowercase(),
            );
            quoted.extend(['[', upper, lower, ']']);
        } else {
            quoted.push_str(&literal(character.encode_utf8(&mut [0; 4])));
        }
    }
    quoted
}

/// An expression for whole values.
pub(crate) fn expression(regex: impl Into<String>) -> RegexMatcher {
    RegexMatcher {
        regex: regex.into(),
        engine_type: None,
    }
}

/// Matches requests with a field whose whole value fits an expression.
pub(crate) fn matches_fully(name: &str, regex: impl Into<String>) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            ignore_case: false,
            match_pattern: Some(MatchPattern::SafeRegex(expression(regex))),
        })),
        ..HeaderMatcher::default()
    }
}

/// Matches header names.
pub(crate) fn of_names(names: &[Text]) -> ListStringMatcher {
    let exact = |name: &Text| StringMatcher {
        ignore_case: true,
        match_pattern: Some(MatchPattern::Exact(name.to_string())),
    };
    ListStringMatcher {
        patterns: names.iter().map(exact).collect(),
    }
}

/// Replaces what an expression finds by a text.
fn substitute(regex: String, text: &str) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(expression(regex)),
        // `\1` would stand for a group.
        substitution: text.replace('\\', r"\\"),
    }
}

/// How a path is changed: all that is no path (`*`) stays, and so does the query.
///
/// `prefix` is what the match asks for. `None` when nothing changes.
pub(crate) fn rewrite(
    change: &PathChange,
    prefix: Option<&str>,
) -> Option<RegexMatchAndSubstitute> {
    match (change, prefix) {
        (PathChange::Full(new), _) => Some(substitute("^/.*$".to_owned(), new)),
        (PathChange::Prefix(_), None) => None,
        // Elements are neither glued together nor lost: see `PathChange::apply`. Where the new
        // prefix ends with a slash, that takes the place of the one behind the matched prefix.
        (PathChange::Prefix(new), Some(old)) => {
            let bare = new.strip_suffix('/');
            match (old, bare) {
                ("", Some("")) => None,
                ("", bare) => Some(substitute("^/".to_owned(), &slashed(bare.unwrap_or(new)))),
                (old, Some(bare)) => {
                    let regex = format!("^{}/?", of_path(old));
                    Some(substitute(regex, &slashed(bare)))
                }
                (old, None) => Some(substitute(format!("^{}", of_path(old)), new)),
            }
        }
    }
}

fn slashed(bare: &str) -> String {
    format!("{bare}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RE2 makes of a path; its syntax and ours are the same for what is written here.
    fn applied(change: &PathChange, prefix: Option<&str>, path: &str) -> String {
        let Some(rule) = rewrite(change, prefix) else {
            return path.to_owned();
        };
        let pattern = rule.pattern.expect("a pattern").regex;
        let regex = regex::Regex::new(&pattern).expect("an expression");
        let text = rule.substitution.replace('$', "$$").replace(r"\\", r"\");
        regex.replace_all(path, text).into_owned()
    }

    #[test]
    fn paths_change_as_in_our_own_proxy() {
        let news = ["/", "/xyz", "/xyz/", "/a.b", "/$1/c"];
        let olds = ["", "/foo", "/foo/bar", "/a.b(c)", "/f+o", "/caf%C3%A9"];
        let rests = ["", "/", "/x", "/x/", "//x", "/foo", "/foo/foo", "/%2Ax"];
        for new in news {
            for old in olds {
                for rest in rests {
                    let path = match format!("{old}{rest}") {
                        path if path.is_empty() => continue,
                        path => path,
                    };
                    for change in [PathChange::Full(new.into()), PathChange::Prefix(new.into())] {
                        let expected = change.apply(path.as_bytes(), Some(old.len()));
                        let expected = String::from_utf8(expected).expect("text");
                        let got = applied(&change, Some(old), &path);
                        assert_eq!(got, expected, "{change:?} of {old:?} on {path}");
                    }
                }
            }
            let change = PathChange::Prefix(new.into());
            assert_eq!(applied(&change, None, "/foo"), "/foo");
            for change in [PathChange::Full(new.into()), change] {
                assert_eq!(applied(&change, Some(""), "*"), "*");
            }
        }
    }

    #[test]
    fn a_text_stands_for_itself() {
        for text in ["/a.b", "/(x)|[y]{z}", "/a+b*c?^$", "/é", "/%7B-_~"] {
            let regex = regex::Regex::new(&format!("^{}$", literal(text))).expect("an expression");
            assert!(regex.is_match(text), "{text}");
            assert!(
                !regex.is_match(&text.replace(['.', '+', 'é', '%', '('], "q")),
                "{text}"
            );
        }
        assert_eq!(percent_escaped("100% %REQ(a)%"), "100%% %%REQ(a)%%");
    }
}
