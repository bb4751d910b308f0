//! How redirects and rewrites change a path. Not a policy of its own.
//!
//! Source: Gateway API `HTTPPathModifier`.

use fg_api::http_route::HttpPathModifier;
use fg_base::Text;
use fg_model::FindingKind;
use serde::Serialize;

use crate::TranslateScope;

/// The checked form of a path change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum PathChange {
    /// The whole path.
    Full(Text),
    /// The elements that the prefix match covered; without a trailing slash unless the match had
    /// one.
    Prefix(Text),
}

/// Checks a path change; what cannot be used is reported at `place`.
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
        ("ReplaceFullPath", Some(path), None) => Some(PathChange::Full(path.clone())),
        ("ReplacePrefixMatch", None, Some(path)) => Some(PathChange::Prefix(path.clone())),
        (kind, ..) => {
            scope.report(
                place,
                FindingKind::UnsupportedValue,
                format!(
                    "a path change of type `{kind}` needs the field of that name, and only that"
                ),
                None,
            );
            None
        }
    }
}

impl PathChange {
    /// The path after the change.
    ///
    /// `matched` is the length of the prefix that the match covered, without trailing slash; a
    /// prefix change without one leaves the path alone. Elements are never glued together and no
    /// slash is doubled or lost: prefix `/foo` replaced by `/` turns `/foo/bar` into `/bar`, and
    /// `/foo` into `/`.
    pub fn apply(&self, path: &[u8], matched: Option<usize>) -> Vec<u8> {
        match self {
            Self::Full(new) => {
                if new.is_empty() {
                    b"/".to_vec()
                } else {
                    new.as_bytes().to_vec()
                }
            }
            Self::Prefix(new) => {
                let Some(rest) = matched.and_then(|length| path.get(length..)) else {
                    return path.to_vec();
                };
                let mut out = new.as_bytes().to_vec();
                if !rest.is_empty() && out.last() == Some(&b'/') {
                    out.pop();
                }
                out.extend_from_slice(rest);
                if out.first() != Some(&b'/') {
                    out.insert(0, b'/');
                }
                out
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_replaced_by_whole_elements() {
        for (prefix, new, path, expected) in [
            ("/foo", "/xyz", "/foo/bar", "/xyz/bar"),
            ("/foo", "/xyz/", "/foo/bar", "/xyz/bar"),
            ("/foo", "/xyz", "/foo", "/xyz"),
            ("/foo", "/xyz", "/foo/", "/xyz/"),
            ("/foo", "/xyz/", "/foo", "/xyz/"),
            ("/foo", "/", "/foo/bar", "/bar"),
            ("/foo", "/", "/foo", "/"),
            ("/foo", "", "/foo/bar", "/bar"),
            ("/foo", "", "/foo", "/"),
            ("/foo", "/", "/foo/", "/"),
            ("", "/xyz", "/a", "/xyz/a"),
            ("", "/", "/a", "/a"),
        ] {
            let changed = PathChange::Prefix(new.into()).apply(path.as_bytes(), Some(prefix.len()));
            assert_eq!(
                String::from_utf8(changed).expect("text"),
                expected,
                "{prefix} → {new} on {path}"
            );
        }
    }

    #[test]
    fn the_full_path_is_replaced() {
        assert_eq!(PathChange::Full("/a".into()).apply(b"/x/y", None), b"/a");
    }
}
