//! Whether a Gateway for which the API server is slow keeps others waiting.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::super::Deployer;
use super::{deploy, fleet, gateway};

/// What an API server answers.
fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = status;
    response
}

/// Nothing is there; a write of an object of this name is never answered. Each write is told.
fn client(silent: &'static str, written: mpsc::UnboundedSender<String>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let written = written.clone();
        async move {
            let path = request.uri().path().to_owned();
            let query = request.uri().query().unwrap_or_default();
            let reply = if *request.method() == Method::PATCH {
                let _ = written.send(path.clone());
                if path.ends_with(silent) {
                    std::future::pending::<()>().await;
                }
                answer(
                    StatusCode::OK,
                    &json!({"metadata": {"name": "any", "resourceVersion": "1"}}),
                )
            } else if query.contains("watch=true") {
                std::future::pending().await
            } else if path.contains("/namespaces/") {
                let gone = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "", "code": 404});
                answer(StatusCode::NOT_FOUND, &gone)
            } else {
                answer(
                    StatusCode::OK,
                    &json!({"metadata": {"resourceVersion": "1"}, "items": []}),
                )
            };
            Ok::<_, std::convert::Infallible>(reply)
        }
    });
    Client::new(service, "default")
}

#[tokio::test(start_paused = true)]
async fn one_that_the_api_server_is_slow_for_delays_nobody_else() {
    let (writer, mut written) = mpsc::unbounded_channel();
    let client = client("/services/aaa", writer);
    let (_bundle, bundle) = watch::channel(Arc::from("PEM"));
    let (_lead, leads) = watch::channel(true);
    let (teller, mut told) = mpsc::unbounded_channel();
    let deployer = Deployer::start(client, fleet(), bundle, leads, move |id, words| {
        let _ = teller.send((id.name.to_string(), words));
    });
    deployer.wish(&gateway("aaa"), deploy("aaa", &[80]));
    let begun = async {
        while let Some(path) = written.recv().await {
            if path.ends_with("/services/aaa") {
                return true;
            }
        }
        false
    };
    assert_eq!(timeout(Duration::from_secs(60), begun).await, Ok(true));
    // While that hangs, others come, one after the other.
    let begin = Instant::now();
    for name in ["bbb", "ccc"] {
        deployer.wish(&gateway(name), deploy(name, &[80]));
        let word = timeout(Duration::from_secs(60), told.recv()).await;
        assert_eq!(word, Ok(Some((name.to_owned(), None))));
    }
    assert!(begin.elapsed() < Duration::from_secs(1));
    // The slow one is told in the end.
    let word = timeout(Duration::from_secs(120), told.recv()).await;
    let (name, words) = word.expect("in time").expect("the deployer lives");
    assert_eq!(name, "aaa");
    assert!(words.is_some_and(|words| words.contains("did not answer within 10 s")));
}
