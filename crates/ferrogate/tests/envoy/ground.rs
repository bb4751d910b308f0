//! Gateways of Envoy in a folder, and the child that serves them.

use std::net::SocketAddr;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Echo, Folder, Gateway, until};

/// An Envoy, installed if it is missing.
pub(crate) fn envoy() -> String {
    program(fg_testkit::envoy::NEWEST)
}

/// The Envoy of a version.
pub(crate) fn program(version: &str) -> String {
    let path = fg_testkit::envoy::program(version);
    path.to_str().expect("its path is UTF-8").to_owned()
}

/// A Gateway of a class with a listener `http` on a port of one address.
pub(crate) fn gateway(name: &str, class: &str, ip: &str, port: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  gatewayClassName: {class}
  addresses: [{{value: {ip}}}]
  listeners:
    - {{name: http, protocol: HTTP, port: {port}}}
"
    )
}

/// A folder with the Gateway `web` of Envoy on port 80.
pub(crate) fn folder(ip: &str) -> Folder {
    let folder = Folder::new();
    folder.write("gateway.yaml", &gateway("web", "ferrogate-envoy", ip, 80));
    folder
}

/// The same with the backends `one` and `two`, and the route `shop` to the first of them.
pub(crate) fn folder_of_two(ip: &str) -> (Folder, [Echo; 2]) {
    let echoes = [Echo::start(ip, 9101, "one"), Echo::start(ip, 9102, "two")];
    let folder = folder(ip);
    for (name, echo) in ["one", "two"].into_iter().zip(&echoes) {
        folder.service(name, echo.address);
    }
    folder.route("shop", "[{backendRefs: [{name: one, port: 80}]}]");
    (folder, echoes)
}

/// A folder with a Gateway of each class, `web` on port 80 and `own` on port 81, and one route of both
/// to this backend.
pub(crate) fn folder_of_both(ip: &str, backend: SocketAddr) -> Folder {
    let folder = folder(ip);
    folder.write("own.yaml", &gateway("own", "ferrogate", ip, 81));
    folder.service("shop", backend);
    route_both(&folder, "[{backendRefs: [{name: shop, port: 80}]}]");
    folder
}

/// Gives the route of [`folder_of_both`] these rules, as YAML.
pub(crate) fn route_both(folder: &Folder, rules: &str) {
    let route = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{name: web}}, {{name: own}}]
  rules: {rules}
"
    );
    folder.write("shop.yaml", &route);
}

/// Serves a folder by the newest Envoy, and waits until it is ready.
pub(crate) fn start(ip: &str, folder: &Folder, args: &[&str]) -> Gateway {
    let envoy = envoy();
    let args = [&["--envoy", &envoy], args].concat();
    Gateway::start(ip, folder, &args)
}

/// The child of the gateway.
pub(crate) fn child(gateway: &Gateway) -> Pid {
    until("a child", || children(gateway.process.id()).pop())
}

/// The children of a process that are Envoys.
pub(crate) fn children(parent: u32) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("there are processes");
    let all = processes.flatten().filter_map(|entry| {
        let number: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // `12 (name) S 1 …`; before it becomes an Envoy it is one of us.
        let (name, rest) = stat.split_once(" (")?.1.rsplit_once(") ")?;
        let of: u32 = rest.split(' ').nth(1)?.parse().ok()?;
        (of == parent && name == "envoy").then(|| Pid::from_raw(number))?
    });
    all.collect()
}

/// Whether a process is there, and no corpse.
pub(crate) fn is_alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Sends a signal to it.
pub(crate) fn signal(process: Pid, signal: Signal) {
    kill_process(process, signal).expect("the process is ours");
}

/// Whether every data plane has said that it serves the newest configuration.
pub(crate) fn is_confirmed(gateway: &Gateway) -> bool {
    gateway.metric("ferrogate_configuration_confirmed_generation")
        == gateway.metric("ferrogate_configuration_generation")
}

/// Waits until something is said on standard error.
pub(crate) fn wait_for_words(gateway: &Gateway, words: &str) -> String {
    until(words, || {
        let said = gateway.process.stderr();
        said.into_iter().find(|line| line.contains(words))
    })
}

/// The status of a condition of an object, with its reason.
pub(crate) fn condition(gateway: &Gateway, kind: &str, name: &str, condition: &str) -> String {
    let status = gateway.admin("/status").json();
    let objects = status["objects"].as_array().expect("a list").iter();
    let mut objects = objects.filter(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    let object = objects
        .next()
        .unwrap_or_else(|| panic!("{name} in {status}"));
    let status = &object["status"];
    let lists = [&status["conditions"], &status["parents"][0]["conditions"]];
    let found = lists.iter().filter_map(|list| list.as_array()).flatten();
    let mut found = found.filter(|one| one["type"] == condition);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found.next().map_or_else(String::new, |one| {
        format!("{}/{}", text(&one["status"]), text(&one["reason"]))
    })
}

/// Makes a program that becomes this one.
pub(crate) fn wrapper(path: &Path, program: &str) {
    wrapper_with(path, program, "");
}

/// The same with more arguments before those that it is given.
pub(crate) fn wrapper_with(path: &Path, program: &str, args: &str) {
    script(path, &format!("exec '{program}' {args} \"$@\""));
}

/// Makes a program that says what it is given, and nothing else.
pub(crate) fn fake(path: &Path, says: &str) {
    script(
        path,
        &format!("# A stand-in that prints a version and serves nothing.\necho '{says}'"),
    );
}

fn script(path: &Path, does: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    // Written whole before it has its name.
    let beside = path.with_extension("new");
    std::fs::write(&beside, format!("#!/bin/sh\n{does}\n")).expect("it can be written");
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&beside, all).expect("it is ours");
    std::fs::rename(&beside, path).expect("it is ours");
}
