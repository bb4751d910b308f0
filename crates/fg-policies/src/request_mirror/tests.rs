//! Parts of the whole, and references that cannot be used.

use fg_api::request_mirror::HttpRequestMirror;

use super::translate;

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
