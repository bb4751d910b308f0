//! Transactions, serials, and what changed since.

use bytes::Bytes;

use super::*;

const T: &str = "type";

fn body(text: &str) -> Any {
    Any {
        type_url: "own".into(),
        value: Bytes::copy_from_slice(text.as_bytes()),
    }
}

fn transaction(upserts: &[(&str, &str)], removed: &[&str]) -> Transaction {
    let mut transaction = Transaction::new();
    for (name, version) in upserts {
        transaction.upsert(T, *name, *version, body(version));
    }
    for name in removed {
        transaction.remove(T, *name);
    }
    transaction
}

/// What changed since, `name=version` or `-name`.
fn since(store: &Store, scope: &str, serial: Serial) -> Option<Vec<String>> {
    let attached = store.attach(scope);
    let scope = attached.scope();
    let state = scope.lock();
    let Some(table) = state.table(T) else {
        return Some(Vec::new());
    };
    let changes = table.since(serial)?;
    Some(
        changes
            .map(|change| match change {
                Change::Upsert(entry) => format!("{}={}", entry.name, entry.version),
                Change::Removed(_, name) => format!("-{name}"),
            })
            .collect(),
    )
}

#[test]
fn each_resource_is_there_once_in_its_newest_state() {
    let store = Store::new();
    assert_eq!(
        store.apply("a", transaction(&[("x", "1"), ("y", "1")], &[])),
        1
    );
    assert_eq!(store.apply("a", transaction(&[("x", "2")], &[])), 2);
    assert_eq!(
        store.apply("a", transaction(&[("x", "3"), ("z", "1")], &["y"])),
        3
    );
    assert_eq!(since(&store, "a", 0).unwrap(), ["x=3", "-y", "z=1"]);
    assert_eq!(since(&store, "a", 3).unwrap(), [""; 0]);
    assert_eq!(store.apply("a", transaction(&[("y", "4")], &[])), 4);
    assert_eq!(since(&store, "a", 3).unwrap(), ["y=4"]);
    assert_eq!(since(&store, "b", 0).unwrap(), [""; 0], "scopes are apart");
}

#[test]
fn what_changes_nothing_has_no_serial_of_its_own() {
    let store = Store::new();
    assert_eq!(
        store.apply("a", Transaction::new()),
        1,
        "the first makes the scope"
    );
    assert_eq!(store.apply("a", Transaction::new()), 1);
    assert_eq!(store.apply("a", transaction(&[("x", "1")], &[])), 2);
    assert_eq!(
        store.apply("a", transaction(&[("x", "1")], &["unknown"])),
        2
    );
    let all = transaction(&[("x", "1"), ("y", "1")], &[]).upserts;
    assert_eq!(store.replace("a", all.clone()), 3);
    assert_eq!(store.replace("a", all), 3);
    assert_eq!(store.replace("a", Vec::new()), 4);
    assert!(store.is_empty("a"));
}

#[test]
fn removed_names_are_bounded() {
    let store = Store::new();
    store.apply("a", transaction(&[("keep", "1")], &[]));
    for i in 0..20_000 {
        let name = format!("n{i}");
        store.apply("a", transaction(&[(&name, "1")], &[]));
        store.apply("a", transaction(&[], &[&name]));
    }
    assert_eq!(since(&store, "a", 1), None, "too long ago");
    let serial = store.serial("a");
    assert_eq!(since(&store, "a", serial - 1).unwrap(), ["-n19999"]);
    let attached = store.attach("a");
    let scope = attached.scope();
    let state = scope.lock();
    let kept = state.table(T).unwrap().since(serial - 5_000);
    assert!(kept.is_some_and(|changes| changes.count() == 2_500));
}

#[test]
fn a_scope_that_nobody_made_goes_with_its_last_client() {
    let store = Store::new();
    let one = store.attach("a");
    let two = store.attach("a");
    drop(one);
    assert_eq!(store.lock().by_name.len(), 1);
    drop(two);
    assert_eq!(store.lock().by_name.len(), 0);
    let waiting = store.attach("a");
    store.apply("a", Transaction::new());
    drop(waiting);
    assert_eq!(store.lock().by_name.len(), 1);
}

#[test]
fn a_scope_that_ended_loses_all_and_goes_with_its_last_client() {
    let store = Store::new();
    store.apply("a", transaction(&[("x", "1")], &[]));
    let client = store.attach("a");
    store.end("a");
    assert_eq!(since(&store, "a", 1).unwrap(), ["-x"]);
    drop(client);
    assert_eq!(store.lock().by_name.len(), 0);
    store.apply("a", transaction(&[("x", "1")], &[]));
    store.end("a");
    assert_eq!(store.lock().by_name.len(), 0, "nobody looks at it");
    // One that comes again is there to stay.
    store.apply("a", transaction(&[("x", "1")], &[]));
    let client = store.attach("a");
    store.end("a");
    store.apply("a", transaction(&[("x", "2")], &[]));
    drop(client);
    assert_eq!(store.len("a"), 1);
}

#[test]
fn a_scope_with_clients_is_not_forgotten() {
    let store = Store::new();
    store.apply("a", transaction(&[("x", "1")], &[]));
    let client = store.attach("a");
    store.apply("b", transaction(&[("x", "1")], &[]));
    assert!(!store.forget(&["b", "a"]));
    assert_eq!((store.len("a"), store.len("b")), (1, 1));
    drop(client);
    assert!(store.forget(&["a", "b"]) && store.forget(&["a"]));
    assert_eq!((store.len("a"), store.serial("a")), (0, 0));
}

#[test]
fn serials_of_one_scope_are_beyond_those_of_others_before() {
    let store = Store::new();
    assert_eq!(store.apply("a", Transaction::new()), 1);
    assert_eq!(store.apply("b", transaction(&[("x", "1")], &[])), 2);
    assert_eq!(store.apply("a", transaction(&[("x", "1")], &[])), 3);
    assert_eq!(store.serial("b"), 2);
}
