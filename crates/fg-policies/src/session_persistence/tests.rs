//! Edges that the examples of the README do not show.

use fg_api::session_persistence::{CookieConfig, HeaderConfig, SessionPersistence};

use super::{Carrier, Ir, translate};

fn cookie(name: Option<&str>, path: Option<&str>) -> SessionPersistence {
    SessionPersistence {
        cookie: Some(CookieConfig {
            name: name.map(Into::into),
            path: path.map(Into::into),
            lifetime_type: None,
        }),
        ..SessionPersistence::default()
    }
}

#[test]
fn the_default_is_a_cookie_of_the_browsers_session_for_all_paths() {
    let mut findings = Vec::new();
    let ir = translate(&SessionPersistence::default(), &mut findings);
    let expected = Ir {
        carrier: Carrier::Cookie {
            name: None,
            path: "/".into(),
            permanent: false,
        },
        lifetime: None,
    };
    assert_eq!((ir, findings.len()), (Some(expected), 0));
}

#[test]
fn what_could_write_another_field_or_attribute_is_refused() {
    for (written, place) in [
        (cookie(Some("a=b"), None), "cookie.name"),
        (cookie(Some("a\r\nset-cookie: x"), None), "cookie.name"),
        (cookie(Some(""), None), "cookie.name"),
        (cookie(None, Some("/; Domain=com")), "cookie.path"),
        (cookie(None, Some("/\r\nx: y")), "cookie.path"),
        (cookie(None, Some("shop")), "cookie.path"),
        (
            SessionPersistence {
                kind: Some("Header".into()),
                header: Some(HeaderConfig {
                    name: "Transfer-Encoding".into(),
                }),
                ..SessionPersistence::default()
            },
            "header.name",
        ),
        (
            SessionPersistence {
                kind: Some("Header".into()),
                ..SessionPersistence::default()
            },
            "header.name",
        ),
        (
            SessionPersistence {
                kind: Some("Query".into()),
                ..SessionPersistence::default()
            },
            "type",
        ),
    ] {
        let mut findings = Vec::new();
        assert_eq!(translate(&written, &mut findings), None, "{written:?}");
        let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
        assert_eq!(places, [format!("sessionPersistence.{place}")]);
    }
}
