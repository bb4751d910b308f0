//! Which files are read, and how.

use super::*;

#[test]
fn every_file_of_the_three_names_is_read_but_hidden_ones() {
    let mut desk = Desk::new(&[
        ("a.yaml", &config("a", "x1")),
        ("b.yml", &config("b", "x1")),
        (
            "deep/er/c.json",
            r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}"#,
        ),
        ("deep/d.txt", &config("d", "x1")),
        (".hidden.yaml", &config("e", "x1")),
        (".git/f.yaml", &config("f", "x1")),
        ("deep/.g/g.yaml", &config("g", "x1")),
        ("yaml", &config("h", "x1")),
    ]);
    desk.folder.load();
    assert_eq!(
        desk.names(),
        [
            "ConfigMap default/a",
            "ConfigMap default/b",
            "ConfigMap default/c"
        ]
    );
    assert_eq!(desk.findings(), [""; 0]);
    assert_eq!(desk.folder.files.len(), 3);
}

#[test]
fn documents_lists_and_other_kinds() {
    let text = "\
# nothing yet
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: b}
  dat: {}
---
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: y}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
";
    let mut desk = Desk::new(&[("a.yaml", text)]);
    desk.folder.load();
    assert_eq!(desk.names(), ["ConfigMap default/a", "ConfigMap default/c"]);
    let place = |name: &str| {
        desk.folder
            .place(&ObjectRef::new("", "ConfigMap", "default", name))
            .unwrap()
            .line
    };
    assert_eq!((place("a"), place("c")), (6, 20));
    assert_eq!(
        desk.findings(),
        ["a.yaml:13: error: ConfigMap default/b dat: unknown field `dat` (did you mean `data`?)"]
    );
    let others = desk.folder.other_kinds();
    assert_eq!(
        others,
        BTreeMap::from([(("apps".to_owned(), "Deployment".to_owned()), 2)])
    );
}

#[test]
fn an_error_of_syntax_is_one_of_its_document() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b
data: [
--- # the next
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {key: [1]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: d}
";
    let mut desk = Desk::new(&[("a.yaml", text)]);
    desk.folder.load();
    assert_eq!(desk.names(), ["ConfigMap default/a", "ConfigMap default/d"]);
    let findings = desk.findings();
    let [broken, refused] = &findings[..] else {
        panic!("{findings:?}");
    };
    assert!(
        broken
            .starts_with("a.yaml:8: error: ConfigMap default/b: document 2 of 4 cannot be read: "),
        "{broken}"
    );
    let serving =
        "(the other documents of the file serve; until it is right, it counts as not there)";
    assert!(broken.ends_with(serving), "{broken}");
    assert_eq!(
        refused,
        "a.yaml:13: error: ConfigMap default/c data[\"key\"]: must be a string, not a list"
    );
    let place = desk
        .folder
        .place(&ObjectRef::new("", "ConfigMap", "default", "d"));
    assert_eq!(place.map(|place| place.line), Some(15));
}

#[test]
fn kinds_that_ask_for_traffic_in_vain_are_named() {
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x}\n";
    let two = format!("{ingress}---\n{ingress}");
    let mut desk = Desk::new(&[("a.yaml", &two), ("b.yaml", ingress)]);
    assert!(desk.folder.load().findings_changed);
    assert_eq!(
        desk.findings(),
        [
            "info: Ingress *: 3 objects of kind `Ingress` (networking.k8s.io) are not served (write an HTTPRoute instead)"
        ]
    );
}

#[test]
fn json_that_is_no_yaml_is_read_as_json() {
    let long = "k".repeat(2000);
    let text = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"a\"}},\"data\":{{\"key\":\"\\ud83d\\ude00{long}\"}}}}"
    );
    let mut desk = Desk::new(&[("a.json", &text)]);
    desk.folder.load();
    assert_eq!(desk.findings(), [""; 0]);
    assert_eq!(value(&desk.folder, "a"), format!("😀{long}"));
}

