//! A thousand routes that are wrong beside a thousand that are right.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::ground::{Ground, until, verdict};
use crate::http::Connection;
use crate::objects::{self, Place};

/// How many of either.
const EACH: usize = 1000;

/// What is wrong with a route: the rule that has it, if it is in one, the condition that says so, how that begins,
/// and what its host answers.
struct Wrong {
    rule: Value,
    section: &'static str,
    kind: &'static str,
    says: &'static str,
    answer: u16,
}

fn wrongs() -> Vec<Wrong> {
    let wrong = |rule: Value, section, kind, says, answer| Wrong {
        rule,
        section,
        kind,
        says,
        answer,
    };
    let backend = |backend: Value| json!({"backendRefs": [backend]});
    let echo = json!([{"name": "echo", "port": 80}]);
    vec![
        wrong(
            backend(json!({"name": "missing", "port": 80})),
            "http",
            "ResolvedRefs",
            "False/BackendNotFound: ",
            500,
        ),
        wrong(
            backend(json!({"name": "echo", "namespace": "elsewhere", "port": 80})),
            "http",
            "ResolvedRefs",
            "False/RefNotPermitted: ",
            500,
        ),
        wrong(
            backend(json!({"group": "example.test", "kind": "Bucket", "name": "b"})),
            "http",
            "ResolvedRefs",
            "False/InvalidKind: ",
            500,
        ),
        wrong(
            json!({
                "filters": [{"type": "ExtensionRef",
                    "extensionRef": {"group": "example.test", "kind": "Filter", "name": "f"}}],
                "backendRefs": echo,
            }),
            "http",
            "ResolvedRefs",
            "False/",
            500,
        ),
        wrong(
            json!({
                "matches": [{"path": {"type": "RegularExpression", "value": "/(["}}],
                "backendRefs": echo,
            }),
            "http",
            "Accepted",
            "False/UnsupportedValue: ",
            404,
        ),
        wrong(
            json!({"backendRefs": echo}),
            "nowhere",
            "Accepted",
            "False/NoMatchingParent: ",
            404,
        ),
        wrong(
            json!({"backendRefs": echo}),
            "narrow",
            "Accepted",
            "False/NoMatchingListenerHostname: ",
            404,
        ),
    ]
}

/// The good ones serve and say so, and each of the others says what is wrong with it.
pub(crate) async fn beside_good(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = Place::named("mixed");
    let wrongs = wrongs();
    ground.apply(&objects::space(&place.namespace)).await?;
    ground.apply_all(&objects::echo(&place.namespace)).await?;
    let certificate = json!({"certificateRefs": [{"name": "missing"}]});
    ground
        .apply(&place.gateway(json!([
            {"name": "http", "port": 80, "protocol": "HTTP"},
            {"name": "narrow", "port": 8000, "protocol": "HTTP", "hostname": "narrow.example"},
            {"name": "bare", "port": 443, "protocol": "HTTPS", "tls": certificate},
        ])))
        .await?;
    let mut all = Vec::new();
    for (number, wrong) in (0..EACH).zip(wrongs.iter().cycle()) {
        all.push(place.route(number, "0"));
        all.push(place.http_route(
            &format!("broken-{number}"),
            json!({
                "parentRefs": [{"name": place.gateway, "sectionName": wrong.section}],
                "hostnames": [host(number)],
                "rules": [wrong.rule],
            }),
        ));
    }
    ground.apply_all(&all).await?;
    drop(all);

    let path = format!(
        "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
        place.namespace
    );
    until("every route says what is so", async || {
        let routes = ground.list(&path).await?;
        ensure!(routes.len() == 2 * EACH, "{} routes", routes.len());
        routes
            .iter()
            .try_for_each(|route| says_what_is_so(route, &wrongs))
    })
    .await?;
    let address = ground.address(&place).await?;
    let mut connection = Connection::open(address)?;
    for (number, wrong) in (0..EACH).zip(wrongs.iter().cycle()) {
        let good = connection.get(&place.host(number), "/")?;
        ensure!(good.status == 200, "{}: {good:?}", place.host(number));
        let bad = connection.get(&host(number), "/")?;
        ensure!(
            bad.status == wrong.answer,
            "{} ({}): {bad:?}",
            host(number),
            wrong.says
        );
    }
    // Another good one among them is live as ever.
    ground.edit(&place, EACH, "late").await?;
    let gateway = ground.programmed(&place, "True", "1/1 proxies").await?;
    let listeners = gateway["status"]["listeners"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let bare = listeners
        .iter()
        .find(|one| one["name"] == "bare")
        .context("no status")?;
    let said = verdict(bare, "ResolvedRefs");
    ensure!(said.starts_with("False/InvalidCertificateRef: "), "{said}");
    Ok(())
}

fn host(number: usize) -> String {
    format!("b{number}.mixed.example")
}

fn says_what_is_so(route: &Value, wrongs: &[Wrong]) -> anyhow::Result<()> {
    let name = crate::ground::name(route);
    let parent = &route["status"]["parents"][0];
    let (kind, says) = match name.strip_prefix("broken-") {
        Some(number) => {
            let wrong = &wrongs[number.parse::<usize>()? % wrongs.len()];
            (wrong.kind, wrong.says)
        }
        None => ("ferrogate.dev/Programmed", "True/Programmed: 1/1 proxies"),
    };
    let said = verdict(parent, kind);
    ensure!(
        said.starts_with(says),
        "{name}: {kind} is {said:?}, not {says:?}"
    );
    Ok(())
}
