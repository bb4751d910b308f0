//! The folders that pages of `docs/` show.

use crate::support::Folder;
use crate::support::process::output;

/// The first YAML block of a page, as a folder.
fn folder(page: &str) -> Folder {
    let yaml = page.split("```yaml\n").nth(1);
    let yaml = yaml.and_then(|rest| rest.split("```").next());
    let folder = Folder::new();
    folder.write("config.yaml", yaml.expect("the page shows a folder"));
    folder
}

/// Nothing is wrong with the folder, and `explain` says this of a request.
fn works(page: &str, says: &str) {
    let folder = folder(page);
    let checked = output(&["check", folder.arg()]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let explained = output(&["explain", folder.arg(), "http://localhost:8080/"]);
    let text = String::from_utf8(explained.stdout).expect("text");
    assert!(text.contains(says), "{says} in:\n{text}");
}

#[test]
fn retries() {
    works(
        include_str!("../../../../docs/retries.md"),
        "retries: up to 2, after 502, 503, 504 and failed connections, 50ms apart or more",
    );
}

#[test]
fn mirroring() {
    works(
        include_str!("../../../../docs/mirroring.md"),
        "copies 10 of 100 requests, to Service default/shop-next:80",
    );
}

#[test]
fn grpc() {
    let folder = folder(include_str!("../../../../docs/grpc.md"));
    let checked = output(&["check", folder.arg()]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let asked = |method: &str| {
        let url = format!("http://api.example.com:8080/shop.v1.Carts/{method}");
        let field = "content-type: application/grpc";
        let explained = output(&["explain", folder.arg(), &url, "-X", "POST", "-H", field]);
        String::from_utf8(explained.stdout).expect("text")
    };
    assert!(asked("AddItem").contains("matches gRPC method shop.v1.Carts/AddItem"));
    assert!(asked("Unknown").contains("404 no_route (grpc-status 12 UNIMPLEMENTED)"));
}

#[test]
fn http2_and_websocket() {
    works(
        include_str!("../../../../docs/http2-and-websocket.md"),
        "Service default/shop:80",
    );
}

#[test]
fn cors() {
    let page = include_str!("../../../../docs/cors.md");
    works(page, "Service default/shop:80");
    let folder = folder(page);
    let url = "http://localhost:8080/api/cart";
    let mut args = vec!["explain", folder.arg(), url, "-X", "OPTIONS"];
    args.extend(["-H", "origin: https://a.example.org"]);
    args.extend(["-H", "access-control-request-method: PUT"]);
    let text = String::from_utf8(output(&args).stdout).expect("text");
    assert!(text.contains("answer    204"), "{text}");
    assert!(
        text.contains("access-control-allow-origin: https://a.example.org"),
        "{text}"
    );
}

#[test]
fn session_persistence() {
    works(
        include_str!("../../../../docs/session-persistence.md"),
        "keeps a client at one endpoint by the permanent cookie cart for /, for 43200s at most",
    );
}

#[test]
fn external_auth() {
    works(
        include_str!("../../../../docs/external-auth.md"),
        "asks Service default/auth:9000 by HTTP for permission below /check",
    );
}
