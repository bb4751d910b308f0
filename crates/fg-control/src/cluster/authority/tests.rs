//! The authority against an API server that is a map, and whom tokens let in.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use fg_ads::Authenticator as _;
use fg_ads::Protocol;
use fg_ads::message::{BuildVersion, Node, SemanticVersion};
use k8s_openapi::ByteString;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::Code;

use super::keys::{Keys, OVERLAP};
use super::*;

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Certificates in a bundle.
fn count(keys: &Keys) -> usize {
    keys.bundle().matches("BEGIN CERTIFICATE").count()
}

#[test]
fn the_next_authority_is_trusted_before_it_signs_and_the_old_one_after() {
    let first = Keys::make(start()).unwrap();
    assert_eq!(first.renewed(start() + DAY * 240).unwrap(), None);
    let two_thirds = start() + DAY * 244;
    let second = first.renewed(two_thirds).unwrap().unwrap();
    assert!(second.signs_as(&first), "it is only made known");
    assert_eq!(count(&second), 2);
    assert_eq!(second.renewed(two_thirds + OVERLAP / 2).unwrap(), None);
    let third = second.renewed(two_thirds + OVERLAP).unwrap().unwrap();
    assert!(!third.signs_as(&first));
    assert_eq!(count(&third), 2, "the old one is trusted");
    let last = third.renewed(start() + DAY * 366).unwrap().unwrap();
    assert!(last.signs_as(&third));
    assert_eq!(count(&last), 1, "the old one has ended");
    assert_eq!(last.renewed(start() + DAY * 366).unwrap(), None);
}

#[test]
fn an_authority_that_ended_while_nobody_was_here_is_made_anew() {
    let first = Keys::make(start()).unwrap();
    let late = start() + DAY * 800;
    let second = first.renewed(late).unwrap().unwrap();
    assert!(!second.signs_as(&first));
    assert_eq!(count(&second), 1);
    assert_eq!(second.renewed(late).unwrap(), None);
}

#[test]
fn keys_survive_the_secret() {
    let first = Keys::make(start()).unwrap();
    let second = first.renewed(start() + DAY * 244).unwrap().unwrap();
    let third = second.renewed(start() + DAY * 246).unwrap().unwrap();
    for keys in [first, second, third] {
        assert!(Keys::read(&keys.data()).unwrap() == keys);
    }
    let broken = BTreeMap::from([("tls.crt".to_owned(), ByteString(b"?".to_vec()))]);
    assert!(Keys::read(&broken).is_err());
}

#[test]
fn certificates_name_the_service() {
    let keys = Keys::make(start()).unwrap();
    let mut settings = Settings::new("ferrogate-system");
    settings.pod_ip = Some("10.1.2.3".parse().unwrap());
    let leaf = keys.issue(&settings.names(), start()).unwrap();
    let names = ["tls.crt", "tls.key"];
    let pair =
        fg_tls::credential::key_pair(names, leaf.chain.as_bytes(), leaf.key.as_bytes()).unwrap();
    assert!(pair.facts.covers("ferrogate.ferrogate-system.svc"));
    assert!(
        pair.facts
            .covers("ferrogate.ferrogate-system.svc.cluster.local")
    );
    assert!(pair.facts.covers("localhost"));
    assert!(leaf.renew_at > start() + DAY * 4 && leaf.renew_at < start() + DAY * 5);
}

/// An API server with one Secret and an opinion on tokens.
#[derive(Clone, Default)]
struct Api(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    secret: Option<Value>,
    version: u64,
    writes: usize,
    /// Told at every write.
    written: Arc<Notify>,
    /// The users of tokens.
    users: BTreeMap<String, Value>,
    reviews: usize,
}

impl Api {
    fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    fn answer(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut state = self.0.lock().unwrap();
        let failure = |code: u16, reason: &str| {
            (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason}),
            )
        };
        if path.ends_with("/tokenreviews") {
            state.reviews += 1;
            let token = body["spec"]["token"].as_str().unwrap();
            let user = state.users.get(token).cloned();
            let mut answer = body.clone();
            answer["status"] = match user {
                Some(user) => {
                    json!({"authenticated": true, "audiences": ["ferrogate"], "user": user})
                }
                None => json!({"authenticated": false, "error": "unknown"}),
            };
            return (201, answer);
        }
        match (method, state.secret.clone()) {
            ("GET", Some(secret)) => (200, secret),
            ("GET", None) => failure(404, "NotFound"),
            ("POST", Some(_)) => failure(409, "AlreadyExists"),
            ("PUT", Some(secret))
                if secret["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] =>
            {
                failure(409, "Conflict")
            }
            ("POST", None) | ("PUT", Some(_)) => {
                state.version += 1;
                state.writes += 1;
                let mut secret = body.clone();
                secret["metadata"]["resourceVersion"] = json!(state.version.to_string());
                state.secret = Some(secret.clone());
                state.written.notify_one();
                (200, secret)
            }
            other => panic!("{other:?}"),
        }
    }
}

