//! What the list takes, and when an entry of it is stale.

use super::{File, List};
use crate::seen::Difference;

/// The words of refusal for a list of one entry at this place; `None` when it is taken.
fn refusal(at: &str) -> Option<String> {
    list(at).err()
}

fn list(at: &str) -> Result<List, String> {
    let text = format!(
        "shapes:\n  pair:\n  - {{place: reply.status, native: '200', envoy: '400'}}\n  - {{place: reply.body, native: ok, envoy: '-'}}\n\
         known:\n- {{id: one, differs: it, why: so, at: [{at}]}}\n"
    );
    let file: File = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    Ok(List {
        patterns: file.patterns("1.36")?,
        version: "1.36".to_owned(),
        told: None,
    })
}

fn differs(place: &str, native: &str, envoy: &str) -> Difference {
    let value = |text: &str| (text != "-").then(|| text.to_owned());
    Difference {
        place: place.to_owned(),
        native: value(native),
        envoy: value(envoy),
    }
}

#[test]
fn what_would_switch_a_comparison_off_is_refused() {
    let fine = "{scene: 'a/0', place: reply.body, native: x, envoy: '-'}";
    assert_eq!(refusal(fine), None);
    for (at, words) in [
        (
            "{scene: 'a/0', place: '.*', native: x, envoy: y}",
            "no place's name",
        ),
        (
            "{scene: 'a/0', place: 'reply.header.*', native: x, envoy: y}",
            "no place's name",
        ),
        (
            "{scene: 'a/0', place: '(reply|log).status', native: x, envoy: y}",
            "no place's name",
        ),
        (
            "{scene: 'a/0', place: 'reply.[a-z]+', native: x, envoy: y}",
            "no place's name",
        ),
        ("{scene: 'a/0', native: x, envoy: y}", "names no place"),
        (
            "{scene: 'a/0', place: reply.body, native: x}",
            "say which values",
        ),
        (
            "{scene: 'a/0', place: reply.body, envoy: x}",
            "say which values",
        ),
        (
            "{scene: 'a/0', place: reply.body, native: x, envoy: '.*'}",
            "fits anything",
        ),
        (
            "{scene: 'a/0', place: reply.body, native: '.+', envoy: y}",
            "fits anything",
        ),
        (
            "{scene: 'a/0', place: reply.body, native: '[^z]*', envoy: y}",
            "fits anything",
        ),
        (
            "{scene: '.*', place: reply.body, native: x, envoy: y}",
            "no scene's name",
        ),
        (
            "{scene: 'a/.*', place: reply.body, native: x, envoy: y}",
            "no number",
        ),
        ("{place: reply.body, native: x, envoy: y}", "names no scene"),
        (
            "{scene: everywhere, place: reply.body, native: x, envoy: y}",
            "not looked at anywhere",
        ),
        ("{scene: everywhere, shape: pair}", "not looked at anywhere"),
        ("{scene: 'a/0', shape: none}", "no shape"),
        ("{scene: 'a/0', shape: pair, native: x}", "of its own"),
        (
            "{scene: 'a/0', place: reply.body, native: x, envoy: y, sometimes: true}",
            "no matter of chance",
        ),
    ] {
        let refusal = refusal(at).unwrap_or_else(|| panic!("{at} is taken"));
        assert!(refusal.contains(words), "{at}: {refusal}");
    }
}

#[test]
fn each_exchange_place_and_value_of_an_entry_has_to_occur() {
    let at = "{scene: 'a/0,2-3 b', place: 'reply.status log.status', native: '200', envoy: 4..}";
    let mut list = list(at).unwrap();
    assert_eq!(list.unseen("").len(), 8, "{:?}", list.unseen(""));
    for exchange in ["a/0", "a/2", "a/3", "b/7"] {
        assert!(list.knows(exchange, &differs("log.status", "200", "404")));
        assert!(list.knows(exchange, &differs("reply.status", "200", "404")));
    }
    assert_eq!(list.unseen(""), Vec::<String>::new());

    let mut list = self::list(at).unwrap();
    assert!(list.knows("a/0", &differs("reply.status", "200", "404")));
    // Another exchange, another scene, another place, another value, and none.
    for (exchange, one) in [
        ("a/1", differs("reply.status", "200", "404")),
        ("aa/0", differs("reply.status", "200", "404")),
        ("a/0", differs("reply.body", "200", "404")),
        ("a/0", differs("reply.status", "200", "500")),
        ("a/0", differs("reply.status", "-", "404")),
        ("a/0", differs("reply.status", "2000", "404")),
    ] {
        assert!(!list.knows(exchange, &one), "{exchange} {one:?}");
    }
    let unseen = list.unseen("a/");
    assert_eq!(unseen.len(), 5, "{unseen:?}");
    let wanted = "one: log.status of a/0, native ^(?s:200)$, envoy ^(?s:4..)$, on Envoy 1.36";
    assert!(unseen.iter().any(|one| one == wanted), "{unseen:?}");
}

#[test]
fn a_shape_is_as_strict_as_what_it_stands_for() {
    let mut list = list("{scene: 'a/0', shape: pair}").unwrap();
    assert!(list.knows("a/0", &differs("reply.status", "200", "400")));
    assert_eq!(list.unseen("").len(), 1);
    assert!(list.knows("a/0", &differs("reply.body", "ok", "-")));
    assert_eq!(list.unseen("").len(), 0);
}
