//! Edges that the examples of the README do not show.

use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, Route, header_matcher::HeaderMatchSpecifier, route::Action,
};
use envoy_types::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::HeaderMutationPerRoute;
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
use fg_api::cors::HttpCorsFilter;

use super::{Names, OriginPattern, Origins, translate};
use crate::Around;
use crate::envoy::Site;
use crate::envoy::testing::{
    SITE, accepted, route, said, set, shared, written, written_alone, written_to,
};

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

/// Whether Envoy's expression for the origins of a policy fits.
fn fits(matcher: &HeaderMatcher, origin: &str) -> bool {
    let Some(HeaderMatchSpecifier::StringMatch(text)) = &matcher.header_match_specifier else {
        panic!("{matcher:?}");
    };
    let Some(MatchPattern::SafeRegex(expression)) = &text.match_pattern else {
        panic!("{matcher:?}");
    };
    // RE2 is asked for the whole value.
    let whole = format!("^(?:{})$", expression.regex);
    regex::Regex::new(&whole)
        .expect("an expression")
        .is_match(origin)
}

#[test]
fn envoy_compares_origins_as_we_do() {
    let patterns = [
        "https://a.com",
        "https://a.com:8443",
        "http://*.a.com",
        "https://*",
        "http://[::1]:80",
    ];
    let origins = [
        "https://a.com",
        "https://A.com:443",
        "https://a.com:8443",
        "https://axcom",
        "http://a.com",
        "http://b.a.com",
        "http://c.b.a.com:80",
        "http://.a.com",
        "http://a.com.evil.com",
        "https://evil.com",
        "https://evil.com:1",
        "https://*",
        "https://[::1]",
        "http://[::1]",
        "null",
        "",
        "https://a.com/",
        "https://x@a.com",
        "HTTPS://a.com",
    ];
    for written in patterns {
        let yaml = format!("filters: [{{type: CORS, cors: {{allowOrigins: ['{written}']}}}}]");
        let written_to = accepted(&yaml, SITE);
        let preflight = &written_to.outcome.preflights[0];
        let asks = &preflight.r#match.as_ref().expect("a match").headers;
        let from = asks
            .iter()
            .find(|field| field.name == "origin")
            .expect("an origin");
        let pattern = OriginPattern::parse(written).expect("an origin");
        for origin in origins {
            assert_eq!(
                fits(from, origin),
                pattern.matches(origin),
                "{written} {origin}"
            );
        }
    }
}

/// `name=value` of what a route adds to its answer.
fn fields(route: &Route) -> Vec<String> {
    let fields = route.response_headers_to_add.iter();
    let header = fields.map(|option| option.header.as_ref().expect("a header"));
    header
        .map(|header| format!("{}={}", header.key, header.value))
        .collect()
}

const CREDENTIALS: &str = "filters: [{type: CORS, cors: {allowOrigins: ['*'], allowMethods: ['*'], \
    allowHeaders: ['*'], exposeHeaders: [x-a], allowCredentials: true}}]";

#[test]
fn envoy_answers_preflights_as_we_do() {
    let written = accepted(CREDENTIALS, SITE);
    let [allowed, other] = written.outcome.preflights.as_slice() else {
        panic!("{:?}", written.outcome);
    };
    for route in [allowed, other] {
        let Some(Action::DirectResponse(answer)) = &route.action else {
            panic!("{route:?}");
        };
        assert_eq!((answer.status, &answer.body), (204, &None));
        assert!(
            route.typed_per_filter_config.is_empty(),
            "nothing else acts"
        );
    }
    assert_eq!(
        fields(allowed),
        [
            "access-control-allow-origin=%REQ(origin)%",
            "access-control-allow-credentials=true",
            "access-control-allow-methods=%REQ(access-control-request-method)%",
            "access-control-allow-headers=%REQ(access-control-request-headers)%",
            "access-control-expose-headers=x-a",
            "access-control-max-age=5",
            "vary=Origin, access-control-request-method, access-control-request-headers",
        ]
    );
    assert_eq!(fields(other).len(), 1, "only what the answer depends on");
    let nobody = accepted("filters: [{type: CORS, cors: {}}]", SITE);
    assert_eq!(nobody.outcome.preflights.len(), 1);
    let open = "filters: [{type: CORS, cors: {allowOrigins: ['*'], allowMethods: ['*']}}]";
    let open = accepted(open, SITE).outcome.preflights;
    assert_eq!(open.len(), 1, "all are alike");
    assert_eq!(
        fields(&open[0])[..2],
        [
            "access-control-allow-origin=*",
            "access-control-allow-methods=*"
        ]
    );
}

