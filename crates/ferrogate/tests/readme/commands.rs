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

/// Whether a command is for a cluster.
fn on_a_cluster(command: &str) -> bool {
    let starts = ["kubectl apply ", "ferrogate manifests ", "ferrogate get "];
    starts.iter().any(|start| command.starts_with(start)) || command.contains(" --cluster")
}

#[test]
fn manifests_prints_what_names_the_image() {
    let mut ran = 0;
    for command in commands() {
        let Some(words) = command.strip_prefix("ferrogate manifests ") else {
            continue;
        };
        let (words, rest) = words.split_once(" | ").expect("it is piped");
        assert_eq!(rest, "kubectl apply --server-side -f -");
        let arguments: Vec<&str> = ["manifests"].into_iter().chain(words.split(' ')).collect();
        let output = output(&arguments);
        assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let image = arguments.last().expect("an image");
        assert!(text.contains(&format!("image: {image}")), "{text}");
        ran += 1;
    }
    assert_eq!(ran, 1);
}

#[test]
fn every_command_of_the_readme_is_known_to_a_test() {
    let known = |command: &str| {
        let verbs = ["run", "check", "explain", "echo"];
        let ours = command.strip_prefix("ferrogate ");
        ours.is_some_and(|rest| verbs.iter().any(|verb| rest.starts_with(verb)))
            // What `fg-testcluster`'s test of the page does on a real cluster.
            || on_a_cluster(command)
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
        let is_judged = words[0] == "ferrogate" && matches!(arguments[0], "check" | "explain");
        if is_judged && !on_a_cluster(&command) {
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
