//! The table of policies by data plane, from what each policy says about itself.

use std::fmt::Write as _;

use anyhow::Context;
use fg_policies::{Extent, Meta};

/// The page that has it, from the root of the workspace.
pub(super) const PAGE: &str = "docs/envoy.md";

/// The lines around it.
const BEGIN: &str = "<!-- written by `cargo xtask gen` from each policy's `META.support` -->";
const END: &str = "<!-- end of what is written by `cargo xtask gen` -->";

/// The page with this section between its marks.
pub(super) fn within(page: &str, section: &str) -> anyhow::Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("{PAGE} has no line `{BEGIN}`"))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("{PAGE} has no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n\n{section}\n{END}{after}"))
}

/// The table, and below it the reasons.
pub(super) fn section(policies: &[Meta]) -> String {
    let mut text = String::from(
        "| policy | Ferrogate's own proxy | Envoy | a module of ours could add |\n|---|---|---|---|\n",
    );
    for meta in policies {
        let _ = writeln!(
            text,
            "| [`{name}`](../crates/fg-policies/src/{name}/README.md) | {} | {} | {} |",
            word(meta.support.native),
            word(meta.support.envoy),
            meta.support.module.unwrap_or("–"),
            name = meta.name,
        );
    }
    for meta in policies {
        let planes = [
            ("Ferrogate's own proxy", meta.support.native),
            ("Envoy", meta.support.envoy),
        ];
        for (plane, extent) in planes {
            let reasons = match extent {
                Extent::Full => continue,
                Extent::Partly(reasons) => reasons,
                Extent::No(ref reason) => std::slice::from_ref(reason),
            };
            let _ = writeln!(text, "\n`{}` on {plane}:\n", meta.name);
            for reason in reasons {
                let _ = writeln!(text, "- {reason}");
            }
        }
    }
    text
}

fn word(extent: Extent) -> &'static str {
    match extent {
        Extent::Full => "yes",
        Extent::Partly(_) => "partly",
        Extent::No(_) => "no",
    }
}

#[cfg(test)]
mod tests {
    use fg_policies::{Reads, Stage, Support};

    use super::*;

    const TOY: Meta = Meta {
        name: "toy",
        stage: Stage::Headers,
        reads: Reads::Filters(&[]),
        repeats: false,
        per_backend: false,
        protective: false,
        support: Support {
            native: Extent::Full,
            envoy: Extent::Partly(&["It is slow.", "It is red."]),
            module: Some("speed"),
        },
    };

    #[test]
    fn a_policy_has_a_row_and_its_reasons() {
        let section = section(&[TOY]);
        let row = "| [`toy`](../crates/fg-policies/src/toy/README.md) | yes | partly | speed |\n";
        assert!(section.contains(row), "{section}");
        let reasons = "\n`toy` on Envoy:\n\n- It is slow.\n- It is red.\n";
        assert!(section.ends_with(reasons), "{section}");
    }

    #[test]
    fn only_what_is_between_the_marks_is_written() {
        let page = format!("# Page\n\n{BEGIN}\nold\n{END}\n\nMore.\n");
        let once = within(&page, "new\n").expect("marks");
        assert_eq!(
            once,
            format!("# Page\n\n{BEGIN}\n\nnew\n\n{END}\n\nMore.\n")
        );
        assert_eq!(within(&once, "new\n").expect("marks"), once);
        assert!(within("# Page\n", "new").is_err());
    }
}
