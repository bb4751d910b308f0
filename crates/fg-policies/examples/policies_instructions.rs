//! Sends heads through filter chains many times, for instruction counts (see `xtask/src/instructions.rs`).
//!
//! Without words it prints the names of the cases; with `CASE N` it does that case N times. Each case fills the heads
//! first; what the filters cost is the difference to `no-filters`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fg_exchange::{Facts, Part, Reply, Request, Scheme, Verdict};
use fg_policies::header_modifier::{self, Changes};
use fg_policies::traffic::Set;

/// A name, and how many header changes a direction has; no changes are no filter.
const CASES: &[(&str, usize)] = &[
    ("no-filters", 0),
    ("one-header-each-way", 1),
    ("five-headers-each-way", 5),
];

const FIELDS: &[(&str, &[u8])] = &[
    ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"),
    ("accept", b"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
    ("accept-language", b"en-GB,en;q=0.5"),
    ("accept-encoding", b"gzip, deflate, br"),
    ("referer", b"http://shop.example.com/"),
    ("cookie", b"session=0123456789abcdef"),
    ("x-channel", b"beta"),
    ("cache-control", b"no-cache"),
    ("priority", b"u=0, i"),
];

/// The filters of a rule that sets so many fields each way.
fn filters(count: usize) -> Vec<Part> {
    if count == 0 {
        return Vec::new();
    }
    let change = |n: usize| (format!("x-set-{n}").into(), "value".into());
    let changes = Changes {
        set: (0..count).map(change).collect(),
        ..Changes::default()
    };
    let ir = header_modifier::Ir {
        request: changes.clone(),
        response: changes,
    };
    let set = Set {
        header_modifier: Some(Arc::new(ir)),
        ..Set::default()
    };
    set.chain().into_iter().map(|(_, part)| part).collect()
}

/// One request and its reply through the filters, there and back.
fn pass(filters: &[Part], request: &mut Request, reply: &mut Reply, facts: &Facts) {
    request.clear();
    reply.clear();
    for (name, value) in FIELDS {
        request.head.append(name, value);
        reply.head.append(name, value);
    }
    for part in black_box(filters) {
        if let Part::Filter(filter) = part {
            assert!(matches!(filter.request(request, facts), Verdict::Continue));
        }
    }
    for part in black_box(filters).iter().rev() {
        if let Part::Filter(filter) = part {
            filter.reply(reply, request, facts);
        }
    }
    black_box((request, reply));
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = &words[..] else {
        for (name, _) in CASES {
            println!("{name}");
        }
        return;
    };
    let count: u64 = count.parse().expect("the second word is a number");
    let case = CASES.iter().find(|(each, _)| each == name);
    let (_, changes) = case.expect("the first word is a case");
    let filters = filters(*changes);
    let facts = Facts {
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        scheme: Scheme::Http,
        listener_port: 80,
        matched_prefix: None,
    };
    let (mut request, mut reply) = (Request::new(), Reply::new());
    for _ in 0..count {
        pass(&filters, &mut request, &mut reply, &facts);
    }
}
