//! Changes on disk reach the folder, whichever way they are made.

use std::fs::{create_dir_all, remove_file, rename, write};
use std::os::unix::fs::symlink;
use std::sync::mpsc::Receiver;

use tempfile::TempDir;

use super::*;
use crate::Limits;
use crate::files::Folder;

/// How long a test waits before it fails.
const LONG: Duration = Duration::from_secs(60);

fn config(name: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n")
}

/// A watched folder.
struct Desk {
    watch: Watch,
    changes: Receiver<Changes>,
    folder: Folder,
}

impl Desk {
    fn new(path: &Path) -> Self {
        let (sender, changes) = channel();
        let watch = Watch::start(path, move |changes| sender.send(changes).is_ok()).unwrap();
        let mut folder = Folder::open(path, Limits::default()).unwrap();
        folder.load();
        watch.follow(folder.links());
        Self {
            watch,
            changes,
            folder,
        }
    }

    fn names(&self) -> Vec<String> {
        let all = self
            .folder
            .resources()
            .filter(|resource| &*resource.id().kind == "ConfigMap");
        all.map(|resource| resource.id().name.to_string()).collect()
    }

    /// Applies changes until these objects are there.
    #[track_caller]
    fn until(&mut self, names: &[&str]) {
        let start = Instant::now();
        while self.names() != names {
            assert!(
                start.elapsed() < LONG,
                "there are {:?}, expected {names:?}",
                self.names()
            );
            if let Ok(changes) = self.changes.recv_timeout(Duration::from_secs(1)) {
                assert_eq!(changes.warning, None);
                self.folder.apply(&changes);
                self.watch.follow(self.folder.links());
            }
        }
    }
}

#[test]
fn files_come_change_and_go() {
    let dir = TempDir::new().unwrap();
    let at = |path: &str| dir.path().join(path);
    write(at("a.yaml"), config("a")).unwrap();
    let mut desk = Desk::new(dir.path());
    desk.until(&["a"]);
    write(at("a.yaml"), config("b")).unwrap();
    desk.until(&["b"]);
    write(at("c.yaml"), config("c")).unwrap();
    desk.until(&["b", "c"]);
    write(at(".a.tmp"), config("d")).unwrap();
    rename(at(".a.tmp"), at("a.yaml")).unwrap();
    desk.until(&["c", "d"]);
    rename(at("c.yaml"), at("c.yaml.off")).unwrap();
    desk.until(&["d"]);
    remove_file(at("a.yaml")).unwrap();
    desk.until(&[]);
}

#[test]
fn folders_come_with_their_files_and_move_and_go() {
    let dir = TempDir::new().unwrap();
    let at = |path: &str| dir.path().join(path);
    let mut desk = Desk::new(dir.path());
    create_dir_all(at("one/two/three")).unwrap();
    write(at("one/two/three/a.yaml"), config("a")).unwrap();
    desk.until(&["a"]);
    write(at("one/two/three/a.yaml"), config("b")).unwrap();
    desk.until(&["b"]);
    rename(at("one/two"), at("moved")).unwrap();
    write(at("moved/three/c.yaml"), config("c")).unwrap();
    desk.until(&["b", "c"]);
    write(at("moved/three/a.yaml"), config("d")).unwrap();
    desk.until(&["c", "d"]);
    rename(at("moved"), at(".hidden")).unwrap();
    desk.until(&[]);
    let elsewhere = TempDir::new().unwrap();
    create_dir_all(elsewhere.path().join("full")).unwrap();
    write(elsewhere.path().join("full/e.yaml"), config("e")).unwrap();
    rename(elsewhere.path().join("full"), at("full")).unwrap();
    desk.until(&["e"]);
    std::fs::remove_dir_all(at("full")).unwrap();
    desk.until(&[]);
}

#[test]
fn a_mounted_config_map_swaps() {
    let dir = TempDir::new().unwrap();
    let at = |path: &str| dir.path().join(path);
    create_dir_all(at("..one")).unwrap();
    write(at("..one/a.yaml"), config("a")).unwrap();
    symlink("..one", at("..data")).unwrap();
    symlink("..data/a.yaml", at("a.yaml")).unwrap();
    let mut desk = Desk::new(dir.path());
    desk.until(&["a"]);
    create_dir_all(at("..two")).unwrap();
    write(at("..two/a.yaml"), config("b")).unwrap();
    symlink("..two", at("..tmp")).unwrap();
    rename(at("..tmp"), at("..data")).unwrap();
    std::fs::remove_dir_all(at("..one")).unwrap();
    desk.until(&["b"]);
}

#[test]
fn the_folder_itself_is_replaced() {
    let dir = TempDir::new().unwrap();
    let at = |path: &str| dir.path().join(path);
    create_dir_all(at("v1")).unwrap();
    create_dir_all(at("v2/deep")).unwrap();
    write(at("v1/a.yaml"), config("a")).unwrap();
    write(at("v2/deep/b.yaml"), config("b")).unwrap();
    symlink("v1", at("conf")).unwrap();
    let mut desk = Desk::new(&at("conf"));
    desk.until(&["a"]);
    // The link is swapped …
    symlink("v2", at("new")).unwrap();
    rename(at("new"), at("conf")).unwrap();
    desk.until(&["b"]);
    write(at("v2/deep/b.yaml"), config("c")).unwrap();
    desk.until(&["c"]);
    // … and what it leads to.
    rename(at("v2"), at("v3")).unwrap();
    rename(at("v1"), at("v2")).unwrap();
    desk.until(&["a"]);
    write(at("v2/a.yaml"), config("d")).unwrap();
    desk.until(&["d"]);
}

