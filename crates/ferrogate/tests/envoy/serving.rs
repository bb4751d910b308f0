//! What Envoy serves, and what an edit changes.

use crate::ground::{
    child, condition, folder, folder_of_both, folder_of_two, gateway, is_alive, program, start,
};
use crate::support::client::Client;
use crate::support::folder::gateway as gateway_of_ours;
use crate::support::{Echo, Folder, Gateway, get, until};

/// Whether our own proxy has counted something for a Gateway.
fn has_series(gateway: &Gateway, name: &str) -> bool {
    let label = format!("gateway=\"default/{name}\"");
    gateway.metrics().contains(&label)
}

#[test]
fn an_edit_is_live_on_a_connection_that_stays() {
    let ip = "127.34.1.1";
    let (folder, [one, two]) = folder_of_two(ip);
    let gateway = start(ip, &folder, &[]);
    let process = child(&gateway);
    let mut client = Client::connect(gateway.listener()).expect("it listens");
    let mut ask = || {
        let reply = client.request("GET", "/", "localhost", &[]);
        reply.expect("the connection stays").echo()
    };
    assert_eq!(ask().as_deref(), Some("one"));
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "True/Programmed"
    );

    folder.route("shop", "[{backendRefs: [{name: two, port: 80}]}]");
    until("the other backend", || (ask()? == "two").then_some(()));
    // Another endpoint of the same backend.
    folder.service("two", one.address);
    until("the other endpoint", || (ask()? == "one").then_some(()));
    // What is broken serves as it last was; what is right beside it is live.
    folder.write("shop.yaml", "kind: HTTPRoute\nspec: [");
    folder.service("two", two.address);
    until("the endpoint beside what is broken", || {
        (ask()? == "two").then_some(())
    });
    folder.remove("shop.yaml");
    until("no route any more", || {
        let reply = get(gateway.listener(), "/").ok()?;
        (reply.status == 404).then_some(())
    });
    assert!(is_alive(process), "no edit restarts it");
}

#[test]
fn each_gateway_is_served_by_the_plane_of_its_class() {
    let ip = "127.34.1.2";
    let echo = Echo::start(ip, 9101, "shop");
    let folder = folder_of_both(ip, echo.address);
    let gateway = start(ip, &folder, &["--port-map", "81=8081"]);
    let own = gateway.socket(8081);
    for address in [gateway.listener(), own] {
        let reply = get(address, "/").expect("it serves");
        assert_eq!(reply.echo().as_deref(), Some("shop"));
    }
    until("our own series", || {
        has_series(&gateway, "own").then_some(())
    });
    assert!(!has_series(&gateway, "web"));
    let page = gateway.metrics();
    let requests = |page: &str| {
        let mut lines = page.lines();
        lines
            .any(|line| line.starts_with("envoy_http_downstream_rq_total{") && line.ends_with(" 1"))
    };
    assert!(requests(&page), "{page}");

    // A Gateway goes to the other plane, with what is attached to it.
    folder.write("own.yaml", &self::gateway("own", "ferrogate-envoy", ip, 81));
    until("Envoy's word on both", || {
        let stats = gateway.metrics();
        let is_there = stats.contains("default/own");
        let listeners = stats
            .lines()
            .find_map(|line| line.strip_prefix("envoy_listener_manager_total_listeners_active{} "));
        (!is_there && listeners? == "2").then_some(())
    });
    until("an answer of the other plane", || {
        (get(own, "/").ok()?.echo()? == "shop").then_some(())
    });
    assert!(!has_series(&gateway, "own"));
    folder.write("gateway.yaml", &self::gateway("web", "ferrogate", ip, 80));
    until("the native plane's series", || {
        let _ = get(gateway.listener(), "/").ok()?.echo()?;
        gateway
            .metrics()
            .contains("gateway=\"default/web\"")
            .then_some(())
    });
}

/// A folder of class `ferrogate` that one plane or the other serves.
fn of_ours(ip: &str, echo: &Echo) -> Folder {
    let folder = Folder::new();
    folder.write("gateway.yaml", &gateway_of_ours(ip));
    folder.service("shop", echo.address);
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    folder
}

#[test]
fn the_plane_can_be_said_on_the_command_line() {
    let ip = "127.34.1.3";
    let echo = Echo::start(ip, 9101, "shop");
    let folder = of_ours(ip, &echo);
    // The oldest Envoy, for once.
    let oldest = program(fg_testkit::envoy::OLDEST);
    let args = ["--plane", "envoy", "--envoy", &oldest];
    let gateway = Gateway::start(ip, &folder, &args);
    assert_eq!(gateway.get("/").echo().as_deref(), Some("shop"));
    assert!(!gateway.metrics().contains("gateway=\"default/web\""));
    let serves = format!("listener default/web/http serves on {ip}:8080");
    assert!(gateway.process.stdout().contains(&serves));
    drop(gateway);

    folder.write(
        "gateway.yaml",
        &self::gateway("web", "ferrogate-envoy", ip, 80),
    );
    let args = ["--plane", "native", "--envoy", "/nowhere/envoy"];
    let gateway = Gateway::start(ip, &folder, &args);
    assert_eq!(gateway.get("/").echo().as_deref(), Some("shop"));
    until("our own series", || {
        has_series(&gateway, "web").then_some(())
    });
}

#[test]
fn nothing_of_envoy_is_there_when_nobody_wants_it() {
    let ip = "127.34.1.4";
    let echo = Echo::start(ip, 9101, "shop");
    let folder = of_ours(ip, &echo);
    let gateway = start(ip, &folder, &[]);
    assert_eq!(gateway.get("/").echo().as_deref(), Some("shop"));
    assert!(crate::ground::children(gateway.process.id()).is_empty());
    assert!(!gateway.metrics().contains("envoy_"));
}

#[test]
fn the_access_log_of_envoy_goes_where_ours_does() {
    let ip = "127.34.1.5";
    let echo = Echo::start(ip, 9101, "shop");
    let folder = folder(ip);
    folder.service("shop", echo.address);
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    let gateway = start(ip, &folder, &["--access-log", "json"]);
    assert_eq!(gateway.get("/cart").echo().as_deref(), Some("shop"));
    let line = until("a line of the access log", || {
        let lines = gateway.process.stdout();
        lines.into_iter().find(|line| line.contains("/cart"))
    });
    let line: serde_json::Value = serde_json::from_str(&line).expect("one object a line");
    assert_eq!(line["status"], 200, "{line}");
}
