//! Certificates that are renewed, and one that is renewed by mistake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fg_testkit::certificates::{Authority, Issued, secret};
use fg_testkit::tls::{Handshake, SecureClient};
use serde_json::Value;

use crate::support::{Echo, Folder, Gateway, until};

const NAME: &str = "shop.test";

fn gateway(ip: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: ferrogate
  addresses: [{{value: {ip}}}]
  listeners:
    - {{name: https, protocol: HTTPS, port: 443, tls: {{certificateRefs: [{{name: shop}}]}}}}
"
    )
}

fn ask(client: &mut SecureClient) -> io::Result<()> {
    client.send(format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n"));
    let status = client.try_reply()?.status;
    match status {
        200 => Ok(()),
        other => Err(io::Error::other(other.to_string())),
    }
}

/// Requests one after the other until it is told to stop: over one connection, and over a new one
/// each.
fn load(address: SocketAddr, stop: &AtomicBool, sent: &AtomicU64) -> io::Result<()> {
    let handshake = Handshake::new();
    let mut kept = handshake.try_connect(address, NAME)?;
    while !stop.load(Ordering::Relaxed) {
        ask(&mut kept)?;
        ask(&mut handshake.try_connect(address, NAME)?)?;
        sent.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Status and reason of a condition of the listener.
fn condition(gateway: &Gateway, kind: &str) -> String {
    let status = gateway.admin("/status").json();
    let objects = status["objects"].as_array().expect("a list").iter();
    let mut gateways = objects.filter(|one| one["kind"] == "Gateway");
    let listener = &gateways.next().expect("it is ours")["status"]["listeners"][0];
    let conditions = listener["conditions"].as_array().expect("a list");
    let mut found = conditions.iter().filter(|one| one["type"] == kind);
    let found = found.next().expect("it has one");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&found["status"]), text(&found["reason"]))
}

#[test]
fn a_pair_that_does_not_fit_disturbs_nobody_until_it_is_right() {
    let ip = "127.20.17.1";
    let echo = Echo::start(ip, 9001, "shop");
    let authority = Authority::new("the shop's");
    let [first, second] = [(); 2].map(|()| authority.issue(&[NAME]));
    let folder = Folder::new();
    folder.write("gateway.yaml", &gateway(ip));
    folder.write("secret.yaml", &secret("shop", &first));
    folder.service("shop", echo.address);
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    let gateway = Gateway::start(ip, &folder, &["--port-map", "443=8443"]);
    let address = gateway.socket(8443);
    let shown = || Handshake::new().connect(address, NAME);
    assert!(shown().was_shown(&first));
    let (stop, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let client = {
        let (stop, sent) = (stop.clone(), sent.clone());
        std::thread::spawn(move || load(address, &stop, &sent))
    };
    let more_requests = || {
        let before = sent.load(Ordering::Relaxed);
        until("requests", || {
            let gone = client.is_finished();
            (gone || sent.load(Ordering::Relaxed) > before + 3).then_some(())
        });
    };
    let said = |words: &str| {
        let said = gateway.process.stderr();
        said.iter().filter(|line| line.contains(words)).count()
    };

    let mixed = |certificate: &Issued, key: &Issued| Issued {
        certificate: certificate.certificate.clone(),
        key: key.key.clone(),
    };
    folder.write("secret.yaml", &secret("shop", &mixed(&second, &first)));
    until("the word on the key", || {
        let line = "`tls.key` does not belong to the first certificate of `tls.crt`; its last good certificate (serial number ";
        (said(line) == 1).then_some(())
    });
    more_requests();
    assert!(shown().was_shown(&first));
    assert_eq!(
        condition(&gateway, "ResolvedRefs"),
        "False/InvalidCertificateRef"
    );
    assert_eq!(condition(&gateway, "Programmed"), "True/Programmed");

    folder.write("secret.yaml", &secret("shop", &second));
    until("the repaired pair", || {
        shown().was_shown(&second).then_some(())
    });
    until("the word on the repair", || {
        (said("resolved: ") == 1).then_some(())
    });
    assert_eq!(condition(&gateway, "ResolvedRefs"), "True/ResolvedRefs");
    let cut = Issued {
        certificate: second.certificate[..100].to_owned(),
        key: second.key.clone(),
    };
    folder.write("secret.yaml", &secret("shop", &cut));
    until("the word on the certificate", || {
        (said("`tls.crt` is cut off") == 1).then_some(())
    });
    more_requests();
    assert!(
        shown().was_shown(&second),
        "the last good one, not the first"
    );
    stop.store(true, Ordering::Relaxed);
    let failed = client.join().expect("no panic");
    assert!(failed.is_ok(), "{failed:?}");

    // Whoever takes it away takes it away.
    folder.remove("secret.yaml");
    until("no listener without the Secret", || {
        Handshake::new()
            .try_connect(address, NAME)
            .is_err()
            .then_some(())
    });
    folder.write("secret.yaml", &secret("shop", &cut));
    until("the word on the certificate alone", || {
        let line = "`tls.crt` is cut off: a line `-----BEGIN …-----` has no `-----END …-----`";
        let lines = gateway.process.stderr();
        let mut lines = lines.iter().filter(|one| one.contains(line));
        lines.any(|one| !one.contains("last good")).then_some(())
    });
    assert!(Handshake::new().try_connect(address, NAME).is_err());
}
