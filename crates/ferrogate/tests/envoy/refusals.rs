//! What Envoy refuses: it is said in Envoy's words, nothing else is held back, a repair heals it.

use std::net::TcpListener;

use fg_testkit::certificates::{Authority, Issued, secret};
use fg_testkit::tls::Handshake;

use crate::ground::{
    child, condition, envoy, folder, folder_of_both, gateway, is_confirmed, start, wait_for_words,
};
use crate::support::{Echo, Gateway, get, until};

#[test]
fn a_port_that_is_taken_is_said_and_bound_when_it_is_free() {
    let ip = "127.34.4.1";
    let stranger = TcpListener::bind((ip, 8081)).expect("the address is ours");
    let echo = Echo::start(ip, 9101, "shop");
    let folder = folder(ip);
    folder.write("other.yaml", &gateway("other", "ferrogate-envoy", ip, 8081));
    folder.service("shop", echo.address);
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    let gateway = Gateway::begin(ip, Some(folder.arg()), &["--envoy", &envoy()]);
    gateway.wait_for_echo("/", "shop");
    let said = wait_for_words(&gateway, "error: Gateway default/other spec.listeners[0]:");
    let words = format!("another process listens on {ip}:8081: stop it, or use another port");
    assert!(said.contains(&words), "{said}");
    // Not everything serves, and whoever asks is told so.
    let lack = format!("not ready: listener default/other/http has no port: {words}\n");
    until("the word on readiness", || {
        let ready = get(gateway.socket(8082), "/ready").ok()?;
        (ready.status == 503 && ready.body == lack).then_some(())
    });
    assert!(!is_confirmed(&gateway));
    assert_eq!(
        condition(&gateway, "Gateway", "other", "Programmed"),
        "False/Invalid"
    );
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "True/Programmed"
    );
    let process = child(&gateway);
    drop(stranger);
    wait_for_words(&gateway, "resolved: ");
    gateway.wait_ready();
    until("the word on all", || is_confirmed(&gateway).then_some(()));
    assert_eq!(
        condition(&gateway, "Gateway", "other", "Programmed"),
        "True/Programmed"
    );
    assert_eq!(child(&gateway), process);
}

/// Both would bind the port so that it can be shared, and each would get some of the requests.
#[test]
fn a_second_gateway_does_not_share_the_ports_of_the_first() {
    let ip = "127.34.4.3";
    let folder = folder(ip);
    let first = start(ip, &folder, &[]);
    let other = "127.34.4.4";
    let beside = folder_of_both(ip, ([127, 34, 4, 3], 9101).into());
    let args = ["--port-map", "81=8081", "--envoy", &envoy()];
    let second = Gateway::begin(other, Some(beside.arg()), &args);
    let words = format!("another process listens on {ip}:8080: stop it, or use another port");
    let said = wait_for_words(&second, &words);
    assert!(
        said.contains("Gateway default/web spec.listeners[0]"),
        "{said}"
    );
    assert_eq!(
        condition(&second, "Gateway", "web", "Programmed"),
        "False/Invalid"
    );
    assert_eq!(first.get("/").status, 404);
    drop(first);
    wait_for_words(&second, "resolved: ");
    let web = format!("{ip}:8080").parse().expect("an address");
    assert_eq!(get(web, "/").expect("it serves").status, 503);
}

/// A Gateway with a certificate on port 443.
fn secure(ip: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: secure}}
spec:
  gatewayClassName: ferrogate-envoy
  addresses: [{{value: {ip}}}]
  listeners:
    - name: https
      protocol: HTTPS
      port: 443
      tls: {{certificateRefs: [{{name: shop}}]}}
"
    )
}

#[test]
fn a_certificate_that_envoy_refuses_holds_nothing_else_back() {
    let ip = "127.34.4.2";
    let echo = Echo::start(ip, 9101, "shop");
    let authority = Authority::new("the shop's");
    let first = authority.issue(&["shop.test"]);
    let folder = folder(ip);
    folder.write("secure.yaml", &secure(ip));
    folder.write("secret.yaml", &secret("shop", &first));
    folder.service("shop", echo.address);
    folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
    let gateway = start(ip, &folder, &["--port-map", "443=8443"]);
    let process = child(&gateway);
    let address = gateway.socket(8443);
    let shown = || Handshake::new().connect(address, "shop.test");
    assert!(shown().was_shown(&first));

    let refused = authority.issue_ed25519(&["shop.test"]);
    folder.write("secret.yaml", &secret("shop", &refused));
    let said = wait_for_words(
        &gateway,
        "error: Gateway default/secure: Envoy refuses Secret",
    );
    assert!(said.contains("its last good version serves on"), "{said}");
    assert_eq!(
        condition(&gateway, "Gateway", "secure", "Programmed"),
        "False/Invalid"
    );
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "True/Programmed"
    );
    assert!(shown().was_shown(&first));
    // What else is edited is live.
    folder.route(
        "shop",
        "[{matches: [{path: {value: /cart}}], backendRefs: [{name: shop, port: 80}]}]",
    );
    until("the edit", || {
        (gateway.get("/").status == 404).then_some(())
    });
    assert_eq!(gateway.get("/cart").echo().as_deref(), Some("shop"));

    let good = authority.issue(&["shop.test"]);
    folder.write("secret.yaml", &secret("shop", &good));
    until("the repaired certificate", || {
        shown().was_shown(&good).then_some(())
    });
    wait_for_words(&gateway, "resolved: ");
    assert_eq!(
        condition(&gateway, "Gateway", "secure", "Programmed"),
        "True/Programmed"
    );
    assert_eq!(child(&gateway), process);
}

#[test]
fn a_pair_that_does_not_fit_never_comes_to_envoy() {
    let ip = "127.34.4.6";
    let authority = Authority::new("the shop's");
    let [first, second] = [(); 2].map(|()| authority.issue(&["shop.test"]));
    let folder = folder(ip);
    folder.write("secure.yaml", &secure(ip));
    folder.write("secret.yaml", &secret("shop", &first));
    let gateway = start(ip, &folder, &["--port-map", "443=8443"]);
    let shown = || Handshake::new().connect(gateway.socket(8443), "shop.test");
    assert!(shown().was_shown(&first));
    let mixed = Issued {
        certificate: second.certificate.clone(),
        key: first.key.clone(),
    };
    folder.write("secret.yaml", &secret("shop", &mixed));
    let said = wait_for_words(&gateway, "its last good certificate (serial number ");
    assert!(said.contains("error: Gateway default/secure"), "{said}");
    until("the word on all", || is_confirmed(&gateway).then_some(()));
    assert_eq!(
        condition(&gateway, "Gateway", "secure", "ResolvedRefs"),
        "False/ListenersNotResolved"
    );
    assert_eq!(
        condition(&gateway, "Gateway", "secure", "Programmed"),
        "True/Programmed"
    );
    assert!(shown().was_shown(&first));
    folder.write("secret.yaml", &secret("shop", &second));
    until("the repaired pair", || {
        shown().was_shown(&second).then_some(())
    });
    wait_for_words(&gateway, "resolved: ");
}
