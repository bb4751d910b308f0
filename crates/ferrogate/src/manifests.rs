//! `ferrogate manifests`: what installs Ferrogate in a cluster, as YAML.

use std::process::ExitCode;

use anyhow::Context as _;
use fg_deploy::install::{Installation, definitions, manifests as objects};
use serde_json::Value;

use crate::cli::{Definitions, ManifestsArgs};
use crate::exit;

/// Prints the manifests.
pub(crate) fn manifests(args: &ManifestsArgs) -> anyhow::Result<ExitCode> {
    exit::print(&text(args)?);
    Ok(ExitCode::SUCCESS)
}

fn text(args: &ManifestsArgs) -> anyhow::Result<String> {
    let installed = objects(&Installation {
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        replicas: args.replicas,
    });
    let all: Vec<Value> = match args.crds {
        Definitions::Include => definitions().into_iter().chain(installed).collect(),
        Definitions::Only => definitions(),
        Definitions::Omit => installed,
    };
    let mut text = String::new();
    for object in all {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&object).context("cannot write YAML")?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use clap::{CommandFactory as _, Parser as _};
    use fg_api::deployment::Deployment;
    use fg_deploy::Fleet;
    use fg_model::{ObjectRef, Plane};
    use serde_json::{Value, json};

    use super::text;
    use crate::cli::{Cli, Command, ManifestsArgs};

    fn args(words: &[&str]) -> ManifestsArgs {
        let words = ["ferrogate", "manifests"].iter().chain(words);
        match Cli::parse_from(words).command {
            Command::Manifests(args) => args,
            other => panic!("{other:?}"),
        }
    }

    fn printed(words: &[&str]) -> Vec<Value> {
        let text = text(&args(words)).expect("it prints");
        serde_saphyr::from_multiple(&text).expect("it prints YAML")
    }

    #[test]
    fn what_is_printed_is_what_is_meant() {
        let installed = printed(&[
            "--crds=omit",
            "--image=r/ferrogate:2",
            "--namespace=home",
            "--replicas=2",
        ]);
        let meant = super::objects(&super::Installation {
            namespace: "home".to_owned(),
            image: "r/ferrogate:2".to_owned(),
            replicas: 2,
        });
        assert_eq!(installed, meant);
        assert_eq!(printed(&["--crds"]), super::definitions());
        let all = printed(&[]);
        assert_eq!(all.len(), super::definitions().len() + meant.len());
        let image = all
            .iter()
            .find(|object| object["kind"] == "Deployment")
            .map(|found| found["spec"]["template"]["spec"]["containers"][0]["image"].clone());
        let image = image.expect("a Deployment");
        assert!(
            image
                .as_str()
                .is_some_and(|image| image.starts_with("ferrogate:"))
        );
    }

    /// The container of a Deployment among objects.
    fn container(objects: &[Value]) -> Value {
        let deployment = objects.iter().find(|one| one["kind"] == "Deployment");
        deployment.expect("a Deployment")["spec"]["template"]["spec"]["containers"][0].clone()
    }

    #[test]
    fn what_pods_are_started_with_is_what_the_program_takes_and_needs() {
        let wish = Deployment {
            gateway: Arc::new(ObjectRef::new("", "Gateway", "default", "web")),
            uid: "1".into(),
            class: "ferrogate".into(),
            plane: Plane::Native,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            ports: [80].into(),
            address: None,
            parameters: serde_json::from_value(
                json!({"envoyContainer": {"bootstrap": {"logLevel": "debug"}}}),
            )
            .expect("settings"),
        };
        let fleet = Fleet {
            image: "ferrogate:1".to_owned(),
            envoy_image: "envoy:1".to_owned(),
            control: "control:9977".to_owned(),
            version: "1".to_owned(),
        };
        let proxy = container(&fg_deploy::objects(&wish, &fleet));
        let hook = &proxy["lifecycle"]["preStop"]["exec"]["command"];
        let hook: Vec<&str> = hook
            .as_array()
            .expect("words")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let drain = Cli::try_parse_from(hook).expect("the hook is a command of ours");
        assert!(matches!(drain.command, Command::Drain(_)));
        for container in [container(&printed(&["--crds=omit"])), proxy] {
            let words: Vec<&str> = container["args"]
                .as_array()
                .expect("words")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let [command] = words[..] else {
                panic!("{words:?}");
            };
            let all = Cli::command();
            let command = all.find_subcommand(command).expect("a command of ours");
            let given: BTreeSet<&str> = container["env"]
                .as_array()
                .expect("variables")
                .iter()
                .filter_map(|variable| variable["name"].as_str())
                .collect();
            let variable = |argument: &clap::Arg| {
                let name = argument.get_env().and_then(|name| name.to_str());
                name.map(str::to_owned)
            };
            let taken: BTreeSet<String> = command.get_arguments().filter_map(variable).collect();
            for name in &given {
                assert!(taken.contains(*name), "{name} means nothing to it");
            }
            for argument in command.get_arguments().filter(|one| one.is_required_set()) {
                let name = variable(argument).expect("a variable");
                assert!(given.contains(&*name), "it lacks {name}");
            }
        }
    }
}
