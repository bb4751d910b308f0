//! gRPC's interoperability tests: Go's client against Go's server, through the gateway.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Context as _;

use super::Run;
use super::gateway::{Backend, Gateway};
use super::results::Outcome;
use super::servers::{SERVER_IP, Server};
use crate::bench::site;
use crate::certificates::Certificates;

/// Every case of the client but those that want credentials of a cloud, and but `pick_first_unary`, which is about the
/// client's choice among several addresses and wants a server that names itself.
const CASES: [&str; 18] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
    "orca_per_rpc",
    "orca_oob",
    "rpc_soak",
    "channel_soak",
];

/// What makes the client report the load that the server tells, for the cases of ORCA.
const METRICS: &str =
    r#"--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}"#;

/// How long one case may take, as `timeout` reads it.
const LIMIT: &str = "60";

/// Runs every case over TLS and in clear.
pub(crate) fn run(run: &Run) -> anyhow::Result<Outcome> {
    let folder = run.folder.join("grpc");
    let certificates = Certificates::make(&folder.join("certificates"))?;
    let client = run.tools.go("grpc-client")?;
    let mut outcome = Outcome {
        programs: vec![format!(
            "grpc-go {}",
            run.tools.pinned("go/go.mod", "google.golang.org/grpc")
        )],
        ..Outcome::default()
    };
    let clear = server(run, &folder, "server", None)?;
    let tls = server(run, &folder, "server-over-tls", Some(&certificates))?;
    let backend = |name: &str, server: &Server, tls: bool| Backend {
        name: name.to_owned(),
        address: server.address,
        tls,
        app_protocol: if tls { "" } else { "kubernetes.io/h2c" },
        route: "GRPCRoute",
    };
    let backends = [backend("clear", &clear, false), backend("tls", &tls, true)];
    let mut ways = vec![
        ("in clear", clear.address, false),
        ("over TLS", tls.address, true),
    ];
    let gateway = if run.options.direct {
        None
    } else {
        Some(Gateway::start(run, "grpc", &backends, &certificates)?)
    };
    if let Some([to_clear, to_tls]) = gateway.as_ref().map(|gateway| &gateway.served[..]) {
        ways = vec![
            ("in clear", to_clear.clear, false),
            ("over TLS", to_clear.tls, true),
            ("over TLS on both sides", to_tls.tls, true),
        ];
    }
    for (way, address, tls) in ways {
        outcome.group(way);
        for case in CASES {
            if !run.options.wants_case(case) {
                continue;
            }
            let mut command = Command::new("timeout");
            command
                .arg(LIMIT)
                .arg(&client)
                .arg(format!("--test_case={case}"));
            command.args([
                "--server_host=localhost".to_owned(),
                format!("--server_port={}", address.port()),
            ]);
            if tls {
                let ca = format!("--ca_file={}", certificates.ca.display());
                command.args([
                    "--use_tls=true",
                    "--use_test_ca=true",
                    "--server_host_override=localhost",
                    &ca,
                ]);
            }
            if case.ends_with("_soak") {
                command.args([
                    "--soak_iterations=100",
                    "--soak_overall_timeout_seconds=50",
                    "--soak_per_iteration_max_acceptable_latency_ms=10000",
                ]);
            }
            if case.starts_with("orca_") {
                command.arg(METRICS);
            }
            let output = command.output().context("cannot run the client")?;
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            std::fs::write(
                folder.join(format!("{}-{case}.log", way.replace(' ', "-"))),
                &said,
            )?;
            let last = said.lines().last().unwrap_or("it said nothing").to_owned();
            let wrong = (!output.status.success()).then(|| format!("{}: {last}", output.status));
            outcome.count("grpc", case, wrong);
        }
    }
    outcome.end_group();
    Ok(outcome)
}

fn server(
    run: &Run,
    folder: &std::path::Path,
    name: &str,
    certificates: Option<&Certificates>,
) -> anyhow::Result<Server> {
    let address = site::free_address(SERVER_IP)?;
    let mut command: Vec<OsString> = vec![
        run.tools.go("grpc-server")?.into(),
        format!("--port={}", address.port()).into(),
    ];
    if let Some(certificates) = certificates {
        let file =
            |flag: &str, file: &std::path::Path| format!("--{flag}={}", file.display()).into();
        command.push("--use_tls=true".into());
        command.push(file("tls_cert_file", &certificates.certificate));
        command.push(file("tls_key_file", &certificates.key));
    }
    Server::start(folder, name, address, &command)
}
