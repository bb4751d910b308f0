//! Edges that the examples of the README do not show.

use std::time::Duration;

use fg_api::http_route::HttpRouteTimeouts;
use fg_base::Text;

use super::{Ir, parse_duration, translate};

#[test]
fn durations_follow_gep_2257() {
    assert_eq!(
        parse_duration("1h2m3s4ms"),
        Some(Duration::from_millis(3_723_004))
    );
    assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
    for bad in [
        "",
        "s",
        "1",
        "1d",
        "-1s",
        "1.5s",
        "100000s",
        "1s1s1s1s1s",
        "1 s",
    ] {
        assert_eq!(parse_duration(bad), None, "{bad}");
    }
}

fn timeouts(request: Option<&str>, backend_request: Option<&str>) -> HttpRouteTimeouts {
    HttpRouteTimeouts {
        request: request.map(Text::from),
        backend_request: backend_request.map(Text::from),
    }
}

#[test]
fn zero_is_no_limit_and_nothing_written_is_no_policy() {
    let mut findings = Vec::new();
    let some = Some(Duration::from_millis(1500));
    for (written, expected) in [
        (timeouts(None, None), None),
        (timeouts(Some("0s"), None), Some((None, None))),
        (timeouts(Some("0h0ms"), Some("1s500ms")), Some((None, some))),
        (timeouts(Some("1500ms"), None), Some((some, None))),
    ] {
        let expected = expected.map(|(request, backend_request)| Ir {
            request,
            backend_request,
        });
        assert_eq!(translate(&written, &mut findings), expected, "{written:?}");
    }
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn what_is_no_duration_is_reported_and_the_other_limit_stays() {
    let mut findings = Vec::new();
    let ir = translate(&timeouts(Some("10"), Some("2s")), &mut findings);
    let expected = Ir {
        request: None,
        backend_request: Some(Duration::from_secs(2)),
    };
    assert_eq!(ir, Some(expected));
    let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(places, ["timeouts.request"]);
}