#[test]
fn a_preflight_asks_about_another_method_on_envoy() {
    for (method, expected) in [
        (None, [":method=OPTIONS", "access-control-request-method"]),
        (
            Some("PUT"),
            [":method=OPTIONS", "access-control-request-method=PUT"],
        ),
        (
            Some("OPTIONS"),
            [":method=OPTIONS", "access-control-request-method"],
        ),
    ] {
        let mut route = route();
        let asks = &mut route.r#match.as_mut().expect("a match").headers;
        let exact = |text: &str| HeaderMatcher {
            name: ":method".to_owned(),
            header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
                ignore_case: false,
                match_pattern: Some(MatchPattern::Exact(text.to_owned())),
            })),
            ..HeaderMatcher::default()
        };
        asks.extend(method.map(exact));
        let written = written_to(&set(CREDENTIALS), SITE, route);
        let asks = &written.outcome.preflights[1]
            .r#match
            .as_ref()
            .expect("a match")
            .headers;
        let words = asks
            .iter()
            .map(|field| match &field.header_match_specifier {
                Some(HeaderMatchSpecifier::StringMatch(text)) => match &text.match_pattern {
                    Some(MatchPattern::Exact(value)) => format!("{}={value}", field.name),
                    other => panic!("{other:?}"),
                },
                _ => field.name.clone(),
            });
        let words: Vec<String> = words.collect();
        assert_eq!(words[..2], expected, "{method:?}");
        assert_eq!(words[2], "origin");
    }
}

#[test]
fn envoy_marks_replies_and_removes_what_the_backend_says() {
    let written = accepted(CREDENTIALS, SITE);
    let names = written.notes.filters.iter().map(|filter| &*filter.name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["cors/marks", "cors/owns"],
        "replies pass them backwards"
    );
    let filters = &written.route.typed_per_filter_config;
    let marks: CorsPolicy = said(filters, "cors/marks").expect("a policy");
    assert_eq!(marks.expose_headers, "x-a");
    assert!(marks.allow_credentials.is_some_and(|one| one.value));
    let owns: HeaderMutationPerRoute = said(filters, "cors/owns").expect("changes");
    let changes = owns.mutations.expect("changes").response_mutations;
    assert_eq!(changes.len(), 7, "six fields, and `Vary`");

    // For all alike there is no filter that says `*`: pages have a route of their own.
    let open = "filters: [{type: CORS, cors: {allowOrigins: ['*']}}, {type: URLRewrite, urlRewrite: {hostname: a.com}}]";
    let written = accepted(open, SITE);
    let [pages] = written.outcome.before.as_slice() else {
        panic!("{:?}", written.outcome);
    };
    assert_eq!(
        pages.action, written.route.action,
        "with what all other policies wrote"
    );
    let asks = &pages.r#match.as_ref().expect("a match").headers;
    assert_eq!(
        asks.iter().map(|field| &*field.name).collect::<Vec<_>>(),
        ["origin"]
    );
    let owns: HeaderMutationPerRoute =
        said(&pages.typed_per_filter_config, "cors/owns").expect("changes");
    assert_eq!(owns.mutations.expect("changes").response_mutations.len(), 7);
}

#[test]
fn envoy_marks_redirects_to_pages_of_listed_origins() {
    let yaml = "filters: [{type: CORS, cors: {allowOrigins: ['https://a.com'], allowCredentials: true, exposeHeaders: [x-a]}}, {type: RequestRedirect, requestRedirect: {hostname: b.com}}]";
    let written = accepted(
        yaml,
        Site {
            host: Some("b.com"),
            ..SITE
        },
    );
    let [pages] = written.outcome.before.as_slice() else {
        panic!("{:?}", written.outcome);
    };
    assert_eq!(pages.action, written.route.action);
    let asks = &pages.r#match.as_ref().expect("a match").headers;
    assert!(fits(&asks[0], "https://a.com") && !fits(&asks[0], "https://b.com"));
    let owns: HeaderMutationPerRoute =
        said(&pages.typed_per_filter_config, "cors/owns").expect("changes");
    let changes = owns.mutations.expect("changes").response_mutations;
    assert_eq!(changes.len(), 10, "six that go, and four");
    assert_eq!(
        accepted(CREDENTIALS, SITE).outcome.before,
        [],
        "a backend's"
    );
}

#[test]
fn on_envoy_a_rules_word_on_origins_stands_before_its_backends() {
    let (_, outcome) = shared(&set(CREDENTIALS));
    assert!(outcome.wants_own);
    let own = written_alone(&set(CREDENTIALS), route());
    assert_eq!(own.outcome.preflights.len(), 2);
    let of_rule = accepted(CREDENTIALS, SITE).route;
    let own = written_alone(&set(CREDENTIALS), of_rule);
    assert_eq!(own.outcome.preflights.len(), 0);
    // As in our own proxy, caches are told by both that the reply depends on the origin.
    assert_eq!(own.notes.filters.len(), 1);
    assert_eq!(own.notes.filters[0].name, "cors/owns");
}

#[test]
fn envoy_cannot_name_the_fields_of_a_reply() {
    let yaml = "filters: [{type: CORS, cors: {allowOrigins: ['*'], exposeHeaders: ['*'], allowCredentials: true}}]";
    assert_eq!(set(yaml).lacks_on_envoy(Around { backends: 1 }).len(), 1);
    assert_eq!(written(&set(yaml), SITE).outcome.refusals.len(), 1);
}
