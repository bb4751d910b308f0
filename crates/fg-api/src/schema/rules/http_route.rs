//! Rules of `HTTPRoute`.

use serde_json::Value;

use super::super::text::quote;
use super::Broken;
use super::shared::{entries, has, list, repeated, word};

/// The most matches of one route. Source: the rule's own number.
const MATCHES: usize = 128;

/// A reference to a parent, without the parts that choose among its listeners.
fn parent(reference: &Value) -> (&str, &str, &str, &str) {
    let part = |field| word(reference, field);
    (part("group"), part("kind"), part("namespace"), part("name"))
}

/// The listeners that a reference chooses: by name, by port.
fn chosen(reference: &Value) -> (&str, u64) {
    let port = reference.get("port").and_then(Value::as_u64).unwrap_or(0);
    (word(reference, "sectionName"), port)
}

/// Several references to one parent choose in the same way, all by name or all by port.
pub(super) fn parents_told_apart(_: &[String], value: &Value) -> Vec<Broken> {
    let references = list(value);
    let ways = |reference: &Value| {
        let (section, port) = chosen(reference);
        (section.is_empty(), port == 0)
    };
    let mixed = |index: usize, reference: &Value| {
        references[..index]
            .iter()
            .any(|earlier| parent(earlier) == parent(reference) && ways(earlier) != ways(reference))
    };
    let bad = references
        .iter()
        .enumerate()
        .filter(|(index, reference)| mixed(*index, reference));
    bad.map(|(index, reference)| {
        let name = parent(reference).3;
        let text = format!("several references to the parent `{name}` must set the same ones of `sectionName` and `port`");
        Broken::new(format!("[{index}]"), text).hint("set `sectionName` in each of them")
    })
    .collect()
}

/// Several references to one parent choose different listeners.
pub(super) fn distinct_parents(_: &[String], value: &Value) -> Vec<Broken> {
    let key = |reference: &Value| {
        let (group, kind, namespace, name) = parent(reference);
        let (section, port) = chosen(reference);
        let texts = [group, kind, namespace, name, section].map(str::to_owned);
        Some((texts, port))
    };
    repeated(list(value), key, |index, (texts, _)| {
        let text = format!("the parent `{}` is already in the list", texts[3]);
        Broken::new(format!("[{index}]"), text)
            .hint("remove it, or give each a `sectionName` or `port` of its own")
    })
}

/// Rule names are distinct.
pub(super) fn distinct_rule_names(_: &[String], value: &Value) -> Vec<Broken> {
    let name = |rule: &Value| rule.get("name").and_then(Value::as_str).map(str::to_owned);
    repeated(list(value), name, |index, name| {
        Broken::new(
            format!("[{index}].name"),
            format!("another rule has the name `{name}` already"),
        )
    })
}

/// Not too many matches in all.
pub(super) fn number_of_matches(_: &[String], value: &Value) -> Vec<Broken> {
    let count: usize = list(value)
        .iter()
        .map(|rule| entries(rule, "matches").len())
        .sum();
    if count <= MATCHES {
        return Vec::new();
    }
    let text = format!("the rules have {count} matches together, at most {MATCHES} are allowed");
    vec![Broken::new("", text).hint("split the route in two")]
}

/// Who redirects has no backends.
pub(super) fn redirect_has_no_backends(_: &[String], value: &Value) -> Vec<Broken> {
    let filters = entries(value, "filters");
    let redirect = filters
        .iter()
        .position(|filter| has(filter, "requestRedirect"));
    match redirect {
        Some(index) if !entries(value, "backendRefs").is_empty() => {
            let text =
                "a rule that redirects cannot have `backendRefs`: nothing would ever reach them";
            vec![Broken::new(format!("filters[{index}]"), text).hint("remove one of the two")]
        }
        _ => Vec::new(),
    }
}

/// Whether exactly one of the filters replaces the matched prefix.
fn replaces_prefix(filters: &[Value], field: &str) -> bool {
    let replaces = |filter: &&Value| {
        let path = filter.get(field).and_then(|filter| filter.get("path"));
        path.is_some_and(|path| {
            word(path, "type") == "ReplacePrefixMatch" && has(path, "replacePrefixMatch")
        })
    };
    filters.iter().filter(replaces).count() == 1
}

