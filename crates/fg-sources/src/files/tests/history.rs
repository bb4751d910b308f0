//! What a change changes, and what it leaves alone.

use super::*;

#[test]
fn only_what_changed_is_read_and_told() {
    let files: Vec<(String, String)> = (0..200)
        .map(|n| (format!("f{n}.yaml"), config(&format!("c{n}"), "x1")))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let mut desk = Desk::new(&files);
    let delta = desk.folder.load();
    assert_eq!(delta.files_read, 200);
    assert_eq!(told(&delta).len(), 201);
    desk.write("f7.yaml", &config("c7", "x2"));
    let delta = desk.changed(&["f7.yaml"]);
    assert_eq!(
        (told(&delta), delta.files_read),
        (vec!["+ConfigMap default/c7".to_owned()], 1)
    );
    desk.write("f8.yaml", &format!("# words\n{}", config("c8", "x1")));
    let delta = desk.changed(&["f8.yaml"]);
    assert!(delta.is_empty(), "equal values are no change: {delta:?}");
    assert_eq!(delta.files_read, 1);
    let delta = desk.changed(&["f9.yaml", "f10.txt", ".f11.yaml", "f12.yaml~"]);
    assert!(delta.is_empty());
}

#[test]
fn objects_come_and_go_with_files_and_documents() {
    let two = format!("{}---\n{}", config("a", "x1"), config("b", "x1"));
    let mut desk = Desk::new(&[("a.yaml", &two)]);
    desk.folder.load();
    desk.write("a.yaml", &config("a", "x1"));
    assert_eq!(told(&desk.changed(&["a.yaml"])), ["-ConfigMap default/b"]);
    desk.write("new/deep/b.yaml", &config("b", "x1"));
    assert_eq!(told(&desk.changed(&["new"])), ["+ConfigMap default/b"]);
    desk.rename("new", "moved");
    let delta = desk.changed(&["new", "moved"]);
    assert!(delta.is_empty(), "the same object, elsewhere: {delta:?}");
    let id = ObjectRef::new("", "ConfigMap", "default", "b");
    assert_eq!(
        Path::new(&*desk.folder.place(&id).unwrap().file),
        desk.path("moved/deep/b.yaml")
    );
    desk.rename("moved/deep/b.yaml", "moved/deep/b.yaml.bak");
    let delta = desk.changed(&["moved/deep/b.yaml", "moved/deep/b.yaml.bak"]);
    assert_eq!(told(&delta), ["-ConfigMap default/b"]);
    desk.rename("moved/deep/b.yaml.bak", "moved/deep/b.yaml");
    desk.folder.load();
    std::fs::remove_dir_all(desk.path("moved")).unwrap();
    assert_eq!(told(&desk.changed(&["moved"])), ["-ConfigMap default/b"]);
    desk.write(".a.yaml.tmp", &config("a", "x2"));
    desk.rename(".a.yaml.tmp", "a.yaml");
    assert_eq!(
        told(&desk.changed(&[".a.yaml.tmp", "a.yaml"])),
        ["+ConfigMap default/a"]
    );
    desk.write("a.yaml", "");
    assert_eq!(
        told(&desk.changed(&["a.yaml"])),
        ["-ConfigMap default/a", "-Namespace default"]
    );
}

#[test]
fn a_file_that_does_not_parse_takes_nothing_away() {
    let mut desk = Desk::new(&[
        ("a.yaml", &config("a", "x1")),
        ("b.yaml", &config("b", "x1")),
    ]);
    desk.folder.load();
    desk.write("a.yaml", "apiVersion: [");
    let delta = desk.changed(&["a.yaml"]);
    assert!(told(&delta).is_empty() && delta.findings_changed);
    assert_eq!(
        desk.findings(),
        [
            "a.yaml:1: error: File a.yaml: cannot be read: unclosed bracket '[' (what the file said before keeps serving)"
        ]
    );
    assert_eq!(value(&desk.folder, "a"), "x1");
    let delta = desk.changed(&["a.yaml"]);
    assert!(delta.is_empty());
    desk.write("a.yaml", &config("a", "x1"));
    let delta = desk.changed(&["a.yaml"]);
    assert!(told(&delta).is_empty() && delta.findings_changed);
    assert_eq!(desk.findings(), [""; 0]);
    desk.write("a.yaml", "apiVersion: [");
    desk.changed(&["a.yaml"]);
    desk.remove("a.yaml");
    assert_eq!(told(&desk.changed(&["a.yaml"])), ["-ConfigMap default/a"]);
    assert_eq!(desk.findings(), [""; 0]);
}