#[test]
fn findings_name_file_line_object_and_field() {
    let route = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: r
  namespace: shop
spec:
  rules:
  - matchs:
    - path: {value: /}
";
    let mut desk = Desk::new(&[
        ("a.yaml", &format!("{}---\n{route}", config("a", "x1"))),
        ("b.yaml", "kind: ConfigMap\n"),
        ("c.yaml", "a: 1\nb: [\n"),
        (
            "d.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  nmae: x\n",
        ),
        ("e.yaml", &format!("{}  key: again\n", config("e", "x1"))),
    ]);
    desk.write("f.yaml", "");
    std::fs::write(desk.path("f.yaml"), b"a: 1\nb: \xff\n").unwrap();
    desk.folder.load();
    assert_eq!(
        desk.findings(),
        [
            "a.yaml:15: error: HTTPRoute shop/r spec.rules[0].matchs: unknown field `matchs` (did you mean `matches`? Until it is right, its requests are left to other routes)",
            "b.yaml:1: error: File b.yaml apiVersion: is required",
            "c.yaml:2: error: File c.yaml: cannot be read: unclosed bracket '[' (until it is right, what it says counts as not there)",
            "d.yaml:3: error: File d.yaml metadata.name: is required (the object is of kind ConfigMap)",
            "d.yaml:4: error: File d.yaml metadata.nmae: unknown field `nmae` (did you mean `name`?)",
            "e.yaml:6: error: ConfigMap default/e data.key: the field stands twice, again on line 7 (remove one of the two)",
            "f.yaml:2: error: File f.yaml: is not UTF-8 (until it is right, nothing of it serves)",
        ]
    );
}

#[test]
fn a_field_is_found_when_it_is_asked_for() {
    let mut desk = Desk::new(&[("a.yaml", &format!("\n\n{}", config("a", "x1")))]);
    desk.folder.load();
    let id = ObjectRef::new("", "ConfigMap", "default", "a");
    assert_eq!(desk.folder.place(&id).unwrap().line, 3);
    assert_eq!(desk.folder.place_of(&id, "data[\"key\"]").unwrap().line, 8);
    assert_eq!(desk.folder.place_of(&id, "data.missing").unwrap().line, 7);
    desk.write("a.yaml", "");
    assert_eq!(
        desk.folder.place_of(&id, "data").unwrap().line,
        3,
        "the file is another one now"
    );
    assert_eq!(
        desk.folder
            .place_of(&ObjectRef::new("", "ConfigMap", "default", "b"), ""),
        None
    );
}

#[test]
fn a_mounted_config_map_is_read_once_and_followed_through_its_swap() {
    let mut desk = Desk::new(&[
        ("..2026_01/a.yaml", &config("a", "x1")),
        ("..2026_01/b.yaml", &config("b", "x1")),
    ]);
    desk.link("..2026_01", "..data");
    desk.link("..data/a.yaml", "a.yaml");
    desk.link("..data/b.yaml", "b.yaml");
    desk.folder.load();
    assert_eq!(desk.names(), ["ConfigMap default/a", "ConfigMap default/b"]);
    assert_eq!(desk.findings(), [""; 0]);
    assert_eq!(desk.folder.files.len(), 2);
    // As the kubelet does it: new folder, new link beside, renamed over the old.
    desk.write("..2026_02/a.yaml", &config("a", "x2"));
    desk.write("..2026_02/b.yaml", &config("b", "x1"));
    desk.link("..2026_02", "..data_tmp");
    desk.rename("..data_tmp", "..data");
    let delta = desk.changed(&["..data"]);
    assert_eq!(told(&delta), ["+ConfigMap default/a"]);
    assert_eq!(value(&desk.folder, "a"), "x2");
}

#[test]
fn several_ways_to_one_file_are_one_way() {
    let mut desk = Desk::new(&[
        ("z/real.yaml", &config("a", "x1")),
        ("b/other.yaml", &config("b", "x1")),
    ]);
    desk.link("z/real.yaml", "a.yaml");
    desk.link("z", "linked");
    desk.link("..", "z/loop");
    desk.link("nowhere", "c");
    desk.folder.load();
    assert_eq!(desk.names(), ["ConfigMap default/a", "ConfigMap default/b"]);
    assert_eq!(desk.findings(), [""; 0]);
    let id = ObjectRef::new("", "ConfigMap", "default", "a");
    assert_eq!(
        Path::new(&*desk.folder.place(&id).unwrap().file),
        desk.path("z/real.yaml")
    );
    // When the real one goes, so does all of it.
    desk.remove("z/real.yaml");
    let delta = desk.changed(&["z/real.yaml"]);
    assert_eq!(told(&delta), ["-ConfigMap default/a"]);
    assert_eq!(
        desk.findings().len(),
        1,
        "a.yaml leads nowhere now: {:?}",
        desk.findings()
    );
}

#[test]
fn links_to_outside_are_followed_and_named() {
    let other = Desk::new(&[("x.yaml", &config("a", "x1"))]);
    let mut desk = Desk::new(&[]);
    desk.link(other.path("x.yaml").to_str().unwrap(), "a.yaml");
    desk.folder.load();
    assert_eq!(desk.names(), ["ConfigMap default/a"]);
    let outside = other.dir.path().canonicalize().unwrap();
    assert_eq!(desk.folder.links().folders, BTreeSet::from([outside]));
    other.write("x.yaml", &config("a", "x22"));
    let delta = desk.folder.apply(&Changes::everything());
    assert_eq!(told(&delta), ["+ConfigMap default/a"]);
}

