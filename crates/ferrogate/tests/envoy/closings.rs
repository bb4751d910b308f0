//! What is closed since Envoy refuses the version that would protect it.

use fg_testkit::certificates::{Authority, config_map, secret};
use fg_testkit::tls::Handshake;

use crate::ground::{condition, folder, program, wait_for_words, wrapper_with};
use crate::support::{Echo, Folder, Gateway, until};

/// A Gateway of two listeners with TLS on port 443, which check clients as this says.
fn secure(ip: &str, frontend: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: secure}}
spec:
  gatewayClassName: ferrogate-envoy
  addresses: [{{value: {ip}}}]
  {frontend}
  listeners:
    - {{name: one, hostname: one.test, protocol: HTTPS, port: 443, tls: {{certificateRefs: [{{name: shop}}]}}}}
    - {{name: two, hostname: two.test, protocol: HTTPS, port: 443, tls: {{certificateRefs: [{{name: shop}}]}}}}
"
    )
}

/// What a Gateway says of the clients that it takes.
fn checking(mode: &str) -> String {
    format!(
        "tls: {{frontend: {{default: {{validation: {{mode: {mode}, caCertificateRefs: [{{group: '', kind: ConfigMap, name: clients}}]}}}}}}}}"
    )
}

/// An Envoy that lacks what it takes to check clients and to let the others in as well: it refuses a
/// listener that asks for that.
fn serve(ip: &str, folder: &Folder, programs: &Folder, version: &str) -> Gateway {
    let path = programs.path().join("envoy");
    let without = "--disable-extensions envoy.filters.http/envoy.filters.http.lua";
    wrapper_with(&path, &program(version), without);
    let path = path.to_str().expect("temporary paths are UTF-8");
    let args = ["--envoy", path, "--port-map", "443=8443"];
    Gateway::start(ip, folder, &args)
}

#[test]
fn listeners_that_shall_check_clients_take_none_while_envoy_cannot() {
    for (ip, version) in [
        ("127.34.48.1", fg_testkit::envoy::OLDEST),
        ("127.34.48.2", fg_testkit::envoy::NEWEST),
    ] {
        let echo = Echo::start(ip, 9101, "shop");
        let authority = Authority::new("the shop's");
        let shown = authority.issue(&["one.test", "two.test"]);
        let (folder, programs) = (folder(ip), Folder::new());
        folder.write("secure.yaml", &secure(ip, ""));
        folder.write("secret.yaml", &secret("shop", &shown));
        folder.write("clients.yaml", &config_map("clients", &authority.pem));
        folder.service("shop", echo.address);
        folder.route("shop", "[{backendRefs: [{name: shop, port: 80}]}]");
        let gateway = serve(ip, &folder, &programs, version);
        let address = gateway.socket(8443);
        let answers = |handshake: &Handshake| {
            let mut client = handshake.try_connect(address, "one.test").ok()?;
            client.send("GET / HTTP/1.1\r\nhost: one.test\r\n\r\n");
            client.try_reply().ok()
        };
        let anybody = Handshake::new();
        assert!(answers(&anybody).is_some());

        folder.write(
            "secure.yaml",
            &secure(ip, &checking("AllowInsecureFallback")),
        );
        let words = "without the listeners whose clients it would not check";
        let said = wait_for_words(&gateway, words);
        assert!(said.contains("Envoy refuses Listener"), "{said}");
        until("the door to be closed", || {
            answers(&anybody).is_none().then_some(())
        });
        let known = Handshake::showing(&authority.issue(&["somebody"]));
        assert!(answers(&known).is_none(), "nobody is checked");
        assert_eq!(
            condition(&gateway, "Gateway", "secure", "Programmed"),
            "False/Invalid"
        );
        assert_eq!(gateway.get("/").echo().as_deref(), Some("shop"));

        folder.write("secure.yaml", &secure(ip, &checking("AllowValidOnly")));
        until("who is known", || answers(&known).map(drop));
        assert!(answers(&anybody).is_none());
        wait_for_words(&gateway, "resolved: ");
    }
}
