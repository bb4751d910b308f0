//! The access log of a running gateway.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Echo, Folder, Gateway, until};

#[test]
fn every_request_is_a_line_of_json() {
    let ip = "127.20.5.1";
    let echo = Echo::start(ip, 9001, "a");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("a", echo.address);
    let rules =
        "[{name: cart, matches: [{path: {value: /cart}}], backendRefs: [{name: a, port: 80}]}]";
    folder.route("shop", rules);
    let gateway = Gateway::start(ip, &folder, &["--access-log", "json"]);
    assert_eq!(gateway.get("/cart/x").status, 200);
    assert_eq!(gateway.get("/nowhere").status, 404);
    let mut lines: Vec<Value> = until("two lines", || {
        let lines = gateway.process.stdout();
        let lines = lines.iter().filter(|line| line.starts_with('{'));
        let lines: Vec<Value> = lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        (lines.len() == 2).then_some(lines)
    });
    // Each worker hands over its own lines, so their order is not that of the requests.
    lines.sort_by_key(|line| line["path"].to_string());
    let served = &lines[0];
    assert_eq!(served["path"], "/cart/x");
    assert_eq!(served["status"], 200);
    assert_eq!(served["route"], "default/shop");
    assert_eq!(served["rule"], "cart");
    assert_eq!(served["backend"], "Service default/a:80");
    assert_eq!(served["endpoint"], echo.address.to_string());
    assert!(served["request_id"].is_string(), "{served}");
    assert!(
        served["total_us"].as_u64() >= served["upstream_us"].as_u64(),
        "{served}"
    );
    let lost = &lines[1];
    assert_eq!(
        (&lost["status"], &lost["reason"]),
        (&404.into(), &"no_route".into())
    );
}

#[test]
fn the_last_lines_are_written_before_the_end() {
    let ip = "127.20.5.2";
    let folder = Folder::new();
    folder.gateway(ip);
    let mut gateway = Gateway::start(ip, &folder, &["--access-log", "text"]);
    for _ in 0..10 {
        assert_eq!(gateway.get("/").status, 404);
    }
    gateway.process.signal(Signal::TERM);
    assert_eq!(gateway.process.exit_code(), Some(0));
    let line = r#" "GET / HTTP/1.1" 404 "#;
    until("all lines", || {
        let lines = gateway.process.stdout();
        let lines = lines
            .iter()
            .filter(|text| text.contains(line) && text.contains(" reason=no_route "));
        (lines.count() == 10).then_some(())
    });
}