#[test]
fn limits_are_findings_and_take_nothing_away() {
    let dir = TempDir::new().unwrap();
    let limits = Limits {
        file_size: 400,
        documents: 2,
        files: 3,
        folders: 2,
        ..Limits::default()
    };
    let folder = Folder::open(dir.path(), limits).unwrap();
    let mut desk = Desk { dir, folder };
    desk.write("a.yaml", &config("a", "x1"));
    desk.write("b.yaml", &config("b", "x1"));
    desk.write("c/d/e/f.yaml", &config("f", "x1"));
    desk.folder.load();
    assert_eq!(desk.names(), ["ConfigMap default/a", "ConfigMap default/b"]);
    assert_eq!(
        desk.findings(),
        ["c/d/e: error: File c/d/e: is nested deeper than 2 folders and is left out"]
    );
    desk.write(
        "a.yaml",
        &format!("{}# {}\n", config("a", "x2"), "x".repeat(400)),
    );
    let three = format!(
        "{0}---\n{0}---\n{0}",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
    );
    desk.write("b.yaml", &three);
    assert_eq!(told(&desk.changed(&["a.yaml", "b.yaml"])), [""; 0]);
    assert_eq!(
        desk.findings(),
        [
            "a.yaml: error: File a.yaml: is larger than 400 bytes (what the file said before keeps serving)",
            "b.yaml:5: error: File b.yaml: has more than 2 documents (what the file said before keeps serving)",
            "c/d/e: error: File c/d/e: is nested deeper than 2 folders and is left out",
        ]
    );
    std::fs::remove_dir_all(desk.path("c")).unwrap();
    for name in ["c", "d", "e"] {
        desk.write(&format!("{name}.yaml"), &config(name, "x1"));
    }
    desk.changed(&["c", "c.yaml", "d.yaml", "e.yaml"]);
    assert_eq!(desk.folder.files.len(), 3);
    let root = desk.dir.path().display().to_string();
    assert!(
        desk.findings()
            .iter()
            .any(|finding| finding.contains(&root) && finding.contains("holds more than 3 files"))
    );
    desk.remove("a.yaml");
    desk.remove("b.yaml");
    desk.changed(&["a.yaml", "b.yaml"]);
    assert_eq!(
        desk.names(),
        [
            "ConfigMap default/c",
            "ConfigMap default/d",
            "ConfigMap default/e"
        ]
    );
    assert_eq!(desk.findings(), [""; 0]);
}

/// With links a change may matter elsewhere, but not that of a file of which nothing is read.
#[test]
fn others_files_are_no_reason_to_look_at_everything() {
    let mut desk = Desk::new(&[("a.yaml", &config("a", "x1")), ("notes.txt", "")]);
    std::os::unix::fs::symlink(desk.path("a.yaml"), desk.path("link.yaml")).unwrap();
    desk.folder.load();
    desk.write("b.yaml", &config("b", "x1"));
    let changes = |name: &str| Changes {
        paths: [desk.path(name).canonicalize().unwrap()].into(),
        ..Changes::default()
    };
    let (notes, own) = (changes("notes.txt"), changes("b.yaml"));
    let delta = desk.folder.apply(&notes);
    assert_eq!((delta.is_empty(), delta.files_read), (true, 0));
    assert_eq!(desk.folder.apply(&own).upserts.len(), 1);
}

/// Nothing was read of it before, but it is awaited.
#[test]
fn what_links_lead_to_is_awaited_whatever_its_name() {
    let mut desk = Desk::new(&[
        ("plain", &config("a", "x1")),
        ("k.yaml", &config("k", "x1")),
    ]);
    desk.link("deep/../next", "a.yaml");
    desk.link("plain", "next");
    desk.link("circle", "c.yaml");
    desk.link("c.yaml", "circle");
    desk.write("deep/notes.txt", "");
    desk.folder.load();
    assert_eq!(desk.names(), ["ConfigMap default/a", "ConfigMap default/k"]);
    desk.remove("plain");
    assert_eq!(told(&desk.changed(&["plain"])), ["-ConfigMap default/a"]);
    desk.write("plain", &config("b", "x1"));
    assert_eq!(told(&desk.changed(&["plain"])), ["+ConfigMap default/b"]);
    // A link on the way becomes a file.
    desk.write("new", &config("c", "x1"));
    desk.rename("new", "next");
    let delta = desk.changed(&["next"]);
    assert_eq!(
        told(&delta),
        ["+ConfigMap default/c", "-ConfigMap default/b"]
    );
    assert_eq!(
        desk.findings(),
        ["c.yaml: error: File c.yaml: is a link that leads nowhere"]
    );
}
