//! Who leads when the API server does not answer; the time is tokio's and stands still but for timers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{DURATION, LeaseSettings, lead};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Answers,
    Refuses,
    IsSilent,
}

/// An API server with one Lease.
struct World {
    lease: Option<Value>,
    mood: Mood,
    renewed: Instant,
}

fn client(world: Arc<Mutex<World>>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let world = world.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.expect("a body in memory").to_bytes();
            let mood = world.lock().expect("not poisoned").mood;
            if mood == Mood::IsSilent {
                std::future::pending::<()>().await;
            }
            let (status, reply) = match mood {
                Mood::Answers => serve(&mut world.lock().expect("not poisoned"), &parts, &body),
                _ => failure(500, "InternalError"),
            };
            let mut response = Response::new(Full::new(reply.to_string().into_bytes().into()));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    Client::new(service, "home")
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": code});
    (code, status)
}

fn serve(world: &mut World, parts: &http::request::Parts, body: &[u8]) -> (u16, Value) {
    if parts.method == Method::POST {
        let lease = serde_json::from_slice::<Value>(body).expect("a Lease");
        world.lease = Some(lease);
    }
    let Some(lease) = &mut world.lease else {
        return failure(404, "NotFound");
    };
    if parts.method == Method::PATCH {
        let patch: Value = serde_json::from_slice(body).expect("a patch");
        for (field, value) in patch["spec"].as_object().expect("a spec") {
            lease["spec"][field] = value.clone();
        }
        world.renewed = Instant::now();
    }
    (200, lease.clone())
}

async fn until(leading: &mut watch::Receiver<bool>, wanted: bool) {
    let waits = leading.wait_for(|leads| *leads == wanted);
    let found = timeout(Duration::from_secs(60), waits).await;
    found.expect("within a minute").expect("it takes part");
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_leads_no_longer_than_the_lease_holds() {
    for mood in [Mood::Refuses, Mood::IsSilent] {
        let world = Arc::new(Mutex::new(World {
            lease: None,
            mood: Mood::Answers,
            renewed: Instant::now(),
        }));
        let settings = LeaseSettings {
            namespace: "home".to_owned(),
            name: "ferrogate".to_owned(),
            identity: "a".to_owned(),
        };
        let seat = lead(client(world.clone()), &settings).await;
        let seat = seat.expect("the Lease can be made");
        let mut leading = seat.leading();
        until(&mut leading, true).await;
        // Renewals keep it.
        let waits = leading.wait_for(|leads| !leads);
        let long = Duration::from_secs(4 * DURATION);
        assert!(timeout(long, waits).await.is_err(), "{mood:?}");
        world.lock().expect("not poisoned").mood = mood;
        until(&mut leading, false).await;
        let renewed = world.lock().expect("not poisoned").renewed;
        let led = renewed.elapsed();
        let most = Duration::from_secs(DURATION) + Duration::from_millis(1);
        assert!(led <= most, "{mood:?}: {led:?}");
        // It is still the holder, so it leads again once that is confirmed.
        world.lock().expect("not poisoned").mood = Mood::Answers;
        until(&mut leading, true).await;
        assert!(world.lock().expect("not poisoned").renewed > renewed);
        seat.release().await;
        assert!(!*leading.borrow());
    }
}