impl tonic::codegen::Service<http::Request<Body>> for Api {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let method = request.method().to_string();
            let path = request.uri().path().to_owned();
            if path.ends_with("/secrets") && method == "GET" {
                // Nothing is ever said to who watches: the clock must do.
                std::future::pending::<()>().await;
            }
            let body = request.into_body().collect_bytes().await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (code, answer) = api.answer(&method, &path, &body);
            let reply = http::Response::builder().status(code);
            Ok(reply.body(answer.to_string().into_bytes().into()).unwrap())
        })
    }
}

/// What proxies shall trust now.
fn bundle(authority: &Authority) -> Arc<str> {
    authority.watch_bundle().borrow().clone()
}

#[tokio::test]
async fn replicas_agree_on_the_authority_of_the_first() {
    let api = Api::default();
    let settings = Settings::new("ferrogate-system");
    let (client, other) = (api.client(), api.client());
    let (one, two) = tokio::join!(
        Authority::start(client, &settings),
        Authority::start(other, &settings)
    );
    assert_eq!(bundle(&one), bundle(&two));
    assert_eq!(api.0.lock().unwrap().writes, 1);
    let secret = api.0.lock().unwrap().secret.clone().unwrap();
    assert_eq!(secret["metadata"]["name"], "ferrogate-ca");
}

