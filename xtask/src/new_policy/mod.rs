//! `cargo xtask new-policy NAME`: makes a policy's folder and writes its two words in `lib.rs`.
//!
//! What it makes compiles, and its own test passes; the files say what belongs in them. The test of the READMEs fails
//! until the policy's has an example, so that none lands without.

use std::fs;

use anyhow::{Context, bail, ensure};

use crate::workspace;

/// The files of a policy, in the order in which one reads them.
const FILES: [(&str, &str); 8] = [
    ("mod.rs", include_str!("template/mod.rs.txt")),
    ("api.rs", include_str!("template/api.rs.txt")),
    ("ir.rs", include_str!("template/ir.rs.txt")),
    ("translate.rs", include_str!("template/translate.rs.txt")),
    ("native.rs", include_str!("template/native.rs.txt")),
    ("envoy.rs", include_str!("template/envoy.rs.txt")),
    ("README.md", include_str!("template/README.md.txt")),
    ("tests.rs", include_str!("template/tests.rs.txt")),
];

/// The kind of policy that is made when none is said.
const DEFAULT_KIND: &str = "traffic";

/// What the name in a template is replaced by.
const PLACEHOLDER: &str = "{{name}}";

/// Makes a policy. `args`: its name, and `--kind KIND` if it is not a traffic policy.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (name, kind) = match words.as_slice() {
        [name] => (*name, DEFAULT_KIND),
        [name, "--kind", kind] => (*name, *kind),
        _ => bail!("`cargo xtask new-policy NAME [--kind KIND]`"),
    };
    ensure!(
        is_name(name),
        "{name}: a policy's name is a Rust module's: a-z, 0-9 and _"
    );
    let source = workspace::root()?.join("crates/fg-policies/src");
    let folder = source.join(name);
    ensure!(!folder.exists(), "there is a policy {name} already");

    let lib = fs::read_to_string(source.join("lib.rs"))?;
    let lib = with_word(&with_module(&lib, name)?, kind, name)?;
    fs::create_dir(&folder)?;
    for (file, template) in FILES {
        fs::write(folder.join(file), template.replace(PLACEHOLDER, name))?;
    }
    fs::write(source.join("lib.rs"), lib)?;

    println!("made crates/fg-policies/src/{name}, listed under `{kind}` in lib.rs");
    println!(
        "next: say in mod.rs what it does and at which stage, then fill the files in this order:"
    );
    println!("  {}", FILES.map(|(file, _)| file).join(" "));
    println!(
        "what Envoy cannot do say in META and in `lacks_on_envoy`; `cargo xtask gen` writes it to docs/envoy.md"
    );
    println!(
        "`cargo test -p fg-policies --all-features` asks for an example in its README until there is one"
    );
    Ok(())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Writes `pub mod NAME;` in its place in the last block of such lines, which is the policies'.
fn with_module(lib: &str, name: &str) -> anyhow::Result<String> {
    let mut lines: Vec<&str> = lib.lines().collect();
    let module = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    let last = lines
        .iter()
        .rposition(|line| module(line).is_some())
        .context("lib.rs lists no modules")?;
    let mut at = last + 1;
    while at > 0 && module(lines[at - 1]).is_some_and(|other| other.as_str() > name) {
        at -= 1;
    }
    let line = format!("pub mod {name};");
    lines.insert(at, &line);
    Ok(lines.join("\n") + "\n")
}

/// Writes the name in its place in the list of its kind: `traffic: { cors, csrf },`.
fn with_word(lib: &str, kind: &str, name: &str) -> anyhow::Result<String> {
    let opening = format!("    {kind}: {{");
    let (before, rest) = lib
        .split_once(&opening)
        .with_context(|| format!("lib.rs has no list `{kind}`"))?;
    let (list, after) = rest.split_once('}').context("the list does not end")?;
    let mut names: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    names.push(name);
    names.sort_unstable();
    let short = format!(" {} ", names.join(", "));
    // As wide as rustfmt lets a line be; it does not touch the inside of this macro.
    let long = list.contains('\n') || opening.len() + short.len() > 98;
    let list = if long {
        format!("\n        {},\n    ", names.join(",\n        "))
    } else {
        short
    };
    Ok(format!("{before}{opening}{list}}}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "\
//! Policies.

pub mod native;
pub mod scope;

pub mod cors;
pub mod jwt;

pub use scope::Scope;

catalogue! {
    /// Of a rule.
    traffic: { cors, jwt },
    /// Of a backend.
    backend: {
        health,
    },
}
";

    #[test]
    fn the_module_stands_among_the_policies() {
        let with = |name| with_module(LIB, name).unwrap();
        assert!(with("csrf").contains("pub mod cors;\npub mod csrf;\npub mod jwt;\n\npub use"));
        assert!(with("api_key").contains("scope;\n\npub mod api_key;\npub mod cors;\n"));
        assert!(with("tap").contains("pub mod jwt;\npub mod tap;\n\npub use"));
    }

    #[test]
    fn the_word_stands_in_the_list_of_its_kind() {
        let traffic = with_word(LIB, "traffic", "csrf").unwrap();
        assert!(
            traffic.contains("    traffic: { cors, csrf, jwt },\n"),
            "{traffic}"
        );
        let backend = with_word(LIB, "backend", "tls").unwrap();
        assert!(
            backend.contains("    backend: {\n        health,\n        tls,\n    },\n"),
            "{backend}"
        );
        assert!(with_word(LIB, "listener", "limits").is_err());
    }

    #[test]
    fn a_list_that_grows_too_long_gets_a_line_a_word() {
        let long = with_word(LIB, "traffic", &"x".repeat(90)).unwrap();
        assert!(
            long.contains("    traffic: {\n        cors,\n        jwt,\n"),
            "{long}"
        );
    }

    #[test]
    fn names_are_module_names() {
        assert!(is_name("header_modifier2"));
        for bad in ["", "2fa", "Cors", "ext-auth", "a/b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
