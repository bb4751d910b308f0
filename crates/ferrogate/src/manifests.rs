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
    use clap::Parser as _;
    use serde_json::Value;

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
}
