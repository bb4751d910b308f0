//! Each rule, broken on purpose.

use std::collections::{BTreeMap, BTreeSet};

use super::table::Table;
use super::trees::Tree;
use super::{Problem, layers, policies, table, text, trees};

const MAP: &str = "\
# Map

| layer | crate | may use |
|---|---|---|
| 0 | `fg-base` | – |
| 1 | `fg-model` | – |
| 1 | `fg-exchange` | `fg-model` is one layer too high |
";

const SOUND: &str = "\
| layer | crate | may use |
|---|---|---|
| 0 | `fg-base` | – |
| 1 | `fg-model` | – |
| 2 | `fg-exchange` | `fg-model` |
| 3 | `fg-policies` | `fg-model` |
| 4 | `fg-policies+native` | `fg-exchange` |
| 4 | `fg-ir` | `fg-model` `fg-policies` |
| 5 | `fg-proxy` | `fg-ir` `fg-policies+native` |

Pure crates: `fg-base` `fg-model` `fg-policies` `fg-ir`.
";

const OURS: [&str; 7] = [
    "fg-base",
    "fg-model",
    "fg-exchange",
    "fg-policies",
    "fg-ir",
    "fg-proxy",
    "fg-testkit",
];

fn sound() -> Table {
    table::parse(SOUND).unwrap()
}

/// What cargo prints for a crate; a line is `DEPTH NAME|FEATURES`.
fn tree(facet: Option<&str>, lines: &[&str]) -> Tree {
    let printed: String = lines
        .iter()
        .map(|line| line.replace('|', " v0.1.0|") + "\n")
        .collect();
    let mut tree = trees::parse(&printed, &BTreeSet::from(OURS));
    tree.facet = facet.map(str::to_owned);
    tree
}

/// Trees that fit the table.
fn fitting() -> BTreeMap<String, Vec<Tree>> {
    let plain = |name: &str, lines: &[&str]| (name.to_owned(), vec![tree(None, lines)]);
    let mut trees = BTreeMap::from([
        plain("fg-base", &[]),
        plain("fg-model", &["1 fg-base|", "1 regex|default,std"]),
        plain("fg-exchange", &["1 fg-model|", "2 fg-base|"]),
        plain("fg-policies", &["1 fg-model|"]),
        plain("fg-ir", &["1 fg-policies|default", "2 fg-model| (*)"]),
        plain(
            "fg-proxy",
            &[
                "1 fg-ir|",
                "1 fg-policies|native",
                "2 fg-exchange|",
                "1 tokio|net",
            ],
        ),
    ]);
    let native = tree(Some("native"), &["1 fg-model|", "1 fg-exchange|"]);
    trees.get_mut("fg-policies").unwrap().push(native);
    trees
}

fn layer_problems(name: &str, changed: Tree) -> Vec<String> {
    let mut trees = fitting();
    trees.insert(name.to_owned(), vec![changed]);
    let only = |problem: Problem| (problem.place.starts_with(name)).then_some(problem.what);
    layers::judge(&sound(), &trees)
        .into_iter()
        .filter_map(only)
        .collect()
}

#[test]
fn a_tree_that_fits_the_table_is_no_problem() {
    assert_eq!(layers::judge(&sound(), &fitting()), []);
}

