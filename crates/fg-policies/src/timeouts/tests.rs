//! Edges that the examples of the README do not show.

use std::time::Duration;

use super::parse_duration;

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
