//! Clients and servers in pairs: the same answer through the gateway as without it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::bail;
use serde_json::Value;

use super::Run;
use super::cases::{self, Case, Request};
use super::exclusions;
use super::gateway::{Backend, Gateway, Served};
use super::lines;
use super::results::Outcome;
use super::same;
use super::servers::{self, SERVER_IP, Server};
use super::tools::said;
use crate::bench::site;
use crate::certificates::Certificates;

const CLIENTS: [&str; 5] = ["curl", "go", "httpx", "undici", "hyper"];
const SERVERS: [&str; 4] = ["go", "node", "aiohttp", "hyper"];

/// A way through the gateway.
struct Way {
    name: &'static str,
    /// Between client and gateway.
    protocol: &'static str,
    tls: bool,
    /// Between gateway and server: TLS, and the `appProtocol` of the Service.
    backend: BackendWay,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum BackendWay {
    Clear,
    Tls,
    TwoClear,
}

const WAYS: [Way; 6] = [
    Way {
        name: "HTTP/1.1",
        protocol: "h1",
        tls: false,
        backend: BackendWay::Clear,
    },
    Way {
        name: "HTTP/1.1 over TLS",
        protocol: "h1",
        tls: true,
        backend: BackendWay::Clear,
    },
    Way {
        name: "HTTP/1.1 over TLS, TLS to the server",
        protocol: "h1",
        tls: true,
        backend: BackendWay::Tls,
    },
    Way {
        name: "HTTP/2 over TLS",
        protocol: "h2",
        tls: true,
        backend: BackendWay::Clear,
    },
    Way {
        name: "HTTP/2 in clear",
        protocol: "h2c",
        tls: false,
        backend: BackendWay::Clear,
    },
    Way {
        name: "HTTP/2 over TLS, HTTP/2 to the server",
        protocol: "h2",
        tls: true,
        backend: BackendWay::TwoClear,
    },
];

impl Way {
    /// Whether client and server know this way: not all speak HTTP/2 without TLS.
    fn fits(&self, client: &str, server: &str) -> bool {
        let client = self.protocol != "h2c" || ["curl", "go", "hyper"].contains(&client);
        client && (self.backend != BackendWay::TwoClear || ["go", "hyper"].contains(&server))
    }
}

/// Runs every pair on every way.
pub(crate) fn run(run: &Run) -> anyhow::Result<Outcome> {
    let folder = run.folder.join("pairwise");
    let certificates = Certificates::make(&folder.join("certificates"))?;
    let mut outcome = Outcome {
        programs: programs(run),
        ..Outcome::default()
    };
    let mut up: Vec<(&str, BackendWay, Server)> = Vec::new();
    for name in SERVERS {
        for way in [BackendWay::Clear, BackendWay::Tls] {
            let address = site::free_address(SERVER_IP)?;
            let mut command = servers::http(run, address, name)?;
            if way == BackendWay::Tls {
                command.extend([
                    certificates.certificate.clone().into(),
                    certificates.key.clone().into(),
                ]);
            }
            up.push((
                name,
                way,
                Server::start(&folder, &backend_name(name, way), address, &command)?,
            ));
        }
    }
    let clear = |name: &str| {
        up.iter()
            .find(|(of, way, _)| *of == name && *way == BackendWay::Clear)
    };
    let direct_address = |name: &str| clear(name).map(|(_, _, server)| server.address);
    let mut backends: Vec<Backend> = up
        .iter()
        .map(|(name, way, server)| backend(name, *way, server.address))
        .collect();
    for name in ["go", "hyper"] {
        backends.extend(
            direct_address(name).map(|address| backend(name, BackendWay::TwoClear, address)),
        );
    }
    let gateway = if run.options.direct {
        None
    } else {
        Some(Gateway::start(run, "pairwise", &backends, &certificates)?)
    };
    let mut direct = BTreeMap::new();
    for client in CLIENTS {
        for server in SERVERS {
            let Some(address) = direct_address(server) else {
                continue;
            };
            if WAYS.iter().any(|way| wants(run, way, client, server)) {
                let origin = format!("http://localhost:{}", address.port());
                let results = ask(run, client, &requests(client, server), &origin, "h1", "")?;
                direct.insert((client, server), results);
            }
        }
    }
    for ((client, server), results) in &direct {
        for (name, result) in results {
            if let Some(error) = result["error"].as_str() {
                bail!("{client} to {server}, direct, {name}: {error}");
            }
        }
    }
    println!(
        "  direct: {} answers",
        direct.values().map(BTreeMap::len).sum::<usize>()
    );
    let Some(gateway) = gateway else {
        return Ok(outcome);
    };
    for way in WAYS {
        outcome.group(way.name);
        for ((client, server), direct) in &direct {
            if !wants(run, &way, client, server) {
                continue;
            }
            let wanted = backend_name(server, way.backend);
            let at = backends.iter().position(|backend| backend.name == wanted);
            let Some(served) = at.and_then(|at| gateway.served.get(at)) else {
                continue;
            };
            through(
                run,
                &mut outcome,
                &way,
                (client, server),
                direct,
                served,
                &certificates,
            )?;
        }
    }
    outcome.end_group();
    Ok(outcome)
}

/// Whether a pair is to be run on a way.
fn wants(run: &Run, way: &Way, client: &str, server: &str) -> bool {
    let name = format!("{}: {client} to {server}", way.name);
    way.fits(client, server) && run.options.wants_case(&name)
}

/// One pair on one way.
fn through(
    run: &Run,
    outcome: &mut Outcome,
    way: &Way,
    (client, server): (&str, &str),
    direct: &BTreeMap<String, Value>,
    served: &Served,
    certificates: &Certificates,
) -> anyhow::Result<()> {
    let (scheme, address, ca) = if way.tls {
        ("https", served.tls, certificates.ca.display().to_string())
    } else {
        ("http", served.clear, String::new())
    };
    let origin = format!("{scheme}://localhost:{}", address.port());
    let answers = ask(
        run,
        client,
        &requests(client, server),
        &origin,
        way.protocol,
        &ca,
    )?;
    let combined = client == "undici" && way.protocol != "h1";
    for (name, direct) in direct {
        let wrong = match answers.get(name) {
            Some(answer) => same::difference(direct, answer, combined),
            None => Some("not sent".to_owned()),
        };
        outcome.count("pairwise", &format!("{client} to {server}, {name}"), wrong);
    }
    Ok(())
}

/// What a pair is asked: large bodies once for each client (with Go's server) and once for each server (with Go's
/// client).
fn requests(client: &str, server: &str) -> Vec<Request> {
    let mut all = cases::requests();
    if client == "go" || server == "go" {
        all.extend(cases::large());
    }
    all
}

fn ask(
    run: &Run,
    client: &str,
    requests: &[Request],
    origin: &str,
    protocol: &'static str,
    ca: &str,
) -> anyhow::Result<BTreeMap<String, Value>> {
    let command = client_command(run, client)?;
    let cases: Vec<Case> = requests
        .iter()
        .filter(|request| !exclusions::is_never_sent(client, protocol, &request.name))
        .map(|request| request.to(origin, protocol, ca))
        .collect();
    let answers: Vec<Value> = lines::ask(client, &command, &cases)?;
    Ok(cases.into_iter().map(|case| case.id).zip(answers).collect())
}

fn client_command(run: &Run, client: &str) -> anyhow::Result<Vec<OsString>> {
    Ok(match client {
        "curl" => {
            let (python, folder) = run.tools.python()?;
            vec![
                python.into(),
                folder.join("curl_client.py").into(),
                "curl".into(),
            ]
        }
        "httpx" => {
            let (python, folder) = run.tools.python()?;
            vec![python.into(), folder.join("http_client.py").into()]
        }
        "go" => vec![run.tools.go("go-peer")?.into(), "client".into()],
        "undici" => {
            let (node, folder) = run.tools.node()?;
            vec![node.into(), folder.join("http_client.js").into()]
        }
        "hyper" => vec![run.tools.rust()?.into(), "http-client".into()],
        other => bail!("no such client: {other}"),
    })
}

fn backend_name(server: &str, way: BackendWay) -> String {
    match way {
        BackendWay::Clear => server.to_owned(),
        BackendWay::Tls => format!("{server}-over-tls"),
        BackendWay::TwoClear => format!("{server}-http2"),
    }
}

fn backend(server: &str, way: BackendWay, address: SocketAddr) -> Backend {
    Backend {
        name: backend_name(server, way),
        address,
        tls: way == BackendWay::Tls,
        app_protocol: if way == BackendWay::TwoClear {
            "kubernetes.io/h2c"
        } else {
            ""
        },
        route: "HTTPRoute",
    }
}

fn programs(run: &Run) -> Vec<String> {
    let tools = &run.tools;
    vec![
        said("curl", "--version"),
        said("go", "version"),
        format!("httpx {}", tools.pinned("python/requirements.txt", "httpx")),
        format!(
            "aiohttp {}",
            tools.pinned("python/requirements.txt", "aiohttp")
        ),
        format!("Node {}", said("node", "--version")),
        format!("undici {}", tools.pinned("node/package.json", "undici")),
        format!("hyper {}", tools.pinned("rust/Cargo.toml", "hyper")),
    ]
}