#[test]
fn an_arrow_that_the_table_lacks_is_a_problem() {
    let found = layer_problems("fg-exchange", tree(None, &["1 fg-model|", "1 fg-ir|"]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("uses fg-ir"), "{found:?}");
}

#[test]
fn a_facet_that_the_table_lacks_is_a_problem() {
    let found = layer_problems("fg-ir", tree(None, &["1 fg-policies|native"]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("fg-policies+native"), "{found:?}");
}

#[test]
fn the_facets_arrows_are_not_the_crates() {
    let found = layer_problems("fg-policies", tree(None, &["1 fg-exchange|"]));
    assert!(
        found.iter().any(|what| what.contains("uses fg-exchange")),
        "{found:?}"
    );
}

#[test]
fn a_pure_crate_may_not_reach_a_runtime_through_others() {
    let found = layer_problems(
        "fg-model",
        tree(None, &["1 regex|", "2 memchr|", "3 tokio|rt"]),
    );
    assert_eq!(found, ["is pure, but reaches tokio"]);
}

#[test]
fn what_comes_with_messages_alone_does_not_count() {
    let lines = &["1 envoy-types|", "2 tonic|", "3 tokio|rt", "1 regex|"];
    assert_eq!(
        layer_problems("fg-model", tree(None, lines)),
        Vec::<String>::new()
    );
    let lines = &["1 envoy-types|", "2 tokio|rt", "1 futures|", "2 tokio|rt"];
    let found = layer_problems("fg-model", tree(None, lines));
    assert_eq!(found, ["is pure, but reaches tokio"]);
}

#[test]
fn the_test_kit_is_for_tests() {
    let found = layer_problems("fg-proxy", tree(None, &["1 fg-testkit|"]));
    assert_eq!(found, ["uses fg-testkit, which is for tests only"]);
}

#[test]
fn table_and_crates_have_the_same_names() {
    let mut trees = fitting();
    trees.remove("fg-ir");
    trees.insert("fg-new".to_owned(), vec![tree(None, &[])]);
    let found = layers::judge(&sound(), &trees);
    assert!(
        found
            .iter()
            .any(|it| it.place == "fg-new" && it.what.contains("no row")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|it| it.what.contains("names fg-ir")),
        "{found:?}"
    );
}

#[test]
fn an_arrow_points_down() {
    let problem = table::parse(MAP).unwrap_err();
    assert!(
        problem.what.contains("no line `Pure crates:"),
        "{problem:?}"
    );
    let problem = table::parse(&format!("{MAP}\nPure crates: `fg-base`")).unwrap_err();
    assert!(
        problem.what.contains("fg-exchange may use fg-model"),
        "{problem:?}"
    );
    assert!(table::parse("# no table").is_err());
}

fn text_problems(file: &str, content: &str) -> Vec<String> {
    let pure = BTreeSet::from(["fg-ir".to_owned()]);
    text::judge(file, content, &pure)
        .into_iter()
        .map(|problem| problem.what)
        .collect()
}

#[test]
fn a_rust_file_begins_with_its_docs() {
    let file = "crates/fg-ir/src/rule.rs";
    assert_eq!(
        text_problems(file, "//! Rules.\nuse a::b;\n"),
        Vec::<String>::new()
    );
    assert_eq!(
        text_problems(file, "#![no_main]\n\n//! Rules.\n"),
        Vec::<String>::new()
    );
    for bare in [
        "use a::b;\n//! Late.\n",
        "// Rules.\nuse a::b;\n",
        "//!\nuse a::b;\n",
        "",
    ] {
        assert_eq!(text_problems(file, bare).len(), 1, "{bare:?}");
    }
}

#[test]
fn work_left_open_has_an_issue() {
    let open = concat!("TO", "DO");
    assert_eq!(
        text_problems("a.md", &format!("{open}(#12): later")),
        Vec::<String>::new()
    );
    assert_eq!(
        text_problems("a.md", &format!("MAS{open}N")),
        Vec::<String>::new()
    );
    assert_eq!(text_problems("a.md", &format!("{open}: later")).len(), 1);
    assert_eq!(text_problems("a.md", &format!("{open}(#x)")).len(), 1);
}

#[test]
fn no_path_of_one_machine() {
    let path = concat!("/ro", "ot/");
    assert_eq!(
        text_problems("a.md", &format!("see `{path}notes`")).len(),
        1
    );
    assert_eq!(
        text_problems("a.md", &format!("charts{path}values")),
        Vec::<String>::new()
    );
}

#[test]
fn dependencies_come_from_one_registry() {
    let foreign = "source = \"git+https://example.com/tokio\"\n";
    assert_eq!(text_problems("Cargo.lock", foreign).len(), 1);
}

#[test]
fn pure_code_calls_nothing_impure() {
    let read = "//! Reads.\nfn read() { std::fs::read(\"a\"); }\n";
    assert_eq!(text_problems("crates/fg-ir/src/read.rs", read).len(), 1);
    assert_eq!(
        text_problems("crates/fg-proxy/src/read.rs", read),
        Vec::<String>::new()
    );
    assert_eq!(
        text_problems("crates/fg-ir/src/tests.rs", read),
        Vec::<String>::new()
    );
    let tested = "//! Reads.\n#[cfg(test)]\nmod tests { use std::fs; }\n";
    assert_eq!(
        text_problems("crates/fg-ir/src/read.rs", tested),
        Vec::<String>::new()
    );
}

#[test]
fn a_path_in_the_documentation_exists() {
    let exists = |path: &str| path == "crates/fg-ir/src/";
    let dead = |line: &str| text::dead_paths("a.md", line, exists).len();
    assert_eq!(
        dead("see `crates/fg-ir/src/` and `crates/<name>/x`, `docs/*`, `std/fmt`"),
        0
    );
    assert_eq!(dead("see `crates/fg-ir/old.rs` and `docs/adr/`"), 2);
}

const LIB: &str = "\
//! Policies.
pub mod cors;
pub mod csrf;

catalogue! {
    traffic: { cors, csrf }, // in any order
}
";

/// The files of a policy.
const POLICY: [&str; 8] = [
    "README.md",
    "api.rs",
    "envoy.rs",
    "ir.rs",
    "mod.rs",
    "native.rs",
    "tests.rs",
    "translate.rs",
];

fn policy_problems(lib: &str, folders: &[&str]) -> Vec<Problem> {
    let files = BTreeSet::from(POLICY.map(str::to_owned));
    let folders = folders
        .iter()
        .map(|name| ((*name).to_owned(), files.clone()))
        .collect();
    policies::judge(&policies::Catalogue {
        lib: lib.to_owned(),
        folders,
    })
}

#[test]
fn folder_module_and_catalogue_agree() {
    assert_eq!(policy_problems(LIB, &["cors", "csrf"]), []);
    assert_eq!(policy_problems(LIB, &["cors"]).len(), 1);
    assert_eq!(policy_problems(LIB, &["cors", "csrf", "jwt"]).len(), 2);
    assert_eq!(
        policy_problems(&LIB.replace("cors, ", ""), &["cors", "csrf"]).len(),
        1
    );
    assert_eq!(
        policy_problems(&LIB.replace("pub mod cors;", ""), &["cors", "csrf"]).len(),
        1
    );
}

#[test]
fn a_policy_has_its_readme_and_a_facet_for_each_plane() {
    for missing in ["README.md", "native.rs", "envoy.rs"] {
        let files = POLICY.into_iter().filter(|file| *file != missing);
        let files: BTreeSet<String> = files.map(str::to_owned).collect();
        let folders = ["cors", "csrf"].map(|name| (name.to_owned(), files.clone()));
        let found = policies::judge(&policies::Catalogue {
            lib: LIB.to_owned(),
            folders: folders.into(),
        });
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found.iter().all(|one| one.what.contains(missing)),
            "{found:?}"
        );
    }
}