/// Whether there is exactly one match, and it is a prefix.
fn one_prefix_match(rule: &Value) -> bool {
    match entries(rule, "matches") {
        [only] => only
            .get("path")
            .is_some_and(|path| word(path, "type") == "PathPrefix"),
        _ => false,
    }
}

fn prefix(rule: &Value, replaces: bool, at: &str, filter: &str) -> Vec<Broken> {
    if !replaces || one_prefix_match(rule) {
        return Vec::new();
    }
    let text = format!(
        "a {filter} with `replacePrefixMatch` needs a rule with exactly one match, of type `PathPrefix`"
    );
    vec![Broken::new(at, text).hint("make a rule of each match, or use `ReplaceFullPath`")]
}

fn prefix_of_backends(rule: &Value, field: &str, filter: &str) -> Vec<Broken> {
    let backends = entries(rule, "backendRefs").iter();
    let replacing = backends.filter(|backend| replaces_prefix(entries(backend, "filters"), field));
    prefix(rule, replacing.count() == 1, "backendRefs", filter)
}

/// A redirect of the prefix knows the prefix.
pub(super) fn redirect_prefix(_: &[String], value: &Value) -> Vec<Broken> {
    prefix(
        value,
        replaces_prefix(entries(value, "filters"), "requestRedirect"),
        "matches",
        "redirect",
    )
}

/// A rewrite of the prefix knows the prefix.
pub(super) fn rewrite_prefix(_: &[String], value: &Value) -> Vec<Broken> {
    prefix(
        value,
        replaces_prefix(entries(value, "filters"), "urlRewrite"),
        "matches",
        "rewrite",
    )
}

/// The same for the filters of a backend. As the schema has it, only when one backend does so.
pub(super) fn redirect_prefix_of_backends(_: &[String], value: &Value) -> Vec<Broken> {
    prefix_of_backends(value, "requestRedirect", "redirect")
}

/// The same for the filters of a backend. As the schema has it, only when one backend does so.
pub(super) fn rewrite_prefix_of_backends(_: &[String], value: &Value) -> Vec<Broken> {
    prefix_of_backends(value, "urlRewrite", "rewrite")
}

/// Not both a redirect and a rewrite.
pub(super) fn redirect_or_rewrite(_: &[String], value: &Value) -> Vec<Broken> {
    let of = |kind: &str| {
        list(value)
            .iter()
            .position(|filter| word(filter, "type") == kind)
    };
    match (of("RequestRedirect"), of("URLRewrite")) {
        (Some(redirect), Some(rewrite)) => {
            let text = "`RequestRedirect` and `URLRewrite` do not go together";
            vec![
                Broken::new(format!("[{}]", redirect.max(rewrite)), text)
                    .hint("a redirect can change host and path itself"),
            ]
        }
        _ => Vec::new(),
    }
}

/// A filter stands only once. Words: type.
pub(super) fn filter_once(words: &[String], value: &Value) -> Vec<Broken> {
    let kind = words.first().map_or("", String::as_str);
    let filters = list(value).iter().enumerate();
    let again = filters
        .filter(|(_, filter)| word(filter, "type") == kind)
        .skip(1);
    again
        .map(|(index, _)| {
            Broken::new(
                format!("[{index}]"),
                format!("the filter `{kind}` is already in the list"),
            )
            .hint("merge the two")
        })
        .collect()
}

/// `*` stands alone.
pub(super) fn star_alone(_: &[String], value: &Value) -> Vec<Broken> {
    let entries = list(value);
    let star = entries.iter().position(|entry| entry == "*");
    match star {
        Some(index) if entries.len() > 1 => {
            vec![Broken::new(
                format!("[{index}]"),
                "`*` must be the only entry: it allows all others anyway",
            )]
        }
        _ => Vec::new(),
    }
}

/// A share is written in one way.
pub(super) fn percent_or_fraction(_: &[String], value: &Value) -> Vec<Broken> {
    if !has(value, "percent") || !has(value, "fraction") {
        return Vec::new();
    }
    vec![Broken::new(
        "",
        "only one of `percent` and `fraction` may be set",
    )]
}

/// A share is at most the whole.
pub(super) fn fraction_up_to_one(_: &[String], value: &Value) -> Vec<Broken> {
    let number = |field: &str| value.get(field).and_then(Value::as_i64).unwrap_or(0);
    let (numerator, denominator) = (number("numerator"), number("denominator"));
    if numerator <= denominator {
        return Vec::new();
    }
    let text = format!("must not be more than the denominator {denominator}, is {numerator}");
    vec![Broken::new("numerator", text)]
}

