//! Edges that the examples of the README do not show.

use fg_api::cors::HttpCorsFilter;

use super::{Names, OriginPattern, Origins, translate};

#[test]
fn origins_are_compared_by_scheme_host_and_port() {
    for (pattern, origin, expected) in [
        ("https://a.com", "https://a.com", true),
        ("https://a.com", "https://a.com:443", true),
        ("https://a.com:443", "https://a.com", true),
        ("https://A.com", "https://a.com", true),
        ("http://a.com", "http://a.com:80", true),
        ("https://a.com", "http://a.com", false),
        ("https://a.com", "https://a.com:8443", false),
        ("https://a.com", "https://a.com.evil.com", false),
        ("https://a.com", "https://evila.com", false),
        ("https://a.com", "https://a.com/", false),
        ("https://a.com", "null", false),
        ("https://a.com", "", false),
        ("https://*.a.com", "https://b.a.com", true),
        ("https://*.a.com", "https://c.b.a.com", true),
        ("https://*.a.com", "https://a.com", false),
        ("https://*.a.com", "https://.a.com", false),
        ("https://*.a.com", "https://xa.com", false),
        ("https://*.a.com", "https://evil.com#.a.com", false),
        ("https://*.a.com", "https://evil.com/.a.com", false),
        ("https://*.a.com", "https://evil.com:1@b.a.com", false),
        ("https://*.a.com:8443", "https://b.a.com:8443", true),
        ("https://*.a.com:8443", "https://b.a.com", false),
        ("https://*", "https://whatever", true),
        ("https://*", "https://[2001:db8::1]", true),
        ("https://*", "http://whatever", false),
        ("http://*:8080", "http://whatever:8080", true),
        ("http://[::1]:8080", "http://[::1]:8080", true),
    ] {
        let parsed = OriginPattern::parse(pattern).expect("an origin");
        assert_eq!(parsed.matches(origin), expected, "{pattern} {origin}");
    }
}

#[test]
fn what_is_no_origin_is_told() {
    for bad in [
        "",
        "a.com",
        "ftp://a.com",
        "https://",
        "https://*a.com",
        "https://*.",
        "https://a.*.com",
        "https://a.com:0",
        "https://a.com:65536",
        "https://a.com:",
        "https://a.com/x",
    ] {
        assert_eq!(OriginPattern::parse(bad), None, "{bad}");
    }
}

#[test]
fn what_is_wrong_allows_less_never_more() {
    let mut findings = Vec::new();
    let wrong = HttpCorsFilter {
        allow_origins: vec!["nonsense".into()],
        allow_methods: vec!["GET\r\nx: y".into(), "PUT".into()],
        allow_headers: vec!["a b".into()],
        max_age: Some(0),
        ..HttpCorsFilter::default()
    };
    let ir = translate(&wrong, &mut findings);
    assert_eq!(ir.origins, Origins::Some(Vec::new()));
    assert_eq!(ir.methods, Names::Some(vec!["PUT".into()]));
    assert_eq!(ir.headers, Names::Some(Vec::new()));
    assert_eq!((ir.max_age, ir.credentials), (5, false));
    let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "cors.allowOrigins[0]",
            "cors.allowMethods[0]",
            "cors.allowHeaders[0]",
            "cors.maxAge"
        ]
    );
}
