//! Rust's side of the outside suites: hyper as client and server, tungstenite on both sides, and the bridge that lets
//! any WebSocket client speak extended CONNECT.

mod bridge;
mod common;
mod http_client;
mod http_server;
mod tls;
mod ws;
mod ws_client;
mod ws_server;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["http-client"] => common::on_runtime(http_client::run()),
        ["http-server", address] => common::on_runtime(http_server::run(address, None)),
        ["http-server", address, certificate, key] => {
            common::on_runtime(http_server::run(address, Some((certificate, key))))
        }
        ["ws-client"] => ws_client::run(),
        ["ws-server", address] => ws_server::run(address),
        ["ws-bridge", listen, to, ca] => common::on_runtime(bridge::run(listen, to, ca)),
        ["tls-tunnel", listen, to, ca] => common::on_runtime(bridge::tunnel(listen, to, ca)),
        _ => bail!(
            "wants one of: http-client; http-server ADDRESS [CERTIFICATE KEY]; ws-client; ws-server ADDRESS; ws-bridge LISTEN TO CA; tls-tunnel LISTEN TO CA"
        ),
    }
}
