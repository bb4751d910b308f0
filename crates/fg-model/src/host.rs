//! Hostnames as listeners and routes write them: exact, wildcard, or any.

use std::cmp::Ordering;
use std::fmt;

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// A hostname of a listener or route.
///
/// Shape: lower-case. A wildcard covers one or more labels left of its suffix, never the bare
/// suffix itself. Source: Gateway API `Hostname`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HostPattern {
    /// Every host (no hostname was written).
    Any,
    /// `*.example.com`, kept as `.example.com`.
    Wildcard(Text),
    /// `shop.example.com`.
    Exact(Text),
}

/// Why a hostname cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPatternError(pub String);

impl fmt::Display for HostPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostPatternError {}

impl HostPattern {
    /// Reads a hostname; `None` and the empty string mean [`HostPattern::Any`].
    ///
    /// # Errors
    /// When the name is no DNS name with an optional leading `*.` label.
    pub fn parse(text: Option<&str>) -> Result<Self, HostPatternError> {
        let Some(text) = text.filter(|t| !t.is_empty()) else {
            return Ok(Self::Any);
        };
        let lower = text.to_ascii_lowercase();
        let (name, wildcard) = match lower.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (lower.as_str(), false),
        };
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if lower.len() > 253 || !name.split('.').all(label_ok) {
            return Err(HostPatternError(format!(
                "`{text}` is no hostname (labels of letters, digits and `-`; `*` only as the whole first label)"
            )));
        }
        Ok(if wildcard {
            Self::Wildcard(format!(".{name}").into())
        } else {
            Self::Exact(name.into())
        })
    }

    /// Whether a request's host (lower-case, without port) is covered.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => &**name == host,
            Self::Wildcard(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        }
    }

    /// The hosts that both cover, or `None` when there are none.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, x) | (x, Self::Any) => Some(x.clone()),
            (Self::Exact(name), x) | (x, Self::Exact(name)) => {
                x.matches(name).then(|| Self::Exact(name.clone()))
            }
            (Self::Wildcard(a), Self::Wildcard(b)) => {
                let (longer, shorter) = if a.len() >= b.len() { (a, b) } else { (b, a) };
                longer
                    .ends_with(&**shorter)
                    .then(|| Self::Wildcard(longer.clone()))
            }
        }
    }

    /// Most specific first: exact, then longer wildcard, then shorter wildcard, then any.
    pub fn cmp_specificity(&self, other: &Self) -> Ordering {
        let rank = |p: &Self| match p {
            Self::Exact(name) => (2, name.len()),
            Self::Wildcard(suffix) => (1, suffix.len()),
            Self::Any => (0, 0),
        };
        rank(other).cmp(&rank(self))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> HostPattern {
        HostPattern::parse(Some(text)).expect("a good hostname")
    }

    #[test]
    fn a_wildcard_covers_labels_but_not_the_apex() {
        assert!(p("*.example.com").matches("a.example.com"));
        assert!(p("*.example.com").matches("a.b.example.com"));
        assert!(!p("*.example.com").matches("example.com"));
        assert!(!p("*.example.com").matches("badexample.com"));
    }

    #[test]
    fn intersections_narrow() {
        assert_eq!(
            p("*.example.com").intersection(&p("a.example.com")),
            Some(p("a.example.com"))
        );
        assert_eq!(
            p("*.b.example.com").intersection(&p("*.example.com")),
            Some(p("*.b.example.com"))
        );
        assert_eq!(p("*.xb.com").intersection(&p("*.b.com")), None);
        assert_eq!(HostPattern::Any.intersection(&p("a.com")), Some(p("a.com")));
        assert_eq!(p("a.com").intersection(&p("b.com")), None);
    }

    #[test]
    fn refuses_what_is_no_hostname() {
        for bad in [
            "*",
            "a..b",
            "-a.com",
            "a.*.com",
            "a b",
            "10.0.0.1:80",
            "*.",
            "é.com",
        ] {
            assert!(HostPattern::parse(Some(bad)).is_err(), "{bad}");
        }
    }
}
