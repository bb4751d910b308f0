//! Values come out as `kubectl` would send them, and no text can take the process down.

use serde_json::json;

use super::*;

fn read(text: &str) -> Vec<Value> {
    let documents = documents(text, &Limits::default()).unwrap();
    documents
        .into_iter()
        .map(|document| document.value)
        .collect()
}

fn one(text: &str) -> Value {
    let mut all = read(text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn error(text: &str, limits: &Limits) -> YamlError {
    documents(text, limits).expect_err("a bad text")
}

#[test]
fn words_and_numbers_are_those_of_yaml_1_1() {
    for (text, expected) in [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("n", json!(false)),
        ("'yes'", json!("yes")),
        ("yEs", json!("yEs")),
        ("nobody", json!("nobody")),
        ("80", json!(80)),
        ("-80", json!(-80)),
        ("+80", json!(80)),
        ("1_000", json!(1000)),
        ("0x1F", json!(31)),
        ("0755", json!(493)),
        ("0o17", json!(15)),
        ("0b101", json!(5)),
        ("08", json!(8)),
        ("0", json!(0)),
        ("80.0", json!(80)),
        ("1e3", json!(1000)),
        ("1.5", json!(1.5)),
        (".5", json!(0.5)),
        (
            "18446744073709551615",
            json!(18_446_744_073_709_551_615_u64),
        ),
        ("1.2.3", json!("1.2.3")),
        ("10s", json!("10s")),
        ("127.0.0.1", json!("127.0.0.1")),
        ("--", json!("--")),
        ("+-1", json!("+-1")),
        ("2026-01-31", json!("2026-01-31")),
        ("2026-01-31T12:00:00Z", json!("2026-01-31T12:00:00Z")),
        ("infinity", json!("infinity")),
        ("e", json!("e")),
        ("!!str 80", json!("80")),
        ("!!int '80'", json!(80)),
        ("!own 80", json!("80")),
        ("|\n  a\n  b\n", json!("a\nb\n")),
    ] {
        assert_eq!(one(&format!("v: {text}"))["v"], expected, "{text}");
    }
    for null in ["", "~", "null", "Null"] {
        assert_eq!(one(&format!("v: {null}")), json!({ "v": null }));
    }
}

#[test]
fn documents_are_split_and_empty_ones_left_out() {
    let text = "# words\n---\n---\na: 1\n---\n# only words\n---\n\nb: 2\n...\n---\n~\n";
    let all = documents(text, &Limits::default()).unwrap();
    let lines: Vec<(u32, &Value)> = all.iter().map(|each| (each.line, &each.value)).collect();
    assert_eq!(lines, [(4, &json!({ "a": 1 })), (9, &json!({ "b": 2 }))]);
    assert_eq!(read(""), [] as [Value; 0]);
    assert_eq!(read("\u{feff}a: 1"), [json!({ "a": 1 })]);
}

#[test]
fn json_is_yaml() {
    assert_eq!(
        one("{\n\t\"a\": [1, true, null, \"x\\u00e9\\/\"],\n\t\"b\": {}\n}\n"),
        json!({ "a": [1, true, null, "xé/"], "b": {} })
    );
}

#[test]
fn keys_are_words() {
    assert_eq!(
        one("80: a\non: b\n'x y': c\n"),
        json!({ "80": "a", "true": "b", "x y": "c" })
    );
    for bad in ["? [a]\n: b\n", "~: a\n", "? {a: b}\n: c\n"] {
        assert!(documents(bad, &Limits::default()).is_err(), "{bad}");
    }
}

#[test]
fn aliases_and_merge_keys() {
    assert_eq!(
        one("a: &x {b: 1}\nc: *x\n"),
        json!({ "a": { "b": 1 }, "c": { "b": 1 } })
    );
    assert_eq!(
        one("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n")["d"],
        json!({ "c": 3, "b": 1 })
    );
    assert_eq!(
        one("a: &x {b: 1}\ne: &y {b: 2, f: 3}\nd: {<<: [*x, *y]}\n")["d"],
        json!({ "b": 1, "f": 3 })
    );
    assert_eq!(one("&k a: 1\nb: *k\n"), json!({ "a": 1, "b": "a" }));
    assert_eq!(error("a: *x\n", &Limits::default()).line, 1);
    assert_eq!(
        error("a: 1\nb: &x [*x]\n", &Limits::default()).text,
        "an alias stands inside of what it names"
    );
    assert!(
        error("a: &x {}\n---\nb: *x\n", &Limits::default()).line == 3,
        "anchors end with their document"
    );
    assert!(documents("<<: 1\n", &Limits::default()).is_err());
}

#[test]
fn repeated_fields_are_told() {
    let all = documents(
        "spec:\n  rules:\n  - a.b: 1\n    c: 2\n    c: 3\n",
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(all[0].repeated, [("spec.rules[0].c".to_owned(), 5)]);
    assert_eq!(all[0].value["spec"]["rules"][0]["c"], 3);
}

#[test]
fn errors_name_the_line() {
    for (text, line) in [
        ("a: 1\nb: [\n", 2),
        ("a:\n  - b\n c\n", 3),
        ("a: .inf\n", 1),
        ("a: 1\nb: !!int x\n", 2),
    ] {
        let error = error(text, &Limits::default());
        assert_eq!(
            (error.line, error.limit),
            (line, false),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let many = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{many}]\n"));
    }
    let limits = Limits::default();
    assert!(error(&laughs, &limits).limit);
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(documents(&deep, &limits).is_err());
    let mut chain = "a0: &a0 []\n".to_owned();
    for level in 1..100 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(error(&chain, &limits).limit, "aliases nest, too");
    let few = Limits {
        documents: 2,
        nodes: 20,
        ..limits
    };
    assert!(error("a: 1\n---\na: 1\n---\na: 1\n", &few).limit);
    assert!(error(&format!("a: [{}]", "1, ".repeat(30)), &few).limit);
    assert_eq!(documents("a: 1\n---\na: 1\n---\n", &few).unwrap().len(), 2);
}
