//! A worker that dies of a bug, outside of any request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fg_exchange::{Facts, Filter, Part, Request, Verdict};
use fg_proxy::Settings;
use fg_testkit::{Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static ARMED: AtomicBool = AtomicBool::new(true);

/// Panics when it is let go of. The worker does that, since it holds the last generation.
#[derive(Debug)]
struct PanicsInTheEnd;

impl Filter for PanicsInTheEnd {
    fn request(&self, _: &mut Request, _: &Facts) -> Verdict {
        Verdict::Continue
    }

    fn describe(&self) -> String {
        "panics once, in the end".to_owned()
    }
}

impl Drop for PanicsInTheEnd {
    fn drop(&mut self) {
        assert!(!ARMED.swap(false, Ordering::AcqRel), "a bug, on purpose");
    }
}

#[test]
fn a_worker_that_died_is_replaced() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let at = address::own_address();
    let settings = Settings {
        head_timeout: Duration::from_millis(200),
        ..plain()
    };
    let gateway = Gateway::serving(settings, at, &ir::Changes::new().build());
    gateway.proxy(|proxy| proxy.add_part(|| Part::Filter(Box::new(PanicsInTheEnd))));
    let change = |rule: &str| {
        ir::Changes::new()
            .listener(ir::listener("http", at, None))
            .rule(ir::rule("all", "http", rule, "backend"))
            .backend("backend", &[upstream.address()])
            .build()
    };
    gateway.apply(&change("/old"));
    let mut first = gateway.connect();
    first.send("GET /old HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(first.reply().text(), "ok");
    // The old rule goes when the worker does its housekeeping, and takes the worker along.
    gateway.apply(&change("/"));
    assert!(first.is_ended(), "its connections end with a worker");
    let mut second = gateway.connect();
    second.send(GET);
    assert_eq!(second.reply().text(), "ok");
    assert_eq!(gateway.metric("ferrogate_workers"), 1.0);
    assert_eq!(gateway.metric("ferrogate_connections_open"), 1.0);
    // Housekeeping goes on, too: who says nothing is sent away.
    assert!(gateway.connect().is_ended());
    second.send(GET);
    assert_eq!(second.reply().text(), "ok");
}
