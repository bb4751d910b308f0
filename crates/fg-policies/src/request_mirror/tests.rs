//! Parts of the whole, and references that cannot be used.

use envoy_types::pb::envoy::r#type::v3::fractional_percent::DenominatorType;
use fg_api::request_mirror::HttpRequestMirror;

use super::translate;
use crate::envoy::testing::{SITE, accepted, forward, set, shared, written_alone};

/// Numerator and denominator, and where findings are.
fn read(yaml: &str) -> (Option<(u32, u32)>, Vec<String>) {
    let mirror: HttpRequestMirror = serde_saphyr::from_str(yaml).expect("YAML");
    let mut findings = Vec::new();
    let part =
        translate(&mirror, &mut findings).map(|mirror| (mirror.numerator, mirror.denominator));
    (part, findings.into_iter().map(|(path, ..)| path).collect())
}

#[test]
fn parts_of_the_whole() {
    let fine = |yaml: &str, part| assert_eq!(read(yaml), (Some(part), Vec::new()), "{yaml}");
    fine("backendRef: {name: copy, port: 80}", (100, 100));
    fine("{backendRef: {name: copy, port: 80}, percent: 0}", (0, 100));
    fine(
        "{backendRef: {name: copy, port: 80}, percent: 42}",
        (42, 100),
    );
    fine(
        "{backendRef: {name: copy, port: 80}, fraction: {numerator: 3}}",
        (3, 100),
    );
    fine(
        "{backendRef: {name: copy, port: 80}, fraction: {numerator: 1, denominator: 1000}}",
        (1, 1000),
    );
}

#[test]
fn what_is_no_part_copies_nothing_and_is_reported() {
    let wrong = |yaml: &str, path: &str| {
        assert_eq!(read(yaml), (None, vec![path.to_owned()]), "{yaml}");
    };
    wrong(
        "{backendRef: {name: copy, port: 80}, percent: 101}",
        "requestMirror.percent",
    );
    wrong(
        "{backendRef: {name: copy, port: 80}, fraction: {numerator: 1, denominator: 0}}",
        "requestMirror.fraction",
    );
    wrong(
        "{backendRef: {name: copy, port: 80}, percent: 1, fraction: {numerator: 1}}",
        "requestMirror",
    );
    wrong(
        "backendRef: {name: missing, port: 80}",
        "requestMirror.backendRef.name",
    );
}

#[test]
fn envoy_copies_the_same_part() {
    for (part, expected) in [
        ("percent: 100", Some(None)),
        ("percent: 0", None),
        ("percent: 5", Some(Some((5, DenominatorType::Hundred)))),
        (
            "fraction: {numerator: 1, denominator: 4}",
            Some(Some((25, DenominatorType::Hundred))),
        ),
        (
            "fraction: {numerator: 1, denominator: 1000}",
            Some(Some((10, DenominatorType::TenThousand))),
        ),
        (
            "fraction: {numerator: 1, denominator: 3}",
            Some(Some((3333, DenominatorType::TenThousand))),
        ),
        (
            "fraction: {numerator: 1, denominator: 300}",
            Some(Some((3333, DenominatorType::Million))),
        ),
        (
            "fraction: {numerator: 1, denominator: 1000000}",
            Some(Some((1, DenominatorType::Million))),
        ),
    ] {
        let written = accepted(&mirroring(part), SITE);
        let policies = &forward(&written.route).request_mirror_policies;
        let got = policies.first().map(|policy| {
            assert_eq!(policy.cluster, "copy:80 AsTheRule");
            assert!(policy.disable_shadow_host_suffix_append, "the host stays");
            let fraction = policy.runtime_fraction.as_ref();
            fraction
                .and_then(|fraction| fraction.default_value)
                .map(|part| (part.numerator, part.denominator()))
        });
        assert_eq!(got, expected, "{part}");
    }
}

fn mirroring(part: &str) -> String {
    format!(
        "filters: [{{type: RequestMirror, requestMirror: {{backendRef: {{name: copy, port: 80}}, {part}}}}}]"
    )
}

#[test]
fn on_envoy_a_backends_mirrors_come_to_those_of_its_rule() {
    let all = mirroring("percent: 100");
    let (_, outcome) = shared(&set(&all));
    assert!(outcome.wants_own, "shares have no mirrors");
    let route = accepted(&all, SITE).route;
    let own = written_alone(&set(&all), route);
    assert_eq!(forward(&own.route).request_mirror_policies.len(), 2);
}
