//! Random routes and requests, out of so few words that they meet often.

use fg_testkit::routing::generate::PATTERNS;
use serde_json::{Value, json};

use crate::scene::{Backend, Does, Exchange, Scene};

/// Chance that can be repeated: splitmix64.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Whether so many of ten.
    fn of_ten(&mut self, many: usize) -> bool {
        self.below(10) < many
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn some<'a, T: ?Sized>(&mut self, of: &[&'a T], least: usize, most: usize) -> Vec<&'a T> {
        let mut rest = of.to_vec();
        let count = (least + self.below(most - least + 1)).min(of.len());
        (0..count)
            .map(|_| rest.swap_remove(self.below(rest.len())))
            .collect()
    }
}

const HOSTS: &[&str] = &[
    "a.com",
    "b.a.com",
    "c.b.a.com",
    "x.com",
    "com",
    "b.x.com",
    "B.A.com:80",
    "a.com:8080",
];
const PATHS: &[&str] = &[
    "/", "/a", "/a/b", "/a/b/", "/ab", "/b", "/b/a", "/a/b/ab", "/a/",
];
const REGEXES: &[&str] = &["/.*", "/a/.+", "/(a|b)", "(/[ab]+)+", "/[^b]*"];
/// Paths as they are sent, and what they mean.
const ODD_PATHS: &[(&str, &str)] = &[
    ("//a", "//a"),
    ("/a//b", "/a//b"),
    ("/a/./b", "/a/b"),
    ("/b/../a", "/a"),
    ("/%61", "/a"),
    ("/a%20b", "/a%20b"),
    ("/A", "/A"),
    ("/a;b", "/a;b"),
];

/// What a path of [`request`] means.
pub(crate) fn meant(path: &str) -> &str {
    let odd = ODD_PATHS.iter().find(|(sent, _)| *sent == path);
    odd.map_or(path, |(_, meant)| meant)
}

/// A scene without rules: its listeners stay the same when its rules change.
pub(crate) fn empty(name: &str, chance: &mut Chance) -> Scene {
    let hostnames = chance.some(&["", "a.com", "*.a.com", "*.com", "b.a.com"], 1, 4);
    let mut listeners: Vec<Value> = hostnames
        .iter()
        .enumerate()
        .map(|(at, hostname)| {
            let mut one = json!({"name": format!("l{at}"), "protocol": "HTTP", "port": 80});
            if !hostname.is_empty() {
                one["hostname"] = (*hostname).into();
            }
            one
        })
        .collect();
    listeners.push(json!({"name": "other", "protocol": "HTTP", "port": 81}));
    let backend = |does| Backend {
        does,
        ..Backend::default()
    };
    Scene {
        name: name.to_owned(),
        listeners,
        backends: [
            ("shop".to_owned(), backend(Does::Answer)),
            ("next".to_owned(), backend(Does::Answer)),
            ("none".to_owned(), backend(Does::Nothing)),
        ]
        .into(),
        ..Scene::default()
    }
}

/// New routes for a scene. Each rule says in `x-rule` whose it is, and of which `round`.
pub(crate) fn routes(scene: &Scene, round: usize, chance: &mut Chance) -> Vec<Value> {
    let count = 1 + chance.below(4);
    let mut routes = Vec::new();
    for number in 0..count {
        let name = format!("r{number}");
        let rules: Vec<Value> = (0..1 + chance.below(3))
            .map(|index| rule(&format!("{name}/{index}@{round}"), chance))
            .collect();
        let mut spec = json!({"rules": rules});
        if chance.of_ten(7) {
            spec["hostnames"] = json!(chance.some(&PATTERNS[1..], 1, 3));
        }
        let mut parent = json!({"name": "web"});
        if chance.of_ten(5) {
            let at = chance.below(scene.listeners.len());
            parent["sectionName"] = scene.listeners[at]["name"].clone();
        }
        spec["parentRefs"] = json!([parent]);
        let day = 1 + chance.below(3);
        routes.push(json!({
            "kind": "HTTPRoute",
            "metadata": {"name": name, "creationTimestamp": format!("2026-01-0{day}T00:00:00Z")},
            "spec": spec,
        }));
    }
    routes
}

fn rule(says: &str, chance: &mut Chance) -> Value {
    let matches: Vec<Value> = (0..1 + chance.below(3)).map(|_| a_match(chance)).collect();
    let one_prefix = matches.len() == 1 && matches[0]["path"]["type"] == "PathPrefix";
    let mut filters = vec![json!({
        "type": "ResponseHeaderModifier",
        "responseHeaderModifier": {"set": [{"name": "x-rule", "value": says}]},
    })];
    if chance.of_ten(4) {
        filters.push(json!({
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": header_changes(chance),
        }));
    }
    if chance.of_ten(3) {
        filters.push(cors(chance));
    }
    let redirects = chance.of_ten(1);
    if redirects {
        filters.push(
            json!({"type": "RequestRedirect", "requestRedirect": redirect(one_prefix, chance)}),
        );
    } else if chance.of_ten(3) {
        filters.push(json!({"type": "URLRewrite", "urlRewrite": rewrite(one_prefix, chance)}));
    }
    let mut rule = json!({"matches": matches, "filters": filters});
    if !redirects {
        rule["backendRefs"] = backends(one_prefix, chance);
    }
    rule
}

fn backends(one_prefix: bool, chance: &mut Chance) -> Value {
    let reference = |name: &str, weight: usize| json!({"name": name, "port": 80, "weight": weight});
    match chance.below(10) {
        0 => json!([reference("none", 1)]),
        1 => json!([reference("missing", 1)]),
        2 => json!([reference("shop", 0), reference("next", 3)]),
        3 => json!([reference("shop", 0)]),
        4..7 => {
            let mut next = reference("next", 1);
            next["filters"] = of_backend(one_prefix, chance).into();
            let mut idle = reference("shop", 0);
            idle["filters"] = of_backend(one_prefix, chance).into();
            json!([idle, next])
        }
        _ => json!([reference("shop", 1)]),
    }
}

