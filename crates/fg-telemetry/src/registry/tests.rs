use std::time::Duration;

use super::*;
use crate::{FindingCounts, Outcome};

fn labels(route: &str) -> SeriesLabels {
    SeriesLabels {
        gateway: "default/web".into(),
        listener: "http".into(),
        route: route.into(),
        rule: "0".into(),
        backend: "Service default/a:80".into(),
    }
}

fn outcome(status: u16, reason: Option<usize>) -> Outcome {
    Outcome {
        status,
        reason,
        duration: Duration::from_millis(3),
        bytes_in: 10,
        bytes_out: 20,
    }
}

fn registry(cap: usize) -> Registry {
    Registry::new(cap, vec!["bad", "no_route"])
}

fn page(registry: &Registry) -> String {
    registry.render(SystemTime::UNIX_EPOCH + Duration::from_secs(100))
}

#[test]
fn the_page_sums_the_workers() {
    let registry = registry(10);
    let (one, two) = (registry.series(&labels("a")), registry.series(&labels("a")));
    assert!(!Arc::ptr_eq(&one, &two), "each worker writes its own");
    one.record(&outcome(200, None));
    two.record(&outcome(204, None));
    two.record(&outcome(404, Some(1)));
    let page = page(&registry);
    let set = r#"gateway="default/web",listener="http",route="a",rule="0",backend="Service default/a:80""#;
    for line in [
        format!(r#"ferrogate_requests_total{{{set},class="2xx"}} 2"#),
        format!(r#"ferrogate_requests_total{{{set},class="4xx"}} 1"#),
        format!(r#"ferrogate_request_failures_total{{{set},reason="no_route"}} 1"#),
        format!(r#"ferrogate_request_duration_seconds_bucket{{{set},le="0.0025"}} 0"#),
        format!(r#"ferrogate_request_duration_seconds_bucket{{{set},le="0.005"}} 3"#),
        format!(r#"ferrogate_request_duration_seconds_bucket{{{set},le="+Inf"}} 3"#),
        format!("ferrogate_request_duration_seconds_sum{{{set}}} 0.009"),
        format!("ferrogate_request_duration_seconds_count{{{set}}} 3"),
        format!("ferrogate_request_body_bytes_total{{{set}}} 30"),
        format!("ferrogate_response_body_bytes_total{{{set}}} 60"),
    ] {
        assert!(page.lines().any(|l| l == line), "{line}\n---\n{page}");
    }
    assert!(
        !page.contains(r#"reason="bad""#),
        "no line for what never happened"
    );
}

#[test]
fn beyond_the_cap_everything_is_other() {
    let registry = registry(1);
    let _kept = registry.series(&labels("a"));
    registry.series(&labels("b")).record(&outcome(200, None));
    registry.series(&labels("c")).record(&outcome(200, None));
    let page = page(&registry);
    assert!(page.contains(r#"route="other",rule="other",backend="other",class="2xx"} 2"#));
    assert!(!page.contains(r#"route="b""#));
    assert!(page.contains("\nferrogate_metrics_series 1\n"));
    assert!(page.contains("\nferrogate_metrics_series_dropped_total 2\n"));
}

#[test]
fn series_go_with_their_objects_and_do_not_come_back_with_late_requests() {
    let registry = registry(10);
    registry.series(&labels("a")).record(&outcome(200, None));
    registry.series(&labels("b")).record(&outcome(200, None));
    registry.set_wanted(|labels| &*labels.route != "a");
    registry.series(&labels("a")).record(&outcome(200, None));
    let page = page(&registry);
    assert!(!page.contains(r#"route="a""#));
    assert!(page.contains(r#"route="b""#));
}

#[test]
fn a_series_that_nobody_holds_is_written_on() {
    let registry = registry(10);
    for _ in 0..3 {
        registry.series(&labels("a")).record(&outcome(200, None));
    }
    let state = registry.lock();
    assert_eq!(state.series[&labels("a")].series.len(), 1);
}

#[test]
fn a_replaced_worker_keeps_counters_and_loses_open_connections() {
    let registry = registry(10);
    let worker = registry.worker();
    worker.connections_accepted.increment();
    worker.connections_open.increment();
    worker.unrouted(0);
    drop(worker);
    let _again = registry.worker();
    let page = page(&registry);
    assert!(page.contains("\nferrogate_connections_accepted_total 1\n"));
    assert!(page.contains("\nferrogate_connections_open 0\n"));
    assert!(page.contains("\nferrogate_workers 1\n"));
    assert!(page.contains("\nferrogate_unrouted_requests_total{reason=\"bad\"} 1\n"));
}

#[test]
fn configuration_has_a_generation_and_an_age() {
    let registry = registry(10);
    registry.control(|control| {
        control.generation = 7;
        control.confirmed = 6;
        control.applied_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(90));
        control.findings = FindingCounts {
            errors: 2,
            ..FindingCounts::default()
        };
    });
    let page = page(&registry);
    assert!(page.contains("\nferrogate_configuration_generation 7\n"));
    assert!(page.contains("\nferrogate_configuration_confirmed_generation 6\n"));
    assert!(page.contains("\nferrogate_configuration_age_seconds 10\n"));
    assert!(page.contains("\nferrogate_findings{severity=\"error\"} 2\n"));
}

#[test]
fn every_metric_of_the_table_is_on_the_page_once_and_the_other_way_round() {
    let registry = registry(10);
    registry.control(|control| control.applied_at = Some(SystemTime::UNIX_EPOCH));
    let page = page(&registry);
    let on_page: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let mut sorted = on_page.clone();
    sorted.sort_unstable();
    let mut table: Vec<_> = names::ALL.iter().map(|metric| metric.name).collect();
    table.sort_unstable();
    assert_eq!(sorted, table);
}

#[test]
fn of_many_label_sets_some_have_durations_and_none_is_lost() {
    let registry = registry(14);
    let held: Vec<_> = (0..10)
        .map(|number| {
            let series = registry.series(&labels(&format!("shop/{number}")));
            series.record(&outcome(200, None));
            series
        })
        .collect();
    let count = |page: &str, route: &str| {
        let line = page.lines().find(|line| {
            line.starts_with("ferrogate_request_duration_seconds_count")
                && line.contains(&format!("route=\"{route}\""))
        });
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
    };
    let text = page(&registry);
    assert_eq!(count(&text, "shop/1"), Some(1));
    assert_eq!(count(&text, "shop/2"), None);
    assert_eq!(count(&text, "other"), Some(8));
    assert!(
        text.contains("route=\"shop/2\""),
        "its requests are counted"
    );

    // A route that goes makes room, and what it shared with others does not shrink.
    drop(held);
    let gone = ["shop/1", "shop/2"];
    registry.set_wanted(move |labels| !gone.contains(&&*labels.route));
    registry
        .series(&labels("shop/new"))
        .record(&outcome(200, None));
    let text = page(&registry);
    assert_eq!(count(&text, "other"), Some(8));
    assert_eq!(count(&text, "shop/new"), Some(1));
}
