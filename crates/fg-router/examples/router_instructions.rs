//! Does one look-up case many times, for instruction counts (see `xtask/src/instructions.rs`).
//!
//! Without words it prints the names of the cases; with `CASE N` it does that case N times.

use std::hint::black_box;
use std::sync::Arc;

use fg_exchange::Request;
use fg_ir::Rule;
use fg_router::{Builder, Router};
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::{And as _, change, listener, path, rule};

/// A name, its rules and a request that the last line of each says who owns.
type Case = (&'static str, fn() -> (Vec<Rule>, Request));

const CASES: &[Case] = &[
    ("one-route", || {
        let rules = vec![rule("r", 0, &[("http", &[""])], vec![path("/")])];
        (rules, a_request("a.com", "/shop-2500/cart/items?page=2"))
    }),
    ("prefixes-5000", || {
        let rules = (0..5000).map(|n| on(n, "a.com")).collect();
        (rules, a_request("a.com", "/shop-2500/cart/items?page=2"))
    }),
    ("prefixes-5000-of-50-hosts", || {
        let rules = (0..5000).map(|n| on(n, &format!("h{}.com", n % 50)));
        (
            rules.collect(),
            a_request("h0.com", "/shop-2500/cart/items?page=2"),
        )
    }),
    ("exact-5000", || {
        let of = |n| vec![path(&format!("=/shop-{n}/cart/items"))];
        let rules = (0..5000).map(|n| rule(&format!("r{n}"), 0, &[("http", &["a.com"])], of(n)));
        (
            rules.collect(),
            a_request("a.com", "/shop-2500/cart/items?page=2"),
        )
    }),
    ("fall-through", || {
        let names: &[&str] = &["b.a.com", "*.a.com", "*.com"];
        let put = |n: usize| vec![path("/shop").method("PUT"), path(&format!("=/{n}"))];
        let mut rules: Vec<Rule> = (0..3)
            .map(|n| rule(&format!("r{n}"), 0, &[("http", &names[n..=n])], put(n)))
            .collect();
        rules.push(rule("last", 0, &[("http", &[""])], vec![path("/")]));
        (rules, a_request("b.a.com", "/shop/cart/items?page=2"))
    }),
    ("header-and-query", || {
        let beta = path("/").header("x-channel", "beta").query("page", "2");
        let rules = vec![
            rule("beta", 0, &[("http", &[""])], vec![beta]),
            rule("rest", 0, &[("http", &[""])], vec![path("/")]),
        ];
        (
            rules,
            a_request("a.com", "/shop/cart/items?sort=name&page=2"),
        )
    }),
    ("not-found", || {
        let rules = (0..5000).map(|n| on(n, "a.com")).collect();
        (rules, a_request("a.com", "/elsewhere"))
    }),
];

/// One of many routes, each with its own prefix.
fn on(n: usize, host: &str) -> Rule {
    let matches = vec![path(&format!("/shop-{n}/cart"))];
    rule(&format!("r{n}"), 0, &[("http", &[host])], matches)
}

/// A GET with nine fields, as browsers send them.
fn a_request(host: &str, target: &str) -> Request {
    let headers = [
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"),
        ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-GB,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br"),
        ("referer", "http://a.com/"),
        ("cookie", "session=0123456789abcdef"),
        ("x-channel", "beta"),
        ("cache-control", "no-cache"),
        ("priority", "u=0, i"),
    ];
    Plain::new(&format!("GET {host} {target}"), &headers).request()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [case, count] = &words[..] else {
        for (name, _) in CASES {
            println!("{name}");
        }
        return;
    };
    let count: u64 = count.parse().expect("the second word is a number");
    let (_, make) = CASES
        .iter()
        .find(|(name, _)| name == case)
        .expect("the first word is a case");
    let (rules, request) = make();
    let router = router(rules);
    let mut owned = 0;
    for _ in 0..count {
        owned += u64::from(is_owned(black_box(&router), black_box(&request)));
    }
    let expected = if case == "not-found" { 0 } else { count };
    assert_eq!(owned, expected, "{case}: requests that a rule owns");
}

/// What the proxy does with each request: socket, listener, rule.
#[inline(never)]
fn is_owned(router: &Router<Arc<Rule>>, request: &Request) -> bool {
    router
        .socket(None, 80)
        .and_then(|socket| socket.listener(request.host()))
        .and_then(|listener| listener.find(request))
        .is_some()
}

fn router(rules: Vec<Rule>) -> Arc<Router<Arc<Rule>>> {
    let change = change(vec![listener("http", "")], rules);
    Builder::new().apply(&change, &mut Arc::clone)
}
