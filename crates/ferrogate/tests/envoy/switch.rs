//! A Gateway that changes its class while it serves: somebody has its port at every moment.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::ground::{children, condition, gateway, start};
use crate::support::client::Client;
use crate::support::{Echo, Folder, Gateway, until};

/// A client that connects again and again.
struct Knocking {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    /// Gives how often nobody listened.
    client: JoinHandle<u64>,
}

impl Knocking {
    fn at(address: SocketAddr) -> Self {
        let (stop, served) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (told, count) = (stop.clone(), served.clone());
        let client = std::thread::spawn(move || {
            let mut refused = 0;
            while !told.load(Ordering::Relaxed) {
                let reply = Client::connect(address).and_then(|mut client| {
                    client.request("GET", "/", "shop", &["Connection: close"])
                });
                match reply {
                    Ok(reply) if reply.status == 200 => {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => refused += 1,
                    // Whoever waited to be accepted when a socket closed.
                    _ => {}
                }
            }
            refused
        });
        Self {
            stop,
            served,
            client,
        }
    }

    fn end(self) -> u64 {
        let before = self.served.load(Ordering::Relaxed);
        until("answers at the end", || {
            (self.served.load(Ordering::Relaxed) > before + 5).then_some(())
        });
        self.stop.store(true, Ordering::Relaxed);
        self.client.join().expect("no panic")
    }
}

/// Whether our own proxy has counted something for the Gateway.
fn is_native(gateway: &Gateway) -> bool {
    gateway.metrics().contains("gateway=\"default/web\"")
}

#[test]
fn the_port_is_never_without_a_listener() {
    let ip = "127.34.9.1";
    let echo = Echo::start(ip, 9101, "shop");
    let folder = Folder::new();
    let class = |class: &str| folder.write("gateway.yaml", &gateway("web", class, ip, 80));
    class("ferrogate");
    folder.service("shop", echo.address);
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    let gateway = start(ip, &folder, &[]);
    let knocking = Knocking::at(gateway.listener());
    // The first time an Envoy has to be started, too.
    for round in 0..3 {
        until("our own proxy", || is_native(&gateway).then_some(()));
        class("ferrogate-envoy");
        until("Envoy alone", || (!is_native(&gateway)).then_some(()));
        let programmed = condition(&gateway, "Gateway", "web", "Programmed");
        assert_eq!(programmed, "True/Programmed", "round {round}");
        // Our own proxy may have taken in the last connection when it knew no listener for it any more.
        until("an answer of the backend", || {
            (gateway.get("/").echo().as_deref() == Some("shop")).then_some(())
        });
        class("ferrogate");
    }
    until("our own proxy", || is_native(&gateway).then_some(()));
    assert_eq!(children(gateway.process.id()).len(), 1);
    assert_eq!(knocking.end(), 0, "nobody listened");
    let said = gateway.process.stderr();
    let strangers = said.iter().filter(|line| line.contains("another process"));
    assert_eq!(strangers.collect::<Vec<_>>(), [""; 0]);
}