/// Filters of a backend.
fn of_backend(one_prefix: bool, chance: &mut Chance) -> Vec<Value> {
    let mut filters = Vec::new();
    if chance.of_ten(6) {
        filters.push(json!({
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": header_changes(chance),
        }));
    }
    if chance.of_ten(4) {
        filters.push(json!({
            "type": "ResponseHeaderModifier",
            "responseHeaderModifier": header_changes(chance),
        }));
    }
    if chance.of_ten(5) {
        filters.push(json!({"type": "URLRewrite", "urlRewrite": rewrite(one_prefix, chance)}));
    }
    if chance.of_ten(3) {
        filters.push(cors(chance));
    }
    filters
}

fn cors(chance: &mut Chance) -> Value {
    let origins = chance.some(
        &["https://a.test", "https://*.b.test", "http://a.test:8080"],
        1,
        2,
    );
    let origins = if chance.of_ten(5) { vec!["*"] } else { origins };
    json!({"type": "CORS", "cors": {
        "allowOrigins": origins,
        "allowCredentials": chance.of_ten(3),
        "exposeHeaders": chance.some(&["x-rule", "x"], 0, 2),
    }})
}

fn header_changes(chance: &mut Chance) -> Value {
    let field = |name: &&str| json!({"name": name, "value": format!("new {name}")});
    let names = &["x", "X-Other", "y"][..];
    json!({
        "set": chance.some(names, 0, 2).iter().map(field).collect::<Vec<_>>(),
        "add": chance.some(names, 0, 2).iter().map(field).collect::<Vec<_>>(),
        "remove": chance.some(&["y", "accept", "Z"], 0, 2),
    })
}

fn path_change(one_prefix: bool, chance: &mut Chance) -> Value {
    if one_prefix && chance.of_ten(7) {
        let with = chance.one(&["/", "/new", "/new/", ""]);
        return json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": with});
    }
    json!({"type": "ReplaceFullPath", "replaceFullPath": chance.one(&["/", "/full", "/full/"])})
}

fn rewrite(one_prefix: bool, chance: &mut Chance) -> Value {
    let mut rewrite = json!({"path": path_change(one_prefix, chance)});
    if chance.of_ten(4) {
        rewrite["hostname"] = "inner.test".into();
    }
    rewrite
}

fn redirect(one_prefix: bool, chance: &mut Chance) -> Value {
    let mut redirect = json!({"statusCode": 301 + [0, 1, 2, 6, 7][chance.below(5)]});
    if chance.of_ten(5) {
        redirect["path"] = path_change(one_prefix, chance);
    }
    if chance.of_ten(4) {
        redirect["hostname"] = "to.test".into();
    }
    if chance.of_ten(4) {
        redirect["scheme"] = chance.one(&["http", "https"]).into();
    }
    if chance.of_ten(3) {
        redirect["port"] = [80, 443, 8080][chance.below(3)].into();
    }
    redirect
}

fn a_match(chance: &mut Chance) -> Value {
    let path = match chance.below(6) {
        0 | 1 => json!({"type": "Exact", "value": chance.one(PATHS)}),
        2 => json!({"type": "RegularExpression", "value": chance.one(REGEXES)}),
        _ => json!({"type": "PathPrefix", "value": chance.one(PATHS)}),
    };
    let mut one = json!({"path": path});
    if chance.of_ten(3) {
        return one;
    }
    if chance.of_ten(4) {
        one["method"] = chance.one(&["GET", "PUT", "DELETE"]).into();
    }
    let value = |name: &str, chance: &mut Chance| {
        let value = chance.one(&["1", "2", "~[12]", "~.*", "~1|2"]);
        match value.strip_prefix('~') {
            Some(regex) => json!({"type": "RegularExpression", "name": name, "value": regex}),
            None => json!({"name": name, "value": value}),
        }
    };
    let headers = chance.some(&["x", "Accept"], 0, 2);
    one["headers"] = headers.iter().map(|name| value(name, chance)).collect();
    let query = chance.some(&["q", "p"], 0, 2);
    one["queryParams"] = query.iter().map(|name| value(name, chance)).collect();
    one
}

/// A request.
pub(crate) fn request(chance: &mut Chance) -> Exchange {
    let mut target = if chance.of_ten(1) {
        ODD_PATHS[chance.below(ODD_PATHS.len())].0.to_owned()
    } else {
        chance.one(PATHS).to_owned()
    };
    let pairs = chance.some(&["q=1", "q=2", "p=1", "q", "=1", "z=1", "p=1%2B2"], 0, 3);
    if !pairs.is_empty() {
        target = format!("{target}?{}", pairs.join("&"));
    }
    let method = chance.one(&["GET", "PUT", "DELETE", "BREW"]);
    let fields = chance.some(&["x", "Accept", "y", "Z"], 0, 3);
    let mut with: Vec<String> = fields
        .into_iter()
        .map(|field| format!("{field}: {}", 1 + chance.below(3)))
        .collect();
    if chance.of_ten(4) {
        let origin = chance.one(&["https://a.test", "https://x.b.test", "https://b.test"]);
        with.push(format!("Origin: {origin}"));
    }
    Exchange {
        send: format!("{method} {} {target}", chance.one(HOSTS)),
        with,
        port: Some(if chance.of_ten(2) { 81 } else { 80 }),
        ..Exchange::default()
    }
}
