//! How redirects and rewrites change a path. Not a policy of its own.
//!
//! Source: Gateway API `HTTPPathModifier`.

use fg_api::http_route::HttpPathModifier;
use fg_base::Text;
use fg_model::FindingKind;
use fg_model::path::{Form, canonicalize};
use serde::{Deserialize, Serialize};

use crate::TranslateScope;

/// The checked form of a path change.
///
/// Shape: each text is a canonical path (see [`fg_model::path`]), so that what is put together of
/// it and of a canonical request path is canonical too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PathChange {
    /// The whole path.
    Full(Text),
    /// The elements that the prefix match covered.
    Prefix(Text),
}

/// Checks a path change; what cannot be used is reported at `place`. A missing slash in front is
/// added.
pub fn translate(
    modifier: &HttpPathModifier,
    place: &str,
    scope: &mut dyn TranslateScope,
) -> Option<PathChange> {
    match (
        &*modifier.kind,
        &modifier.replace_full_path,
        &modifier.replace_prefix_match,
    ) {
        ("ReplaceFullPath", Some(path), None) => {
            canonical(path, &format!("{place}.replaceFullPath"), scope).map(PathChange::Full)
        }
        ("ReplacePrefixMatch", None, Some(path)) => {
            canonical(path, &format!("{place}.replacePrefixMatch"), scope).map(PathChange::Prefix)
        }
        ("ReplaceFullPath" | "ReplacePrefixMatch", ..) => {
            scope.report(
                place,
                FindingKind::UnsupportedValue,
                format!(
                    "a path change of type `{}` needs the field of that name, and only that",
                    modifier.kind
                ),
                None,
            );
            None
        }
        (kind, ..) => {
            scope.report(
                &format!("{place}.type"),
                FindingKind::UnsupportedValue,
                format!("`{kind}` is no type of path change"),
                Some("write `ReplaceFullPath` or `ReplacePrefixMatch`".to_owned()),
            );
            None
        }
    }
}

/// A path, or a prefix of one, in the form of all paths here.
pub(crate) fn canonical(
    written: &Text,
    place: &str,
    scope: &mut dyn TranslateScope,
) -> Option<Text> {
    let absolute: Text = if written.starts_with('/') {
        written.clone()
    } else {
        format!("/{written}").into()
    };
    let mut rewritten = Vec::new();
    match canonicalize(absolute.as_bytes(), &mut rewritten) {
        Ok(Form::AsWritten) => Some(absolute),
        Ok(Form::Rewritten) => String::from_utf8(rewritten).ok().map(Text::from),
        Err(error) => {
            scope.report(
                place,
                FindingKind::UnsupportedValue,
                format!("`{written}` is no path that can be sent: {error}"),
                Some("write a path without query, other characters percent-encoded".to_owned()),
            );
            None
        }
    }
}

impl PathChange {
    /// The path after the change.
    ///
    /// `matched` is the length of the prefix that the match covered, without trailing slash; a
    /// prefix change without one leaves the path alone, and so does every change the `*` of
    /// `OPTIONS *`. Elements are never glued together and no slash is doubled or lost: prefix
    /// `/foo` replaced by `/` turns `/foo/bar` into `/bar`, and `/foo` into `/`.
    pub fn apply(&self, path: &[u8], matched: Option<usize>) -> Vec<u8> {
        if path.first() != Some(&b'/') {
            return path.to_vec();
        }
        match self {
            Self::Full(new) => new.as_bytes().to_vec(),
            Self::Prefix(new) => {
                let Some(rest) = matched.and_then(|length| path.get(length..)) else {
                    return path.to_vec();
                };
                // What is left begins with a slash, if there is anything.
                let kept = match new.strip_suffix('/') {
                    Some(without) if !rest.is_empty() => without,
                    _ => new,
                };
                let mut out = Vec::with_capacity(kept.len() + rest.len());
                out.extend_from_slice(kept.as_bytes());
                out.extend_from_slice(rest);
                out
            }
        }
    }

