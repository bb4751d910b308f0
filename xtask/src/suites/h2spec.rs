//! h2spec: every test of HTTP/2 and HPACK, over TLS and in clear.

use std::process::Command;

use anyhow::{Context as _, ensure};

use super::Run;
use super::gateway::{Backend, Gateway};
use super::results::Outcome;
use super::servers::{self, SERVER_IP, Server};
use crate::bench::site;
use crate::certificates::Certificates;

/// Runs all tests on both kinds of listeners.
pub(crate) fn run(run: &Run) -> anyhow::Result<Outcome> {
    let folder = run.folder.join("h2spec");
    let certificates = Certificates::make(&folder.join("certificates"))?;
    let program = run.tools.go("h2spec")?;
    let mut outcome = Outcome {
        programs: vec![format!(
            "h2spec {}",
            run.tools
                .pinned("go/go.mod", "github.com/summerwind/h2spec")
        )],
        ..Outcome::default()
    };
    let address = site::free_address(SERVER_IP)?;
    let server = Server::start(&folder, "go", address, &servers::http(run, address, "go")?)?;
    let backend = Backend {
        name: "go".to_owned(),
        address: server.address,
        tls: false,
        app_protocol: "",
        route: "HTTPRoute",
    };
    let tls_address = site::free_address(SERVER_IP)?;
    let mut over_tls = servers::http(run, tls_address, "go")?;
    over_tls.extend([
        certificates.certificate.clone().into(),
        certificates.key.clone().into(),
    ]);
    let tls_server = Server::start(&folder, "go-over-tls", tls_address, &over_tls)?;
    let mut ports = [
        ("over TLS", tls_server.address.port()),
        ("in clear", server.address.port()),
    ];
    let gateway = if run.options.direct {
        None
    } else {
        Some(Gateway::start(run, "h2spec", &[backend], &certificates)?)
    };
    if let Some(served) = gateway.as_ref().and_then(|gateway| gateway.served.first()) {
        ports = [
            ("over TLS", served.tls.port()),
            ("in clear", served.clear.port()),
        ];
    }
    for (way, port) in ports {
        outcome.group(way);
        let report = folder.join(format!("{}.xml", way.replace(' ', "-")));
        let mut command = Command::new(&program);
        command.args([
            "--host",
            "localhost",
            "--port",
            &port.to_string(),
            "--timeout",
            "3",
        ]);
        command
            .args(["--path", "/report", "--junit-report"])
            .arg(&report);
        if way == "over TLS" {
            command.args(["--tls", "--insecure"]);
        }
        let output = command.output().context("cannot run h2spec")?;
        std::fs::write(report.with_extension("log"), &output.stdout)?;
        let xml = std::fs::read_to_string(&report).with_context(|| {
            format!(
                "h2spec left no report: {}",
                String::from_utf8_lossy(&output.stdout)
            )
        })?;
        let tests = tests_of(&xml);
        ensure!(tests.len() > 100, "h2spec ran only {} tests", tests.len());
        for (name, wrong) in tests {
            if run.options.wants_case(&name) {
                outcome.count("h2spec", &name, wrong);
            }
        }
    }
    outcome.end_group();
    Ok(outcome)
}

/// The tests of a JUnit report of h2spec, each with what went wrong. The report is flat and made by one program, so
/// its tags are found by their text.
pub(super) fn tests_of(xml: &str) -> Vec<(String, Option<String>)> {
    let mut tests = Vec::new();
    for part in xml.split("<testcase ").skip(1) {
        let (head, body) = part.split_once('>').unwrap_or((part, ""));
        let attribute = |name: &str| {
            let (_, rest) = head.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| plain(value))
        };
        let package = attribute("package").unwrap_or_default();
        let what = attribute("classname")
            .or_else(|| attribute("name"))
            .unwrap_or_default();
        let body = if head.ends_with('/') {
            ""
        } else {
            body.split("</testcase>").next().unwrap_or_default()
        };
        let wrong = ["failure", "error", "skipped"].into_iter().find_map(|tag| {
            let (_, rest) = body.split_once(&format!("<{tag}"))?;
            let text = rest.split_once('>').map_or("", |(_, text)| text);
            let text = text.split('<').next().unwrap_or_default();
            let words: Vec<String> = plain(text).split_whitespace().map(str::to_owned).collect();
            Some(format!("{tag}: {}", words.join(" ")))
        });
        tests.push((format!("{package} {what}"), wrong));
    }
    tests
}

/// Text without the entities of XML.
fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#xA;", " "),
        ("&#x9;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}