#[test]
fn a_refused_object_serves_on_as_it_was() {
    let mut desk = Desk::new(&[(
        "a.yaml",
        &format!("{}---\n{}", config("a", "x1"), config("b", "x1")),
    )]);
    desk.folder.load();
    desk.write(
        "a.yaml",
        &format!("{}---\n{}", config("a", "[]"), config("b", "x2")),
    );
    assert_eq!(told(&desk.changed(&["a.yaml"])), ["+ConfigMap default/b"]);
    assert_eq!(
        (value(&desk.folder, "a"), value(&desk.folder, "b")),
        ("x1".to_owned(), "x2".to_owned())
    );
    assert_eq!(
        desk.findings(),
        [
            "a.yaml:6: error: ConfigMap default/a data[\"key\"]: must be a string, not a list (its last good version keeps serving)"
        ]
    );
    desk.write("a.yaml", &config("b", "x2"));
    assert_eq!(told(&desk.changed(&["a.yaml"])), ["-ConfigMap default/a"]);
    assert_eq!(desk.findings(), [""; 0]);
}

#[test]
fn while_an_object_cannot_be_told_nothing_counts_as_removed() {
    let mut desk = Desk::new(&[(
        "a.yaml",
        &format!("{}---\n{}", config("a", "x1"), config("b", "x1")),
    )]);
    desk.folder.load();
    for broken in [
        "metadata:\n  nmae: b\n",
        "metadata: {name: b}\nkind: ConfgMap\n",
    ] {
        let kind = if broken.contains("kind") {
            ""
        } else {
            "kind: ConfigMap\n"
        };
        desk.write(
            "a.yaml",
            &format!("{}---\napiVersion: v1\n{kind}{broken}", config("a", "x2")),
        );
        desk.changed(&["a.yaml"]);
        assert_eq!(desk.names(), ["ConfigMap default/a", "ConfigMap default/b"]);
        assert_eq!(value(&desk.folder, "a"), "x2");
    }
    desk.write("a.yaml", &config("a", "x2"));
    assert_eq!(told(&desk.changed(&["a.yaml"])), ["-ConfigMap default/b"]);
}

#[test]
fn the_first_of_two_serves_and_the_second_takes_over() {
    let mut desk = Desk::new(&[
        ("b.yaml", &config("a", "second")),
        ("a.yaml", &config("a", "first")),
    ]);
    desk.folder.load();
    assert_eq!(value(&desk.folder, "a"), "first");
    let root = desk.dir.path().display().to_string();
    let finding = desk.folder.findings().remove(0);
    assert_eq!(finding.kind, FindingKind::Duplicate);
    assert_eq!(
        finding.to_string().replace(&format!("{root}/"), ""),
        "b.yaml:1: error: ConfigMap default/a: the same object stands in a.yaml:1 too, which comes first by path and serves (remove one of a.yaml:1 and b.yaml:1)"
    );
    desk.remove("a.yaml");
    assert_eq!(told(&desk.changed(&["a.yaml"])), ["+ConfigMap default/a"]);
    assert_eq!(value(&desk.folder, "a"), "second");
    assert_eq!(desk.findings(), [""; 0]);
    // Within one file the first document serves.
    desk.write(
        "b.yaml",
        &format!("{}---\n{}", config("a", "one"), config("a", "two")),
    );
    desk.changed(&["b.yaml"]);
    assert_eq!(value(&desk.folder, "a"), "one");
    assert!(
        desk.findings()[0].starts_with(
            "b.yaml:8: error: ConfigMap default/a: the same object stands in b.yaml:1"
        )
    );
    // One that was never good stands in nobody's way.
    desk.write("b.yaml", &config("a", "good"));
    desk.write("a.yaml", &config("a", "[]"));
    desk.changed(&["a.yaml", "b.yaml"]);
    assert_eq!(value(&desk.folder, "a"), "good");
    assert_eq!(desk.findings().len(), 1, "{:?}", desk.findings());
}

