//! What a folder gives, over any history of its files.

mod history;
mod layout;
mod random;

use std::path::Path;

use fg_model::Severity;
use tempfile::TempDir;

use super::*;

/// A folder on disk with files, and what is read from it.
struct Desk {
    dir: TempDir,
    folder: Folder,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let folder = Folder::open(dir.path(), Limits::default()).unwrap();
        let desk = Self { dir, folder };
        for (path, text) in files {
            desk.write(path, text);
        }
        desk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.path(path)).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
    }

    /// Tells the folder that these paths changed.
    fn changed(&mut self, paths: &[&str]) -> Delta {
        let root = self.dir.path().canonicalize().unwrap();
        let paths = paths.iter().map(|path| root.join(path)).collect();
        self.folder.apply(&Changes {
            paths,
            ..Changes::default()
        })
    }

    /// Names of the objects that are not built in.
    fn names(&self) -> Vec<String> {
        names(&self.folder)
    }

    /// The findings, with file names relative to the folder.
    fn findings(&self) -> Vec<String> {
        let root = format!("{}/", self.dir.path().display());
        let all = self.folder.findings();
        all.iter()
            .map(|finding| finding.to_string().replace(&root, ""))
            .collect()
    }
}

fn names(folder: &Folder) -> Vec<String> {
    let all = folder.resources().map(|resource| resource.id().to_string());
    all.filter(|name| !name.contains(" ferrogate") && name != "Namespace default")
        .collect()
}

/// What a delta changed: `+` for new or different, `-` for gone.
fn told(delta: &Delta) -> Vec<String> {
    let upserts = delta
        .upserts
        .iter()
        .map(|resource| format!("+{}", resource.id()));
    let removed = delta.removed.iter().map(|id| format!("-{id}"));
    let all = upserts
        .chain(removed)
        .filter(|name| !name.contains(" ferrogate"));
    all.collect()
}

fn config(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n")
}

fn value(folder: &Folder, name: &str) -> String {
    let found = folder.resources().find_map(|resource| match resource {
        Resource::ConfigMap(map) if &*map.id.name == name => Some(map.spec.data["key"].clone()),
        _ => None,
    });
    String::from_utf8(found.expect("a ConfigMap of that name")).unwrap()
}

fn generation(folder: &Folder, name: &str) -> i64 {
    let found = folder
        .resources()
        .find(|resource| &*resource.id().name == name);
    found.expect("an object of that name").meta().generation
}

#[test]
fn findings_of_a_folder_are_errors() {
    let mut desk = Desk::new(&[("a.yaml", "a: [")]);
    desk.folder.load();
    assert!(
        desk.folder
            .findings()
            .iter()
            .all(|finding| finding.severity == Severity::Error)
    );
}

#[test]
fn texts_in_memory_are_a_folder_too() {
    let mut folder = Folder::in_memory(Limits::default());
    let (a, b) = (config("a", "x1"), config("b", "x1"));
    let delta = folder.replace([("quickstart/a.yaml", &*a), ("quickstart/b.yaml", &*b)]);
    assert_eq!(
        told(&delta),
        [
            "+ConfigMap default/a",
            "+ConfigMap default/b",
            "+Namespace default"
        ]
    );
    assert_eq!(
        folder
            .place(&ObjectRef::new("", "ConfigMap", "default", "a"))
            .unwrap()
            .to_string(),
        "quickstart/a.yaml:1"
    );
    let a = config("a", "x2");
    let delta = folder.replace([("quickstart/a.yaml", &*a)]);
    assert_eq!(
        told(&delta),
        ["+ConfigMap default/a", "-ConfigMap default/b"]
    );
    let delta = folder.replace([("quickstart/a.yaml", &*a)]);
    assert!(delta.is_empty());
}

#[test]
fn a_missing_folder_is_an_error_at_once() {
    let dir = TempDir::new().unwrap();
    assert!(Folder::open(dir.path().join("nothing"), Limits::default()).is_err());
}

#[test]
fn one_file_is_a_folder_too() {
    let desk = Desk::new(&[
        ("one.conf", &config("a", "x1")),
        ("other.yaml", &config("b", "x1")),
    ]);
    let mut folder = Folder::open(desk.path("one.conf"), Limits::default()).unwrap();
    folder.load();
    assert_eq!(names(&folder), ["ConfigMap default/a"]);
    desk.write("one.conf", &config("c", "x1"));
    let path = desk.path("one.conf").canonicalize().unwrap();
    let delta = folder.apply(&Changes {
        paths: BTreeSet::from([path]),
        ..Changes::default()
    });
    assert_eq!(
        told(&delta),
        ["+ConfigMap default/c", "-ConfigMap default/a"]
    );
    let place = folder
        .place(&ObjectRef::new("", "ConfigMap", "default", "c"))
        .unwrap();
    assert_eq!(Path::new(&*place.file), desk.path("one.conf"));
}
