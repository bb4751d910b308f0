//! Edges that the examples of the README do not show.

use fg_api::http_route::{HttpPathModifier, HttpUrlRewrite};
use fg_base::Text;

use super::{Ir, translate};

fn rewrite(hostname: Option<&str>, path: Option<&str>) -> HttpUrlRewrite {
    HttpUrlRewrite {
        hostname: hostname.map(Text::from),
        path: path.map(|path| HttpPathModifier {
            kind: "ReplaceFullPath".into(),
            replace_full_path: Some(path.into()),
            replace_prefix_match: None,
        }),
    }
}

#[test]
fn a_hostname_is_lower_case_and_an_empty_one_is_none() {
    for (written, expected) in [("Shop.Example.com", Some("shop.example.com")), ("", None)] {
        let ir = translate(&rewrite(Some(written), None), &mut Vec::new());
        let hostname = expected.map(Text::from);
        assert_eq!(
            ir,
            Some(Ir {
                hostname,
                path: None
            }),
            "{written}"
        );
    }
}

#[test]
fn everything_wrong_is_reported_at_once_and_nothing_is_kept() {
    let mut findings = Vec::new();
    let wrong = rewrite(Some("*.example.com"), Some("/a?b"));
    assert_eq!(translate(&wrong, &mut findings), None);
    let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(
        places,
        ["urlRewrite.hostname", "urlRewrite.path.replaceFullPath"]
    );
    for bad in ["a.com:80", "a b", "[::1]", "a\r\nb"] {
        assert_eq!(
            translate(&rewrite(Some(bad), None), &mut Vec::new()),
            None,
            "{bad}"
        );
    }
}
