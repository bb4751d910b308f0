//! `ferrogate run` without a folder: the printed curl lines give what they promise.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use crate::support::{Echo, Folder, Gateway, until};

/// Runs a line as a user would.
fn shell(line: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", line])
        .output()
        .expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {error}");
    String::from_utf8(output.stdout).expect("text")
}

/// The printed lines to try: what each shows, and the command.
fn printed(gateway: &Gateway) -> Vec<(String, String)> {
    let lines = until("the end of what is printed", || {
        let lines = gateway.process.stdout();
        lines.last()?.contains("To stop").then_some(lines)
    });
    let pairs = lines.windows(2).filter_map(|pair| {
        let shows = pair[0].trim().strip_prefix("# ")?;
        Some((shows.to_owned(), pair[1].trim().to_owned()))
    });
    pairs.collect()
}

/// What the line about something prints.
fn tried(lines: &[(String, String)], about: &str) -> String {
    let line = lines.iter().find(|line| line.0.starts_with(about));
    let (_, command) = line.unwrap_or_else(|| panic!("{about} in {lines:?}"));
    shell(command)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").port()
}

#[test]
fn the_printed_lines_work() {
    let _ports = crate::ports();
    let map = format!("8080={}", free_port());
    let gateway = Gateway::begin("127.20.6.1", None, &["--port-map", &map]);
    gateway.wait_ready();
    let lines = printed(&gateway);
    assert_eq!(lines.len(), 5);

    let names: Vec<_> = (0..100)
        .map(|_| json(&tried(&lines, "weights"))["name"].clone())
        .collect();
    let of = |name: &str| names.iter().filter(|n| **n == name).count();
    assert_eq!(of("shop-v1") + of("shop-v2"), 100);
    assert!(of("shop-v1") > 60, "nine out of ten: {}", of("shop-v1"));
    assert_eq!(json(&tried(&lines, "a header"))["name"], "shop-v2");
    let prefix = json(&tried(&lines, "a path prefix"));
    assert_eq!(
        (&prefix["name"], &prefix["path"]),
        (&"cart".into(), &"/cart/items".into())
    );
    let redirect = tried(&lines, "a redirect").to_ascii_lowercase();
    assert!(redirect.starts_with("http/1.1 301 "), "{redirect}");
    assert!(redirect.contains(":8080/cart/items\r\n"), "{redirect}");
    let rewrite = json(&tried(&lines, "a rewrite"));
    assert_eq!(
        (&rewrite["name"], &rewrite["path"]),
        (&"cart".into(), &"/items".into())
    );
    assert_eq!(rewrite["headers"]["x-from"], "quickstart");
}

#[test]
fn the_files_of_the_quickstart_serve_as_a_folder_too() {
    let ip = "127.20.6.2";
    let folder = Folder::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/quickstart");
    let cart = Echo::start(ip, 9103, "cart");
    for file in std::fs::read_dir(example).expect("the example is there") {
        let file = file.expect("a file");
        let text = std::fs::read_to_string(file.path()).expect("text");
        let name = file.file_name().into_string().expect("UTF-8");
        folder.write(&name, &text.replace("127.0.0.1", ip));
    }
    let map = format!("8080={}", free_port());
    let gateway = Gateway::start(ip, &folder, &["--port-map", &map]);
    let port = map.strip_prefix("8080=").expect("as written");
    let reply = shell(&format!("curl -s http://127.0.0.1:{port}/cart"));
    assert_eq!(json(&reply)["name"], "cart");
    assert_eq!(gateway.metric("ferrogate_configuration_routes"), 2.0);
    assert_eq!(cart.address.port(), 9103);
}