/// The path of a match that is not a regular expression.
fn plain_path(value: &Value) -> Option<&str> {
    let plain = matches!(word(value, "type"), "Exact" | "PathPrefix");
    plain.then(|| word(value, "value"))
}

/// What is wrong with such a path.
fn path(value: &Value, bad: impl Fn(&str) -> bool, text: impl Fn(&str) -> String) -> Vec<Broken> {
    let Some(path) = plain_path(value).filter(|path| bad(path)) else {
        return Vec::new();
    };
    vec![Broken::new("value", text(&quote(path)))]
}

/// A path starts with a slash.
pub(super) fn path_is_absolute(_: &[String], value: &Value) -> Vec<Broken> {
    let bad = |path: &str| !path.starts_with('/');
    let mut broken = path(value, bad, |path| {
        format!("the path {path} must start with `/`")
    });
    if let (Some(broken), Some(path)) = (broken.first_mut(), plain_path(value)) {
        broken.hint = Some(format!("write {}", quote(&format!("/{path}"))));
    }
    broken
}

/// A path holds nothing that a client's path could never hold. Words: what.
pub(super) fn path_without(words: &[String], value: &Value) -> Vec<Broken> {
    let part = words.first().map_or("", String::as_str);
    let bad = |path: &str| path.contains(part);
    path(value, bad, |path| {
        format!("the path {path} must not contain `{part}`")
    })
}

/// A path does not end in a dot segment. Words: the ending.
pub(super) fn path_does_not_end(words: &[String], value: &Value) -> Vec<Broken> {
    let end = words.first().map_or("", String::as_str);
    let bad = |path: &str| path.ends_with(end);
    path(value, bad, |path| {
        format!("the path {path} must not end with `{end}`")
    })
}

/// A path with its characters beyond ASCII as clients send them.
fn escaped(path: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    path.bytes().map(byte).collect()
}

/// A path is made of the characters of a path. Source: RFC 3986 §3.3.
pub(super) fn path_characters(_: &[String], value: &Value) -> Vec<Broken> {
    let bad = |path: &str| {
        let mut bytes = path.bytes();
        let mut good = !path.is_empty();
        while let Some(byte) = bytes.next() {
            good &= match byte {
                b'%' => {
                    let mut hex = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
                    hex() && hex()
                }
                byte => byte.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(&byte),
            };
        }
        !good
    };
    let mut broken = path(value, bad, |path| {
        format!(
            "the path {path} has characters that no path has, or a `%` without two hexadecimal digits"
        )
    });
    for broken in &mut broken {
        broken.hint = Some(match plain_path(value).filter(|path| !path.is_ascii()) {
            Some(path) => format!("write `{}`, as clients send it", escaped(path)),
            None => "percent-encode them; a query belongs into `queryParams`".to_owned(),
        });
    }
    broken
}

/// A cookie that outlives the session ends some day.
pub(super) fn permanent_cookie_ends(_: &[String], value: &Value) -> Vec<Broken> {
    let lifetime = value
        .get("cookie")
        .map_or("", |cookie| word(cookie, "lifetimeType"));
    if lifetime != "Permanent" || has(value, "absoluteTimeout") {
        return Vec::new();
    }
    vec![Broken::new(
        "absoluteTimeout",
        "is required with `cookie.lifetimeType: Permanent`",
    )]
}

/// One try is not longer than all.
pub(super) fn backend_timeout_fits(_: &[String], value: &Value) -> Vec<Broken> {
    let (request, backend) = (word(value, "request"), word(value, "backendRequest"));
    match (milliseconds(request), milliseconds(backend)) {
        (Some(whole), Some(each)) if whole != 0 && each > whole => {
            let text = format!(
                "one try ({backend}) must not be longer than the whole request ({request})"
            );
            vec![Broken::new("backendRequest", text)]
        }
        _ => Vec::new(),
    }
}

/// A duration of GEP-2257, known to fit its pattern. Units: milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, more) = rest.split_at(end);
        let end = more
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(more.len());
        let (unit, more) = more.split_at(end);
        let factor = match unit {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = more;
    }
    (!text.is_empty()).then_some(total)
}
