//! What is read, and what is said about what cannot be.

use std::time::Duration;

use fg_api::retry::HttpRouteRetry;

use super::{Ir, translate};

fn read(yaml: &str) -> (Ir, Vec<String>) {
    let retry: HttpRouteRetry = serde_saphyr::from_str(yaml).expect("YAML");
    let mut findings = Vec::new();
    let ir = translate(&retry, &mut findings);
    (ir, findings.into_iter().map(|(path, ..)| path).collect())
}

#[test]
fn nothing_said_is_one_more_try_without_codes() {
    assert_eq!(
        read("{}"),
        (
            Ir {
                attempts: 1,
                ..Ir::default()
            },
            Vec::new()
        )
    );
}

#[test]
fn everything_said_is_taken() {
    let (ir, findings) = read("{codes: [503, 500, 503], attempts: 4, backoff: 100ms}");
    assert_eq!(
        ir,
        Ir {
            codes: vec![500, 503],
            attempts: 4,
            backoff: Some(Duration::from_millis(100)),
        }
    );
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn zero_attempts_are_none() {
    assert_eq!(read("{codes: [500], attempts: 0}").0.attempts, 0);
}

#[test]
fn what_cannot_be_read_is_left_out_and_reported() {
    let (ir, findings) = read("{codes: [200, 500], attempts: -1, backoff: soon}");
    assert_eq!(
        ir,
        Ir {
            codes: vec![500],
            attempts: 0,
            backoff: None,
        }
    );
    assert_eq!(
        findings,
        ["retry.codes[0]", "retry.attempts", "retry.backoff"]
    );
}