#[test]
fn one_file_is_watched() {
    let dir = TempDir::new().unwrap();
    let at = |path: &str| dir.path().join(path);
    write(at("a.yaml"), config("a")).unwrap();
    let mut desk = Desk::new(&at("a.yaml"));
    desk.until(&["a"]);
    write(at("a.yaml"), config("b")).unwrap();
    desk.until(&["b"]);
    write(at("tmp"), config("c")).unwrap();
    rename(at("tmp"), at("a.yaml")).unwrap();
    desk.until(&["c"]);
    write(at("a.yaml"), config("d")).unwrap();
    desk.until(&["d"]);
}

#[test]
fn what_links_lead_to_is_watched() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(other.path().join("x.yaml"), config("a")).unwrap();
    symlink(other.path().join("x.yaml"), dir.path().join("a.yaml")).unwrap();
    let mut desk = Desk::new(dir.path());
    desk.until(&["a"]);
    write(other.path().join("x.yaml"), config("b")).unwrap();
    desk.until(&["b"]);
    write(other.path().join("y.yaml"), config("c")).unwrap();
    rename(other.path().join("y.yaml"), other.path().join("x.yaml")).unwrap();
    desk.until(&["c"]);
}

/// Whatever the target is called, and however it comes.
#[test]
fn what_a_link_leads_to_comes_later() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let at = |path: &str| dir.path().join(path);
    symlink("written", at("a.yaml")).unwrap();
    let mut desk = Desk::new(dir.path());
    write(at("written"), config("a")).unwrap();
    desk.until(&["a"]);
    // A link that comes while the watch runs, and a chain of them.
    symlink("next", at("b.yaml")).unwrap();
    symlink("renamed", at("next")).unwrap();
    write(at("c.yaml"), config("c")).unwrap();
    desk.until(&["a", "c"]);
    write(at(".tmp"), config("b")).unwrap();
    rename(at(".tmp"), at("renamed")).unwrap();
    desk.until(&["a", "b", "c"]);
    symlink(other.path().join("plain"), at("d.yaml")).unwrap();
    write(at("c.yaml"), config("e")).unwrap();
    desk.until(&["a", "b", "e"]);
    write(other.path().join("plain"), config("d")).unwrap();
    desk.until(&["a", "b", "d", "e"]);
}

#[test]
fn what_a_link_leads_to_is_removed_and_made_again() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let elsewhere = other.path().join("plain");
    for plain in [dir.path().join("plain"), elsewhere] {
        let link = dir.path().join("a.yaml");
        write(&plain, config("a")).unwrap();
        symlink(&plain, &link).unwrap();
        let mut desk = Desk::new(dir.path());
        desk.until(&["a"]);
        remove_file(&plain).unwrap();
        desk.until(&[]);
        write(&plain, config("b")).unwrap();
        desk.until(&["b"]);
        remove_file(&plain).unwrap();
        desk.until(&[]);
        write(dir.path().join(".tmp"), config("c")).unwrap();
        rename(dir.path().join(".tmp"), &plain).unwrap();
        desk.until(&["c"]);
        remove_file(link).unwrap();
    }
}

/// The folder around is watched for the folder's own sake, too.
#[test]
fn the_folder_around_is_watched_when_no_link_leads_there_any_more() {
    let dir = TempDir::new().unwrap();
    let around = dir.path().canonicalize().unwrap();
    create_dir_all(around.join("v1")).unwrap();
    symlink("v1", around.join("conf")).unwrap();
    let (sender, events) = channel();
    let mut watcher = Watched::new(around.join("conf"), true, sender);
    watcher.begin();
    watcher.follow(Links {
        folders: [around.clone()].into(),
        ..Links::default()
    });
    watcher.follow(Links::default());
    remove_file(around.join("conf")).unwrap();
    let Ok(Message::Event(Ok(event))) = events.recv_timeout(LONG) else {
        panic!("it is an event");
    };
    assert_eq!(event.paths, [around.join("conf")]);
}

