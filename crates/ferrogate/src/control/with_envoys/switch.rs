//! A Gateway whose class changes: what its proxies of the former class have stays until they are gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fg_ads::client::{Client, Delivery, Options, Verdict};
use fg_ads::message::Node;
use fg_testkit::Upstream;
use fg_testkit::upstream::ok;
use fg_wire::CONFIGURATION_TYPE;
use tokio::sync::mpsc;

use super::ground::{Ground, Proxy};
use super::{is_programmed, plain};

/// One of our own proxies, as far as its configuration goes.
struct Own {
    _client: Client,
    deliveries: mpsc::Receiver<Delivery>,
    /// What it has, by name.
    has: BTreeMap<String, String>,
}

impl Own {
    fn start(ground: &Ground) -> Self {
        let node = Node {
            id: "web-b".to_owned(),
            ..Node::default()
        };
        let node = node.with_text("pod", "web-b");
        let node = node.with_text("address", "10.0.0.2");
        let _runtime = ground.enter();
        let options = Options::new(ground.address.to_string(), node, CONFIGURATION_TYPE);
        let (client, deliveries) = Client::start(options);
        Self {
            _client: client,
            deliveries,
            has: BTreeMap::new(),
        }
    }

    /// Takes what has come.
    fn take(&mut self) {
        while let Ok(delivery) = self.deliveries.try_recv() {
            for name in &delivery.batch.removed {
                self.has.remove(name);
            }
            let upserts = delivery.batch.upserts.iter();
            self.has
                .extend(upserts.map(|one| (one.name.clone(), one.version.clone())));
            delivery.answer(Verdict::accepted());
        }
    }
}

#[test]
fn the_old_proxies_keep_what_they_have_until_they_are_gone() {
    let (one, two) = (Upstream::replying(ok("one")), Upstream::replying(ok("two")));
    let mut ground = Ground::new(&[("one", one.address()), ("two", two.address())]);
    ground.change_class("ferrogate");
    ground.apply("route", &plain("one"));
    let mut own = Own::start(&ground);
    ground.until("its configuration", |_| {
        own.take();
        (own.has.len() > 2).then_some(())
    });
    let before = own.has.clone();

    ground.change_class("ferrogate-envoy");
    let envoy = Proxy::start(&ground, "web-a", None);
    ground.until("Envoy to serve", |ground| {
        own.take();
        assert!(own.has.keys().eq(before.keys()), "{:?}", own.has);
        (ground.answer("/")? == "one").then_some(())
    });
    // That of the former class has heard nothing new, and counts.
    ground.until("both to be counted at once", |ground| {
        own.take();
        is_programmed(ground).then_some(())
    });
    // Until then it is kept up, too; also by a control plane that has seen no change of class.
    for (route, takes_over) in [("two", false), ("one", true), ("two", false)] {
        if takes_over {
            ground.take_over();
        }
        let before = own.has.clone();
        ground.apply("route", &plain(route));
        ground.until("the edit on both", |ground| {
            own.take();
            assert_eq!(own.has.len(), before.len(), "{:?}", own.has);
            (own.has != before && ground.answer("/")? == route).then_some(())
        });
        ground.until("both to be counted", |ground| {
            is_programmed(ground).then_some(())
        });
    }

    // The other way round.
    let before = own.has.clone();
    ground.change_class("ferrogate");
    ground.until("both to be counted at once, again", |ground| {
        own.take();
        is_programmed(ground).then_some(())
    });
    ground.apply("route", &plain("one"));
    ground.until("the edit on both, again", |ground| {
        own.take();
        (own.has != before && ground.answer("/")? == "one").then_some(())
    });
    ground.until("both to be counted, again", |ground| {
        own.take();
        is_programmed(ground).then_some(())
    });
    ground.wait(Duration::from_secs(3600));
    let (native, envoys) = ground.resources();
    assert!(native == own.has.len() && envoys > 0, "it is connected");
    drop(envoy);
    ground.until("Envoy to be gone", |ground| {
        (ground.envoys() == 0).then_some(())
    });
    assert!(ground.resources().1 > 0, "it may come back");
    // The server of discovery lets go of it a moment after it has said so.
    let (begun, mut later) = (Instant::now(), Duration::from_secs(7200));
    while ground.resources() != (native, 0) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is gone");
        ground.wait(later);
        later += Duration::from_secs(120);
    }
}
