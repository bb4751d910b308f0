//! `cargo xtask gen`: writes the generated files; with `--check`, fails if one of them is stale and changes nothing.

mod gateway_api;
mod module;
mod support;

use std::path::Path;

use anyhow::{Context, bail};

use crate::workspace;

/// Where the schema of the Gateway API's kinds goes, from the root of the workspace.
const GATEWAY_API: &str = "crates/fg-api/src/schema/generated/gateway-api.json";

/// Generates, or checks with `--check`. `args` are the words after the verb.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let check = match args {
        [] => false,
        [word] if word == "--check" => true,
        _ => bail!("`gen` takes `--check` or nothing"),
    };
    let root = workspace::root()?;
    let page = std::fs::read_to_string(root.join(support::PAGE))
        .with_context(|| format!("cannot read {}", support::PAGE))?;
    let written = support::within(&page, &support::section(fg_policies::traffic::ALL))?;
    keep(&root, support::PAGE, &written, check)?;
    if !module::go_is_here() {
        if check {
            println!("    gen --check: not run: Go is not installed");
            return Ok(());
        }
        bail!("`gen` reads a published Go module and needs Go on the PATH");
    }
    let folder = module::folder(gateway_api::MODULE, gateway_api::VERSION)?;
    keep(&root, GATEWAY_API, &gateway_api::extract(&folder)?, check)
}

/// Writes one generated file, or says that it is stale.
fn keep(root: &Path, file: &str, content: &str, check: bool) -> anyhow::Result<()> {
    let path = root.join(file);
    let fresh = std::fs::read_to_string(&path).is_ok_and(|old| old == content);
    if fresh {
        return Ok(());
    }
    if check {
        bail!("{file} is stale");
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, content).with_context(|| format!("cannot write {file}"))?;
    println!("wrote {file}");
    Ok(())
}
