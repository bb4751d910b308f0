//! The admin pages of a running gateway.

use serde_json::Value;

use crate::support::client::Client;
use crate::support::{Echo, Folder, Gateway, until};

fn served(ip: &str) -> (Echo, Folder, Gateway) {
    let echo = Echo::start(ip, 9001, "a");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("a", echo.address);
    folder.route("shop", "[{name: all, backendRefs: [{name: a, port: 80}]}]");
    folder.write(
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: hunter2}\n",
    );
    let gateway = Gateway::start(ip, &folder, &[]);
    (echo, folder, gateway)
}

#[test]
fn credentials_that_rules_match_on_are_not_shown() {
    let (_echo, folder, gateway) = served("127.20.3.6");
    let header = "{name: Authorization, value: hunter3}";
    let query = "{name: token, value: hunter4}";
    folder.route(
        "shop",
        &format!("[{{matches: [{{headers: [{header}], queryParams: [{query}]}}]}}]"),
    );
    let pages = ["/config", "/explain?url=http://a:8080/"];
    until("the rule", || {
        let shown = pages.map(|page| gateway.admin(page).body);
        let all = |what: &str| shown.iter().all(|page| page.contains(what));
        let none = |what: &str| !shown.iter().any(|page| page.contains(what));
        assert!(none("hunter3") && none("hunter4"), "{shown:#?}");
        (all("[redacted]") && all("authorization")).then_some(())
    });
}

#[test]
fn pages_show_what_serves_and_no_secret() {
    let (_echo, _folder, gateway) = served("127.20.3.1");
    let index = gateway.admin("/");
    assert_eq!(index.status, 200);
    let configuration = gateway.admin("/config").json();
    assert_eq!(configuration["listeners"][0]["key"]["gateway"], "web");
    let rule = &configuration["rules"][0];
    assert_eq!(rule["origin"]["object"]["name"], "shop");
    assert_eq!(rule["origin"]["path"], "spec.rules[0]");
    let status = gateway.admin("/status").json();
    assert_eq!(status["objects"][0]["kind"], "Gateway");
    assert_eq!(status["findings"], Value::Array(Vec::new()));
    for page in ["/config", "/status", "/"] {
        assert!(!gateway.admin(page).body.contains("hunter2"), "{page}");
    }
}

#[test]
fn explain_answers_as_the_command_does() {
    let (_echo, _folder, gateway) = served("127.20.3.2");
    let url = "http://127.20.3.2:8080/x";
    let text = gateway.admin(&format!("/explain?url={url}"));
    assert_eq!(text.status, 200);
    assert!(
        text.body
            .contains("rule      HTTPRoute default/shop rule 0 `all` match 0"),
        "{}",
        text.body
    );
    let json = gateway
        .admin(&format!("/explain?url={url}&output=json"))
        .json();
    assert_eq!(json["listener"]["port"], 80, "the port map is undone");
    assert_eq!(json["rule"]["route"], "default/shop");
    assert_eq!(json["backends"][0]["backend"], "Service default/a:80");
}

#[test]
fn only_loopback_names_get_an_answer() {
    let (_echo, _folder, gateway) = served("127.20.3.3");
    let ask = |method: &str, host: &str, fields: &[&str]| {
        let mut client = Client::connect(gateway.socket(19000)).expect("admin accepts");
        let reply = client.request(method, "/log?level=debug", host, fields);
        reply.expect("admin answers").status
    };
    assert_eq!(ask("GET", "evil.example", &[]), 421);
    assert_eq!(
        ask(
            "POST",
            "localhost",
            &["Origin: http://evil.example", "Content-Length: 0"]
        ),
        403
    );
    assert_eq!(ask("PUT", "localhost", &["Content-Length: 0"]), 405);
    assert_eq!(gateway.admin("/log").body, "info\n");
    assert_eq!(ask("POST", "localhost", &["Content-Length: 0"]), 200);
    assert_eq!(gateway.admin("/log").body, "debug\n");
}

#[test]
fn metrics_name_gateway_route_and_backend() {
    let (_echo, _folder, gateway) = served("127.20.3.4");
    for _ in 0..3 {
        assert_eq!(gateway.get("/").status, 200);
    }
    let line = r#"ferrogate_requests_total{gateway="default/web",listener="http",route="default/shop",rule="all",backend="Service default/a:80",class="2xx"} 3"#;
    // A request is counted when its reply is sent, which the client may see first.
    until(line, || {
        let page = gateway.metrics();
        page.lines().any(|l| l == line).then_some(())
    });
    assert_eq!(gateway.metric("ferrogate_configuration_objects"), 5.0);
    assert!(gateway.metric("ferrogate_configuration_age_seconds") >= 0.0);
}

#[test]
fn the_gateway_does_not_proxy_to_its_own_pages() {
    let ip = "127.20.3.5";
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("self", format!("{ip}:19000").parse().expect("an address"));
    folder.route("self", "[{backendRefs: [{name: self, port: 80}]}]");
    let gateway = Gateway::start(ip, &folder, &[]);
    let reply = gateway.get("/config");
    assert!(reply.status >= 500, "{reply:?}");
    assert!(!reply.body.contains("listeners"), "{reply:?}");
}