#[test]
fn generations_count_changes_of_the_spec() {
    let mut desk = Desk::new(&[("a.yaml", &config("a", "x1"))]);
    desk.folder.load();
    assert_eq!(generation(&desk.folder, "a"), 1);
    let mut write = |text: &str| {
        desk.write("a.yaml", text);
        desk.changed(&["a.yaml"]);
        generation(&desk.folder, "a")
    };
    assert_eq!(write(&config("a", "x2")), 2);
    assert_eq!(
        write(&config("a", "x2").replace("name: a", "name: a\n  labels: {l: v}")),
        2,
        "labels are no spec"
    );
    assert_eq!(write("a: ["), 2);
    assert_eq!(write(&config("a", "x3")), 3);
    assert_eq!(
        write(&config("a", "x4").replace("name: a", "name: a\n  generation: 9")),
        9
    );
    assert_eq!(
        write(&config("a", "x5").replace("name: a", "name: a\n  generation: 9")),
        9,
        "honoured as it is"
    );
    assert_eq!(write(&config("a", "x6")), 10);
    desk.remove("a.yaml");
    desk.changed(&["a.yaml"]);
    desk.write("a.yaml", &config("a", "x6"));
    desk.changed(&["a.yaml"]);
    assert_eq!(generation(&desk.folder, "a"), 1, "a new object");
}

#[test]
fn namespaces_that_are_mentioned_exist() {
    let in_namespace = config("a", "x1").replace("name: a", "name: a\n  namespace: shop");
    let mut desk = Desk::new(&[("a.yaml", &in_namespace)]);
    let delta = desk.folder.load();
    assert_eq!(told(&delta), ["+ConfigMap shop/a", "+Namespace shop"]);
    let labels = |folder: &Folder| {
        let found = folder
            .resources()
            .find(|resource| resource.id().is(kinds::NAMESPACE));
        let labels = found.expect("a namespace").meta().labels.clone();
        labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(labels(&desk.folder), ["kubernetes.io/metadata.name=shop"]);
    let written = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: red}}\n";
    desk.write("b.yaml", written);
    assert_eq!(told(&desk.changed(&["b.yaml"])), ["+Namespace shop"]);
    assert_eq!(
        labels(&desk.folder),
        ["kubernetes.io/metadata.name=shop", "team=red"]
    );
    desk.remove("b.yaml");
    assert_eq!(told(&desk.changed(&["b.yaml"])), ["+Namespace shop"]);
    assert_eq!(labels(&desk.folder), ["kubernetes.io/metadata.name=shop"]);
    desk.remove("a.yaml");
    assert_eq!(
        told(&desk.changed(&["a.yaml"])),
        ["-ConfigMap shop/a", "-Namespace shop"]
    );
}

#[test]
fn the_classes_exist_unless_they_are_written() {
    let mut desk = Desk::new(&[]);
    let controllers = |folder: &Folder| {
        let classes = folder.resources().filter_map(|resource| match resource {
            Resource::GatewayClass(class) => {
                Some(format!("{} {}", class.id.name, class.spec.controller_name))
            }
            _ => None,
        });
        classes.collect::<Vec<_>>()
    };
    let delta = desk.folder.load();
    assert_eq!(delta.upserts.len(), 3);
    assert_eq!(
        controllers(&desk.folder),
        [
            "ferrogate ferrogate.dev/gateway",
            "ferrogate-envoy ferrogate.dev/envoy",
            "ferrogate-waypoint ferrogate.dev/waypoint"
        ]
    );
    let own = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: ferrogate-envoy}\nspec: {controllerName: example.com/own}\n";
    desk.write("a.yaml", own);
    desk.changed(&["a.yaml"]);
    assert_eq!(
        controllers(&desk.folder)[1],
        "ferrogate-envoy example.com/own"
    );
    assert_eq!(desk.findings(), [""; 0]);
    desk.remove("a.yaml");
    desk.changed(&["a.yaml"]);
    assert_eq!(
        controllers(&desk.folder)[1],
        "ferrogate-envoy ferrogate.dev/envoy"
    );
}

#[test]
fn a_folder_that_cannot_be_read_stays_as_it_was() {
    let mut desk = Desk::new(&[("conf/a.yaml", &config("a", "x1"))]);
    let mut folder = Folder::open(desk.path("conf"), Limits::default()).unwrap();
    folder.load();
    desk.rename("conf", "away");
    let delta = folder.load();
    assert!(told(&delta).is_empty() && delta.findings_changed);
    assert_eq!(names(&folder), ["ConfigMap default/a"]);
    assert_eq!(folder.findings().len(), 1);
    desk.rename("away", "conf");
    desk.write("conf/a.yaml", &config("a", "x2"));
    assert_eq!(told(&folder.load()), ["+ConfigMap default/a"]);
    assert_eq!(folder.findings(), []);
    desk.folder.load();
}
