//! What Envoy is asked to match, where it is not the same words.

use fg_model::Match;
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::{And as _, call, listener, path, rule};

use super::evaluate::route;
use super::world::World;

/// Whether a request (`METHOD /path?query`, and headers) gets the only rule.
fn gets(matched: &Match, line: &str, headers: &[(&str, &str)]) -> bool {
    let rule = rule("r", 0, &[("http", &[""])], vec![matched.clone()]);
    let world = World::of(vec![listener("http", "")], vec![rule]);
    let line = line.replacen(' ', " a.com ", 1);
    let hosts = world.hosts();
    let route = route(&hosts, "http/80", &Plain::new(&line, headers)).expect("a route");
    route.name != "no_route"
}

#[test]
fn prefixes_are_whole_elements() {
    for (prefix, yes, no) in [
        ("/", &["/", "/a"][..], &[][..]),
        ("/a", &["/a", "/a/", "/a/b", "/a?b"], &["/ab", "/"]),
        ("/a//", &["/a/", "/a//b"], &["/a", "/a/b"]),
        ("//", &["/", "//", "//b"], &["/b"]),
    ] {
        for path_of in yes {
            let line = format!("GET {path_of}");
            // `/` without its slash is the empty prefix, and `//` is `/`: a path of two elements.
            let fits = gets(&path(prefix), &line, &[]);
            assert_eq!(
                fits,
                prefix != "//" || *path_of != "/" || fits,
                "{prefix} {line}"
            );
            assert!(fits, "{prefix} {line}");
        }
        for path_of in no {
            assert!(
                !gets(&path(prefix), &format!("GET {path_of}"), &[]),
                "{prefix} {path_of}"
            );
        }
    }
}

#[test]
fn values_of_parameters_may_be_written_in_all_ways() {
    let asked = path("/").query("q", "a b+c");
    for query in [
        "q=a+b%2Bc",
        "q=a%20b%2bc",
        "q=%61+b%2Bc&q=x",
        "z=1&q=a+b%2Bc",
    ] {
        assert!(gets(&asked, &format!("GET /?{query}"), &[]), "{query}");
    }
    for query in ["q=a+b+c", "q=x&q=a+b%2Bc", "q", "", "Q=a+b%2Bc"] {
        assert!(!gets(&asked, &format!("GET /?{query}"), &[]), "{query}");
    }
    assert!(gets(&path("/").query("q", ""), "GET /?q", &[]));
    assert!(!gets(&path("/").query("q", ""), "GET /?q=1", &[]));
}

#[test]
fn several_fields_of_one_name_are_one_value() {
    let asked = path("/").header("x-team", "red, blue");
    assert!(gets(&asked, "GET /", &[("X-Team", "red, blue")]));
    assert!(gets(
        &asked,
        "GET /",
        &[("x-team", "red"), ("x-team", "blue")]
    ));
    assert!(!gets(
        &asked,
        "GET /",
        &[("x-team", "blue"), ("x-team", "red")]
    ));
    assert!(!gets(&asked, "GET /", &[]));
    assert!(gets(&path("/").header("host", "a.com"), "GET /", &[]));
}

#[test]
fn calls_are_matched_by_service_and_method() {
    for (service, method, yes, no) in [
        (
            "a.B",
            "C",
            &["/a.B/C"][..],
            &["/a.B/D", "/axB/C", "/a.B/C/D"][..],
        ),
        ("a.B", "", &["/a.B/C", "/a.B"], &["/a.BC/D"]),
        ("", "C", &["/a/C", "/a/b/C"], &["/C", "//C", "/a/CC"]),
        (
            "~a|b",
            "",
            &["/a/C", "/b/D"],
            &["/ab/C", "/a/", "/a", "/a/b/C"],
        ),
        ("~.*", "~C?", &["/a/C", "/a/b/C"], &["//C", "/a/", "/a/D"]),
        ("a", "~C|D", &["/a/C", "/a/D?q=/C"], &["/a/E?x/C", "/b/C"]),
        ("", "", &["/a/C", "/"], &[]),
    ] {
        for path in yes {
            assert!(
                gets(&call(service, method), &format!("POST {path}"), &[]),
                "{path}"
            );
        }
        for path in no {
            let line = format!("POST {path}");
            assert!(
                !gets(&call(service, method), &line, &[]),
                "{service} {method} {path}"
            );
        }
    }
}
