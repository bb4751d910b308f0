//! The commands of `docs/envoy.md` work as written.

use crate::ground::{envoy, folder, wait_for_words};
use crate::program::Home;
use crate::support::process::output;
use crate::support::{Echo, until};

const PAGE: &str = include_str!("../../../../docs/envoy.md");

#[test]
fn every_command_of_the_page_serves_by_envoy() {
    let ip = "127.34.5.1";
    let echo = Echo::start(ip, 9101, "shop");
    let folder = folder(ip);
    folder.service("shop", echo.address);
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    let home = Home::with_installed("1.40.0");
    let mut ran = 0;
    let lines = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("ferrogate run ./config"));
    for line in lines {
        let arguments = line.split(" # ").next().unwrap_or(line).trim();
        let arguments = arguments.replace("/usr/local/bin/envoy", &envoy());
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let gateway = home.begin(ip, &folder, &arguments);
        gateway.wait_ready();
        wait_for_words(&gateway, "Envoy started");
        assert_eq!(gateway.get("/").echo().as_deref(), Some("shop"), "{line}");
        drop(gateway);
        // It goes with its parent, a moment later.
        until("the address to be free", || {
            std::net::TcpListener::bind((ip, 8080)).ok()
        });
        ran += 1;
    }
    assert_eq!(ran, 4);
}

#[test]
fn what_the_page_asks_beforehand_is_answered_without_an_envoy() {
    let ip = "127.34.5.2";
    let folder = folder(ip);
    folder.service("shop", ([127, 34, 5, 2], 9101).into());
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    let mut ran = 0;
    for line in PAGE.lines() {
        let Some(command) = line.strip_prefix("ferrogate ") else {
            continue;
        };
        if !command.starts_with("check ") && !command.starts_with("explain ") {
            continue;
        }
        let command = command.split(" # ").next().unwrap_or(command);
        let command = command.replace("./config", folder.arg());
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let output = output(&arguments);
        assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
        ran += 1;
    }
    assert_eq!(ran, 2);
}