    /// What it does, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Full(path) => format!("path {path}"),
            Self::Prefix(path) => format!("path {path} instead of the matched prefix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modifier(kind: &str, full: Option<&str>, prefix: Option<&str>) -> HttpPathModifier {
        HttpPathModifier {
            kind: kind.into(),
            replace_full_path: full.map(Text::from),
            replace_prefix_match: prefix.map(Text::from),
        }
    }

    fn prefix(new: &str) -> PathChange {
        let mut findings = Vec::new();
        let modifier = modifier("ReplacePrefixMatch", None, Some(new));
        translate(&modifier, "path", &mut findings).expect("a good path")
    }

    #[test]
    fn prefixes_are_replaced_by_whole_elements() {
        for (matched, new, path, expected) in [
            ("/foo", "/xyz", "/foo/bar", "/xyz/bar"),
            ("/foo", "/xyz/", "/foo/bar", "/xyz/bar"),
            ("/foo", "xyz", "/foo/bar", "/xyz/bar"),
            ("/foo", "/xyz", "/foo", "/xyz"),
            ("/foo", "/xyz", "/foo/", "/xyz/"),
            ("/foo", "/xyz/", "/foo/", "/xyz/"),
            ("/foo", "/xyz/", "/foo", "/xyz/"),
            ("/foo", "/", "/foo/bar", "/bar"),
            ("/foo", "/", "/foo", "/"),
            ("/foo", "", "/foo/bar", "/bar"),
            ("/foo", "", "/foo", "/"),
            ("/foo", "/", "/foo/", "/"),
            ("/foo", "/", "/foo//bar", "//bar"),
            ("/foo/bar", "/x/y/z", "/foo/bar/baz", "/x/y/z/baz"),
            ("", "/xyz", "/a", "/xyz/a"),
            ("", "/xyz", "/", "/xyz/"),
            ("", "/", "/a", "/a"),
            ("", "", "/", "/"),
            ("", "/xyz", "*", "*"),
        ] {
            let changed = prefix(new).apply(path.as_bytes(), Some(matched.len()));
            assert_eq!(
                String::from_utf8(changed).expect("text"),
                expected,
                "{matched} → {new} on {path}"
            );
        }
        assert_eq!(prefix("/xyz").apply(b"/a", None), b"/a");
    }

    #[test]
    fn paths_are_brought_into_canonical_form() {
        for (written, expected) in [
            ("/a", "/a"),
            ("", "/"),
            ("a", "/a"),
            ("/a/../b/./c", "/b/c"),
            ("/a\"b%7e%c3%a9", "/a%22b~%C3%A9"),
        ] {
            let mut findings = Vec::new();
            let modifier = modifier("ReplaceFullPath", Some(written), None);
            let change = translate(&modifier, "path", &mut findings);
            assert_eq!(change, Some(PathChange::Full(expected.into())), "{written}");
            assert!(findings.is_empty(), "{findings:?}");
            let changed = change.map(|change| change.apply(b"/x/y", None));
            assert_eq!(changed.as_deref(), Some(expected.as_bytes()));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_reported() {
        for (modifier, place) in [
            (
                modifier("ReplaceFullPath", Some("/a?b=c"), None),
                "path.replaceFullPath",
            ),
            (
                modifier("ReplaceFullPath", Some("/a\r\nb"), None),
                "path.replaceFullPath",
            ),
            (
                modifier("ReplacePrefixMatch", None, Some("/%2f")),
                "path.replacePrefixMatch",
            ),
            (
                modifier("ReplacePrefixMatch", None, Some("/é")),
                "path.replacePrefixMatch",
            ),
            (modifier("ReplaceFullPath", None, Some("/a")), "path"),
            (
                modifier("ReplacePrefixMatch", Some("/a"), Some("/a")),
                "path",
            ),
            (modifier("ReplaceAll", Some("/a"), None), "path.type"),
        ] {
            let mut findings = Vec::new();
            assert_eq!(
                translate(&modifier, "path", &mut findings),
                None,
                "{modifier:?}"
            );
            let places: Vec<&str> = findings.iter().map(|(at, ..)| at.as_str()).collect();
            assert_eq!(places, [place], "{modifier:?}");
        }
    }
}
