//! Whether work stops with the lead, on an API server that answers writes slowly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::Full;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::super::Deployer;
use super::{deploy, fleet, gateway};

/// Everything is listed as empty; each write is logged and takes a second.
fn client(log: Arc<Mutex<Vec<String>>>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let log = log.clone();
        async move {
            let (method, path) = (request.method(), request.uri().path().to_owned());
            let reply = if *method == Method::PATCH {
                log.lock().expect("not poisoned").push(path.clone());
                sleep(Duration::from_secs(1)).await;
                json!({"metadata": {"name": "web", "resourceVersion": "1"}})
            } else if request
                .uri()
                .query()
                .is_some_and(|query| query.contains("watch=true"))
            {
                std::future::pending().await
            } else if path.contains("/namespaces/") {
                json!({"metadata": {"name": "web"}})
            } else {
                json!({"metadata": {"resourceVersion": "1"}, "items": []})
            };
            let body = Full::new(reply.to_string().into_bytes().into());
            let mut response = Response::new(body);
            if *method == Method::GET && path.contains("/namespaces/") {
                *response.status_mut() = http::StatusCode::NOT_FOUND;
                let gone = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "", "code": 404});
                *response.body_mut() = Full::new(gone.to_string().into_bytes().into());
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    Client::new(service, "default")
}

#[tokio::test(start_paused = true)]
async fn a_former_leader_applies_nothing_more() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let count = || log.lock().expect("not poisoned").len();
    let (_bundle, bundle) = watch::channel(Arc::from("PEM"));
    let (lead, leads) = watch::channel(true);
    let deployer = Deployer::start(client(log.clone()), fleet(), bundle, leads, |_, _| {});
    deployer.wish(&gateway("web"), deploy("web", &[80]));
    let second = async {
        while count() < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let begun = timeout(Duration::from_secs(60), second).await;
    begun.expect("it is applied while this replica leads");
    lead.send_replace(false);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(count(), 2);
    // All of it is done by whoever leads next.
    lead.send_replace(true);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(count(), 2 + 4);
}
