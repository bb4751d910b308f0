//! The commands of the README.

use std::collections::BTreeSet;

use crate::support::process::{Process, ferrogate, output};
use crate::support::{Folder, get, until};

const README: &str = include_str!("../../../../README.md");

/// Every command in a shell block, without its comment, and the rest of a line's words.
fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.trim().is_empty() {
            let command = line.split(" # ").next().unwrap_or(line);
            commands.push(command.trim().to_owned());
        }
    }
    commands
}

/// The README's folder of one file, as its `./config`.
fn config() -> Folder {
    let yaml = README.split("```yaml\n").nth(1);
    let yaml = yaml.and_then(|rest| rest.split("```").next());
    let folder = Folder::new();
    folder.write("config.yaml", yaml.expect("the README shows a folder"));
    folder
}

/// The words of a command, with `./config` replaced.
fn words(command: &str, folder: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quoted: Option<String> = None;
    for word in command.split(' ') {
        match (&mut quoted, word.strip_prefix('\'')) {
            (None, Some(start)) if !start.ends_with('\'') => quoted = Some(start.to_owned()),
            (Some(text), _) => {
                text.push(' ');
                text.push_str(word);
                if let Some(done) = text.strip_suffix('\'') {
                    words.push(done.to_owned());
                    quoted = None;
                }
            }
            (None, _) => words.push(word.trim_matches('\'').replace("./config", folder)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_the_readme_is_known_to_a_test() {
    let known = |command: &str| {
        let verbs = ["run", "check", "explain", "echo"];
        let ours = command.strip_prefix("ferrogate ");
        ours.is_some_and(|rest| verbs.iter().any(|verb| rest.starts_with(verb)))
            // What the quickstart tests do, and what runs them.
            || command == "cargo run --release -p ferrogate -- run"
            || command.starts_with("cargo xtask ")
    };
    let unknown: BTreeSet<_> = commands().into_iter().filter(|c| !known(c)).collect();
    assert_eq!(unknown, BTreeSet::new());
}

#[test]
fn check_and_explain_work_as_written() {
    let folder = config();
    let mut ran = 0;
    for command in commands() {
        let words = words(&command, folder.arg());
        let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        if words[0] == "ferrogate" && matches!(arguments[0], "check" | "explain") {
            let output = output(&arguments);
            assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
            assert!(!output.stdout.is_empty(), "{command}");
            ran += 1;
        }
    }
    assert!(ran >= 3, "{ran}");
}

#[test]
fn run_and_echo_work_as_written() {
    let _ports = crate::ports();
    let folder = config();
    let mut ran = 0;
    for command in commands() {
        let words = words(&command, folder.arg());
        let mut arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        if words[0] != "ferrogate" || !matches!(arguments[0], "run" | "echo") {
            continue;
        }
        // The sockets of the process move to an address of this test alone.
        let page = if arguments[0] == "run" {
            arguments.extend(["--admin-address", "127.20.7.1:19000"]);
            arguments.extend(["--readiness-address", "127.20.7.1:8082"]);
            arguments.extend(["--metrics-address", "127.20.7.1:9091"]);
            ("127.20.7.1:8082", "/ready")
        } else {
            let address = arguments.iter().position(|word| *word == "--address");
            let address = address.map_or("127.0.0.1:9100", |at| arguments[at + 1]);
            (address, "/")
        };
        let _process = Process::start(ferrogate(&arguments));
        let address = page.0.parse().expect("an address");
        until(&command, || {
            let reply = get(address, page.1).ok()?;
            (reply.status == 200).then_some(())
        });
        ran += 1;
    }
    assert!(ran >= 2, "{ran}");
}