#[test]
fn many_changes_at_once_are_few_messages() {
    let dir = TempDir::new().unwrap();
    let mut desk = Desk::new(dir.path());
    let names: Vec<String> = (100..400).map(|n| format!("c{n}")).collect();
    for name in &names {
        write(dir.path().join(format!("{name}.yaml")), config(name)).unwrap();
    }
    desk.until(&names.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn without_the_system_everything_is_looked_at_now_and_then() {
    let dir = TempDir::new().unwrap();
    let (messages, inbox) = channel();
    let (sender, changes) = channel();
    let watcher = Watched {
        canonical: dir.path().to_path_buf(),
        lost: false,
        warning: Some("no watches left".to_owned()),
        ..Watched::new(dir.path().to_path_buf(), true, messages.clone())
    };
    let send = move |changes| sender.send(changes).is_ok();
    let thread = std::thread::spawn(move || run(watcher, &inbox, Duration::from_millis(1), send));
    let warning = changes.iter().find_map(|changes: Changes| changes.warning);
    assert_eq!(warning.as_deref(), Some("no watches left"));
    let mut looks = changes.iter().filter(|changes| changes.rescan);
    assert!(looks.next().is_some() && looks.next().is_some());
    messages.send(Message::Stop).unwrap();
    thread.join().unwrap();
}

#[test]
fn an_edit_is_no_reason_to_look_at_everything() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path().join("a.yaml"), config("a")).unwrap();
    let desk = Desk::new(dir.path());
    write(dir.path().join("a.yaml"), config("b")).unwrap();
    let changes = desk.changes.recv_timeout(LONG).unwrap();
    assert!(!changes.rescan, "{changes:?}");
    assert_eq!(changes.paths.len(), 1, "{changes:?}");
}

/// Whoever keeps a log, or an editor its notes, beside the configuration.
#[test]
fn what_others_write_beside_it_wakes_nobody() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (at, there) = (
        |name: &str| dir.path().join(name),
        |name: &str| other.path().join(name),
    );
    write(there("plain"), config("linked")).unwrap();
    symlink(there("plain"), at("linked.yaml")).unwrap();
    write(at("notes.txt"), "").unwrap();
    let mut desk = Desk::new(dir.path());
    desk.until(&["linked"]);
    let first = desk.changes.recv_timeout(LONG).unwrap();
    assert!(first.rescan, "what the link leads to is new: {first:?}");
    for text in ["one", "two", "three"] {
        write(at("notes.txt"), text).unwrap();
        write(at(&format!("{text}.log")), text).unwrap();
        write(at(".a.yaml.swp"), text).unwrap();
        write(there("notes.txt"), text).unwrap();
        write(there("log"), text).unwrap();
    }
    write(at("b.yaml"), config("b")).unwrap();
    let changes = desk.changes.recv_timeout(LONG).unwrap();
    let paths: Vec<_> = changes.paths.iter().collect();
    assert_eq!(paths, [&at("b.yaml")], "{changes:?}");
    assert!(!changes.rescan, "{changes:?}");
    // What a link leads to may be called anything.
    write(there("plain"), config("other")).unwrap();
    desk.folder.apply(&changes);
    desk.until(&["b", "other"]);
}

#[test]
fn beside_one_file_only_that_file_matters() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    write(at("conf"), config("a")).unwrap();
    write(at("other.yaml"), config("x")).unwrap();
    let (sender, events) = channel();
    let wanted: Arc<Mutex<Wanted>> = Arc::default();
    let mut watcher = Watched {
        wanted: wanted.clone(),
        ..Watched::new(at("conf"), false, sender)
    };
    watcher.begin();
    write(at("other.yaml"), config("y")).unwrap();
    write(at("conf"), config("b")).unwrap();
    let heard = events.recv_timeout(LONG).unwrap();
    let Message::Event(Ok(event)) = heard else {
        panic!("it is an event");
    };
    assert_eq!(event.paths, [at("conf")]);
}

#[test]
fn a_file_that_is_being_written_is_waited_for_and_holds_up_nothing() {
    let mut heard = Heard::new(POLL);
    heard.writing("open.yaml".into());
    let closed_at_last = heard.due().unwrap();
    heard.changed("other.yaml".into());
    let first = heard.first.unwrap();
    assert_eq!(heard.gathered(), Some(first + QUIET));
    assert!(heard.take(first).is_empty(), "more may come");
    let paths = |changes: Changes| changes.paths.into_iter().collect::<Vec<_>>();
    assert_eq!(paths(heard.take(first + QUIET)), [Path::new("other.yaml")]);
    heard.changed("new.yaml".into());
    heard.writing("new.yaml".into());
    assert!(heard.changes.paths.is_empty());
    heard.open.remove(Path::new("new.yaml"));
    (heard.first, heard.last) = (None, None);
    heard.writing("open.yaml".into());
    assert_eq!(heard.due(), Some(closed_at_last), "but not for ever");
    assert_eq!(paths(heard.take(closed_at_last)), [Path::new("open.yaml")]);
    heard.writing("open.yaml".into());
    heard.changed("open.yaml".into());
    assert!(heard.open.is_empty());
    let first = heard.first.unwrap();
    heard.last = Some(first + PATIENCE);
    assert_eq!(
        heard.gathered(),
        Some(first + PATIENCE),
        "a stream of changes does not hold them up"
    );
    assert_eq!(
        paths(heard.take(first + PATIENCE)),
        [Path::new("open.yaml")]
    );
    assert_eq!(heard.due(), None);
}

#[test]
fn a_path_that_is_not_there_cannot_be_watched() {
    let dir = TempDir::new().unwrap();
    assert!(Watch::start(&dir.path().join("nothing"), |_| true).is_err());
}
