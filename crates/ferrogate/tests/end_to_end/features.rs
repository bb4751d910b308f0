//! What rules can be told to do, from YAML to replies.

use crate::support::client::{Client, Response};
use crate::support::{Echo, Folder, Gateway, until};

/// One request by its own connection.
fn ask(gateway: &Gateway, method: &str, target: &str, fields: &[&str]) -> Response {
    let mut client = Client::connect(gateway.listener()).expect("connected");
    let reply = client.request(method, target, "a.com", fields);
    reply.expect("a reply")
}

#[test]
fn cors_redirects_sessions_and_authorization_as_written() {
    let ip = "127.20.12.1";
    let (shop, auth) = (Echo::start(ip, 9001, "shop"), Echo::start(ip, 9002, "auth"));
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("shop", shop.address);
    folder.service("auth", auth.address);
    let asking = |backend: &str| {
        format!(
            "{{type: ExternalAuth, externalAuth: {{protocol: HTTP, backendRef: {{name: {backend}, port: 80}}, http: {{allowedResponseHeaders: [x-user]}}}}}}"
        )
    };
    folder.route(
        "shop",
        &format!(
            "[{{name: moved, matches: [{{path: {{value: /moved}}, method: GET}}],
               filters: [{{type: CORS, cors: {{allowOrigins: ['https://*.page.com']}}}},
                         {{type: RequestRedirect, requestRedirect: {{path: {{type: ReplaceFullPath, replaceFullPath: /new}}, statusCode: 303}}}}]}},
              {{name: cart, matches: [{{path: {{value: /cart}}}}],
               sessionPersistence: {{absoluteTimeout: 1h, cookie: {{name: cart, lifetimeType: Permanent}}}},
               backendRefs: [{{name: shop, port: 80}}]}},
              {{name: guarded, matches: [{{path: {{value: /guarded}}}}], filters: [{}],
               backendRefs: [{{name: shop, port: 80}}]}},
              {{name: closed, matches: [{{path: {{value: /closed}}}}], filters: [{}],
               backendRefs: [{{name: shop, port: 80}}]}}]",
            asking("auth"),
            asking("nobody"),
        ),
    );
    let gateway = Gateway::start(ip, &folder, &[]);

    let origin = "Origin: https://a.page.com";
    let asks = "Access-Control-Request-Method: GET";
    let reply = ask(&gateway, "OPTIONS", "/moved", &[origin, asks]);
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (204, Some("https://a.page.com"))
    );
    let reply = ask(&gateway, "GET", "/moved", &[origin]);
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("http://a.com/new"))
    );

    let reply = ask(&gateway, "GET", "/cart", &[]);
    let cookie = reply.header("set-cookie").expect("a session").to_owned();
    let (token, attributes) = cookie.split_once(';').expect("attributes");
    assert_eq!(
        attributes,
        " Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"
    );
    let reply = ask(&gateway, "GET", "/cart", &[&format!("Cookie: {token}")]);
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None));

    let reply = ask(
        &gateway,
        "GET",
        "/guarded",
        &["X-User: admin", "X-Other: o"],
    );
    assert_eq!((reply.status, reply.echo().as_deref()), (200, Some("shop")));
    assert!(reply.body.contains("x-other"), "{}", reply.body);
    assert!(
        !reply.body.contains("admin"),
        "only the service says who it is"
    );
    let reply = ask(&gateway, "GET", "/closed", &[]);
    assert_eq!(
        (reply.status, reply.header("x-ferrogate-reason")),
        (500, Some("invalid_rule"))
    );
    // Named rules are called by their names; requests count once their answers are away.
    for name in ["moved", "cart", "guarded", "closed"] {
        let label = format!("rule=\"{name}\"");
        until(name, || gateway.metrics().contains(&label).then_some(()));
    }
}
