//! The law: any history of edits gives what a fresh look at the last state gives.

use proptest::prelude::*;

use super::*;

/// One edit of the folder.
#[derive(Clone, Debug)]
enum Edit {
    Write(usize, Vec<Doc>),
    Remove(usize),
    Rename(usize, usize),
    RemoveFolder(usize),
    RenameFolder(usize, usize),
    Link(usize, usize),
}

/// One document: its name, its value, and what is odd about it.
#[derive(Clone, Debug)]
struct Doc(u8, u8, Oddity);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Oddity {
    None,
    Namespace,
    OtherKind,
    WithNamespace,
}

const FOLDERS: [&str; 3] = ["", "one", "two"];

fn path(file: usize) -> String {
    let folder = FOLDERS[file % FOLDERS.len()];
    let name = format!("f{}.yaml", file / FOLDERS.len());
    if folder.is_empty() {
        name
    } else {
        format!("{folder}/{name}")
    }
}

fn text(docs: &[Doc]) -> String {
    let one = |Doc(name, value, oddity): &Doc| match oddity {
        Oddity::None => config(&format!("c{name}"), &format!("x{value}")),
        Oddity::WithNamespace => {
            let at = format!("name: c{name}\n  namespace: ns{}", value % 2);
            config(&format!("c{name}"), &format!("x{value}"))
                .replace(&format!("name: c{name}"), &at)
        }
        Oddity::Namespace => format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: ns{}, labels: {{l: v{value}}}}}\n",
            name % 2
        ),
        Oddity::OtherKind => {
            format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{name}}}\n")
        }
    };
    docs.iter().map(one).collect::<Vec<_>>().join("---\n")
}

fn doc() -> impl Strategy<Value = Doc> {
    let oddity = prop_oneof![
        4 => Just(Oddity::None),
        2 => Just(Oddity::WithNamespace),
        1 => Just(Oddity::Namespace),
        1 => Just(Oddity::OtherKind),
    ];
    (0u8..6, 0u8..3, oddity).prop_map(|(name, value, oddity)| Doc(name, value, oddity))
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = 0usize..9;
    prop_oneof![
        6 => (file.clone(), prop::collection::vec(doc(), 0..4)).prop_map(|(file, docs)| Edit::Write(file, docs)),
        2 => file.clone().prop_map(Edit::Remove),
        2 => (file.clone(), file.clone()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => (1usize..3).prop_map(Edit::RemoveFolder),
        1 => (1usize..3, 1usize..3).prop_map(|(from, to)| Edit::RenameFolder(from, to)),
        1 => (file.clone(), file).prop_map(|(target, link)| Edit::Link(target, link)),
    ]
}

/// Does an edit, if it can be done, and names the paths that a watch would name.
fn act(desk: &Desk, edit: &Edit) -> Vec<String> {
    match edit {
        Edit::Write(file, docs) => {
            // Not through a link: that would be an edit of another file.
            let _ = std::fs::remove_file(desk.path(&path(*file)));
            desk.write(&path(*file), &text(docs));
            vec![path(*file)]
        }
        Edit::Remove(file) => {
            let _ = std::fs::remove_file(desk.path(&path(*file)));
            vec![path(*file)]
        }
        Edit::Rename(from, to) => {
            let _ = std::fs::create_dir_all(desk.path(&path(*to)).parent().unwrap());
            let _ = std::fs::rename(desk.path(&path(*from)), desk.path(&path(*to)));
            vec![path(*from), path(*to)]
        }
        Edit::RemoveFolder(folder) => {
            let _ = std::fs::remove_dir_all(desk.path(FOLDERS[*folder]));
            vec![FOLDERS[*folder].to_owned()]
        }
        Edit::RenameFolder(from, to) => {
            let _ = std::fs::rename(desk.path(FOLDERS[*from]), desk.path(FOLDERS[*to]));
            vec![FOLDERS[*from].to_owned(), FOLDERS[*to].to_owned()]
        }
        Edit::Link(target, link) => {
            let _ = std::fs::create_dir_all(desk.path(&path(*link)).parent().unwrap());
            let _ = std::os::unix::fs::symlink(desk.path(&path(*target)), desk.path(&path(*link)));
            vec![path(*link)]
        }
    }
}

/// Everything that a folder says.
#[derive(Debug, PartialEq)]
struct State {
    resources: Vec<Resource>,
    findings: Vec<String>,
    others: BTreeMap<(String, String), usize>,
}

/// The state, without the count of generations.
fn state(folder: &Folder) -> State {
    let mut resources: Vec<Resource> = folder.resources().cloned().collect();
    resources
        .iter_mut()
        .for_each(|resource| resource.set_generation(1));
    let findings = folder.findings().iter().map(ToString::to_string).collect();
    State {
        resources,
        findings,
        others: folder.other_kinds(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn incremental_equals_from_scratch(
        rounds in prop::collection::vec((prop::collection::vec(edit(), 1..4), any::<bool>()), 1..12)
    ) {
        let mut desk = Desk::new(&[]);
        let mut seen: BTreeMap<ObjectRef, Resource> = BTreeMap::new();
        desk.folder.load().upserts.into_iter().for_each(|new| { seen.insert((**new.id()).clone(), new); });
        for (edits, named) in rounds {
            let mut paths = Vec::new();
            for edit in &edits {
                paths.extend(act(&desk, edit));
            }
            let delta = match named {
                true => desk.changed(&paths.iter().map(String::as_str).collect::<Vec<_>>()),
                false => desk.folder.apply(&Changes::everything()),
            };
            for id in &delta.removed {
                prop_assert!(seen.remove(&**id).is_some(), "{id} removed twice");
            }
            for new in delta.upserts {
                let old = seen.insert((**new.id()).clone(), new.clone());
                prop_assert!(old.as_ref() != Some(&new), "{} told without a change", new.id());
            }
            let mut fresh = Folder::open(desk.dir.path(), Limits::default()).unwrap();
            fresh.load();
            prop_assert_eq!(state(&desk.folder), state(&fresh));
            let told: Vec<&Resource> = seen.values().collect();
            let there: Vec<&Resource> = desk.folder.resources().collect();
            prop_assert_eq!(told, there, "the deltas add up to what is there");
        }
    }
}
