//! WebSocket clients and servers in pairs: both sides see through the gateway what they see without it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Run;
use super::gateway::{Backend, Gateway};
use super::lines;
use super::results::Outcome;
use super::servers::{self, SERVER_IP, Server};
use super::tools::said;
use crate::bench::site;
use crate::certificates::Certificates;

const PEERS: [&str; 3] = ["tungstenite", "wsproto", "ws"];

/// How long a server has until it has said what it saw.
const PATIENCE: Duration = Duration::from_secs(20);

/// A conversation, as every client reads it.
#[derive(Debug, Clone, Serialize)]
struct Case {
    id: String,
    /// Where to; set for each way.
    address: String,
    /// The id again, behind a slash: the server tells by it what it saw.
    path: String,
    headers: Vec<[String; 2]>,
    /// How many bytes each write of the client has; 0 leaves it to the client.
    split: usize,
    /// Whether compression is offered.
    deflate: bool,
    steps: Vec<Value>,
}

/// What one side saw.
#[derive(Debug, Deserialize)]
struct Transcript {
    id: String,
    events: Vec<String>,
}

/// Both sides' events.
type Seen = [Vec<String>; 2];

/// Runs every pair on every way.
pub(crate) fn run(run: &Run) -> anyhow::Result<Outcome> {
    let folder = run.folder.join("websocket");
    std::fs::create_dir_all(&folder)?;
    let certificates = Certificates::make(&folder.join("certificates"))?;
    let mut outcome = Outcome {
        programs: programs(run),
        ..Outcome::default()
    };
    let mut up = Vec::new();
    for name in PEERS {
        let address = site::free_address(SERVER_IP)?;
        let command = servers::websocket(run, address, name)?;
        up.push((name, Server::start(&folder, name, address, &command)?));
    }
    let backends: Vec<Backend> = up
        .iter()
        .map(|(name, server)| Backend {
            name: (*name).to_owned(),
            address: server.address,
            tls: false,
            app_protocol: "kubernetes.io/ws",
            route: "HTTPRoute",
        })
        .collect();
    let cases: Vec<(String, Case)> = cases()
        .into_iter()
        .filter(|(name, _)| run.options.wants_case(name))
        .collect();
    let mut direct = BTreeMap::new();
    for client in PEERS {
        for (server, at) in &up {
            let seen = talk(
                run,
                &folder,
                "direct",
                client,
                server,
                &at.address.to_string(),
                &cases,
            )?;
            direct.insert((client, *server), seen);
        }
    }
    println!(
        "  direct: {} conversations",
        direct.values().map(Vec::len).sum::<usize>()
    );
    if run.options.direct {
        for ((client, server), seen) in &direct {
            for ((name, _), [by_client, by_server]) in cases.iter().zip(seen) {
                println!("  {client} to {server}, {name}\n    {by_client:?}\n    {by_server:?}");
            }
        }
        return Ok(outcome);
    }
    let gateway = Gateway::start(run, "websocket", &backends, &certificates)?;
    let ca = certificates.ca.clone().into_os_string();
    for (way, helper, ca) in [
        ("HTTP/1.1", None, OsString::new()),
        ("HTTP/1.1 over TLS", Some("tls-tunnel"), ca.clone()),
        ("extended CONNECT over TLS", Some("ws-bridge"), ca),
        (
            "extended CONNECT in clear",
            Some("ws-bridge"),
            OsString::new(),
        ),
    ] {
        outcome.group(way);
        for ((server, _), served) in up.iter().zip(&gateway.served) {
            let to = if ca.is_empty() {
                served.clear
            } else {
                served.tls
            };
            let name = format!("bridge-{}-{server}", way.replace([' ', '/'], "-"));
            let bridge = match helper {
                None => None,
                Some(helper) => {
                    let listen = site::free_address(SERVER_IP)?;
                    let words = [
                        listen.to_string().into(),
                        format!("localhost:{}", to.port()).into(),
                        ca.clone(),
                    ];
                    let command = [
                        vec![run.tools.rust()?.into(), helper.into()],
                        words.to_vec(),
                    ]
                    .concat();
                    Some(Server::start(&folder, &name, listen, &command)?)
                }
            };
            let address = bridge
                .as_ref()
                .map_or(to, |bridge| bridge.address)
                .to_string();
            for client in PEERS {
                let seen = talk(run, &folder, way, client, server, &address, &cases)?;
                let direct = direct.get(&(client, *server)).into_iter().flatten();
                for (((name, _), seen), direct) in cases.iter().zip(&seen).zip(direct) {
                    outcome.count(
                        "websocket",
                        &format!("{client} to {server}, {name}"),
                        difference(direct, seen),
                    );
                }
            }
        }
    }
    outcome.end_group();
    Ok(outcome)
}

