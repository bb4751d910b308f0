//! `ferrogate check`: findings, statuses, exit codes.

use serde_json::Value;

use crate::support::Folder;
use crate::support::folder::service;
use crate::support::process::output;

fn check(folder: &Folder, format: &str) -> (Option<i32>, String) {
    let output = output(&["check", folder.arg(), "-o", format]);
    let text = String::from_utf8(output.stdout).expect("text");
    (output.status.code(), text)
}

fn good() -> Folder {
    let folder = Folder::new();
    folder.gateway("127.0.0.1");
    folder.write("a.yml", &service("a", ([127, 0, 0, 1], 9001).into()));
    folder.route("shop", "[{backendRefs: [{name: a, port: 80}]}]");
    folder
}

#[test]
fn a_clean_folder_exits_with_0() {
    let (code, text) = check(&good(), "text");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text, "4 objects: nothing to find fault with\n");
}

/// Whoever only looks at the exit code would take it for a good one.
#[test]
fn a_folder_without_objects_is_an_error() {
    let folder = Folder::new();
    let (code, text) = check(&folder, "text");
    assert_eq!(code, Some(1), "{text}");
    let words = "no objects found: files must end in .yaml, .yml or .json";
    assert!(
        text.contains(&format!("error: File {}: {words}", folder.arg())),
        "{text}"
    );
    assert!(text.ends_with("0 objects: 1 error\n"), "{text}");
    folder.write("gateway.txt", "kind: Gateway");
    assert!(check(&folder, "text").1.contains(words));
    folder.write("a.yaml", "# nothing yet\n");
    let (code, text) = check(&folder, "json");
    assert_eq!(code, Some(1));
    assert!(text.contains("no objects found in its only file"), "{text}");
    // Those of others are objects, too.
    folder.write(
        "a.yaml",
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}",
    );
    assert_eq!(check(&folder, "text").0, Some(0));
}

#[test]
fn errors_are_listed_with_file_line_field_and_advice() {
    let folder = good();
    folder.route(
        "typo",
        "\n    - matchs: []\n      backendRefs: [{name: a, port: 80}]",
    );
    folder.route(
        "gone",
        "\n    - backendRefs:\n        - name: a\n          port: 81",
    );
    let (code, text) = check(&folder, "text");
    assert_eq!(code, Some(1), "{text}");
    let line = |part: &str| {
        let line = text.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("{part} in:\n{text}"))
    };
    let typo = line("matchs");
    assert!(
        typo.contains("typo.yaml:7: error: HTTPRoute default/typo spec.rules[0]"),
        "{typo}"
    );
    assert!(typo.contains("did you mean `matches`?"), "{typo}");
    let gone = line("default/gone");
    let port = "gone.yaml:9: error: HTTPRoute default/gone spec.rules[0].backendRefs[0].port";
    assert!(gone.contains(port), "{gone}");
    assert!(text.ends_with("5 objects: 2 errors\n"), "{text}");
}

#[test]
fn json_has_a_status_for_every_object_and_the_findings() {
    let folder = good();
    folder.route("gone", "[{backendRefs: [{name: nope, port: 80}]}]");
    let (code, text) = check(&folder, "json");
    assert_eq!(code, Some(1));
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let objects = report["objects"].as_array().expect("objects");
    let object = |kind: &str, name: &str| {
        let mut objects = objects.iter();
        let found = objects.find(|o| o["kind"] == kind && o["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name} in {text}"))
    };
    let gateway = object("Gateway", "web");
    assert_eq!(gateway["apiVersion"], "gateway.networking.k8s.io/v1");
    assert_eq!(gateway["metadata"]["namespace"], "default");
    assert_eq!(gateway["status"]["listeners"][0]["attachedRoutes"], 2);
    let conditions = &object("HTTPRoute", "gone")["status"]["parents"][0]["conditions"];
    let resolved = conditions.as_array().expect("conditions").iter();
    let resolved = resolved.filter(|condition| condition["type"] == "ResolvedRefs");
    let resolved: Vec<_> = resolved
        .map(|c| (c["status"].clone(), c["reason"].clone()))
        .collect();
    assert_eq!(resolved, [("False".into(), "BackendNotFound".into())]);
    let finding = &report["findings"][0];
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["kind"], "HTTPRoute");
    assert_eq!(finding["path"], "spec.rules[0].backendRefs[0].name");
}