/// Waits for a write of the Secret.
async fn written(api: &Api) {
    let written = api.0.lock().unwrap().written.clone();
    tokio::time::timeout(DAY, written.notified()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_or_broken_is_put_back() {
    let api = Api::default();
    let authority = Authority::start(api.client(), &Settings::new("ferrogate-system")).await;
    written(&api).await;
    let before = bundle(&authority);
    for broken in [
        None,
        Some(json!({"metadata": {"resourceVersion": "1"}, "data": {}})),
    ] {
        api.0.lock().unwrap().secret = broken;
        written(&api).await;
        let secret = api.0.lock().unwrap().secret.clone().unwrap();
        let data = serde_json::from_value(secret["data"].clone()).unwrap();
        assert_eq!(*Keys::read(&data).unwrap().bundle(), *before);
    }
    assert_eq!(bundle(&authority), before);
}

#[tokio::test(start_paused = true)]
async fn an_old_authority_gets_a_successor_at_the_start() {
    let api = Api::default();
    let old = Keys::make(SystemTime::now() - DAY * 300).unwrap();
    api.0.lock().unwrap().secret = Some(json!({
        "metadata": {"name": SECRET, "resourceVersion": "1"},
        "data": old.data(),
    }));
    let authority = Authority::start(api.client(), &Settings::new("ferrogate-system")).await;
    let bundle = bundle(&authority);
    assert!(bundle.starts_with(old.bundle().trim()), "it still signs");
    assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 2);
}

/// A proxy with the authority's ConfigMap and its own token, and a control plane with both checks.
#[tokio::test]
async fn a_proxy_with_bundle_and_token_gets_in() {
    let (api, reviewer) = reviewer();
    let authority = Authority::start(api.client(), &Settings::new("ferrogate-system")).await;
    let store = fg_ads::Store::new();
    store.apply("shop/front", fg_ads::Transaction::new());
    let options = fg_ads::server::Options::default();
    let (server, mut events) = fg_ads::Server::new(store, Arc::new(reviewer), options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let security = authority.security();
    let serving = tokio::spawn(async move {
        server
            .serve(listener, security, std::future::pending())
            .await;
    });

    let folder = tempfile::tempdir().unwrap();
    let [ca, token] = ["ca.crt", "token"].map(|name| folder.path().join(name));
    std::fs::write(&ca, bundle(&authority).as_bytes()).unwrap();
    std::fs::write(&token, "good").unwrap();
    let server = format!("localhost:{}", address.port());
    let mut options =
        fg_ads::client::Options::new(server, node("front-1", "shop/front"), "test/Any");
    options.ca_file = Some(ca);
    options.token_file = Some(token);
    let (_client, mut deliveries) = fg_ads::Client::start(options);
    let delivery = tokio::time::timeout(Duration::from_secs(20), deliveries.recv()).await;
    assert_eq!(delivery.unwrap().unwrap().batch.serial, 1);
    let connected = events.recv().await.unwrap();
    assert!(matches!(connected, fg_ads::Event::Connected { scope, .. } if *scope == *"shop/front"));
    serving.abort();
}

/// Someone's token.
fn user(namespace: &str, account: &str, pod: &str) -> Value {
    json!({
        "username": format!("system:serviceaccount:{namespace}:{account}"),
        "extra": {"authentication.kubernetes.io/pod-name": [pod]},
    })
}

fn node(pod: &str, gateway: &str) -> Node {
    let node = Node {
        id: pod.to_owned(),
        ..Node::default()
    };
    node.with_text(GATEWAY, gateway)
}

/// A reviewer that knows the Gateway `shop/front`, with tokens.
fn reviewer() -> (Api, TokenReviewer) {
    let api = Api::default();
    let tokens = [
        ("good", user("shop", "gw-front", "front-1")),
        ("neighbour", user("shop", "gw-back", "back-1")),
        ("foreign", user("mall", "gw-front", "front-1")),
        ("human", json!({"username": "alice"})),
    ];
    api.0.lock().unwrap().users = tokens.map(|(token, user)| (token.to_owned(), user)).into();
    let account = |namespace: &str, name: &str| {
        (namespace == "shop" && name == "front").then(|| "gw-front".to_owned())
    };
    let reviewer = TokenReviewer::new(api.client(), account);
    (api, reviewer)
}

#[tokio::test]
async fn only_the_gateways_own_proxy_gets_its_configuration() {
    let (_, reviewer) = reviewer();
    let ask = async |token: Option<&str>, node: &Node| {
        let found = reviewer.identify(token, node, None, Protocol::Delta).await;
        found
            .map(|identity| identity.scope)
            .map_err(|status| status.code())
    };
    let mine = node("front-1", "shop/front");
    assert_eq!(ask(Some("good"), &mine).await, Ok("shop/front".to_owned()));
    assert_eq!(ask(None, &mine).await, Err(Code::Unauthenticated));
    assert_eq!(ask(Some("bad"), &mine).await, Err(Code::Unauthenticated));
    assert_eq!(ask(Some("human"), &mine).await, Err(Code::Unauthenticated));
    assert_eq!(
        ask(Some("neighbour"), &mine).await,
        Err(Code::PermissionDenied)
    );
    assert_eq!(
        ask(Some("foreign"), &mine).await,
        Err(Code::PermissionDenied)
    );
    let other = node("front-2", "shop/front");
    assert_eq!(ask(Some("good"), &other).await, Err(Code::PermissionDenied));
    let unknown = node("front-1", "shop/unknown");
    assert_eq!(
        ask(Some("good"), &unknown).await,
        Err(Code::PermissionDenied)
    );
    let nameless = node("front-1", "");
    assert_eq!(
        ask(Some("good"), &nameless).await,
        Err(Code::InvalidArgument)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_believed_for_a_minute() {
    let (api, reviewer) = reviewer();
    let mine = node("front-1", "shop/front");
    let reviews = || api.0.lock().unwrap().reviews;
    for _ in 0..3 {
        reviewer
            .identify(Some("good"), &mine, None, Protocol::Delta)
            .await
            .unwrap();
        reviewer
            .identify(Some("bad"), &mine, None, Protocol::Delta)
            .await
            .unwrap_err();
    }
    assert_eq!(reviews(), 2);
    api.0.lock().unwrap().users.remove("good");
    tokio::time::advance(Duration::from_secs(61)).await;
    reviewer
        .identify(Some("good"), &mine, None, Protocol::Delta)
        .await
        .unwrap_err();
    assert_eq!(reviews(), 3);
}

#[tokio::test]
async fn what_envoys_get_depends_on_how_they_ask() {
    let (_, reviewer) = reviewer();
    let mine = node("front-1", "shop/front");
    for (protocol, scope) in [
        (Protocol::Delta, "shop/front"),
        (Protocol::StateOfTheWorld, "shop/front+whole"),
    ] {
        let identity = reviewer.identify(Some("good"), &mine, None, protocol).await;
        assert_eq!(identity.unwrap().scope, scope);
    }
}

#[tokio::test]
async fn what_an_envoy_gets_depends_on_its_version() {
    let (_, reviewer) = reviewer();
    let ask = async |program: &str, minor: u32| {
        let mut mine = node("front-1", "shop/front");
        mine.user_agent_name = program.to_owned();
        mine.user_agent_build_version = Some(BuildVersion {
            version: Some(SemanticVersion {
                major_number: 1,
                minor_number: minor,
                patch: 2,
            }),
            metadata: None,
        });
        let asked = reviewer.identify(Some("good"), &mine, None, Protocol::Delta);
        asked.await.map(|identity| identity.scope)
    };
    for (program, minor, scope) in [
        ("envoy", 36, "shop/front+whole"),
        ("envoy", 37, "shop/front+envoy"),
        ("envoy", 40, "shop/front+envoy"),
        ("ferrogate", 1, "shop/front"),
    ] {
        assert_eq!(ask(program, minor).await.unwrap(), scope);
    }
    let refused = ask("envoy", 35).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let words = refused.message();
    assert!(
        words.contains("Envoy 1.35.2") && words.contains("1.36"),
        "{words}"
    );
}