/// Has one client go through all conversations with one server; gives what both saw, case by case.
fn talk(
    run: &Run,
    folder: &Path,
    way: &str,
    client: &str,
    server: &str,
    address: &str,
    cases: &[(String, Case)],
) -> anyhow::Result<Vec<Seen>> {
    let mark = format!("{}-{client}-{server}", way.replace([' ', '/'], "-"));
    let sent: Vec<Case> = cases
        .iter()
        .enumerate()
        .map(|(number, (_, case))| Case {
            id: format!("{mark}-{number}"),
            path: format!("/{mark}-{number}"),
            address: address.to_owned(),
            ..case.clone()
        })
        .collect();
    let command = client_command(run, client)?;
    let by_client: Vec<Transcript> = lines::ask(client, &command, &sent)?;
    let log = folder.join(format!("{server}.log"));
    let begin = Instant::now();
    loop {
        let text = std::fs::read_to_string(&log)?;
        let said: BTreeMap<String, Vec<String>> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Transcript>(line).ok())
            .map(|transcript| (transcript.id, transcript.events))
            .collect();
        let missing = sent
            .iter()
            .filter(|case| !said.contains_key(&case.id))
            .count();
        if missing == 0 || begin.elapsed() > PATIENCE {
            let nothing = || vec!["nothing was heard".to_owned()];
            let seen = by_client.iter().map(|one| {
                let other = said.get(&one.id).cloned().unwrap_or_else(nothing);
                [settled(one.events.clone()), settled(other)]
            });
            return Ok(seen.collect());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Events without how exactly the connection ended below WebSocket: after a broken frame, that is a matter of time.
fn settled(mut events: Vec<String>) -> Vec<String> {
    if let Some(last) = events.last_mut() {
        let ends = [
            "closed",
            "io ",
            "error WebSocket protocol error: Connection reset",
            "error ECONNRESET",
            "error EPIPE",
        ];
        if ends.iter().any(|end| last.starts_with(end)) {
            "end".clone_into(last);
        }
    }
    events
}

fn difference(direct: &Seen, through: &Seen) -> Option<String> {
    let sides = ["client", "server"];
    sides
        .into_iter()
        .zip(direct.iter().zip(through))
        .find_map(|(side, (direct, through))| {
            (direct != through).then(|| format!("the {side} saw {through:?}, direct {direct:?}"))
        })
}

fn client_command(run: &Run, client: &str) -> anyhow::Result<Vec<OsString>> {
    Ok(match client {
        "tungstenite" => vec![run.tools.rust()?.into(), "ws-client".into()],
        "wsproto" => {
            let (python, folder) = run.tools.python()?;
            vec![python.into(), folder.join("ws_client.py").into()]
        }
        "ws" => {
            let (node, folder) = run.tools.node()?;
            vec![node.into(), folder.join("ws_client.js").into()]
        }
        other => bail!("no such client: {other}"),
    })
}

/// Every conversation: its name, and what the client does.
fn cases() -> Vec<(String, Case)> {
    let mut all = Vec::new();
    let mut add = |name: String, split: usize, steps: Vec<Value>| {
        let case = Case {
            id: String::new(),
            address: String::new(),
            path: String::new(),
            headers: Vec::new(),
            split,
            deflate: false,
            steps,
        };
        all.push((name, case));
    };
    let close = || json!({ "op": "close", "code": 1000, "reason": "" });
    for kind in ["text", "binary"] {
        for size in [0_u64, 1, 125, 126, 65_535, 65_536, 1 << 20] {
            let message = json!({ "op": kind, "size": size, "frames": 1 });
            add(
                format!("{kind} of {size}"),
                0,
                vec![message, wait(1), close()],
            );
        }
        for (size, frames) in [(1000, 2), (1000, 1000), (100_000, 10), (1 << 20, 64)] {
            let message = json!({ "op": kind, "size": size, "frames": frames });
            add(
                format!("{kind} of {size} in {frames} frames"),
                0,
                vec![message, wait(1), close()],
            );
        }
        for frames in [1, 64] {
            let message = json!({ "op": kind, "size": 64 << 20, "frames": frames });
            add(
                format!("{kind} of 64 MiB in {frames} frames"),
                0,
                vec![message, wait(1), close()],
            );
        }
    }
    for text in [String::new(), "hello".to_owned(), "p".repeat(125)] {
        add(
            format!("ping of {}", text.len()),
            0,
            vec![json!({ "op": "ping", "text": text }), wait(1), close()],
        );
    }
    for code in [
        0, 1000, 1001, 1003, 1007, 1008, 1009, 1011, 3000, 4000, 4999,
    ] {
        let reason = if code == 0 { "" } else { "because of this" };
        add(
            format!("close {code}"),
            0,
            vec![json!({ "op": "close", "code": code, "reason": reason })],
        );
        add(
            format!("server closes {code}"),
            0,
            vec![say(&format!("!close {code} {reason}"))],
        );
    }
    add(
        "close with a long reason".to_owned(),
        0,
        vec![json!({ "op": "close", "code": 4001, "reason": "r".repeat(123) })],
    );
    add(
        "server pings".to_owned(),
        0,
        vec![say("!ping hello"), wait(1), close()],
    );
    for (size, frames) in [(1000, 1000), (100_000, 10), (1 << 20, 64)] {
        add(
            format!("server sends {size} in {frames} frames"),
            0,
            vec![say(&format!("!text {size} {frames}")), wait(1), close()],
        );
    }
    // A mask of zeroes leaves the payload readable.
    let interleaved = "01830000000048656c8980000000008082000000006c6f";
    add(
        "a ping between two fragments".to_owned(),
        0,
        vec![raw(interleaved), wait(2), close()],
    );
    for (name, bytes) in BROKEN_BY_CLIENT {
        add(format!("client breaks: {name}"), 0, vec![raw(bytes)]);
    }
    for (name, bytes) in BROKEN_BY_SERVER {
        add(
            format!("server breaks: {name}"),
            0,
            vec![say(&format!("!raw {bytes}"))],
        );
    }
    for split in [1, 2, 3, 5, 7, 11] {
        let steps = vec![
            json!({ "op": "text", "size": 40, "frames": 3 }),
            json!({ "op": "ping", "text": "in pieces" }),
            json!({ "op": "binary", "size": 130, "frames": 1 }),
            raw(interleaved),
            wait(5),
            json!({ "op": "close", "code": 4000, "reason": "in pieces" }),
        ];
        add(format!("in pieces of {split}"), split, steps);
    }
    let mut protocols = conversation(vec![say("hello"), wait(1), close()]);
    protocols.headers = vec![[
        "Sec-WebSocket-Protocol".to_owned(),
        "chat.v2, chat.v1".to_owned(),
    ]];
    all.push(("subprotocols".to_owned(), protocols));
    for size in [10, 100_000] {
        let steps = vec![
            json!({ "op": "text", "size": size, "frames": 2 }),
            wait(1),
            close(),
        ];
        all.push((
            format!("compressed text of {size}"),
            Case {
                deflate: true,
                ..conversation(steps)
            },
        ));
    }
    all
}

fn conversation(steps: Vec<Value>) -> Case {
    Case {
        id: String::new(),
        address: String::new(),
        path: String::new(),
        headers: Vec::new(),
        split: 0,
        deflate: false,
        steps,
    }
}

/// Frames of a client that break the protocol (RFC 6455 §5), masked with zeroes but for one.
const BROKEN_BY_CLIENT: [(&str, &str); 12] = [
    ("RSV1", "c1810000000061"),
    ("RSV2", "a1810000000061"),
    ("RSV3", "91810000000061"),
    ("reserved data opcode", "83810000000061"),
    ("reserved control opcode", "8b8000000000"),
    ("no mask", "810161"),
    ("a ping in fragments", "098000000000"),
    ("a continuation of nothing", "80810000000061"),
    ("two beginnings", "0181000000006181810000000061"),
    ("a close of one byte", "88810000000003"),
    ("close code 1005", "88820000000003ed"),
    ("text that is no UTF-8", "818100000000ff"),
];

/// The same of a server, which masks nothing.
const BROKEN_BY_SERVER: [(&str, &str); 9] = [
    ("RSV1", "c10161"),
    ("RSV2", "a10161"),
    ("RSV3", "910161"),
    ("reserved data opcode", "830161"),
    ("reserved control opcode", "8b00"),
    ("a mask", "81810000000061"),
    ("a ping in fragments", "0900"),
    ("close code 999", "880203e7"),
    ("text that is no UTF-8", "8101ff"),
];

fn raw(hex: &str) -> Value {
    json!({ "op": "raw", "hex": hex.replace(' ', "") })
}

fn say(text: &str) -> Value {
    json!({ "op": "say", "text": text })
}

fn wait(events: usize) -> Value {
    json!({ "op": "wait", "events": events })
}

fn programs(run: &Run) -> Vec<String> {
    let tools = &run.tools;
    vec![
        format!(
            "tungstenite {}",
            tools.pinned("rust/Cargo.toml", "tungstenite")
        ),
        format!(
            "wsproto {}",
            tools.pinned("python/requirements.txt", "wsproto")
        ),
        format!("Node {}", said("node", "--version")),
        format!("ws {}", tools.pinned("node/package.json", "ws")),
    ]
}