#[test]
fn yaml_has_one_document_an_object_and_one_for_the_findings() {
    let (code, text) = check(&good(), "yaml");
    assert_eq!(code, Some(0));
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let kinds: Vec<_> = documents
        .iter()
        .filter_map(|d| d["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["Gateway", "HTTPRoute"]);
    let last = documents.last().expect("documents");
    assert_eq!(last["findings"], Value::Array(Vec::new()));
}

#[test]
fn external_names_are_refused_unless_allowed() {
    let folder = good();
    folder.write(
        "external.yaml",
        "apiVersion: v1
kind: Service
metadata: {name: out}
spec: {type: ExternalName, externalName: example.com, ports: [{port: 80}]}
",
    );
    folder.route("out", "[{backendRefs: [{name: out, port: 80}]}]");
    assert_eq!(check(&folder, "text").0, Some(1));
    let allowed = output(&["check", folder.arg(), "--allow-external-name"]);
    assert_eq!(allowed.status.code(), Some(0));
}

/// Nobody should look for something that is there.
#[test]
fn what_is_refused_is_not_called_missing() {
    let folder = good();
    let gateway = crate::support::folder::gateway("127.0.0.1");
    let good = service("a", ([127, 0, 0, 1], 9001).into());
    folder.write("a.yml", &good.replace("port: 80", "prt: 80"));
    let (_, text) = check(&folder, "text");
    let backend =
        "spec.rules[0].backendRefs[0].name: the Service `a` in namespace `default` is refused";
    assert!(text.contains(backend), "{text}");
    folder.write("a.yml", &good);

    folder.write("gateway.yaml", &gateway.replace("port: 80", "port: 0"));
    let (code, text) = check(&folder, "text");
    assert_eq!(code, Some(1), "{text}");
    let line = |part: &str| {
        let line = text.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("{part} in:\n{text}"))
    };
    let own = line("error: Gateway default/web spec.listeners[0].port: ");
    let (place, _) = own.split_once(" error:").expect("a place");
    let parent = line("shop.yaml:5: error: HTTPRoute default/shop spec.parentRefs[0]: ");
    for part in [
        "the Gateway `web` in namespace `default` is refused for an error of its own",
        &format!("mend it first: {place} spec.listeners[0].port: "),
    ] {
        assert!(parent.contains(part), "{part} in {parent}");
    }

    // No YAML at all is no other error.
    folder.write("gateway.yaml", &gateway.replace("protocol", "{protocol"));
    let (_, text) = check(&folder, "text");
    assert!(
        text.contains("the Gateway `web` in namespace `default` is refused"),
        "{text}"
    );
}

/// The words of a file that is no YAML: where, which of its documents, which object, and what goes on.
#[test]
fn an_error_of_syntax_names_document_and_object() {
    let folder = good();
    let broken = "
metadata: {name: cart}
spec:
  parentRefs: [{name: web}
  rules: []
";
    let head = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute";
    let other =
        format!("{head}\nmetadata: {{name: other}}\nspec: {{parentRefs: [{{name: web}}]}}\n");
    folder.write(
        "all.yaml",
        &format!("# words\n---\n{other}---\n{head}{broken}"),
    );
    folder.write("nobody.yaml", "spec: [");
    let (code, text) = check(&folder, "text");
    assert_eq!(code, Some(1), "{text}");
    let line = |part: &str| {
        let line = text.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("{part} in:\n{text}"))
    };
    let cart = line("default/cart");
    for part in [
        "error: HTTPRoute default/cart: document 2 of 2 cannot be read: ",
        "the other documents of the file serve",
        "until it is right, its requests are left to other routes",
    ] {
        assert!(cart.contains(part), "{part} in {cart}");
    }
    let nobody = line("nobody.yaml:");
    assert!(nobody.contains("File "), "{nobody}");
    assert!(nobody.contains("cannot be read: "), "{nobody}");
    assert!(
        nobody.contains("what it says counts as not there"),
        "{nobody}"
    );
}

/// Paths are compared in their canonical form, which is ASCII.
#[test]
fn expressions_that_no_path_fits_are_warned_of() {
    let folder = good();
    let one = |kind: &str, value: &str| format!("{{path: {{type: {kind}, value: '{value}'}}}}");
    let matches = [
        one("RegularExpression", "/café/.*"),
        one("RegularExpression", "/caf(é|e)"),
        one("RegularExpression", "/caf%C3%A9"),
    ];
    let rules = format!(
        "[{{matches: [{}], backendRefs: [{{name: a, port: 80}}]}}]",
        matches.join(", ")
    );
    folder.route("regex", &rules);
    let (code, text) = check(&folder, "text");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("5 objects: 1 warning\n"), "{text}");
    for part in [
        "regex.yaml:6: warning: HTTPRoute default/regex spec.rules[0].matches[0].path.value: no request fits",
        "write `%C3%A9` for `é`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
